"""A request body as a sequence of pieces: consumed while it arrives, no faster than it can be.

Pieces go from the transport to a consumer, some at a time, in worker threads. Three things bound
what is held meanwhile: back pressure on the transport, the budget of all bodies together, and the
size that the body may have. What becomes of the pieces is up to the consumer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

from ..settings import RestSettings
from ..threads import RunInThread
from .budget import Lease

T = TypeVar("T")

WORTH_BYTES = 512 * 1024
"""How many bytes have to wait before a thread is asked for, unless the body is complete."""

WAITING_BYTES = 4 * 1024 * 1024
"""How many bytes may wait for a thread. Past it nothing more is read from the client."""

_THREADS = "threads"
BUDGET = "budget"
"""Why nothing is read: the consumer lags behind, or the budget of all bodies is used up."""


class BodyConsumer(Protocol):
    """What takes the pieces of one body. Used in worker threads, in one at a time, but for `held`.

    Errors may be kept until the end: the client is answered when it has sent everything. A consumer
    whose body is given up is dropped, which has to be enough to free what it holds.
    """

    def held(self, received: int) -> int:
        """How much memory, in bytes, is counted for the body once `received` bytes have come.

        May fall short of `received`, where what came is written elsewhere, or exceed it, where it
        unpacks to more. In the reactor thread.
        """

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take the next pieces of the body."""

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        """Take the last pieces; what `read` makes of the whole. Raises DomainErrors."""


class BodyFormat(Protocol):
    """What the bodies of a route are."""

    @property
    def small_bytes(self) -> int:
        """Bodies of up to so many bytes, not packed, are held as one text; others are streamed."""

    def max_bytes(self, settings: RestSettings) -> int:
        """How many bytes a body may have, as it arrives and as it unpacks."""

    def consumer(self, encoding: bytes | None, limit: int) -> BodyConsumer:
        """The consumer of a body with this Content-Encoding, of `limit` bytes at most, unpacked.

        Raises BadRequest for an encoding that is not known.
        """


class ReadGate:
    """Pauses a transport for as long as at least one reason to do so is given."""

    def __init__(self, source: IPushProducer) -> None:
        self._source = source
        self._reasons: set[str] = set()

    def shut(self, reason: str) -> None:
        """Pause. To be called with every piece: others may have resumed the transport."""
        self._reasons.add(reason)
        self._source.pauseProducing()

    def open(self, reason: str) -> None:
        """Resume, unless there are other reasons not to."""
        if reason in self._reasons:
            self._reasons.discard(reason)
            if not self._reasons:
                self._source.resumeProducing()


class StreamingBody:
    """Takes a body through `gate` to `consumer`. Belongs to the reactor thread."""

    def __init__(
        self, consumer: BodyConsumer, run_in_thread: RunInThread, gate: ReadGate, lease: Lease
    ) -> None:
        self._consumer: BodyConsumer | None = consumer
        self._run_in_thread = run_in_thread
        self._gate = gate
        self._lease = lease
        self._waiting: list[bytes] = []
        self._size = 0
        self._is_working = False
        self._failure: Failure | None = None
        self._idle: Deferred[None] | None = None

    def take(self, data: bytes) -> None:
        """Take the next piece of the body. Raises Overloaded where the budget has no room."""
        if self._consumer is None or self._failure is not None:
            return
        self._lease.add(len(data))
        self._waiting.append(data)
        self._size += len(data)
        self._work()
        if self._size > WAITING_BYTES:
            self._gate.shut(_THREADS)

    async def finish(self, read: Callable[[Any], T]) -> T:
        """What `read` makes of the body, which is complete. Raises DomainErrors."""
        self._open_gate()
        await self._lease.ready()
        if self._is_working:
            self._idle = Deferred()
            await self._idle
        if self._failure is not None:
            self._failure.raiseException()
        assert self._consumer is not None
        consumer, self._consumer = self._consumer, None
        return await self._run_in_thread(consumer.finish, self._take_waiting(), read)

    def close(self) -> None:
        """Drop what is held; the client may be gone. Idempotent."""
        self._consumer = None
        self._take_waiting()
        self._open_gate()
        self._lease.release()

    def _open_gate(self) -> None:
        self._gate.open(_THREADS)
        self._gate.open(BUDGET)

    def _work(self) -> None:
        if self._consumer is None or self._is_working or self._size < WORTH_BYTES:
            return
        self._is_working = True
        working = self._run_in_thread(self._consumer.feed, self._take_waiting())
        working.addErrback(self._broke).addCallback(self._worked)

    def _worked(self, _: None) -> None:
        self._is_working = False
        if self._idle is not None:
            self._idle.callback(None)
        elif self._consumer is not None:
            self._gate.open(_THREADS)
            self._work()

    def _broke(self, failure: Failure) -> None:
        self._failure = failure
        self._take_waiting()

    def _take_waiting(self) -> list[bytes]:
        waiting, self._waiting, self._size = self._waiting, [], 0
        return waiting
