"""Cursor sources: produce the rows of a streamed read, and their points.

A source has the compact state of the remaining read. It must be used with the snapshot that it was
made with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...model.filters import Filter
from ...model.ids import PointId
from ...model.queries import PointsRequest, Query, Record, Retrieve, ScoredPoint, Scroll, Selection
from ...model.streams import P
from ..acceleration import SearchAccelerator
from ..mvcc.state import Snapshot
from ..storage.bitmap import Rows
from ..storage.keys import encode_id, encode_ids
from ..storage.row_values import key_of
from .answers import ranked_each
from .ordering import rows_of_scroll, with_values
from .plan import Ranked, sound
from .records import check_selection, records_of, scored_of
from .scrolling import first_rows, unranked_scores

_AHEAD = 1024
_AHEAD_FILTERED = 16384
"""The rows looked up at a time; more with a filter, where each lookup may scan all rows again."""


class CursorSource(Protocol[P]):
    """The source of a cursor: rows in order, and their points."""

    selection: Selection

    def ahead(self, snapshot: Snapshot, count: int) -> Rows:
        """The next rows, at most `count`, without consuming them; none at the end."""

    def pass_by(self, snapshot: Snapshot, rows: Rows, values: Sequence[bytes]) -> list[P]:
        """Consume `rows`, the first of those ahead; returns their points, from table values."""


def _scroll_source(
    snapshot: Snapshot, request: Scroll, _: SearchAccelerator | None
) -> CursorSource[Record]:
    """All points of a scroll up to its limit, in its order."""
    check_selection(request.selection, snapshot)
    if request.order_by is not None:
        found = rows_of_scroll(snapshot, request, request.order_by)
        return _Ordered(*found, request.selection)
    start = b"" if request.offset is None else encode_id(request.offset)
    walk = _Walk(request.filter, start, request.limit)
    return _Scrolled(walk, request.selection)


def _query_source(
    snapshot: Snapshot, query: Query, accelerator: SearchAccelerator | None
) -> CursorSource[ScoredPoint]:
    """The source of a query. It is ranked at once; points are fetched as they are consumed."""
    if query.form is not None:
        ranked = sound(ranked_each(snapshot, [query], accelerator).pop())
        return _Ranked(ranked, query.selection)
    check_selection(query.selection, snapshot)
    walk = _Walk(query.filter, b"", query.offset + query.limit)
    walk.skip(snapshot, query.offset)
    return _Unranked(walk, query.selection)


def _retrieve_source(
    snapshot: Snapshot, request: Retrieve, _: SearchAccelerator | None
) -> CursorSource[Record]:
    """The points that exist among ids, in the order asked for, each once."""
    check_selection(request.selection, snapshot)
    return _Named(list(dict.fromkeys(request.ids)), request.selection)


CURSOR_SOURCES: Mapping[
    type[PointsRequest[Any, Any]],
    Callable[[Snapshot, Any, SearchAccelerator | None], CursorSource[Any]],
] = {Scroll: _scroll_source, Query: _query_source, Retrieve: _retrieve_source}
"""What makes the source of each kind of request, given what is asked for the nearest rows first."""


class _Walk:
    """Rows in id order, looked up in pieces."""

    def __init__(self, filter_: Filter | None, start: bytes, limit: int) -> None:
        self._filter = filter_
        self._start = start
        self._left = limit
        self._rows: Rows = np.zeros(0, dtype=np.int64)
        is_plain = filter_ is None or filter_.is_empty
        self._piece = _AHEAD if is_plain else _AHEAD_FILTERED

    def ahead(self, snapshot: Snapshot, count: int) -> Rows:
        """The next rows, at most `count`, without consuming them; none at the end."""
        while len(self._rows) < count and self._left:
            self._look_up(snapshot)
        return self._rows[:count]

    def go_on(self, count: int) -> None:
        """Consume the first `count` rows."""
        self._rows = self._rows[count:]

    def skip(self, snapshot: Snapshot, count: int) -> None:
        """Skip the next `count` rows."""
        while count and len(rows := self.ahead(snapshot, min(count, self._piece))):
            self.go_on(len(rows))
            count -= len(rows)

    def _look_up(self, snapshot: Snapshot) -> None:
        wanted = min(self._piece, self._left)
        found = first_rows(snapshot, self._filter, self._start, wanted + 1)
        self._rows = np.concatenate([self._rows, found[:wanted]])
        if len(found) > wanted:
            (following,) = snapshot.tables.values(found[wanted:])
            self._start = key_of(following)
            self._left -= wanted
        else:
            self._left = 0


class _ById:
    """Points in the order of ids."""

    def __init__(self, walk: _Walk, selection: Selection) -> None:
        self._walk = walk
        self.selection = selection

    def ahead(self, snapshot: Snapshot, count: int) -> Rows:
        return self._walk.ahead(snapshot, count)


class _Scrolled(_ById):
    """Records in the order of ids."""

    def pass_by(self, snapshot: Snapshot, rows: Rows, values: Sequence[bytes]) -> list[Record]:
        self._walk.go_on(len(rows))
        return records_of(snapshot, rows, values, self.selection)


class _Unranked(_ById):
    """Scored points in the order of ids, all scored alike."""

    def pass_by(self, snapshot: Snapshot, rows: Rows, values: Sequence[bytes]) -> list[ScoredPoint]:
        self._walk.go_on(len(rows))
        return scored_of(snapshot, rows, values, unranked_scores(len(rows)), self.selection)


class _Ranked:
    """Scored points in order."""

    def __init__(self, ranked: Ranked, selection: Selection) -> None:
        self._ranked = ranked
        self.selection = selection

    def ahead(self, _: Snapshot, count: int) -> Rows:
        return self._ranked.keys[:count]

    def pass_by(self, snapshot: Snapshot, rows: Rows, values: Sequence[bytes]) -> list[ScoredPoint]:
        own = self._ranked.where(slice(len(rows)))
        self._ranked = self._ranked.where(slice(len(rows), None))
        points = scored_of(snapshot, rows, values, own.scores, self.selection)
        return points if own.order_values is None else with_values(points, own.order_values)


class _Ordered:
    """Records in the order of a payload field."""

    def __init__(self, rows: Rows, order: NDArray[Any], selection: Selection) -> None:
        self._rows = rows
        self._order = order
        self.selection = selection

    def ahead(self, _: Snapshot, count: int) -> Rows:
        return self._rows[:count]

    def pass_by(self, snapshot: Snapshot, rows: Rows, values: Sequence[bytes]) -> list[Record]:
        order, self._order = self._order[: len(rows)], self._order[len(rows) :]
        self._rows = self._rows[len(rows) :]
        return with_values(records_of(snapshot, rows, values, self.selection), order)


class _Named:
    """Records by id."""

    def __init__(self, ids: Sequence[PointId], selection: Selection) -> None:
        self._ids = ids
        self._next = 0
        self._rows: Rows = np.zeros(0, dtype=np.int64)
        self.selection = selection

    def ahead(self, snapshot: Snapshot, count: int) -> Rows:
        while len(self._rows) < count and self._next < len(self._ids):
            ids = self._ids[self._next : self._next + _AHEAD]
            found = snapshot.tables.find_rows(encode_ids(ids))
            self._rows = np.concatenate([self._rows, found])
            self._next += len(ids)
        return self._rows[:count]

    def pass_by(self, snapshot: Snapshot, rows: Rows, values: Sequence[bytes]) -> list[Record]:
        self._rows = self._rows[len(rows) :]
        return records_of(snapshot, rows, values, self.selection)
