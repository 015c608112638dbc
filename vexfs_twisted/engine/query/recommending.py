"""Recommendations by the best score, from the points nearest to their positive examples.

A point that is not among the nearest of any positive example is at most as similar to all of them
as the last of those, so its score is at most that similarity's. If enough points score more, they
are the answer: the others need not be compared. Positive examples of all recommendations of a batch
are searched for in one call, and the points found are scored in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ...model.vector_kinds import Vector
from ..vector_index.costs import threads_for
from ..vector_index.hits import Hits, HitTable, ranked_hits
from ..vector_index.kernels import Scores, threads_of_faiss
from ..vector_index.pairs import score_pairs
from ..vector_index.space import MultiSpace, VectorSpace
from .nearest import Limits, dense_rows, similarities
from .scoring.recommend import score_of_best
from .scoring.similarity import scaled_sigmoid, similarity

_FACTOR = 2
_LEAST_REACH = 16
_GROWTH = 4
_LARGEST_SHARE = 8
"""At first twice the limit and some are searched for each example, then four times as many each
time, up to one in this many candidates."""

_MOST_SCORES = 1 << 20
"""The most scores, of points times examples, that are held at a time."""

_INFINITE = np.float32(np.inf)

Nearest = Callable[[Sequence[Vector], Limits], Sequence[Hits]]
"""Searches for the nearest candidates of each vector, as many as its limit, maybe by graphs."""

RowTable = NDArray[np.int64]


class Recommendation(NamedTuple):
    """Wanted are the best `limit` points. At least one example is positive.

    The examples are of the kind of the space.
    """

    positive: Sequence[Vector]
    negative: Sequence[Vector]
    limit: int


def recommended(
    space: VectorSpace | MultiSpace,
    count: int,
    asked: Sequence[Recommendation],
    nearest: Nearest,
) -> list[Hits | None]:
    """The best points of each recommendation; None where the nearest points do not tell them.

    `count` is the number of candidates.
    """
    found: list[Hits | None] = [None] * len(asked)
    reaches = {place: _FACTOR * own.limit + _LEAST_REACH for place, own in enumerate(asked)}
    while reaches:
        reaches = {
            place: reach
            for place, reach in reaches.items()
            if reach * _LARGEST_SHARE < count and prod(_size(asked[place], reach)) <= _MOST_SCORES
        }
        for places in _parts(asked, reaches):
            own = [asked[place] for place in places]
            hits = _tried(space, own, np.array([reaches[place] for place in places]), nearest)
            for place, answer in zip(places, hits, strict=True):
                found[place] = answer
        reaches = {
            place: reach * _GROWTH for place, reach in reaches.items() if found[place] is None
        }
    return found


def _parts(asked: Sequence[Recommendation], reaches: Mapping[int, int]) -> Iterator[list[int]]:
    """Partition the places of recommendations, to bound the scores that are held."""
    part: list[int] = []
    size = (0, 0, 0)
    for place, reach in reaches.items():
        own = _size(asked[place], reach)
        both = (size[0] + own[0], max(size[1], own[1]), max(size[2], own[2]))
        if part and prod(both) > _MOST_SCORES:
            yield part
            part, both = [], own
        part.append(place)
        size = both
    if part:
        yield part


def _size(own: Recommendation, reach: int) -> tuple[int, int, int]:
    """The numbers of examples, of positive ones, and of points that are found for each."""
    return len(own.positive) + len(own.negative), len(own.positive), reach


def _tried(
    space: VectorSpace | MultiSpace,
    asked: Sequence[Recommendation],
    reaches: Limits,
    nearest: Nearest,
) -> list[Hits | None]:
    """The best points of each, if they are sure among the `reaches` nearest of every example."""
    positive = [vector for own in asked for vector in own.positive]
    counts = np.array([len(own.positive) for own in asked])
    lists = nearest(positive, np.repeat(reaches, counts))
    starts = np.cumsum(counts) - counts
    rows = _distinct(lists, counts, starts)
    scores = _scores(space, asked, positive, starts, rows)
    last = np.array([own.scores[-1] if len(own.rows) else np.nan for own in lists], np.float32)
    bounds = scaled_sigmoid(np.maximum.reduceat(similarity(space.params.distance, last), starts))
    # A list that is empty sets no bound: comparisons with NaN are false.
    is_sure = (scores > bounds[:, np.newaxis]) & (rows >= 0)
    limits = np.array([own.limit for own in asked])
    hits = ranked_hits(Distance.DOT, [HitTable(rows, scores)], limits)
    enough = (np.add.reduce(is_sure, axis=1) >= limits).tolist()
    return [own if known else None for own, known in zip(hits, enough, strict=True)]


def _distinct(lists: Sequence[Hits], counts: Limits, starts: Limits) -> RowTable:
    """The rows in the lists of each recommendation, ascending, then -1; shape [r, n]."""
    if len(counts) == 1:
        return np.unique(np.concatenate([own.rows for own in lists]))[np.newaxis]
    table = HitTable.of(lists).rows
    owners = np.repeat(np.arange(len(counts)), counts)
    own_places = np.arange(len(lists)) - starts[owners]
    wide = np.full((len(counts), int(counts.max()), table.shape[1]), -1, dtype=np.int64)
    wide[owners, own_places] = table
    rows = np.sort(wide.reshape(len(counts), -1), axis=1)
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
    is_none = rows < 0
    used = rows.shape[1] - int(np.add.reduce(is_none, axis=1).min())
    order = np.argsort(is_none, axis=1, kind="stable")[:, :used]
    return np.take_along_axis(rows, order, axis=1)


def _scores(
    space: VectorSpace | MultiSpace,
    asked: Sequence[Recommendation],
    positive: Sequence[Vector],
    starts: Limits,
    rows: RowTable,
) -> Scores:
    """The best scores of each recommendation's own `rows`, shape [r, n]."""
    negative = [vector for own in asked for vector in own.negative]
    counts = np.array([len(own.negative) for own in asked])
    every = np.arange(len(asked))
    owners = np.concatenate(
        [np.repeat(every, [len(own.positive) for own in asked]), np.repeat(every, counts)]
    )
    similar = _similarities(space, [*positive, *negative], owners, rows)
    best = np.maximum.reduceat(similar[: len(positive)], starts, axis=0)
    worst = np.full(best.shape, -_INFINITE)
    has_negative = np.flatnonzero(counts)
    if len(has_negative):
        begins = (np.cumsum(counts) - counts)[has_negative]
        worst[has_negative] = np.maximum.reduceat(similar[len(positive) :], begins, axis=0)
    return score_of_best(best, worst)


def _similarities(
    space: VectorSpace | MultiSpace, vectors: Sequence[Vector], owners: Limits, rows: RowTable
) -> Scores:
    """The similarities to each example, of the rows of its owner, shape [e, n]."""
    if isinstance(space, VectorSpace):
        queries = space.queries(dense_rows(vectors))
        with threads_of_faiss(threads_for(len(queries))):
            scores = score_pairs(space, queries, np.maximum(rows, 0)[owners])
        return similarity(space.params.distance, scores)
    similar = np.zeros((len(vectors), rows.shape[1]), dtype=np.float32)
    for place, own_rows in enumerate(rows):
        own = own_rows[own_rows >= 0]
        places = np.flatnonzero(owners == place).tolist()
        similar[places, : len(own)] = similarities(space, [vectors[at] for at in places], own)
    return similar
