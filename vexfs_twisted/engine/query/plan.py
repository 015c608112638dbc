"""The plan of a query: its tree as stages, each with candidates from the stages below it.

A stage without prefetches reads a list of points from the collection: a leaf read. The others merge
or score the points of the stages below them. Where leaf reads run is no part of a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import SparseVectorParams, VectorParams
from ...model.filters import Filter
from ...model.groups import GroupId
from ...model.ids import PointId
from ...model.payload_path import PayloadPath
from ...model.queries import Prefetch, Query
from ...model.query_forms import MOST_MMR_CANDIDATES, Mmr, PointExample, QueryForm, examples_of
from ...model.search_params import SearchParams
from ...model.vector_kinds import Vector, Vectors
from ..payload_index.only_values import OnlyValues, ValueKind
from ..read_bounds import ReadBoundsOfEach

T = TypeVar("T")

Keys = NDArray[np.int64]
"""Numbers of points, unique within a snapshot of the collection: a source gives and takes them."""

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

_FEW_EXCLUDED = 16
"""So many keys are compared one by one."""


class Ranked(NamedTuple):
    """Points in order, with their scores. A point occurs twice only in the order of a field.

    `order_values`, shape [n], are the values of that field.
    """

    keys: Keys
    scores: Scores
    order_values: NDArray[Any] | None = None

    def where(self, selected: Mask | Keys | slice) -> Ranked:
        """The points selected by a numpy index, in its order."""
        values = None if self.order_values is None else self.order_values[selected]
        return Ranked(self.keys[selected], self.scores[selected], values)


def nothing_ranked() -> Ranked:
    """No points."""
    return Ranked(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


class Leaf(NamedTuple):
    """A read of the first `limit` points in the order of `form`; None: in the order of ids.

    The examples of `form` are vectors. Only points that pass `filter`, have a score better than
    `threshold` and are not in `excluded` are returned. With `candidates`, distinct, only those are
    considered, exactly. `query` is the position in the batch of the query that it belongs to.
    """

    query: int
    form: QueryForm | None
    using: str
    filter: Filter | None
    params: SearchParams
    threshold: float | None
    limit: int
    excluded: tuple[PointId, ...] = ()
    candidates: Keys | None = None

    def kept(self, ranked: Ranked, excluded: Keys, is_larger_nearer: bool = True) -> Ranked:
        """Of the points found, those that are not `excluded`, pass the threshold, up to the limit.

        `excluded` are the keys of the points that are excluded by their ids.
        """
        if len(excluded):
            if len(excluded) <= _FEW_EXCLUDED:
                is_other = (ranked.keys != excluded[:, np.newaxis]).all(axis=0)
            else:
                is_other = ~np.isin(ranked.keys, excluded)
            ranked = ranked.where(is_other)
        if self.threshold is not None:
            # Scores are float32, so the threshold is rounded to that too. An equal score does not
            # pass.
            with np.errstate(over="ignore"):
                threshold = np.float32(self.threshold)
            scores = ranked.scores
            ranked = ranked.where(scores > threshold if is_larger_nearer else scores < threshold)
        return ranked if len(ranked.keys) <= self.limit else ranked.where(slice(self.limit))


class TermStatistics(NamedTuple):
    """What determines inverse document frequencies.

    `points` is the number of points with a sparse vector, `frequencies`, shape [n], int64, how many
    of them have each term.
    """

    points: int
    frequencies: NDArray[np.int64]


class LeafSource(Protocol):
    """Where leaf reads run: one snapshot of a collection, wherever its points are.

    Used by one thread.
    """

    def params_of(self, using: str) -> VectorParams | SparseVectorParams:
        """The configuration of the vector `using`. Raises BadInput if there is none."""

    def examples(self, using: str, ids: Sequence[PointId]) -> list[Vector | Exception]:
        """The vectors of points, as returned to clients.

        In place of a missing one: VectorNotFound if the point has no such vector, else NotFound.
        """

    def term_statistics(
        self, using: str, terms: NDArray[np.uint32], corpus: Filter | None
    ) -> TermStatistics:
        """The statistics of terms of a sparse vector over the points that pass `corpus`."""

    def read(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Ranked | Exception]:
        """The points of each leaf, or the error of its client or what stopped it."""

    def vectors(self, using: str, keys: Keys) -> Vectors:
        """The vectors of points, all of which have one, as they are compared."""

    def payloads(self, keys: Keys) -> Sequence[bytes]:
        """The payloads of points, JSON, in the order of `keys`."""

    def only_values(self, path: PayloadPath, kind: ValueKind, keys: Keys) -> OnlyValues:
        """The values of points at a path, as far as they are known without their payloads."""

    def only_group_ids(self, path: PayloadPath, keys: Keys) -> list[Sequence[GroupId] | None]:
        """The strings and integers of each point at a path; None where a payload is to be read."""

    def passing(self, filter_: Filter, keys: Keys) -> Mask:
        """Which of the points `keys` pass a filter."""


class Stage:
    """One level of a query during its execution.

    `filter` is its own and those of the levels above it; `excluded` are the points that are
    examples anywhere in the query. `height` is 0 for leaf reads, and one more than that of the
    highest stage below it for others. `ranked` is its result.
    """

    __slots__ = (
        "below",
        "excluded",
        "filter",
        "form",
        "height",
        "level",
        "limit",
        "query",
        "ranked",
    )

    filter: Filter | None
    height: int

    def __init__(
        self,
        query: int,
        level: Query | Prefetch,
        limit: int,
        excluded: tuple[PointId, ...],
        outer: Filter | None = None,
    ) -> None:
        self.query = query
        self.level = level
        self.limit = limit
        self.form = level.form
        self.filter = own = _both(outer, level.filter)
        self.excluded = excluded
        self.below = [
            Stage(query, prefetch, prefetch.limit, excluded, own) for prefetch in level.prefetch
        ]
        self.height = 1 + max((stage.height for stage in self.below), default=-1)
        self.ranked = nothing_ranked()

    def all(self) -> Iterator[Stage]:
        """The stage and all below it."""
        yield self
        for stage in self.below:
            yield from stage.all()

    def leaf(self, candidates: Keys | None = None) -> Leaf:
        """The leaf read of the stage, among `candidates` if it has stages below."""
        form, limit = self.form, self.limit
        if isinstance(form, Mmr):
            most = form.candidates_limit
            # Groups are looked for in more points than a client may ask for.
            limit = min(self.level.limit, MOST_MMR_CANDIDATES) if most is None else most
            form = form.nearest
        is_lowest = candidates is None
        return Leaf(
            self.query,
            form,
            self.level.using,
            # The points of the stages below have passed the filters already.
            self.filter if is_lowest else None,
            self.level.params,
            self.level.score_threshold,
            limit,
            self.excluded if is_lowest else (),
            candidates,
        )


def planned(position: int, query: Query) -> Stage:
    """The stages of the query at `position` of its batch."""
    return Stage(position, query, query.offset + query.limit, tuple(_ids_of(query)))


def _ids_of(level: Query | Prefetch) -> Iterator[PointId]:
    """The points that are examples of a query or of the prefetches below it."""
    for example in examples_of(level.form):
        if isinstance(example, PointExample):
            yield example.id
    for prefetch in level.prefetch:
        yield from _ids_of(prefetch)


def _both(outer: Filter | None, own: Filter | None) -> Filter | None:
    """A filter that both admit."""
    if outer is None or outer.is_empty:
        return own
    if own is None or own.is_empty:
        return outer
    return Filter(must=(outer, own))


def sound(result: T | Exception) -> T:
    """Return the result, or raise it if it is an error."""
    if isinstance(result, Exception):
        try:
            raise result
        finally:
            # The traceback refers to this frame: a cycle otherwise.
            del result
    return result
