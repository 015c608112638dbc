"""Outgoing streams: batches of points are read ahead into an outbox of bounded size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred, succeed
from twisted.python.failure import Failure

from ..interfaces import BatchCursor
from ..model.read_context import ReadContext
from ..model.streams import Batch, P
from .budget import ByteBudget, Credit
from .settings import StreamSettings
from .signal import Signal

OpenCursor = Callable[[], "Deferred[BatchCursor[P]]"]
"""Opens the cursor of a stream."""


class Outgoing(Generic[P]):
    """See OutgoingStream. Used in the reactor thread only.

    `steps` iterates over the work; its scheduler must exhaust it. There is one read in progress at
    a time, which begins once its memory is granted. When the stream is closed, a read in progress
    is cancelled by `context`, the read context of the cursor. `opened` fires once the cursor is
    open. `over` fires when the work is done and the owner has taken everything or closed the
    stream.
    """

    def __init__(
        self,
        open_cursor: OpenCursor[P],
        budget: ByteBudget,
        settings: StreamSettings,
        context: ReadContext | None = None,
    ) -> None:
        self.opened: Deferred[Outgoing[P]] = Deferred(lambda _: self.close())
        self.over: Deferred[None] = Deferred()
        self._open_cursor = open_cursor
        self._context = context or ReadContext()
        self._budget = budget
        self._settings = settings
        self._cursor: BatchCursor[P] | None = None
        self._outbox: deque[tuple[Batch[P], Credit]] = deque()
        self._lent: Credit | None = None
        self._credit: Credit | None = None
        self._claim: Deferred[Any] | None = None
        self._taking: Deferred[Batch[P] | None] | None = None
        self._end: Failure | None = None
        self._is_read = False
        self._is_over = False
        self._bell = Signal()

    def take(self) -> Deferred[Batch[P] | None]:
        """See OutgoingStream."""
        self._give_back_lent()
        self._bell.ring()
        if self._outbox:
            return succeed(self._lend())
        if self._is_read or self._is_over:
            return self._last()
        self._taking = Deferred(lambda _: self.close())
        return self._taking

    def close(self) -> None:
        """See OutgoingStream."""
        self.end(CancelledError())

    def end(self, reason: Exception) -> None:
        """Stop the work and release all memory; `take` fails with `reason`."""
        if self._is_over:
            return
        self._is_over = True
        self._end = Failure(reason)
        self._context.cancel()
        self._give_back_lent()
        while self._outbox:
            self._outbox.popleft()[1].release()
        if self._claim is not None:
            self._claim.cancel()
        self._announce()
        self._tell_if_over()
        self._bell.ring()

    def steps(self) -> Iterator[Deferred[Any]]:
        """The work from opening the cursor to closing it, as Deferreds to wait for. None fails."""
        yield self._opening()
        while self._cursor is not None and not self._is_over and not self._is_read:
            if not self._has_room():
                yield self._bell.wait()
                continue
            if self._credit is None:
                yield self._claiming()
                continue
            yield self._reading(self._cursor, self._credit)
        self._stop_work()

    @property
    def _share(self) -> int:
        """The bytes of a batch: half of the outbox, so that one is read while another is sent."""
        return max(1, self._settings.outbox_bytes // 2)

    def _has_room(self) -> bool:
        held = sum(credit.size for _, credit in self._outbox)
        held += 0 if self._lent is None else self._lent.size
        return not held or held + self._share <= self._settings.outbox_bytes

    def _opening(self) -> Deferred[None]:
        return maybeDeferred(self._open_cursor).addCallbacks(self._has_opened, self._broke)

    def _has_opened(self, cursor: BatchCursor[P]) -> None:
        self._cursor = cursor
        if not self._is_over:
            self.opened.callback(self)

    def _claiming(self) -> Deferred[None]:
        self._claim = self._budget.take(self._share).addCallbacks(self._granted, _given_up)
        return self._claim

    def _granted(self, credit: Credit) -> None:
        self._claim, self._credit = None, credit

    def _reading(self, cursor: BatchCursor[P], credit: Credit) -> Deferred[None]:
        reading = maybeDeferred(cursor.next, self._settings.batch_points, credit.size)
        return reading.addCallback(self._arrived).addErrback(self._broke)

    def _arrived(self, batch: Batch[P] | None) -> None:
        credit = self._credit
        assert credit is not None
        if batch is None:
            self._stop_work()
            self._announce()
        elif not self._is_over:
            credit.settle(batch.size)
            self._outbox.append((batch, credit))
            self._credit = None
            self._announce()

    def _broke(self, failure: Failure) -> None:
        """The read failed: batches read before are delivered, and then the error."""
        self._end = self._end or failure
        self._stop_work()
        self._announce()

    def _stop_work(self) -> None:
        """Close the cursor and release unused credit; no read is in progress. Idempotent."""
        if self._is_read:
            return
        self._is_read = True
        if self._cursor is not None:
            self._cursor.close()
        if self._credit is not None:
            self._credit.release()
        self._tell_if_over()

    def _announce(self) -> None:
        """Fire the waiting Deferreds, `opened` and that of `take`, if there is a result."""
        if self._end is not None and not self.opened.called:
            self._is_over = True
            self._tell_if_over()
            self.opened.errback(self._end)
        taking = self._taking
        if taking is None or taking.called:
            return
        if self._outbox:
            self._taking = None
            taking.callback(self._lend())
        elif self._is_read or self._is_over:
            self._taking = None
            self._last().chainDeferred(taking)

    def _tell_if_over(self) -> None:
        if self._is_read and self._is_over and not self.over.called:
            self.over.callback(None)

    def _lend(self) -> Batch[P]:
        batch, self._lent = self._outbox.popleft()
        return batch

    def _give_back_lent(self) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            lent.release()

    def _last(self) -> Deferred[Batch[P] | None]:
        """The result of `take` when there are no more batches: None, or the error."""
        self._is_over = True
        self._tell_if_over()
        return succeed(None) if self._end is None else fail(self._end)


def _given_up(failure: Failure) -> None:
    failure.trap(CancelledError)
