"""Reads that are tried in the thread that submits them."""

from __future__ import annotations

from ..model.read_context import SHORT_S, ReadContext

AT_ONCE_S = 0.002
"""Seconds of work that a read may take in the thread that submits it."""

NOT_AT_ONCE = 100
"""Reads that are not tried at once after one that took longer."""


class AtOnce:
    """Says which reads are tried at once, by how long those before them took."""

    def __init__(self) -> None:
        self.skipped = 0

    def admits(self) -> bool:
        """Whether the next read is tried."""
        if self.skipped:
            self.skipped -= 1
            return False
        return True

    def begin(self, context: ReadContext) -> None:
        """Bound the work of a read that is tried."""
        context.short_work = AT_ONCE_S

    def outgrown(self, context: ReadContext) -> None:
        """The read took longer, and is begun again elsewhere."""
        context.short_work = SHORT_S
        self.skipped = NOT_AT_ONCE
