"""The cache of a collection's columns: built on first use by a filter, updated incrementally."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from math import inf
from threading import Lock

import numpy as np
from attrs import frozen

from ..read_bounds import PatientLock, checkpoint, expect
from ..storage.bitmap import Rows
from .builder import Steps, TooLarge, build_columns
from .column import Column
from .head_cache import HeadCache
from .row_ids import RowIdCache
from .row_snapshot import RowSnapshot

BUDGET = 1 << 28
"""The most bytes that the columns of one collection take, not counting declared indexes.

The columns built for one filter may take as much while it is answered, or `BYTES_A_ROW` per row in
a large collection.
"""

BYTES_A_ROW = 100

MOST_COLUMNS = 4096
"""The most columns kept per collection, not counting those of declared indexes."""

FEW_FRESH = 1000
"""Up to this many rows unknown to a column, or two in a hundred, are tested one by one."""

_FEW_PERCENT = 2
_MANY_GONE = 16
_RATHER_TESTED = 4
_BYTE_S = 1e-9
_NO_ROWS = np.zeros(0, dtype=np.int64)


@frozen
class CurrentColumns:
    """Columns that are valid for a snapshot, except for the rows `fresh`, live and ascending."""

    columns: Mapping[Steps, Column]
    fresh: Rows


class ColumnCache:
    """The columns of one collection. Thread-safe.

    A column is valid for the snapshot it was built at. Rows that were added since, or (seldom) had
    their payload changed in place, are tested one by one until there are enough of them to fold
    them into the column. Deleted rows are dropped then too.
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
        """Exempt the columns of these paths, and only these, from the memory limits."""
        with self._lock:
            self._pinned = frozenset(paths)

    @property
    def nbytes(self) -> int:
        """The bytes of all cached columns."""
        with self._lock:
            return sum(column.nbytes for column in self._columns.values())

    @property
    def row_bytes(self) -> int:
        """The bytes of what is cached of rows: their ids, versions and kinds."""
        return self.row_ids.nbytes + self.heads.nbytes

    def has(self, paths: Collection[Steps]) -> bool:
        """Whether the columns of all these paths are cached."""
        return all(path in self._columns for path in paths)

    def cached(self, path: Steps, snapshot: RowSnapshot) -> tuple[Column, Rows] | None:
        """The column of a path if it is cached, and the rows that have changed since, ascending.

        It has nothing of rows from its `next_row` on. None if there is none for the snapshot.
        Builds no column and waits for none.
        """
        found = self._usable([path], snapshot)
        column = None if found is None else found.get(path)
        if column is None:
            return None
        if column.operation == snapshot.operation and not snapshot.is_uncommitted:
            return column, _NO_ROWS
        changed = snapshot.payload_changes.since(column.operation)
        assert changed is not None, "a column older than the log is not used"
        return column, changed

    def at(self, paths: Collection[Steps], snapshot: RowSnapshot) -> CurrentColumns | None:
        """The columns of the paths for a snapshot; None if they are not available.

        They are not if newer ones have replaced them, if they would take too much memory, or if
        they are missing and the snapshot is uncommitted, for which no columns are built.
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
        """The columns of the paths for a committed snapshot, with no rows left to test.

        They may have rows that are no longer live. None if one was replaced by a newer column.
        """
        with self._building:
            return self._made(paths, snapshot, is_complete=True)

    def exact(self, path: Steps, snapshot: RowSnapshot) -> Column:
        """The column of the path for a committed snapshot, with exactly the live rows."""
        return self.exact_each([path], snapshot)[path]

    def exact_each(self, paths: Collection[Steps], snapshot: RowSnapshot) -> Mapping[Steps, Column]:
        """`exact` for each of the paths; reads the payloads once for all."""
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
        """Add a column, such as one loaded from a file."""
        self._keep({path: column})

    def _made(
        self, paths: Collection[Steps], snapshot: RowSnapshot, is_complete: bool
    ) -> dict[Steps, Column] | None:
        """Build or fold the columns of the paths, to have few or no rows left to test.

        None if one is newer than the snapshot. Raises TooLarge.
        """
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
        """The cached columns of the paths; None if one is newer than the snapshot."""
        found: dict[Steps, Column] = {}
        with self._lock:
            for path in paths:
                column = self._columns.get(path)
                if column is None or column.operation < snapshot.payload_changes.begin:
                    continue
                if column.operation > snapshot.operation or column.base > snapshot.base:
                    return None
                if column.base < snapshot.base:
                    expect(column.nbytes * _BYTE_S)
                    column = self._columns[path] = column.counted_from(snapshot.base)
                self._columns.move_to_end(path)
                found[path] = column
        return found

    def _fresh(self, found: Mapping[Steps, Column], snapshot: RowSnapshot) -> Rows:
        """The live rows that are new or changed for at least one of the columns."""
        if not found:
            return _NO_ROWS
        first = min(column.next_row for column in found.values())
        since = min(column.operation for column in found.values())
        rows = snapshot.changed_since(since, first)
        assert rows is not None, "a column older than the log is not used"
        return rows

    def _is_behind(self, found: Mapping[Steps, Column], fresh: Rows, snapshot: RowSnapshot) -> bool:
        """Whether the rows `fresh` should be folded into the columns.

        Also if they are few but many rows came and went since: all of those are scanned each time.
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
        """Cache columns, and evict the least recently used ones beyond the limits."""
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
    """The number of rows unknown to columns up to which they are tested one by one."""
    return max(FEW_FRESH, snapshot.live.count * _FEW_PERCENT // 100)
