"""Whether two servers tell the same point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..rpc.generated import collections_pb2, points_pb2
from .points import dense_params, vectors_by_name

Floats = NDArray[np.float32]

_COSINE = collections_pb2.Distance.Cosine
_TYPES = collections_pb2.Datatype
_ROUNDING = {
    _TYPES.Default: 1e-6,
    _TYPES.Float32: 1e-6,
    _TYPES.Float16: 2e-3,
    _TYPES.Uint8: 0.0,
}
"""How far a normalized vector may be from itself normalized again, relative to its length."""

_CODES = {_TYPES.Turbo4: 0.25, _TYPES.Turbo8: 0.03, _TYPES.Turbo16: 2e-3}
"""The same of a vector that is encoded from what its code tells.

Here that is the same code; servers that encode otherwise add their own error to it.
"""


class Likeness(Enum):
    """How alike two points are."""

    EQUAL = "equal"
    ROUNDED = "rounded"
    DIFFERENT = "different"


@frozen
class Tolerances:
    """How far the vectors of each name may differ by rounding, relative to their length."""

    by_name: Mapping[str, float]

    @classmethod
    def of(cls, params: collections_pb2.CollectionParams) -> Tolerances:
        """Those of the collection that was written."""
        dense = dense_params(params.vectors_config)
        return cls({name: _tolerance(vector) for name, vector in dense.items()})


def _tolerance(params: collections_pb2.VectorParams) -> float:
    if params.datatype in _CODES:
        return _CODES[params.datatype]
    return _ROUNDING.get(params.datatype, 0.0) if params.distance == _COSINE else 0.0


@frozen
class Comparison:
    """How alike two points are. `rounding`: how far rounding has moved a vector, of its length."""

    likeness: Likeness
    differences: Sequence[str] = ()
    rounding: float = 0.0


def compare(
    source: points_pb2.PointStruct, target: points_pb2.PointStruct, tolerances: Tolerances
) -> Comparison:
    """Compare a point with its copy."""
    different = []
    if dict(source.payload) != dict(target.payload):
        different.append("the payload differs")
    rounding = 0.0
    wanted, found = vectors_by_name(source), vectors_by_name(target)
    for name in sorted(wanted.keys() | found.keys()):
        if name not in wanted or name not in found:
            side = "source" if name in wanted else "target"
            different.append(f"only the {side} has vector `{name}`")
            continue
        far = _distance(wanted[name], found[name])
        if far > tolerances.by_name.get(name, 0.0):
            different.append(f"vector `{name}` differs by {far:.2g} of its length")
        else:
            rounding = max(rounding, far)
    if different:
        return Comparison(Likeness.DIFFERENT, different)
    return Comparison(Likeness.ROUNDED if rounding else Likeness.EQUAL, rounding=rounding)


def _distance(source: points_pb2.Vector, target: points_pb2.Vector) -> float:
    """How far two vectors are apart, relative to the length of the first; 0: not a bit differs."""
    if source.WhichOneof("vector") != target.WhichOneof("vector"):
        return float("inf")
    pairs = zip(_rows(source), _rows(target), strict=False)
    if _shape(source) != _shape(target):
        return float("inf")
    return max((_row_distance(*pair) for pair in pairs), default=0.0)


def _row_distance(source: Floats, target: Floats) -> float:
    if np.array_equal(source.view(np.uint32), target.view(np.uint32)):
        return 0.0
    wanted = source.astype(np.float64)
    length = float(np.linalg.norm(wanted)) or 1.0
    # Zeros of two signs are as far apart as rounding can be, not equal.
    return max(float(np.linalg.norm(wanted - target)) / length, 1e-300)


def _rows(vector: points_pb2.Vector) -> Iterator[Floats]:
    kind = vector.WhichOneof("vector")
    if kind == "sparse":
        order = np.argsort(np.array(vector.sparse.indices, np.uint32), kind="stable")
        yield np.array(vector.sparse.values, np.float32)[order]
    elif kind == "multi_dense":
        for row in vector.multi_dense.vectors:
            yield np.array(row.data, np.float32)
    else:
        yield np.array(vector.dense.data, np.float32)


def _shape(vector: points_pb2.Vector) -> object:
    """What has to be equal before numbers are compared."""
    kind = vector.WhichOneof("vector")
    if kind == "sparse":
        return sorted(vector.sparse.indices)
    if kind == "multi_dense":
        return [len(row.data) for row in vector.multi_dense.vectors]
    return len(vector.dense.data)
