"""Incoming streams: messages from a client are admitted, grouped, committed and acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from ..model.commands import Outcome
from ..model.streams import Acknowledgement
from ..model.updates import Upsert
from .budget import ByteBudget, Credit
from .regrouping import PendingRuns, Run, size_of
from .settings import StreamSettings
from .signal import Signal

WaitsFor = Callable[["Deferred[None]"], object]
"""Takes note of what a write waits for before it begins, to be cancelled when the stream ends."""

Write = Callable[[str, Sequence[Upsert], WaitsFor], "Deferred[list[Outcome]]"]
"""Applies upserts to one collection in one commit, up to the first error.

Fires with their outcomes: operation ids, and at last the error if there is one. They may be those
of the first upserts only, after which the others are written by another call.
"""

LINGER_S = 0.1
"""The maximum delay of a message, in seconds, for group commit; without acknowledgements only."""

MAX_UNREAD = 10_000
"""The number of undelivered acknowledgements from which no more messages are admitted."""


class Incoming:
    """See IncomingStream. Used in the reactor thread only.

    `steps` iterates over the work; its scheduler must exhaust it. There is one commit in progress
    at a time, while messages for the next are collected, so that a prefix of the messages is on
    disk at any time. `is_prompt`: messages are committed without delay, and acknowledged. `over`
    fires when the work is done.

    The methods are coroutines that wait for conditions; every change of state wakes all of them.
    The error that ends the stream is returned as a Failure, not raised: a traceback would keep the
    frames of all coroutines alive, and the messages in them.
    """

    def __init__(
        self,
        write: Write,
        budget: ByteBudget,
        settings: StreamSettings,
        clock: IReactorTime,
        is_prompt: bool = False,
    ) -> None:
        self.over: Deferred[None] = Deferred()
        self.points_written = 0
        self._write = write
        self._budget = budget
        self._settings = settings
        self._clock = clock
        self._is_prompt = is_prompt
        self._pending = PendingRuns()
        self._unheard: list[Acknowledgement] = []
        self._is_finishing = False
        self._is_committing = False
        self._end: Failure | None = None
        self._claim: Deferred[Credit] | None = None
        self._turn: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._changed = Signal()

    def put(self, name: str, update: Upsert) -> Deferred[None]:
        """See IncomingStream."""
        if self._end is not None:
            return fail(self._end)
        assert not self._is_finishing
        return Deferred.fromCoroutine(self._put(name, update))

    async def _put(self, name: str, update: Upsert) -> Any:
        self._claim = self._budget.take(size_of(update))
        if not self._claim.called:
            # Other streams may wait for the memory of the pending messages.
            self.flush()
        try:
            self._admit(await self._claim, name, update)
        except CancelledError:
            # Either the stream has ended, or the caller was cancelled, which closes it.
            self.close()
            return self._end
        await self._until(lambda: self._is_done or self._has_room())
        return self._end

    def finish(self) -> Deferred[int]:
        """See IncomingStream."""
        self._is_finishing = True
        self._changed.ring()
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> Any:
        await self._until(lambda: self.over.called)
        return self._end or self.points_written

    def acknowledged(self) -> Deferred[Sequence[Acknowledgement]]:
        """See IncomingStream."""
        return Deferred.fromCoroutine(self._acknowledged())

    async def _acknowledged(self) -> Any:
        await self._until(lambda: self.over.called or bool(self._unheard))
        if not self._unheard:
            return self._end or ()
        heard, self._unheard = self._unheard, []
        self._changed.ring()
        return heard

    def close(self) -> None:
        """See IncomingStream."""
        self.end(CancelledError())

    def end(self, reason: Exception) -> None:
        """Finish only the commit in progress; all methods fail with `reason`."""
        self._fail(Failure(reason))

    def flush(self) -> None:
        """Commit the pending messages without further delay."""
        if self._pending:
            self._pending.is_urgent = True
            self._changed.ring()

    def steps(self) -> Iterator[Deferred[Any]]:
        """The work up to the last commit, as Deferreds to wait for. None of them fails."""
        while self._is_committing or not self._is_done:
            if not self._is_due():
                yield self._changed.wait()
                continue
            runs = self._pending.cut()
            if not self._pending:
                self._stop_timer()
            self._changed.ring()
            while self._is_committing:
                yield self._changed.wait()
            self._is_committing = True
            committing = Deferred.fromCoroutine(self._commit(runs))
            committing.addErrback(self._fail).addCallback(self._has_committed, runs)
        self.over.callback(None)
        self._changed.ring()

    async def _until(self, is_met: Callable[[], bool]) -> None:
        """Wait for a condition. Cancelling the wait closes the stream."""
        try:
            while not is_met():
                await self._changed.wait()
        except CancelledError:
            self.close()
            raise

    def _admit(self, credit: Credit, name: str, update: Upsert) -> None:
        """Add a message whose memory was granted."""
        self._pending.add(name, update, credit)
        if self._timer is None and not self._is_prompt:
            self._timer = self._clock.callLater(LINGER_S, self._lingered)
        self._changed.ring()

    def _lingered(self) -> None:
        self._timer = None
        self.flush()

    def _has_room(self) -> bool:
        return (
            self._pending.points < self._settings.commit_points
            and self._pending.bytes < self._settings.commit_bytes
            and len(self._unheard) < MAX_UNREAD
        )

    def _is_due(self) -> bool:
        """Whether pending messages are to be committed now."""
        if not self._pending:
            return False
        if self._is_finishing or self._pending.is_urgent or not self._has_room():
            return True
        return self._pending.is_mixed or (self._is_prompt and not self._is_committing)

    @property
    def _is_done(self) -> bool:
        """Whether no commit is to be begun any more: all messages were cut, or the stream ended."""
        is_claiming = self._claim is not None and not self._claim.called
        is_all = self._is_finishing and not self._pending and not is_claiming
        return is_all or self._end is not None

    async def _commit(self, runs: deque[Run]) -> None:
        """Write runs of one collection, and remove those that are written from `runs`.

        If a run of several messages fails, it is split and retried message by message.
        """
        while runs and self._end is None:
            updates = [run.update for run in runs]
            writing = maybeDeferred(self._write, runs[0].name, updates, self._waits_for)
            # Not raised either, see the class.
            (outcomes,) = await writing.addBoth(lambda result: (result,))
            if isinstance(outcomes, Failure):
                self._fail(outcomes)
                return
            problem = self._take_outcomes(runs, outcomes)
            if problem is not None and len(runs[0].messages) == 1:
                self._fail(Failure(problem))
            elif problem is not None:
                runs.extendleft(reversed(runs.popleft().split()))

    def _waits_for(self, turn: Deferred[None]) -> None:
        """See WaitsFor."""
        self._turn = turn

    def _take_outcomes(self, runs: deque[Run], outcomes: Sequence[Outcome]) -> Exception | None:
        """Acknowledge the written runs and remove them from `runs`; returns the error, or None."""
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                return outcome
            for message in runs.popleft().messages:
                self.points_written += message.points
                message.credit.release()
                if self._is_prompt:
                    done = Acknowledgement(message.number, message.points, outcome)
                    self._unheard.append(done)
        return None

    def _has_committed(self, _: None, left: Iterable[Run]) -> None:
        _release(left)
        self._is_committing = False
        self._changed.ring()

    def _fail(self, failure: Failure) -> None:
        """End the stream: drop messages that are not being written. The first error is reported."""
        if self._end is not None or self.over.called:
            return
        self._end = failure
        self._stop_timer()
        if self._claim is not None:
            self._claim.cancel()
        if self._turn is not None:
            self._turn.cancel()
        while self._pending:
            _release(self._pending.cut())
        self._changed.ring()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _release(runs: Iterable[Run]) -> None:
    for run in runs:
        for message in run.messages:
            message.credit.release()
