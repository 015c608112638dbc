"""Reads of a collection and their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import chain
from math import isfinite
from typing import Generic, NamedTuple, TypeVar, overload

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from .errors import BadInput, BadRequest, empty_vector, not_finite
from .filters import Filter
from .formula import Formula
from .ids import PointId
from .payload_path import PayloadPath
from .query_forms import (
    Dbsf,
    Fusion,
    OrderBy,
    OrderValue,
    PointExample,
    QueryForm,
    Recommend,
    RecommendStrategy,
    Rrf,
    VectorExample,
    no_positive_examples,
)
from .reads import Answer_co, ReadRequest
from .search_params import SearchParams
from .validation import bounded, sound
from .vector_kinds import MultiVector, Vector
from .vectors import UNNAMED, NamedVectors

DEFAULT_LIMIT = 10
MAX_PREFETCH_DEPTH = 64


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
_SAMPLE = 64
"""About as many points are looked at to estimate the size of an answer, and one of each list."""


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
    """A point with its score in a query.

    `order_value` is set, and the score 0, in the order of a payload field only.
    """

    id: PointId
    version: int
    score: float
    payload: bytes | None
    vectors: NamedVectors | None
    order_value: OrderValue | None = None


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


class Page(NamedTuple):
    """A page of a scroll; `next_offset` is the start of the next page, None after the last."""

    records: Sequence[Record]
    next_offset: PointId | None


@frozen
class Scroll(PointsRequest[Page, Record]):
    """A page of points in the order of their ids, from `offset` on.

    With `order_by`, in the order of a payload field instead: a point occurs once per value, points
    without a value are left out, and there is no next page.

    `extra` of the points up to `limit` are read beyond those that the client asks for.
    """

    limit: int = bounded(1, default=DEFAULT_LIMIT)
    offset: PointId | None = None
    filter: Filter | None = sound()
    order_by: OrderBy | None = sound()
    selection: Selection = sound(default=Selection())
    extra: int = 0

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
class LookupLocation:
    """Where the points of a query's examples are looked up: a collection, and a vector name.

    `vector` None: the name of the vector that the query searches.
    """

    collection: str
    vector: str | None = None


@frozen
class Prefetch:
    """A query whose points are the candidates of the query above it.

    Without a `form` it is a scroll in the order of ids. With prefetches of its own, those are its
    candidates. It has the filters of all queries above it as well.
    """

    form: QueryForm | None = sound()
    using: str = UNNAMED
    filter: Filter | None = sound()
    params: SearchParams = SearchParams()
    score_threshold: float | None = None
    limit: int = bounded(1, default=DEFAULT_LIMIT)
    prefetch: tuple[Prefetch, ...] = ()
    lookup_from: LookupLocation | None = sound()


@frozen
class Query(PointsRequest[Sequence[ScoredPoint], ScoredPoint]):
    """One query. Without a `form` it is a scroll in the order of ids, every score 1.

    With `prefetch`, the points of these are its candidates, which `form` scores or merges.
    `limit` may be as large as 2**64 - 1. Only scores strictly better than `score_threshold`,
    rounded to float32, are returned; equal ones too for fused scores and formulas.
    """

    form: QueryForm | None = sound()
    using: str = UNNAMED
    filter: Filter | None = sound()
    params: SearchParams = SearchParams()
    score_threshold: float | None = None
    limit: int = bounded(1, default=DEFAULT_LIMIT)
    offset: int = bounded(0, default=0)
    selection: Selection = sound(default=Selection())
    prefetch: tuple[Prefetch, ...] = ()
    lookup_from: LookupLocation | None = sound()

    @property
    def is_leaf(self) -> bool:
        """Whether this is a scroll, or a search for what is nearest to an example, by itself."""
        form = self.form
        is_search = isinstance(form, VectorExample | PointExample)
        return not self.prefetch and (form is None or is_search)

    def check(self) -> None:
        """See ReadRequest."""
        if self.prefetch or type(self.form) not in (VectorExample, PointExample):
            check_tree(self)

    def size_of(self, answer: Sequence[ScoredPoint]) -> int:
        """See ReadRequest."""
        return _size_of_points([answer], self.selection)


@frozen(eq=False)
class VectorQueries(Sequence[Query]):
    """Searches that differ in their vectors only, each made on access.

    `vectors`, shape [n, dim], float32, are not empty. Everything else is as in `pattern`, one of
    the searches, which has no prefetches.
    """

    pattern: Query
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.vectors)

    @overload
    def __getitem__(self, place: int) -> Query: ...

    @overload
    def __getitem__(self, place: slice) -> VectorQueries: ...

    def __getitem__(self, place: int | slice) -> Query | VectorQueries:
        if isinstance(place, slice):
            return VectorQueries(self.pattern, self.vectors[place])
        return evolve(self.pattern, form=VectorExample(self.vectors[place]))


def kinds_of(queries: Sequence[Query]) -> Sequence[Query]:
    """The queries, but of those that differ in their vectors only one."""
    return [queries.pattern] if isinstance(queries, VectorQueries) else queries


def nodes_of(query: Query | Prefetch) -> Iterator[Query | Prefetch]:
    """A query and all its prefetches, in the order of the request."""
    yield query
    for prefetch in query.prefetch:
        yield from nodes_of(prefetch)


def joined_queries(batches: Sequence[Sequence[Query]]) -> Sequence[Query]:
    """The queries of all batches, in order."""
    if len(batches) == 1:
        return batches[0]
    alike = [own for own in batches if isinstance(own, VectorQueries)]
    if not alike:
        queries = list(chain.from_iterable(batches))
        return _as_vector_queries(queries) or queries
    if len(alike) == len(batches):
        pattern = alike[0].pattern
        is_one_length = len({own.vectors.shape[1] for own in alike}) == 1
        if is_one_length and all(_is_alike(own.pattern, pattern) for own in alike):
            return VectorQueries(pattern, np.concatenate([own.vectors for own in alike]))
    return list(chain.from_iterable(batches))


def _as_vector_queries(queries: Sequence[Query]) -> VectorQueries | None:
    """The queries, if all are searches for dense vectors of one length and are alike else."""
    pattern = queries[0]
    if pattern.prefetch or not isinstance(pattern.form, VectorExample):
        return None
    vectors: list[Vector] = []
    for query in queries:
        form = query.form
        if not (isinstance(form, VectorExample) and _is_alike(query, pattern)):
            return None
        vectors.append(form.vector)
    lengths = {own.size if isinstance(own, np.ndarray) else 0 for own in vectors}
    if len(lengths) != 1 or 0 in lengths:
        return None
    return VectorQueries(pattern, np.array(vectors, dtype=np.float32))


def _is_alike(query: Query, other: Query) -> bool:
    """Whether queries differ in nothing but their forms; those of one client share most objects."""
    return (
        query.limit == other.limit
        and query.using == other.using
        and (query.filter is other.filter or query.filter == other.filter)
        and (query.params is other.params or query.params == other.params)
        and (query.selection is other.selection or query.selection == other.selection)
        and query.offset == other.offset
        and query.score_threshold == other.score_threshold
        and not query.prefetch
        and query.lookup_from == other.lookup_from
    )


@frozen
class QueryBatch(ReadRequest[list[Sequence[ScoredPoint]]]):
    """Several queries, answered in order, all on one snapshot of the collection."""

    queries: Sequence[Query]

    def check(self) -> None:
        """See ReadRequest."""
        for query in kinds_of(self.queries):
            query.check()

    def size_of(self, answer: list[Sequence[ScoredPoint]]) -> int:
        """See ReadRequest."""
        selection = kinds_of(self.queries)[0].selection if self.queries else _BARE
        return _size_of_points(answer, selection)


def check_tree(query: Query | Prefetch, depth: int = 0) -> None:
    """Raise BadRequest for parts of a query, or of its prefetches, that conflict."""
    check_depth(depth)
    form = query.form
    if form is None:
        _check_unscored(query)
    elif isinstance(form, OrderBy) and query.score_threshold is not None:
        raise BadRequest("Can't use score_threshold with an order_by query.")
    elif isinstance(form, Rrf | Dbsf):
        _check_fusion(query, form)
    elif isinstance(form, Formula) and not query.prefetch:
        raise BadRequest("cannot apply Formula without prefetches")
    elif isinstance(form, Recommend):
        _check_recommend(form)
    for prefetch in query.prefetch:
        check_tree(prefetch, depth + 1)


def check_depth(depth: int) -> None:
    """Raise BadRequest for prefetches nested too deeply; those of a query have depth 1."""
    if depth > MAX_PREFETCH_DEPTH:
        raise BadRequest(f"prefetches depth {depth} exceeds max depth {MAX_PREFETCH_DEPTH}")


def prefetch_without_query() -> BadRequest:
    """The error for prefetches without a query."""
    return BadRequest(
        "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
    )


def _check_unscored(query: Query | Prefetch) -> None:
    if query.prefetch:
        raise prefetch_without_query()
    if query.score_threshold is not None:
        raise BadRequest(
            "A query is needed to use the score_threshold. "
            "Can't have score_threshold without defining a query."
        )


def _check_recommend(form: Recommend) -> None:
    if not form.positive and form.strategy is RecommendStrategy.AVERAGE_VECTOR:
        raise no_positive_examples()


def _check_fusion(query: Query | Prefetch, form: Fusion) -> None:
    if query.using != UNNAMED:
        raise BadRequest("Fusion queries cannot be combined with the 'using' field.")
    if not query.prefetch:
        raise BadRequest("cannot apply Fusion without prefetches")
    weights = form.weights if isinstance(form, Rrf) else None
    if weights is not None and len(weights) != len(query.prefetch):
        raise BadRequest(
            f"The number of RRF weights ({len(weights)}) must match "
            f"the number of prefetches ({len(query.prefetch)})"
        )


def check_query_vector(vector: Vector) -> None:
    """Raise a DomainError for a vector that is not finite, or a dense one that is empty."""
    if isinstance(vector, np.ndarray) and vector.size == 0:
        raise empty_vector()
    check_finite(vector)


def check_finite(vector: Vector) -> None:
    """Raise BadInput for a vector with a component that is NaN or infinite."""
    if isinstance(vector, np.ndarray):
        values = vector
    elif isinstance(vector, MultiVector):
        values = vector.rows.reshape(-1)
    else:
        values = vector.values
    # The squared norm is finite if all components are, unless it overflows (of which `vdot`, unlike
    # `dot`, does not warn).
    if not isfinite(np.vdot(values, values)) and not np.isfinite(values).all():
        raise not_finite()


def _size_of_points(
    answers: Sequence[Sequence[Record] | Sequence[ScoredPoint]], selection: Selection
) -> int:
    """An estimate of the bytes of lists of points with one selection, by some of the points."""
    count = sum(map(len, answers))
    each = _BYTES_PER_POINT
    if count and selection != _BARE:
        # Payloads, and vectors other than dense ones, differ in size. An odd step sees both kinds
        # of points that alternate.
        step = count // _SAMPLE | 1
        sample = [point for points in answers for point in points[::step]]
        size = sum([len(point.payload or b"") for point in sample])
        if selection.vectors is not False:
            vectors = (own for point in sample for own in (point.vectors or {}).values())
            size += sum(vector.nbytes for vector in vectors)
        each += size // len(sample)
    return count * each
