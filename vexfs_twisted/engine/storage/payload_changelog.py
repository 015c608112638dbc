"""Which rows have had their payload changed where they are.

Whatever is derived from payloads, in memory or in files, follows new rows by their numbers, and
changed ones by this log.
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
    """The rows, ascending, whose payload was changed by update `operation`, or since the last one.

    The last one is the touch before it in the log.
    """

    operation: int
    rows: Rows = field(eq=False)


@frozen
class PayloadChangelog:
    """The latest payload changes in order; complete for the operations from number `begin` on.

    Where there are many, older ones are put together. What is told of a time long ago may then name
    rows that were touched a little earlier, a quarter more than were touched since at most.
    """

    begin: int
    touches: tuple[PayloadChange, ...] = ()

    def since(self, operation: int) -> Rows | None:
        """The rows, ascending, touched by operations from this one on; None: not known any more."""
        if operation < self.begin:
            return None
        later = [touch.rows for touch in self.touches if touch.operation >= operation]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *later]))

    def most_since(self, operation: int) -> int | None:
        """How many rows `since` has at most, for less work."""
        if operation < self.begin:
            return None
        return sum(len(touch.rows) for touch in self.touches if touch.operation >= operation)

    def extended(self, touch: PayloadChange) -> PayloadChangelog:
        """The log with a newer touch at its end, cut to what is worth keeping."""
        kept = (*self.touches, touch)
        if len(kept) > _MOST_ENTRIES:
            kept = tuple(_thinned(kept))
        begin, rows = self.begin, sum(len(touch.rows) for touch in kept)
        while rows > _MOST_ROWS:
            begin, rows = kept[0].operation + 1, rows - len(kept[0].rows)
            kept = kept[1:]
        return PayloadChangelog(begin, kept)


def _thinned(touches: Sequence[PayloadChange]) -> Iterator[PayloadChange]:
    """The changes, neighbours as one where together they have few rows beside all newer ones.

    What is left is in number a multiple of the logarithm of how many rows there are.
    """
    newer = sum(len(touch.rows) for touch in touches)
    group: list[PayloadChange] = []
    size = 0
    for touch in touches:
        newer -= len(touch.rows)
        size += len(touch.rows)
        if group and size * _FEW > newer:
            yield _together(group)
            group, size = [], len(touch.rows)
        group.append(touch)
    yield _together(group)


def _together(group: Sequence[PayloadChange]) -> PayloadChange:
    if len(group) == 1:
        return group[0]
    return PayloadChange(
        group[-1].operation, np.unique(np.concatenate([touch.rows for touch in group]))
    )
