"""The payload changelog: which rows had their payload changed in place.

Data derived from payloads, in memory or in files, finds new rows by their numbers and changed rows
by this log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import field, frozen

from .bitmap import Rows

_MOST_ENTRIES = 256
_MOST_ROWS = 1 << 20
_FEW = 4


@frozen
class PayloadChange:
    """The rows, ascending, whose payload was changed by update `operation`.

    A compacted entry has the changes of all operations since the entry before it in the log.
    """

    operation: int
    rows: Rows = field(eq=False)


@frozen
class PayloadChangelog:
    """The latest payload changes in order; complete from operation `begin` on. Immutable.

    Older entries are compacted when there are many. Answers for operations long ago may then have
    rows that were changed a little earlier, at most a quarter more than were changed since.
    """

    begin: int
    changes: tuple[PayloadChange, ...] = ()

    def since(self, operation: int) -> Rows | None:
        """The rows, ascending, changed by this operation or later; None before `begin`."""
        if operation < self.begin:
            return None
        later = [change.rows for change in self.changes if change.operation >= operation]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *later]))

    def most_since(self, operation: int) -> int | None:
        """An upper bound for the length of `since`, which is cheaper; None before `begin`."""
        if operation < self.begin:
            return None
        return sum(len(change.rows) for change in self.changes if change.operation >= operation)

    def counted_from(self, row: int) -> PayloadChangelog:
        """The log with rows counted from `row`, without those before it."""
        changes = []
        for change in self.changes:
            rows = change.rows[change.rows.searchsorted(row) :] - row
            if len(rows):
                changes.append(PayloadChange(change.operation, rows))
        return PayloadChangelog(self.begin, tuple(changes))

    def extended(self, change: PayloadChange) -> PayloadChangelog:
        """The log with a newer change appended, compacted and trimmed to its limits."""
        kept = (*self.changes, change)
        if len(kept) > _MOST_ENTRIES:
            kept = tuple(_thinned(kept))
        begin, rows = self.begin, sum(len(change.rows) for change in kept)
        while rows > _MOST_ROWS:
            begin, rows = kept[0].operation + 1, rows - len(kept[0].rows)
            kept = kept[1:]
        return PayloadChangelog(begin, kept)


def _thinned(changes: Sequence[PayloadChange]) -> Iterator[PayloadChange]:
    """Compact the log: joins neighbours that together have few rows compared to all newer ones.

    The number of entries left is proportional to the logarithm of the number of rows.
    """
    newer = sum(len(change.rows) for change in changes)
    group: list[PayloadChange] = []
    size = 0
    for change in changes:
        newer -= len(change.rows)
        size += len(change.rows)
        if group and size * _FEW > newer:
            yield _together(group)
            group, size = [], len(change.rows)
        group.append(change)
    yield _together(group)


def _together(group: Sequence[PayloadChange]) -> PayloadChange:
    if len(group) == 1:
        return group[0]
    return PayloadChange(
        group[-1].operation, np.unique(np.concatenate([change.rows for change in group]))
    )
