"""A read context that ends after so many looks at it, for tests of work that can be stopped."""

from __future__ import annotations

from math import inf

from vexfs_twisted.model.read_context import ReadContext


class CountedContext(ReadContext):
    """A read context that is looked at so many times before it is cancelled."""

    def __init__(self, most: float = inf) -> None:
        super().__init__()
        self.looks = 0
        self._most = most

    def is_over(self, now: float) -> bool:
        """Count the look."""
        self.looks += 1
        if self.looks > self._most:
            self.cancel()
        return super().is_over(now)
