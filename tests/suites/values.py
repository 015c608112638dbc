"""Short constructors of model values for tests: points by row, updates, conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    MatchAny,
    MatchExcept,
    MatchValue,
    Range,
    Scalar,
)
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import ALL_PAYLOAD, PayloadMode, PayloadSelector, Selection
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import (
    DenseVector,
    DenseVectors,
    MultiVector,
    MultiVectors,
    SparseVector,
    SparseVectors,
    Vector,
    Vectors,
    concat,
    of_one_kind,
)
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

Numbers = Sequence[float]

Given = Numbers | Sequence[Numbers] | Mapping[str, Numbers]
"""A vector in plain values: numbers, the rows of a multivector, or indices and values."""

EVERYTHING = Selection(payload=ALL_PAYLOAD, vectors=True)
"""Payload and all vectors of each point."""

WITH_PAYLOAD = Selection(payload=ALL_PAYLOAD)
WITH_VECTORS = Selection(vectors=True)


class Point(NamedTuple):
    """One point; `vectors` is a list for the unnamed vector, a mapping for named ones."""

    id: PointId
    vectors: Sequence[Any] | Mapping[str, Given] | None = None
    payload: Mapping[str, Any] | None = None


def vector(numbers: Numbers) -> DenseVector:
    """The numbers as a float32 array, shape [dim]."""
    return np.asarray(numbers, dtype=np.float32)


def sparse(numbers: Mapping[int, float]) -> Mapping[str, Numbers]:
    """The sparse vector with these numbers at these indices."""
    return {"indices": list(numbers), "values": list(numbers.values())}


def vector_of(given: Any) -> Vector:
    """The vector that plain values are; indices may be in any order."""
    if isinstance(given, Mapping):
        indices = np.array(given["indices"], dtype=np.uint32)
        return SparseVector.of(indices, vector(given["values"]), "vector")
    array = np.array(given, dtype=np.float32)
    return MultiVector(array) if array.ndim == 2 else array


def plain_vector(vector: Vector) -> Any:
    """The inverse of `vector_of`."""
    if isinstance(vector, SparseVector):
        return {"indices": vector.indices.tolist(), "values": vector.values.tolist()}
    return (vector.rows if isinstance(vector, MultiVector) else vector).tolist()


def upsert(*points: Point) -> Upsert:
    """The upsert of `points`, converted from rows to columns."""
    return Upsert(
        ids=[point.id for point in points],
        vectors=_columns([_named(point.vectors) for point in points]),
        payloads=[orjson.dumps(dict(point.payload or {})) for point in points],
    )


def plain_upsert(ids: Sequence[PointId], size: int = 4) -> Upsert:
    """The upsert of points that differ only by id: vectors of ones, no payload."""
    data = np.ones((len(ids), size), dtype=np.float32)
    return Upsert(ids, {UNNAMED: VectorColumn.of(data)}, [b"{}"] * len(ids))


def dense(vector: Vector) -> DenseVector:
    """A vector that must be dense, shape [dim]."""
    assert isinstance(vector, np.ndarray)
    return vector


def dense_rows(column: VectorColumn) -> NDArray[np.float32]:
    """The vectors of a column that must be dense, shape [n, dim]."""
    assert isinstance(column.vectors, DenseVectors)
    return column.vectors.data


def _named(vectors: Sequence[Any] | Mapping[str, Given] | None) -> Mapping[str, Given]:
    if vectors is None:
        return {}
    return vectors if isinstance(vectors, Mapping) else {UNNAMED: vectors}


def _columns(rows: Sequence[Mapping[str, Given]]) -> dict[str, VectorColumn]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _column(name, rows) for name in names}


def _column(name: str, rows: Sequence[Mapping[str, Given]]) -> VectorColumn:
    positions = [position for position, row in enumerate(rows) if name in row]
    found = [vector_of(rows[position][name]) for position in positions]
    parts = list(map(_alone, found))
    dimensions = tuple(dict.fromkeys(size for part in parts for size in part.dimensions))
    if len(dimensions) > 1:
        return VectorColumn.uneven(dimensions)
    column = concat(of_one_kind(parts))
    places = None if len(found) == len(rows) else np.array(positions, dtype=np.int64)
    return VectorColumn(column, places)


def _alone(vector: Vector) -> Vectors:
    """The column of one vector."""
    if isinstance(vector, SparseVector):
        return SparseVectors.joined([vector])
    if isinstance(vector, MultiVector):
        return MultiVectors.of([vector])
    return DenseVectors(vector[np.newaxis])


def delete(*ids: PointId) -> DeletePoints:
    """The deletion of the points of these ids."""
    return DeletePoints(ids=ids)


def delete_where(filter: Filter) -> DeletePoints:
    """The deletion of all points that pass `filter`."""
    return DeletePoints(filter=filter)


def unnamed(size: int = 4, distance: Distance = Distance.DOT, **more: Any) -> CreateCollection:
    """A collection with one unnamed vector; `more` are other parts of the request."""
    return CreateCollection({UNNAMED: VectorParams(distance, size)}, **more)


def nearest(numbers: Numbers) -> VectorExample:
    """The target of the points nearest to the vector."""
    return VectorExample(vector(numbers))


def include(*paths: str) -> Selection:
    """Only these parts of each payload."""
    return _select(PayloadMode.INCLUDE, paths)


def exclude(*paths: str) -> Selection:
    """All but these parts of each payload."""
    return _select(PayloadMode.EXCLUDE, paths)


def _select(mode: PayloadMode, paths: Iterable[str]) -> Selection:
    return Selection(payload=PayloadSelector(mode, tuple(map(PayloadPath.parse, paths))))


def equals(key: str, value: Scalar) -> FieldCondition:
    """The payload value under `key` equals `value`."""
    return FieldCondition(PayloadPath.parse(key), MatchValue(value))


def any_of(key: str, values: Iterable[Any]) -> FieldCondition:
    """The payload value under `key` is one of `values`."""
    return FieldCondition(PayloadPath.parse(key), MatchAny(frozenset(values)))


def none_of(key: str, values: Iterable[Any]) -> FieldCondition:
    """There is a payload value under `key` that is not one of `values`."""
    return FieldCondition(PayloadPath.parse(key), MatchExcept(frozenset(values)))


def within(key: str, **bounds: float) -> FieldCondition:
    """The payload number under `key` lies within the bounds lt, gt, gte, lte."""
    return FieldCondition(PayloadPath.parse(key), Range(**bounds))


def has_id(*ids: PointId) -> HasId:
    """The point is one of these."""
    return HasId(frozenset(ids))


def must(*conditions: Condition) -> Filter:
    """All of the conditions."""
    return Filter(must=conditions)


def should(*conditions: Condition) -> Filter:
    """At least one of the conditions."""
    return Filter(should=conditions)


def must_not(*conditions: Condition) -> Filter:
    """None of the conditions."""
    return Filter(must_not=conditions)
