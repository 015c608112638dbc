"""Reads of a collection and their results."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import isfinite
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from attrs import field, frozen

from .errors import BadInput, BadRequest, empty_vector, not_finite
from .filters import Filter
from .ids import PointId
from .payload_path import PayloadPath
from .reads import Answer_co, ReadRequest
from .validation import bounded, sound
from .vector_kinds import DenseVector, Vector, unsupported, vector_content
from .vectors import UNNAMED, NamedVectors

DEFAULT_LIMIT = 10


class PayloadMode(Enum):
    """The meaning of `PayloadSelector.paths`."""

    ALL = "all"
    NONE = "none"
    INCLUDE = "include"
    EXCLUDE = "exclude"


@frozen(cache_hash=True)
class PayloadSelector:
    """The part of each payload that a read returns."""

    mode: PayloadMode
    paths: tuple[PayloadPath, ...] = ()


ALL_PAYLOAD = PayloadSelector(PayloadMode.ALL)
NO_PAYLOAD = PayloadSelector(PayloadMode.NONE)

VectorSelector = bool | tuple[str, ...]
"""All vectors, none, or those with the given names."""


@frozen(cache_hash=True)
class Selection:
    """The parts of each point that a read returns, beside its id."""

    payload: PayloadSelector = NO_PAYLOAD
    vectors: VectorSelector = False


_BARE = Selection()
_BYTES_PER_POINT = 256
_BYTES_PER_COMPONENT = 4

OrderValue = int | float
"""The value by which a record was ordered; a datetime is microseconds since 1970 UTC."""


class Record(NamedTuple):
    """A stored point as returned by a read. Parts that were not selected are None.

    `payload` is JSON as stored, or the selected part of it. `order_value` is set by a scroll in the
    order of a payload field only.
    """

    id: PointId
    payload: bytes | None
    vectors: NamedVectors | None
    order_value: OrderValue | None = None


class ScoredPoint(NamedTuple):
    """A point with its score in a query."""

    id: PointId
    version: int
    score: float
    payload: bytes | None
    vectors: NamedVectors | None


Point = TypeVar("Point", bound=Record | ScoredPoint)
Point_co = TypeVar("Point_co", bound=Record | ScoredPoint, covariant=True)


class PointsRequest(ReadRequest[Answer_co], Generic[Answer_co, Point_co]):
    """A read of points, executed at once or through a cursor."""

    __slots__ = ()


@frozen
class Retrieve(PointsRequest[list[Record], Record]):
    """The existing points among `ids`, in the order given, without duplicates."""

    ids: Sequence[PointId]
    selection: Selection

    def size_of(self, answer: list[Record]) -> int:
        """See ReadRequest."""
        return _size_of_points([answer], self.selection)


class Direction(Enum):
    """The direction of an order."""

    ASC = "asc"
    DESC = "desc"


@frozen
class OrderBy:
    """The order of a payload field, from `start_from` on, inclusive.

    `start_from` is a number, or microseconds since 1970 UTC for a datetime; a field of datetimes
    takes either.
    """

    key: PayloadPath
    direction: Direction = Direction.ASC
    start_from: OrderValue | None = None


class Page(NamedTuple):
    """A page of a scroll; `next_offset` is the start of the next page, None after the last."""

    records: Sequence[Record]
    next_offset: PointId | None


@frozen
class Scroll(PointsRequest[Page, Record]):
    """A page of points in the order of their ids, from `offset` on.

    With `order_by`, in the order of a payload field instead: a point occurs once per value, points
    without a value are left out, and there is no next page.
    """

    limit: int = bounded(1, default=DEFAULT_LIMIT)
    offset: PointId | None = None
    filter: Filter | None = sound()
    order_by: OrderBy | None = sound()
    selection: Selection = sound(default=Selection())

    def check(self) -> None:
        """See ReadRequest."""
        if self.order_by is not None and self.offset is not None:
            raise BadInput(
                "Cannot use an `offset` when using `order_by`. Go on with `order_by.start_from`, "
                "and leave out the ids already seen for that value by a filter."
            )

    def size_of(self, answer: Page) -> int:
        """See ReadRequest."""
        return _size_of_points([answer.records], self.selection)


@frozen
class Count(ReadRequest[int]):
    """The number of points that pass `filter`. Always exact; `exact` has no effect."""

    filter: Filter | None = None
    exact: bool = True


FacetValue = str | int | bool


class FacetHit(NamedTuple):
    """A value and the number of points that have it."""

    value: FacetValue
    # This hides `tuple.count`, which is of no use for a pair.
    count: int  # type: ignore[assignment]


@frozen
class Facet(ReadRequest[list[FacetHit]]):
    """The `limit` most frequent values of an indexed payload field among points that pass.

    The result is ordered by count, descending, then by value.
    """

    key: PayloadPath
    limit: int = bounded(1, default=DEFAULT_LIMIT)
    filter: Filter | None = sound()
    exact: bool = False


@frozen
class Quantization:
    """How a search uses quantized vectors."""

    ignore: bool = False
    rescore: bool | None = None
    oversampling: float | None = bounded(1.0)


@frozen
class Acorn:
    """How a filtered graph search expands its neighbourhoods."""

    enable: bool = False
    max_selectivity: float | None = bounded(0.0, 1.0)


@frozen(cache_hash=True)
class SearchParams:
    """How a search trades speed for accuracy."""

    hnsw_ef: int | None = bounded(1)
    exact: bool = False
    quantization: Quantization | None = None
    indexed_only: bool = False
    acorn: Acorn | None = None


@frozen
class NearestToVector:
    """The points nearest to `vector`."""

    vector: Vector = field(eq=vector_content)


@frozen
class NearestToPoint:
    """The points nearest to the stored point `id`, which is excluded."""

    id: PointId


Target = NearestToVector | NearestToPoint


@frozen
class Query(PointsRequest[Sequence[ScoredPoint], ScoredPoint]):
    """One query. Without a `target` it is a scroll in the order of ids, every score 1.

    `limit` may be as large as 2**64 - 1. Only scores strictly better than `score_threshold`,
    rounded to float32, are returned.
    """

    target: Target | None = sound()
    using: str = UNNAMED
    filter: Filter | None = sound()
    params: SearchParams = SearchParams()
    score_threshold: float | None = None
    limit: int = bounded(1, default=DEFAULT_LIMIT)
    offset: int = bounded(0, default=0)
    selection: Selection = sound(default=Selection())

    def check(self) -> None:
        """See ReadRequest."""
        if self.target is None and self.score_threshold is not None:
            raise BadRequest(
                "A query is needed to use the score_threshold. "
                "Can't have score_threshold without defining a query."
            )

    def size_of(self, answer: Sequence[ScoredPoint]) -> int:
        """See ReadRequest."""
        return _size_of_points([answer], self.selection)


@frozen
class QueryBatch(ReadRequest[list[Sequence[ScoredPoint]]]):
    """Several queries, answered in order, all on one snapshot of the collection."""

    queries: Sequence[Query]

    def check(self) -> None:
        """See ReadRequest."""
        for query in self.queries:
            query.check()

    def size_of(self, answer: list[Sequence[ScoredPoint]]) -> int:
        """See ReadRequest."""
        selection = self.queries[0].selection if self.queries else _BARE
        return _size_of_points(answer, selection)


def prefetch_without_query() -> BadRequest:
    """The error for prefetches without a query."""
    return BadRequest(
        "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
    )


def check_query_vector(vector: Vector) -> DenseVector:
    """Return the vector if it is dense, not empty and finite; raise a DomainError if not."""
    if not isinstance(vector, np.ndarray):
        raise unsupported(vector)
    if vector.size == 0:
        raise empty_vector()
    # The squared norm is finite if all components are, unless it overflows.
    with np.errstate(over="ignore"):
        square = vector.dot(vector)
    if not isfinite(square) and not np.isfinite(vector).all():
        raise not_finite()
    return vector


def _size_of_points(
    answers: Sequence[Sequence[Record] | Sequence[ScoredPoint]], selection: Selection
) -> int:
    """An estimate of the bytes of lists of points with one selection, by the first point."""
    count = sum(map(len, answers))
    each = _BYTES_PER_POINT
    if count and selection != _BARE:
        first = next(points[0] for points in answers if len(points))
        each += len(first.payload or b"")
        if first.vectors is not None:
            components = sum(vector.size for vector in first.vectors.values())
            each += _BYTES_PER_COMPONENT * components
    return count * each
