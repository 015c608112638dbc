"""How many descriptors collections hold open together."""

from __future__ import annotations

import resource
import sys
from threading import Lock
from typing import Protocol

from ...model.system_limits import is_exhausted, map_limit

_ENDLESS = 1 << 20


def descriptors_for_collections() -> int:
    """How many descriptors collections may hold open of those that the process may have now.

    Three in eight are kept for connections, for what is written in the background and for the rest
    of the process. An open collection has about as many memory maps as descriptors, so they take
    half of these at most.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = _ENDLESS
    maps = map_limit()
    return most * 5 // 8 if maps is None else min(most * 5 // 8, maps // 2)


class Closable(Protocol):
    """Files that belong together, and that are opened again when they are needed."""

    @property
    def descriptors(self) -> int:
        """How many descriptors they take at most."""

    @property
    def last_used(self) -> float:
        """When they were used last, by the monotonic clock."""

    def close_idle(self) -> bool:
        """Close them if nobody uses them; whether they were open and are closed now."""


class OpenFiles:
    """The open files of all collections, `most` descriptors together. Any thread may call.

    Where there would be more, those that have not been used for longest are closed. Files in use
    never are, so that there may be more for a while.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        self._most = most
        self._lock = Lock()
        self._open: dict[Closable, int] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """How many descriptors the open files take at most."""
        return self._count

    def make_room(self, wanted: int) -> None:
        """Close what is idle as far as it takes to open so many descriptors more.

        An eighth of all are closed at a time, so that this is not looked for at every opening.
        """
        if self._count + wanted > self._most:
            self._close(self._count + wanted - (self._most - self._most // 8))

    def relieves(self, error: Exception) -> bool:
        """Close whatever is idle if descriptors or maps have run out; whether there was any.

        Then what has failed with `error` is worth another try.
        """
        return is_exhausted(error) and self._close(sys.maxsize) > 0

    def opened(self, files: Closable) -> None:
        """Take note of files that are open now, or of how many descriptors they take."""
        with self._lock:
            self._count += files.descriptors - self._open.get(files, 0)
            self._open[files] = files.descriptors

    def closed(self, files: Closable) -> None:
        """Take note of files that are closed now."""
        with self._lock:
            self._count -= self._open.pop(files, 0)

    def _close(self, wanted: int) -> int:
        """Close idle files, those used last at the end, until `wanted` descriptors are free."""
        with self._lock:
            ordered = sorted(self._open, key=lambda files: files.last_used)
        closed = 0
        for files in ordered:
            if closed >= wanted:
                break
            if files.close_idle():
                closed += files.descriptors
        return closed
