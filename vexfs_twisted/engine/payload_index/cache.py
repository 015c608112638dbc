"""The columns of a collection: built when a filter first needs them, and kept up to date."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from math import inf
from threading import Lock

import numpy as np
from attrs import frozen

from ..read_bounds import PatientLock, checkpoint
from ..storage.bitmap import Rows
from .builder import Steps, TooLarge, build_columns
from .column import Column
from .head_cache import HeadCache
from .row_ids import RowIdCache
from .row_snapshot import RowSnapshot

BUDGET = 1 << 28
"""How many bytes the columns of one collection may take, beside those of declared indexes.

Those that are made for one filter may take as much while it is answered, or `BYTES_A_ROW` for each
row of a large collection.
"""

BYTES_A_ROW = 100

MOST_COLUMNS = 4096
"""How many columns of one collection are kept, beside those of declared indexes."""

FEW_FRESH = 1000
"""As many rows that a column does not know, or two in a hundred, are tested one by one."""

_FEW_PERCENT = 2
_MANY_GONE = 16
_RATHER_TESTED = 4
_NO_ROWS = np.zeros(0, dtype=np.int64)


@frozen
class CurrentColumns:
    """ColumnCache that answer for a moment, save for the rows `fresh`, live and ascending."""

    columns: Mapping[Steps, Column]
    fresh: Rows


class ColumnCache:
    """The columns of one collection. Any thread may use it.

    A column stands for the moment it was built at. Rows are added, dropped or, seldom, have their
    payload rewritten; those rows are tested one by one until there are enough of them to be folded
    into the column.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self.row_ids = RowIdCache()
        self.heads = HeadCache()
        self._budget = budget
        self._columns: OrderedDict[Steps, Column] = OrderedDict()
        self._pinned: frozenset[Steps] = frozenset()
        self._lock = Lock()
        self._building = PatientLock()

    def pin(self, paths: Collection[Steps]) -> None:
        """Keep the columns of these paths, and of no others, whatever they take."""
        with self._lock:
            self._pinned = frozenset(paths)

    def has(self, paths: Collection[Steps]) -> bool:
        """Whether there are columns of all these paths by now."""
        return all(path in self._columns for path in paths)

    def at(self, paths: Collection[Steps], snapshot: RowSnapshot) -> CurrentColumns | None:
        """The columns of the paths, for that moment; None when there are none to be had.

        That is when newer ones have taken their place, where they would take too much memory, and
        in a draft, which builds none.
        """
        found = self._usable(paths, snapshot)
        if found is not None and len(found) == len(paths):
            fresh = self._fresh(found, snapshot)
            if snapshot.is_uncommitted or not self._is_behind(found, fresh, snapshot):
                return CurrentColumns(found, fresh)
            if len(fresh) <= _RATHER_TESTED * _few(snapshot) and self._building.is_taken():
                return CurrentColumns(found, fresh)
        if snapshot.is_uncommitted:
            return None
        with self._building:
            try:
                found = self._made(paths, snapshot, is_complete=False)
            except TooLarge:
                return None
            return None if found is None else CurrentColumns(found, self._fresh(found, snapshot))

    def complete(
        self, paths: Collection[Steps], snapshot: RowSnapshot
    ) -> Mapping[Steps, Column] | None:
        """The columns of the paths, with no row left to test at that moment of a read.

        They may tell of rows that are not live any more. None when newer ones have taken the place
        of one.
        """
        with self._building:
            return self._made(paths, snapshot, is_complete=True)

    def exact(self, path: Steps, snapshot: RowSnapshot) -> Column:
        """The column of the path as of that moment of a read: all live rows and no others."""
        return self.exact_each([path], snapshot)[path]

    def exact_each(self, paths: Collection[Steps], snapshot: RowSnapshot) -> Mapping[Steps, Column]:
        """What `exact` answers for each of the paths; payloads are read but once for all."""
        with self._building:
            found = self._usable(paths, snapshot)
            if found is None:
                return build_columns(paths, snapshot, snapshot.live.rows())
            behind = {p: c for p, c in found.items() if c.operation != snapshot.operation}
            changed = self._folded(behind, snapshot)
            missing = [path for path in paths if path not in found]
            changed |= build_columns(missing, snapshot, snapshot.live.rows())
            self._keep(changed)
            return {**found, **changed}

    def put(self, path: Steps, column: Column) -> None:
        """Take in a column that was kept elsewhere."""
        self._keep({path: column})

    def _made(
        self, paths: Collection[Steps], snapshot: RowSnapshot, is_complete: bool
    ) -> dict[Steps, Column] | None:
        """The columns of the paths, with few rows left to test, or none. Raises TooLarge."""
        found = self._usable(paths, snapshot)
        if found is None:
            return None
        fresh = self._fresh(found, snapshot)
        if len(fresh) > 0 if is_complete else self._is_behind(found, fresh, snapshot):
            found = self._folded(found, snapshot)
            self._keep(found)
        missing = [path for path in paths if path not in found]
        most: float = max(self._budget, BYTES_A_ROW * snapshot.live.count)
        if is_complete or self._pinned.issuperset(missing):
            most = inf
        built = build_columns(missing, snapshot, snapshot.live.rows(), most)
        self._keep(built)
        return {**found, **built}

    def _usable(
        self, paths: Collection[Steps], snapshot: RowSnapshot
    ) -> dict[Steps, Column] | None:
        """Those columns of the paths that there are; None if one is newer than the snapshot."""
        found: dict[Steps, Column] = {}
        with self._lock:
            for path in paths:
                column = self._columns.get(path)
                if column is None or column.operation < snapshot.touches.begin:
                    continue
                if column.operation > snapshot.operation:
                    return None
                self._columns.move_to_end(path)
                found[path] = column
        return found

    def _fresh(self, found: Mapping[Steps, Column], snapshot: RowSnapshot) -> Rows:
        """The live rows that at least one of the columns does not know as they are."""
        if not found:
            return _NO_ROWS
        first = min(column.next_row for column in found.values())
        since = min(column.operation for column in found.values())
        rows = snapshot.changed_since(since, first)
        assert rows is not None, "a column older than the log is not used"
        return rows

    def _is_behind(self, found: Mapping[Steps, Column], fresh: Rows, snapshot: RowSnapshot) -> bool:
        """Whether the columns should take in the rows `fresh`.

        They should too where those are few among many that came and went: all are gone through.
        """
        few = _few(snapshot)
        first = min((column.next_row for column in found.values()), default=snapshot.next_row)
        return len(fresh) > few or snapshot.next_row - first > _MANY_GONE * few

    def _folded(self, found: Mapping[Steps, Column], snapshot: RowSnapshot) -> dict[Steps, Column]:
        if not found:
            return {}
        rows = self._fresh(found, snapshot)
        added = build_columns(list(found), snapshot, rows)
        live = snapshot.live_mask()
        folded: dict[Steps, Column] = {}
        for path, column in found.items():
            checkpoint()
            folded[path] = column.folded(live, added[path], rows)
        return folded

    def _keep(self, columns: Mapping[Steps, Column]) -> None:
        """Keep columns, and let the least used go that there is no room for."""
        with self._lock:
            for path, column in columns.items():
                self._columns[path] = column
                self._columns.move_to_end(path)
            free = [path for path in self._columns if path not in self._pinned]
            sizes = [self._columns[path].nbytes for path in free]
            taken, count = sum(sizes), len(free)
            for path, size in zip(free[:-1], sizes, strict=False):
                if taken <= self._budget and count <= MOST_COLUMNS:
                    break
                del self._columns[path]
                taken, count = taken - size, count - 1


def _few(snapshot: RowSnapshot) -> int:
    """How many rows that columns do not know are few among those of a moment."""
    return max(FEW_FRESH, snapshot.live.count * _FEW_PERCENT // 100)
