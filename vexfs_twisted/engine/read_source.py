"""What the functions that answer reads use of a collection."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from .acceleration import SearchAccelerator
from .damage_log import DamageLog
from .mvcc.indexes import Indexes
from .mvcc.state import CollectionState, Snapshot
from .optimizer.journal import Journal


class Source(Protocol):
    """The part of a collection that reads use."""

    @property
    def name(self) -> str:
        """The name of the collection."""

    @property
    def accelerator(self) -> SearchAccelerator | None:
        """The accelerator that unfiltered searches try first, or None."""

    @property
    def path(self) -> Path:
        """The directory of the collection."""

    @property
    def state(self) -> CollectionState:
        """The newest state. Does not block."""

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory."""

    @property
    def journal(self) -> Journal:
        """The journal of the optimizer."""

    @property
    def damages(self) -> DamageLog:
        """The damage that is known."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A context with a snapshot of the collection, which opens its files."""
