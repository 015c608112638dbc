"""All streams of the server: how many there are, what they hold, and their turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure

from ..model.errors import TimedOut, TooMany, Unavailable
from ..model.read_context import ReadContext
from ..model.status import StreamsStatus
from ..model.streams import P
from .budget import ByteBudget
from .incoming import Incoming, Write
from .outgoing import OpenCursor, Outgoing
from .settings import StreamSettings

AnyStream = Outgoing[Any] | Incoming


class Streams(Service):
    """Opens streams, gives each its turn, and ends those that take too long.

    One Cooperator does the work of all, a batch of one stream after a batch of another. Belongs to
    the thread of `clock`, which is the reactor. Ready to be used as soon as it is made;
    `stopService` lets open streams finish for the grace of the settings, and then ends them with
    Unavailable.
    """

    name = "streams"

    def __init__(
        self,
        clock: IReactorTime,
        settings: StreamSettings | None = None,
        freed: Callable[[int], object] | None = None,
    ) -> None:
        self.settings = settings or StreamSettings()
        self._clock = clock
        self._budget = ByteBudget(self.settings.budget_bytes, freed)
        self._cooperator = Cooperator(scheduler=partial(clock.callLater, 0))
        self._open: set[AnyStream] = set()
        self._is_stopping = False
        self._drained: Deferred[None] | None = None

    @property
    def status(self) -> StreamsStatus:
        """What streams are doing now."""
        return StreamsStatus(
            open_streams=len(self._open),
            max_streams=self.settings.max_streams,
            used_bytes=self._budget.used,
            budget_bytes=self._budget.limit,
            batch_points=self.settings.batch_points,
        )

    def outgoing(
        self,
        open_cursor: OpenCursor[P],
        timeout: float | None = None,
        context: ReadContext | None = None,
    ) -> Deferred[Outgoing[P]]:
        """A stream of what the cursor reads; fires once the cursor is open.

        `context` is that of the cursor, and is cancelled when the stream is closed.
        Fails as `open_cursor` does, with TooMany, and with Unavailable when the server stops.
        """
        refusal = self._refusal()
        if refusal is not None:
            return fail(refusal)
        stream = Outgoing(open_cursor, self._budget, self.settings, context)
        self._begin(stream, timeout)
        return stream.opened

    def incoming(
        self, write: Write, is_prompt: bool = False, timeout: float | None = None
    ) -> Incoming:
        """A stream into `write`. Raises TooMany, and Unavailable when the server stops."""
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        stream = Incoming(write, self._budget, self.settings, self._clock, is_prompt)
        self._begin(stream, timeout)
        return stream

    def startService(self) -> None:
        """Let streams be opened."""
        super().startService()
        self._is_stopping = False

    def stopService(self) -> Deferred[None]:
        """Open no more streams. Fires when none is left."""
        super().stopService()
        self._is_stopping = True
        if not self._open:
            return succeed(None)
        hurry = self._clock.callLater(self.settings.stop_grace, self._end_all)
        self._drained = Deferred()
        return self._drained.addCallback(lambda _: _cancel(hurry))

    def _refusal(self) -> TooMany | Unavailable | None:
        if self._is_stopping:
            return Unavailable("the server is stopping")
        if len(self._open) >= self.settings.max_streams:
            return TooMany(f"{self.settings.max_streams} streams are open, as many as may be")
        return None

    def _begin(self, stream: AnyStream, timeout: float | None) -> None:
        self._open.add(stream)
        deadline: IDelayedCall | None = None
        if timeout is not None:
            late = TimedOut(f"the stream did not finish within {timeout:g} seconds")
            deadline = self._clock.callLater(timeout, stream.end, late)
        stream.over.addCallback(self._ended, stream, deadline)
        steps: Iterator[Deferred[Any]] = stream.steps()
        self._cooperator.cooperate(steps).whenDone().addErrback(self._broken, stream)

    def _ended(self, _: None, stream: AnyStream, deadline: IDelayedCall | None) -> None:
        self._open.discard(stream)
        _cancel(deadline)
        drained = self._drained
        if drained is not None and not self._open:
            self._drained = None
            drained.callback(None)

    def _broken(self, failure: Failure, stream: AnyStream) -> Failure:
        """The work has failed, by a fault of ours: Twisted logs it, the one who waits is told."""
        assert isinstance(failure.value, Exception)
        stream.end(failure.value)
        if not stream.over.called:
            stream.over.callback(None)
        return failure

    def _end_all(self) -> None:
        for stream in list(self._open):
            stream.end(Unavailable("the server is stopping"))


def _cancel(call: IDelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()
