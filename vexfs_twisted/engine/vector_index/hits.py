"""Hits: the best of scored rows, and their merging."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..storage.bitmap import Rows
from .doubles import clipped
from .kernels import Scores

_GROUP = 64


class Hits(NamedTuple):
    """The nearest rows of one query and their scores, best first, equal scores by row."""

    rows: Rows
    scores: Scores

    def where(self, mask: NDArray[np.bool_]) -> Hits:
        """The hits selected by `mask`, shape [n]."""
        return Hits(self.rows[mask], self.scores[mask])

    def between(self, start: int, stop: int) -> Hits:
        """The hits at positions [start, stop)."""
        return Hits(self.rows[start:stop], self.scores[start:stop])


class HitLists(Sequence[Hits]):
    """The hits of several queries, as one array per part.

    Those of query i are at [ends[i - 1], ends[i]) of `rows` and `scores`; `ends` has shape [q].
    """

    __slots__ = ("ends", "rows", "scores")

    def __init__(self, rows: Rows, scores: Scores, ends: list[int]) -> None:
        self.rows = rows
        self.scores = scores
        self.ends = ends

    @classmethod
    def of(cls, found: Sequence[Hits]) -> HitLists:
        """The hits of each query in arrays."""
        if isinstance(found, HitLists):
            return found
        rows = np.concatenate([own.rows for own in found] or [no_hits().rows])
        scores = np.concatenate([own.scores for own in found] or [no_hits().scores])
        return cls(rows, scores, list(accumulate([len(own.rows) for own in found])))

    @classmethod
    def joined(cls, parts: Sequence[Sequence[Hits]]) -> Sequence[Hits]:
        """The hits of the queries of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls.of(list(chain.from_iterable(parts)))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, place: int) -> Hits: ...

    @overload
    def __getitem__(self, place: slice) -> list[Hits]: ...

    def __getitem__(self, place: int | slice) -> Hits | list[Hits]:
        return list(self)[place]

    def __iter__(self) -> Iterator[Hits]:
        start = 0
        for end in self.ends:
            yield Hits(self.rows[start:end], self.scores[start:end])
            start = end


def no_hits() -> Hits:
    """Empty hits."""
    return Hits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def badness_of(distance: Distance, scores: Scores) -> Scores:
    """Scores, negated if needed, so that smaller is nearer."""
    return -scores if distance.larger_is_nearer else scores


def best_of(
    distance: Distance, rows: Rows, scores: Scores | NDArray[np.float64], limit: int
) -> Hits:
    """The best `limit` of scored rows, in order; NaN is the worst score.

    Scores in double precision decide the order, and are clipped to the range of float32.
    """
    if limit < len(rows):
        badness = -scores if distance.larger_is_nearer else scores
        chosen = np.flatnonzero(~(badness > _bound(badness, limit)))
        rows, scores = rows[chosen], scores[chosen]
    return ranked_rows(distance, rows, scores, limit)


def merged_hits(distance: Distance, old: Hits, new: Hits, limit: int) -> Hits:
    """The best `limit` of two lists of hits."""
    if not len(old.rows):
        return new
    rows = np.concatenate([old.rows, new.rows])
    return best_of(distance, rows, np.concatenate([old.scores, new.scores]), limit)


def _bound(badness: NDArray[Any], limit: int) -> Any:
    """A value that at least `limit` elements of `badness` do not exceed, and few others."""
    groups = len(badness) // _GROUP
    if limit < groups:
        # The minima of groups suffice: `limit` of them are within the bound already.
        badness = np.fmin.reduce(badness[: groups * _GROUP].reshape(groups, _GROUP), axis=1)
    return np.partition(badness, limit - 1)[limit - 1]


class HitTable(NamedTuple):
    """Hits of several queries, shapes [q, n]; row -1 where there is no hit."""

    rows: NDArray[np.int64]
    scores: Scores

    @classmethod
    def of(cls, found: Sequence[Hits]) -> HitTable:
        """A table of the hits of each query."""
        table = cls.empty(len(found), max((len(own.rows) for own in found), default=0))
        for place, own in enumerate(found):
            table.rows[place, : len(own.rows)] = own.rows
            table.scores[place, : len(own.rows)] = own.scores
        return table

    @classmethod
    def empty(cls, queries: int, width: int) -> HitTable:
        """A table without hits, to be filled."""
        rows = np.full((queries, width), -1, dtype=np.int64)
        return cls(rows, np.zeros((queries, width), dtype=np.float32))

    def where(self, mask: NDArray[np.bool_]) -> HitTable:
        """The hits of the queries selected by `mask`, shape [q]."""
        return HitTable(self.rows[mask], self.scores[mask])

    def fill(self, places: NDArray[np.int64], part: HitTable) -> None:
        """Set the hits of the queries at `places`; `part` must not be wider than the table."""
        width = part.rows.shape[1]
        self.rows[places, :width] = part.rows
        self.scores[places, :width] = part.scores


def ranked_rows(
    distance: Distance, rows: Rows, scores: Scores | NDArray[np.float64], limit: int
) -> Hits:
    """The best `limit` of scored rows, few, in order; both of shape [n]."""
    badness = -scores if distance.larger_is_nearer else scores
    order = np.lexsort((rows, badness))[:limit]
    best = scores[order]
    is_double = best.dtype == np.float64
    return Hits(rows[order], clipped(best) if is_double else best.astype(np.float32, copy=False))


def ranked_hits(
    distance: Distance, tables: Sequence[HitTable], limits: NDArray[np.int64]
) -> Sequence[Hits]:
    """The best hits of each query over all tables, in order, as many as its limit."""
    if len(tables) == 1:
        rows, scores = tables[0]
    else:
        rows = np.concatenate([table.rows for table in tables], axis=1)
        scores = np.concatenate([table.scores for table in tables], axis=1)
    if len(rows) == 1 and rows.min(initial=0) >= 0:
        return [ranked_rows(distance, rows[0], scores[0], int(limits[0]))]
    is_none = rows < 0
    badness = badness_of(distance, scores)
    if is_none.any():
        order = np.lexsort((rows, badness, is_none), axis=1)
    else:
        order = np.lexsort((rows, badness), axis=1)
    every = np.arange(len(rows))[:, np.newaxis]
    order = order[:, : int(limits.max(initial=0))]
    rows, scores = rows[every, order], scores[every, order]
    counts = np.minimum(is_none.shape[1] - np.add.reduce(is_none, axis=1), limits)
    is_kept = np.arange(rows.shape[1]) < counts[:, np.newaxis]
    return HitLists(rows[is_kept], scores[is_kept], np.cumsum(counts).tolist())
