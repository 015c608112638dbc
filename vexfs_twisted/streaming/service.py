"""The service of all streams: their number, memory budget, scheduling and deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure

from ..model.errors import Stopping, TimedOut, TooMany, Unavailable
from ..model.read_context import ReadContext
from ..model.server_report import MemoryBudget
from ..model.status import StreamsStatus
from ..model.streams import P
from .budget import ByteBudget
from .incoming import Incoming, Write
from .outgoing import OpenCursor, Outgoing
from .settings import StreamSettings

AnyStream = Outgoing[Any] | Incoming


class Streams(Service):
    """Opens streams, schedules their work, and ends those that exceed their deadlines.

    One Cooperator runs the work of all streams in turns of one step. Used in the reactor thread
    only, that of `clock`. Usable before it is started. `stopService` gives open streams
    `settings.stop_grace` seconds to finish, and then ends them with Unavailable. `freed` is called
    with each number of bytes released.
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
        """The current number of streams and their memory."""
        return StreamsStatus(
            open_streams=len(self._open),
            max_streams=self.settings.max_streams,
            used_bytes=self._budget.used,
            budget_bytes=self._budget.limit,
            batch_points=self.settings.batch_points,
        )

    @property
    def memory(self) -> MemoryBudget:
        """The memory of all streams."""
        return self._budget.status()

    def outgoing(
        self,
        open_cursor: OpenCursor[P],
        timeout: float | None = None,
        context: ReadContext | None = None,
    ) -> Deferred[Outgoing[P]]:
        """Open a stream of the points of a cursor; fires once the cursor is open.

        The stream ends with TimedOut after `timeout` seconds. `context` is the read context of the
        cursor, and is cancelled when the stream is closed. Fails with the errors of `open_cursor`,
        with TooMany, and with Unavailable when the server stops.
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
        """Open a stream of messages that `write` applies; `is_prompt`: see Incoming.

        The stream ends with TimedOut after `timeout` seconds. Raises TooMany, and Unavailable when
        the server stops.
        """
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        stream = Incoming(write, self._budget, self.settings, self._clock, is_prompt)
        self._begin(stream, timeout)
        return stream

    def startService(self) -> None:
        """Accept new streams."""
        super().startService()
        self._is_stopping = False

    def stopService(self) -> Deferred[None]:
        """Refuse new streams. Fires when no stream is open."""
        super().stopService()
        self._is_stopping = True
        if not self._open:
            return succeed(None)
        hurry = self._clock.callLater(self.settings.stop_grace, self._end_all)
        self._drained = Deferred()
        return self._drained.addCallback(lambda _: _cancel(hurry))

    def _refusal(self) -> TooMany | Unavailable | None:
        if self._is_stopping:
            return Stopping()
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
        """The work raised unexpectedly: end the stream with the error, which Twisted also logs."""
        assert isinstance(failure.value, Exception)
        stream.end(failure.value)
        if not stream.over.called:
            stream.over.callback(None)
        return failure

    def _end_all(self) -> None:
        for stream in list(self._open):
            stream.end(Stopping())


def _cancel(call: IDelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()
