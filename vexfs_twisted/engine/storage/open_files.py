"""Limits the descriptors that all collections together hold open."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar

from ...model.system_limits import is_exhausted, map_limit

T = TypeVar("T")

_ENDLESS = 1 << 20


def descriptors_for_collections() -> int:
    """How many of the process's descriptors, by its present limit, collections may hold open.

    Three eighths are kept for connections, background writes and the rest of the process. An open
    collection has about as many memory maps as descriptors, so the number is also at most half the
    limit of maps.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = _ENDLESS
    maps = map_limit()
    return most * 5 // 8 if maps is None else min(most * 5 // 8, maps // 2)


class Closable(Protocol):
    """A group of files that can be closed while idle, and is reopened on demand."""

    @property
    def descriptors(self) -> int:
        """The most descriptors that the group takes."""

    @property
    def last_used(self) -> float:
        """When the group was last used, in seconds of the monotonic clock."""

    def close_idle(self) -> bool:
        """Close the group if it is idle; returns whether it was open and is now closed."""


class OpenFiles:
    """The open files of all collections, limited to `most` descriptors together. Thread-safe.

    Above the limit, the least recently used groups are closed. Groups in use never are, so the
    limit can be exceeded for a while.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        self._most = most
        self._lock = Lock()
        self._open: dict[Closable, int] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """The most descriptors that the open files take."""
        return self._count

    def make_room(self, wanted: int) -> None:
        """Close idle groups as needed to open `wanted` more descriptors.

        At least an eighth of the limit is freed at a time, so that not every opening searches.
        """
        if self._count + wanted > self._most:
            self._close(self._count + wanted - (self._most - self._most // 8))

    def relieves(self, error: Exception) -> bool:
        """If descriptors or maps have run out, close all idle groups; whether there were any."""
        return is_exhausted(error) and self._close(sys.maxsize) > 0

    def retried(self, function: Callable[[], T]) -> T:
        """What `function` returns, called once more if it fails for want of descriptors or maps.

        Only if idle groups could be closed in between, and once: others may open files as fast as
        these are closed.
        """
        try:
            return function()
        except Exception as error:
            if not self.relieves(error):
                raise
        return function()

    def opened(self, files: Closable) -> None:
        """Register a group that is open, or update its number of descriptors."""
        with self._lock:
            self._count += files.descriptors - self._open.get(files, 0)
            self._open[files] = files.descriptors

    def closed(self, files: Closable) -> None:
        """Unregister a group that is closed."""
        with self._lock:
            self._count -= self._open.pop(files, 0)

    def _close(self, wanted: int) -> int:
        """Close idle groups, least recently used first, until `wanted` descriptors are free."""
        with self._lock:
            ordered = sorted(self._open, key=lambda files: files.last_used)
        closed = 0
        for files in ordered:
            if closed >= wanted:
                break
            if files.close_idle():
                closed += files.descriptors
        return closed
