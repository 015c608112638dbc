"""Limits on updates that wait in memory, of all collections together."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.commands import Command
from ..model.errors import TooMany
from ..model.updates import UpdateVectors, Upsert
from ..streaming.regrouping import POINT_SIZE, size_of


class WaitingUpdates:
    """How many updates wait for `reason`, and the bytes of them. Used in the reactor thread.

    At most `most` wait, and `most_bytes`; a single one may take more. A size of None is of an
    update that something else counts.
    """

    def __init__(self, most: int, most_bytes: int, reason: str) -> None:
        self.count = 0
        self.bytes = 0
        self._most = most
        self._most_bytes = most_bytes
        self._reason = reason

    def add(self, size: int | None) -> None:
        """Count one more. Raises TooMany."""
        if size is None:
            return
        is_full = self.count >= self._most
        if is_full or (self.count and self.bytes + size > self._most_bytes):
            raise TooMany(f"as many updates wait for {self._reason} as may")
        self.count += 1
        self.bytes += size

    def remove(self, size: int | None) -> None:
        """Count one less."""
        if size is not None:
            self.count -= 1
            self.bytes -= size


def bytes_of(commands: Sequence[Command]) -> int:
    """The bytes that commands take, roughly."""
    return sum(map(_bytes_of, commands))


def _bytes_of(command: Command) -> int:
    if isinstance(command, Upsert | UpdateVectors):
        return size_of(command)
    return POINT_SIZE * len(getattr(command, "ids", None) or ())
