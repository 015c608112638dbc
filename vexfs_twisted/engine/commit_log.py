"""What a collection tells a log of its commits; see `command_logs`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..model.commands import CommandBatch
from .collection_identity import Identity


class CommittedBatch(NamedTuple):
    """A batch, and the last command and the next operation before it and after it."""

    batch: CommandBatch
    before: int
    after: int
    operation: int
    next_operation: int


class CommitLog(Protocol):
    """The log of one collection, used by its writer only. Methods raise OSError."""

    def open(self, command: int) -> None:
        """Continue the log of a collection whose last command is `command`."""

    def append(self, batches: Sequence[CommittedBatch]) -> None:
        """Append batches durably. They are withdrawn unless `keep` is called before the next."""

    def keep(self) -> None:
        """The batches that were appended are committed."""

    def withdraw(self) -> None:
        """The batches that were appended are not committed."""

    def close(self) -> None:
        """Close the file until the next batch."""


LogOf = Callable[[Identity], CommitLog]
"""The log of a collection. Raises OSError."""
