"""Groups of the points that a query finds, by a value of their payloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, count, islice
from typing import NamedTuple

import attrs
import numpy as np
import orjson

from ...model.filters import Condition, FieldCondition, Filter, MatchAny
from ...model.groups import GroupId, GroupQuery, PointGroup
from ...model.payload_path import PayloadPath
from ...model.query_forms import (
    Mmr,
    OrderBy,
    PointExample,
    Recommend,
    RecommendStrategy,
    Sample,
    VectorExample,
)
from ..acceleration import SearchAccelerator
from ..mvcc.state import Snapshot
from ..predicates.paths import values_at
from ..read_bounds import checkpoint, expect
from .executor import rank_each
from .leaves import SnapshotSource
from .nearest import larger_is_nearer
from .plan import Keys, LeafSource, Ranked, sound
from .records import check_selection, expect_points, fetch_scored

_FIRST = 4
"""The first round reads this many times the points of the answer: more take little longer."""

_GROWTH = 4
_UNFILTERED_ROUNDS = 3

_PAYLOAD_S = 5e-6
"""Estimated seconds to read the groups of a point from its payload."""


class RankedGroup(NamedTuple):
    """A group with the keys and scores of its points, in order."""

    id: GroupId
    points: list[tuple[int, float]]


def query_groups(
    snapshot: Snapshot, request: GroupQuery, accelerator: SearchAccelerator | None
) -> list[PointGroup]:
    """The groups of a query in the order of their best points. Raises the errors of the query."""
    selection = request.query.selection
    check_selection(selection, snapshot)
    groups = rank_groups(SnapshotSource(snapshot, accelerator), request)
    points = list(chain.from_iterable(group.points for group in groups))
    expect_points(len(points), selection)
    rows = np.array([row for row, _ in points], dtype=np.int64)
    scores = np.array([score for _, score in points], dtype=np.float32)
    hits = iter(fetch_scored(snapshot, rows, scores, selection))
    return [PointGroup(group.id, list(islice(hits, len(group.points)))) for group in groups]


def rank_groups(source: LeafSource, request: GroupQuery) -> list[RankedGroup]:
    """The same groups with the keys of their points; of these only payloads are read, if any.

    The query is executed for more and more points until the groups are known, then for points of
    those groups only until each is full or has no more. Once a few rounds have not sufficed,
    points of full groups are filtered out. That would change the scores of a query with
    prefetches, whose number of points is bounded anyway: those are executed without such filters.
    """
    groups = _Groups(source, request)
    groups.find()
    groups.fill()
    return groups.answer()


class _Groups:
    """The groups of one query as they are found, with the keys and scores of their points."""

    def __init__(self, source: LeafSource, request: GroupQuery) -> None:
        self._source = source
        self._query = request.query
        self._path = request.group_by
        self._size = request.group_size
        self._limit = request.query.limit
        self._first_reach = _FIRST * self._limit * self._size + 1
        self._seen: set[int] = set()
        self._found: dict[GroupId, dict[int, float]] = {}
        self._is_complete = False

    def find(self) -> None:
        """Execute the query until the first groups are known."""
        reach = self._first_reach
        for round_ in count():
            filters = []
            if round_ >= _UNFILTERED_ROUNDS and not self._query.prefetch:
                full = [group for group, points in self._found.items() if self._is_full(points)]
                filters = [Filter(must_not=_matches(self._path, full))]
            is_last = self._execute(filters, reach)
            if is_last or len(self._found) >= self._limit:
                self._is_complete = is_last and not filters
                return
            reach *= _GROWTH

    def fill(self) -> None:
        """Execute the query for the points of the groups that are not full."""
        reach = self._first_reach
        while not self._is_complete:
            first = list(self._found.items())[: self._limit]
            missing = [group for group, points in first if not self._is_full(points)]
            if not missing:
                return
            filters = [] if self._query.prefetch else [Filter(should=_matches(self._path, missing))]
            self._is_complete = self._execute(filters, reach)
            reach *= _GROWTH

    def answer(self) -> list[RankedGroup]:
        """The groups in order, each with as many points as are wanted.

        Searches by graphs may find a point that an earlier one has missed, so they are sorted where
        the order is that of scores.
        """
        groups = [RankedGroup(group, list(own.items())) for group, own in self._found.items()]
        form = self._query.form
        if form is not None and not isinstance(form, Mmr | OrderBy | Sample):
            sign = -1 if self._larger_is_better else 1
            for _, points in groups:
                points.sort(key=lambda pair: sign * pair[1])
            groups.sort(key=lambda group: sign * group.points[0][1])
        return [RankedGroup(group, own[: self._size]) for group, own in groups[: self._limit]]

    @property
    def _larger_is_better(self) -> bool:
        """Whether larger scores of the query come first."""
        form = self._query.form
        is_search = isinstance(form, VectorExample | PointExample) or (
            isinstance(form, Recommend) and form.strategy is RecommendStrategy.AVERAGE_VECTOR
        )
        return not is_search or larger_is_nearer(self._source.params_of(self._query.using))

    def _is_full(self, points: dict[int, float]) -> bool:
        return len(points) >= self._size

    def _execute(self, filters: Sequence[Filter], reach: int) -> bool:
        """Add the first `reach` points to their groups; whether there were no more."""
        checkpoint()
        own = self._query.filter or Filter()
        query = attrs.evolve(
            self._query, limit=reach, offset=0, filter=Filter(must=(own, *filters))
        )
        ranked = sound(rank_each(self._source, [query]).pop())
        self._add(ranked)
        return len(ranked.keys) < reach

    def _add(self, ranked: Ranked) -> None:
        """Add the points that were not found before to their groups."""
        is_new = np.array([key not in self._seen for key in ranked.keys.tolist()], dtype=np.bool_)
        new = ranked.where(is_new)
        keys = new.keys.tolist()
        self._seen.update(keys)
        scores = new.scores.tolist()
        for key, score, groups in zip(keys, scores, self._groups_of(new.keys), strict=True):
            for group in groups:
                self._found.setdefault(group, {}).setdefault(key, score)

    def _groups_of(self, keys: Keys) -> list[Sequence[GroupId]]:
        """The groups of points, from their payloads where these are needed."""
        known = self._source.only_group_ids(self._path, keys)
        unknown = keys[[groups is None for groups in known]]
        expect(len(unknown) * _PAYLOAD_S)
        payloads = iter(self._source.payloads(unknown))
        return [_of_payload(next(payloads), self._path) if own is None else own for own in known]


def _of_payload(payload: bytes, path: PayloadPath) -> list[GroupId]:
    return _group_ids(values_at(orjson.loads(payload), path.steps))


def _group_ids(values: Iterable[object]) -> list[GroupId]:
    """The strings and integers among values, each once."""
    found: list[GroupId] = [value for value in values if type(value) in (str, int)]  # type: ignore[misc]
    return list(dict.fromkeys(found))


def _matches(path: PayloadPath, groups: Sequence[GroupId]) -> tuple[Condition, ...]:
    """Conditions of which a point in one of the groups satisfies one."""
    strings = frozenset(group for group in groups if isinstance(group, str))
    integers = frozenset(group for group in groups if isinstance(group, int))
    return FieldCondition(path, MatchAny(strings)), FieldCondition(path, MatchAny(integers))
