"""Which vectors have graphs, and by what these are searched."""

from __future__ import annotations

from ....model.collection_params import Datatype, Distance, VectorParams
from .builder import Copies

_LANES = 8
"""Where the components are not so many at a time, short ones take faiss five times as long."""


def can_link(params: VectorParams) -> bool:
    """Whether graphs over such vectors find what is nearest."""
    # Of what is not float32, faiss computes no sums of absolute differences.
    return _datatype(params) is Datatype.FLOAT32 or params.distance is not Distance.MANHATTAN


def has_graph_in_place(params: VectorParams) -> bool:
    """Whether a graph can be searched by such vectors as they are stored."""
    datatype = _datatype(params)
    if datatype is Datatype.UINT8 and params.distance is Distance.COSINE:
        # They are not of length one, so that products tell nothing of angles.
        return False
    return datatype is not Datatype.TURBO4 and can_link(params)


def copies_for(params: VectorParams, has_codes: bool) -> Copies:
    """What coarse copies are kept of such vectors, where a graph has other codes or has not."""
    if not has_graph_in_place(params):
        return Copies.ALWAYS
    is_slow = _datatype(params) is Datatype.FLOAT32 or params.size % _LANES
    return Copies.WHERE_FINE if is_slow and not has_codes else Copies.NEVER


def _datatype(params: VectorParams) -> Datatype:
    return params.datatype or Datatype.FLOAT32
