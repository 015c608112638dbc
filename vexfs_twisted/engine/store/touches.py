"""Which rows have had their payload changed where they are.

Whatever is derived from payloads and kept in memory follows new rows by their numbers, and changed
ones by this log.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from .bitmap import Rows

_MOST_ENTRIES = 256
_MOST_ROWS = 1 << 20


@frozen
class Touch:
    """The rows, distinct, whose payload the update `operation` has changed."""

    operation: int
    rows: Rows


@frozen
class TouchLog:
    """The latest touches in order; complete for the operations from number `begin` on."""

    begin: int
    touches: tuple[Touch, ...] = ()

    def since(self, operation: int) -> Rows | None:
        """The rows, ascending, touched by operations from this one on; None: not known any more."""
        if operation < self.begin:
            return None
        later = [touch.rows for touch in self.touches if touch.operation >= operation]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *later]))

    def extended(self, touches: list[Touch]) -> TouchLog:
        """The log with newer touches at its end, cut to what is worth keeping."""
        if not touches:
            return self
        kept = [*self.touches, *touches][-_MOST_ENTRIES:]
        room = _MOST_ROWS - np.cumsum([len(touch.rows) for touch in kept[::-1]])
        kept = kept[len(kept) - int((room >= 0).sum()) :]
        begin = self.begin
        if len(kept) < len(self.touches) + len(touches):
            dropped = [*self.touches, *touches][-len(kept) - 1]
            begin = dropped.operation + 1
        return TouchLog(begin, tuple(kept))
