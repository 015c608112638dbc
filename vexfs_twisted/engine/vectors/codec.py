"""What happens to a vector between the client, the file and a comparison.

Cosine keeps vectors of length one, so that comparing is multiplying. In whole numbers that would
leave nothing: those are kept as given, and made of length one when they are compared. A query is
put through what the stored vectors went through, as far as it rounds each component by itself.
"""

from __future__ import annotations

from ...model.collection_params import Datatype, Distance, VectorParams
from .encodings import Matrix, Stored, encoding_of
from .norms import normalised


def to_stored(params: VectorParams, data: Matrix) -> Stored:
    """Vectors that a client gave, shape [n, dim], as they are stored, [n, width]."""
    if params.distance is Distance.COSINE and not _is_normalised_late(params):
        data = normalised(data)
    return encoding_of(params.datatype).stored(data)


def to_shown(params: VectorParams, rows: Stored) -> Matrix:
    """Stored rows as they are returned, shape [n, dim]."""
    return encoding_of(params.datatype).floats(rows, params.size)


def to_compared(params: VectorParams, rows: Stored) -> Matrix:
    """Stored rows as they are compared, shape [n, dim]."""
    floats = to_shown(params, rows)
    return normalised(floats) if _is_normalised_late(params) else floats


def to_query(params: VectorParams, data: Matrix) -> Matrix:
    """Queries as clients gave them, shape [q, dim], as they are compared."""
    if params.datatype is not Datatype.TURBO4:
        return to_compared(params, to_stored(params, data))
    return normalised(data) if params.distance is Distance.COSINE else data


def _is_normalised_late(params: VectorParams) -> bool:
    return params.distance is Distance.COSINE and params.datatype is Datatype.UINT8
