"""Conversions of vectors between the forms of clients, files and comparisons.

Cosine vectors are stored with length one, so that their score is an inner product. As integers they
would be all zeros, so with datatype uint8 they are stored as given and normalised when compared. A
query is rounded like stored vectors, where the encoding rounds each component independently.
"""

from __future__ import annotations

from ...model.collection_params import Datatype, Distance, VectorParams
from .encodings import Matrix, Stored, encoding_of
from .norms import normalised


def to_stored(params: VectorParams, data: Matrix) -> Stored:
    """Encode vectors as given by a client, shape [n, dim], to stored rows, [n, width]."""
    if params.distance is Distance.COSINE and not _is_normalised_late(params):
        data = normalised(data)
    return encoding_of(params.datatype).stored(data)


def to_shown(params: VectorParams, rows: Stored) -> Matrix:
    """Decode stored rows to the form returned to clients, shape [n, dim]."""
    return encoding_of(params.datatype).floats(rows, params.size)


def to_compared(params: VectorParams, rows: Stored) -> Matrix:
    """Decode stored rows to the form used for comparison, shape [n, dim]."""
    floats = to_shown(params, rows)
    return normalised(floats) if _is_normalised_late(params) else floats


def to_query(params: VectorParams, data: Matrix) -> Matrix:
    """Convert queries as given by clients, shape [q, dim], to the form used for comparison."""
    if params.datatype is not Datatype.TURBO4:
        return to_compared(params, to_stored(params, data))
    return normalised(data) if params.distance is Distance.COSINE else data


def _is_normalised_late(params: VectorParams) -> bool:
    return params.distance is Distance.COSINE and params.datatype is Datatype.UINT8
