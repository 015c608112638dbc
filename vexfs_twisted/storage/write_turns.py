"""Backpressure on the writes of a collection whose optimizer is behind.

Where `optimizers_config.prevent_unoptimized` is set, updates that write vectors wait while there
are more rows without a graph than the indexing threshold. What comes after them waits as well, so
that updates keep their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..model.commands import Command
from ..model.errors import unknown_collection
from ..model.updates import UpdateVectors, Upsert
from .waiting_updates import WaitingUpdates, bytes_of

MOST_WAITING = 1024
"""Updates that may wait, of all collections together."""

MOST_WAITING_BYTES = 256 * 1024 * 1024
"""What they may take, in bytes; a single one may take more."""

LOOK_S = 1.0
"""Seconds after which is looked again whether updates still have to wait.

They are let go on as soon as a step of the optimizer or a commit makes room. What else ends the
wait, such as that the collection is deleted or the optimizer keeps failing, is noticed by this.
"""


class LimitedCollection(Protocol):
    """The part of a collection that writes wait for."""

    name: str

    @property
    def prevents_unoptimized(self) -> bool:
        """Whether writes wait at all."""

    def room_for_rows(self) -> int | None:
        """How many rows may be written at this time; None: any number."""


@frozen(eq=False)
class _Waiting:
    """An update in line: the rows of vectors that it writes, its bytes, and what it waits for."""

    rows: int
    size: int | None
    turn: Deferred[None] = field(repr=False)


class WriteTurns:
    """The updates of `collection` that wait for the optimizer, in their order.

    `pending_rows` returns the rows with vectors that are being committed, or wait for that.
    `is_there` tells whether the collection exists, and `is_over` whether none is to wait any more,
    as the server stops. All methods are called in the reactor thread.
    """

    def __init__(
        self,
        collection: LimitedCollection,
        pending_rows: Callable[[], int],
        is_there: Callable[[], bool],
        is_over: Callable[[], bool],
        waiting: WaitingUpdates,
        clock: IReactorTime,
    ) -> None:
        self._collection = collection
        self._pending_rows = pending_rows
        self._is_there = is_there
        self._is_over = is_over
        self._waiting = waiting
        self._clock = clock
        self._line: deque[_Waiting] = deque()
        self._next_look: IDelayedCall | None = None

    @property
    def length(self) -> int:
        """The number of updates that wait."""
        return len(self._line)

    def turn(
        self, commands: Sequence[Command], *, takes_memory: bool = True
    ) -> Deferred[None] | None:
        """None if the commands may be submitted now, or else what fires when they may.

        They must be submitted as soon as it fires, in its callback. Cancelling it gives up the
        place. It fails with NotFound when the collection is deleted. `takes_memory`: the waiting
        commands are counted, and refused with TooMany where too many wait.
        """
        if not self._line and self._goes_on_at_once(commands):
            return None
        size = bytes_of(commands) if takes_memory else None
        self._waiting.add(size)
        waiting = _Waiting(rows_of(commands), size, Deferred(self._given_up))
        self._line.append(waiting)
        self._look_later()
        return waiting.turn

    def look(self) -> None:
        """Let those go on for which there is room now."""
        if self._line and not self._is_there():
            gone = unknown_collection(self._collection.name)
            while self._line:
                self._next().turn.errback(gone)
        while self._line and self._has_room(self._line[0].rows):
            # What is submitted in its callback counts for the next.
            self._next().turn.callback(None)
        self._look_later()

    def _next(self) -> _Waiting:
        waiting = self._line.popleft()
        self._waiting.remove(waiting.size)
        return waiting

    def _given_up(self, turn: Deferred[None]) -> None:
        """The client has left, or its time is over."""
        given_up = next(waiting for waiting in self._line if waiting.turn is turn)
        self._line.remove(given_up)
        self._waiting.remove(given_up.size)
        # The first one may have been all that others waited behind.
        self.look()

    def _goes_on_at_once(self, commands: Sequence[Command]) -> bool:
        return not self._collection.prevents_unoptimized or self._has_room(rows_of(commands))

    def _has_room(self, rows: int) -> bool:
        if not rows or self._is_over():
            return True
        room = self._collection.room_for_rows()
        if room is None:
            return True
        pending = self._pending_rows()
        # Too few rows for a graph are never linked, so that an update of any size has to go on.
        return room >= 0 and (not pending or pending + rows <= room)

    def _look_later(self) -> None:
        """Look again in a while, as long as any wait."""
        if self._next_look is not None and self._next_look.active():
            if not self._line:
                self._next_look.cancel()
        elif self._line:
            self._next_look = self._clock.callLater(LOOK_S, self.look)


def rows_of(commands: Sequence[Command]) -> int:
    """The rows with vectors that commands write at most."""
    return sum(
        len(command.ids)
        for command in commands
        if isinstance(command, Upsert | UpdateVectors) and command.vectors
    )
