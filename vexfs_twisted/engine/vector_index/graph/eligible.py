"""Which encodings and metrics support graphs, and what data graphs are searched by."""

from __future__ import annotations

from ....model.collection_params import Datatype, Distance, VectorParams
from .builder import Copies

_LANES = 8
"""faiss is five times slower for short components if the dimension is no multiple of this."""


def can_link(params: VectorParams) -> bool:
    """Whether graphs over such vectors are supported."""
    # faiss computes sums of absolute differences for float32 only.
    return _datatype(params) is Datatype.FLOAT32 or params.distance is not Distance.MANHATTAN


def has_graph_in_place(params: VectorParams) -> bool:
    """Whether a graph can be searched by such vectors in place, as stored."""
    datatype = _datatype(params)
    if datatype is Datatype.UINT8 and params.distance is Distance.COSINE:
        # They are not normalized, so inner products do not rank by angle.
        return False
    return datatype is not Datatype.TURBO4 and can_link(params)


def copies_for(params: VectorParams, has_codes: bool) -> Copies:
    """Whether a graph of such vectors saves coarse copies. `has_codes`: it has quantized codes."""
    if not has_graph_in_place(params):
        return Copies.ALWAYS
    is_slow = _datatype(params) is Datatype.FLOAT32 or params.size % _LANES
    return Copies.WHERE_FINE if is_slow and not has_codes else Copies.NEVER


def _datatype(params: VectorParams) -> Datatype:
    return params.datatype or Datatype.FLOAT32
