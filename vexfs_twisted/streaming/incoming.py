"""A stream of points from one client: messages are admitted, gathered, committed, acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from ..interfaces import Outcome
from ..model.streams import Acknowledgement
from ..model.updates import Upsert
from .budget import ByteBudget, Credit
from .regrouping import Message, Run, RunDraft, size_of
from .settings import StreamSettings
from .signal import Signal

Write = Callable[[str, Sequence[Upsert]], "Deferred[list[Outcome]]"]
"""Carries out upserts of one collection in one commit, up to the first error."""

LINGER_S = 0.1
"""How long a message is kept waiting for others, where none is acknowledged."""

MAX_UNREAD = 10_000
"""How many acknowledgements may wait to be heard before no more messages are taken."""


class Incoming:
    """See IncomingStream. Belongs to the reactor thread.

    `steps` is the work: whoever schedules it runs it to its end. One commit is under way at a time
    while the next is gathered, so what is on disk are always the first messages. `is_prompt`:
    messages are not kept waiting for others, and are acknowledged. `over` fires when the work is
    done.
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
        self._gathered: deque[RunDraft] = deque()
        self._messages = 0
        self._points = 0
        self._bytes = 0
        self._unheard: list[Acknowledgement] = []
        self._is_flushing = False
        self._is_finishing = False
        self._is_committing = False
        self._is_settled = False
        self._end: Failure | None = None
        self._claim: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None
        self._putting: Deferred[None] | None = None
        self._finished: Deferred[int] | None = None
        self._hearing: Deferred[Sequence[Acknowledgement]] | None = None
        self._bell = Signal()

    def put(self, name: str, update: Upsert) -> Deferred[None]:
        """See IncomingStream."""
        if self._end is not None:
            return fail(self._end)
        assert not self._is_finishing
        putting: Deferred[None] = Deferred(self._cancelled)
        self._putting = putting
        self._claim = claim = self._budget.take(size_of(update))
        if not claim.called:
            # Others may wait for what is gathered here.
            self.flush()
        claim.addCallbacks(self._admit, _given_up, (name, update))
        return putting

    def finish(self) -> Deferred[int]:
        """See IncomingStream."""
        self._is_finishing = True
        finished: Deferred[int] = Deferred(self._cancelled)
        self._finished = finished
        self._announce()
        self._bell.ring()
        return finished

    def acknowledged(self) -> Deferred[Sequence[Acknowledgement]]:
        """See IncomingStream."""
        hearing: Deferred[Sequence[Acknowledgement]] = Deferred(self._cancelled)
        self._hearing = hearing
        self._announce()
        return hearing

    def close(self) -> None:
        """See IncomingStream."""
        self.end(CancelledError())

    def end(self, reason: Exception) -> None:
        """Write no more than what is being written; all methods fail with `reason`."""
        if self._end is None and not self._is_settled:
            self._refuse(Failure(reason))

    def flush(self) -> None:
        """Keep what is gathered waiting no longer."""
        if self._gathered:
            self._is_flushing = True
            self._bell.ring()

    def steps(self) -> Iterator[Deferred[Any]]:
        """The work, to the last commit. No Deferred of these fails."""
        while not self._has_ended():
            if not self._is_due():
                yield self._bell.wait()
                continue
            runs = self._cut()
            while self._is_committing:
                yield self._bell.wait()
            if self._end is None:
                self._commit(runs)
            else:
                _release(runs)
        self._is_settled = True
        self.over.callback(None)
        self._announce()

    def _cancelled(self, _: Deferred[Any]) -> None:
        self.close()

    def _admit(self, credit: Credit, name: str, update: Upsert) -> None:
        """Gather a message that has its memory."""
        message = Message(self._messages, len(update.ids), credit)
        self._messages += 1
        self._points += message.points
        self._bytes += credit.size
        if self._gathered and self._gathered[-1].takes(name, update):
            self._gathered[-1].add(update, message)
        else:
            self._gathered.append(RunDraft(name, update, message))
        if self._timer is None and not self._is_prompt:
            self._timer = self._clock.callLater(LINGER_S, self._lingered)
        self._announce()
        self._bell.ring()

    def _lingered(self) -> None:
        self._timer = None
        self.flush()

    def _has_room(self) -> bool:
        return (
            self._points < self._settings.commit_points
            and self._bytes < self._settings.commit_bytes
            and len(self._unheard) < MAX_UNREAD
        )

    def _is_due(self) -> bool:
        """Whether what is gathered is to be committed next."""
        if not self._gathered:
            return False
        if self._is_finishing or self._is_flushing or not self._has_room():
            return True
        is_mixed = self._gathered[0].name != self._gathered[-1].name
        return is_mixed or (self._is_prompt and not self._is_committing)

    def _has_ended(self) -> bool:
        if self._is_committing:
            return False
        is_all = self._is_finishing and not self._gathered and self._putting is None
        return is_all or self._end is not None

    def _cut(self) -> list[Run]:
        """What one commit takes: all that is gathered of one collection."""
        name = self._gathered[0].name
        runs: list[Run] = []
        while self._gathered and self._gathered[0].name == name:
            runs.append(self._gathered.popleft().finished())
        messages = [message for run in runs for message in run.messages]
        self._points -= sum(message.points for message in messages)
        self._bytes -= sum(message.credit.size for message in messages)
        self._is_flushing = self._is_flushing and bool(self._gathered)
        if not self._gathered:
            self._stop_timer()
        self._announce()
        return runs

    def _commit(self, runs: Sequence[Run]) -> None:
        self._is_committing = True
        writing = maybeDeferred(self._write, runs[0].name, [run.update for run in runs])
        writing.addCallback(self._committed, runs).addErrback(self._broke, runs)

    def _committed(self, outcomes: Sequence[Outcome], runs: Sequence[Run]) -> None:
        left = deque(runs)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                self._retry_or_refuse(left, outcome)
                return
            self._count(left.popleft(), outcome)
        self._has_committed()

    def _retry_or_refuse(self, runs: deque[Run], problem: Exception) -> None:
        """Nothing of the first run is written: find the message in it that is wrong."""
        if len(runs[0].messages) > 1 and self._end is None:
            self._commit([*runs.popleft().split(), *runs])
        else:
            self._broke(Failure(problem), runs)

    def _broke(self, failure: Failure, runs: Iterable[Run]) -> None:
        _release(runs)
        if self._end is None:
            self._refuse(failure)
        self._has_committed()

    def _has_committed(self) -> None:
        self._is_committing = False
        self._announce()
        self._bell.ring()

    def _count(self, run: Run, operation_id: int) -> None:
        for message in run.messages:
            self.points_written += message.points
            message.credit.release()
            if self._is_prompt:
                done = Acknowledgement(message.number, message.points, operation_id)
                self._unheard.append(done)

    def _refuse(self, failure: Failure) -> None:
        """Take no more, and drop what is not being written."""
        self._end = failure
        self._stop_timer()
        if self._claim is not None:
            self._claim.cancel()
        while self._gathered:
            for message in self._gathered.popleft().messages:
                message.credit.release()
        self._announce()
        self._bell.ring()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _announce(self) -> None:
        """Tell those who wait, as far as there is something to tell."""
        self._announce_room()
        if self._hearing is not None and self._unheard:
            heard, self._unheard = self._unheard, []
            hearing, self._hearing = self._hearing, None
            _tell(hearing, heard)
            self._announce_room()
        if not self._is_settled:
            return
        finished, self._finished = self._finished, None
        if finished is not None:
            _tell(finished, self._end or self.points_written)
        ended, self._hearing = self._hearing, None
        if ended is not None:
            _tell(ended, self._end or ())

    def _announce_room(self) -> None:
        putting, claim = self._putting, self._claim
        if putting is None or claim is None:
            return
        if self._end is not None:
            self._putting = None
            _tell(putting, self._end)
        elif claim.called and self._has_room():
            self._putting = None
            _tell(putting, None)


def _tell(deferred: Deferred[Any], result: object) -> None:
    """Fire a Deferred, unless it was cancelled."""
    if not deferred.called:
        deferred.callback(result)


def _release(runs: Iterable[Run]) -> None:
    for run in runs:
        for message in run.messages:
            message.credit.release()


def _given_up(failure: Failure) -> None:
    failure.trap(CancelledError)
