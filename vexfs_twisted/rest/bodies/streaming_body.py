"""Streaming request bodies: pieces are consumed in worker threads, with backpressure.

Memory is bounded by backpressure on the transport, by the budget of all bodies together, and by
the maximum size of a body. The format of the body is up to the consumer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

from ...interfaces import ReceivedFile
from ...threadpool import RunInThread
from ..parameters import Arguments
from ..settings import RestSettings
from .budget import Lease

T = TypeVar("T")

WORTH_BYTES = 512 * 1024
"""The buffered bytes from which a worker thread is used, unless the body is complete."""

WAITING_BYTES = 4 * 1024 * 1024
"""The buffered bytes beyond which nothing more is read from the client."""

_THREADS = "threads"
BUDGET = "budget"
"""Reasons to stop reading: the consumer lags behind, or the budget of all bodies is exhausted."""


class BodyConsumer(Protocol):
    """Consumes the pieces of one body. Used in worker threads, in one at a time; not so `held`.

    Errors may be deferred to `finish`, as the response is sent after the complete body. A consumer
    has no close method: dropping the last reference to it must free its resources.
    """

    def held(self, received: int) -> int:
        """The memory, in bytes, to count for the body after `received` bytes.

        Less than `received` if data is written elsewhere, more if it is compressed. Called in the
        reactor thread.
        """

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Consume the next pieces of the body."""

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        """Consume the last pieces; returns `read` of the whole body. Raises DomainErrors."""


@frozen
class BodyHead:
    """What is known of a body before it arrives: two headers, and the parameters of the query.

    `new_file` makes a file to write a body to, in a worker thread.
    """

    encoding: bytes | None
    content_type: bytes | None
    arguments: Arguments
    new_file: Callable[[], ReceivedFile]


class BodyFormat(Protocol):
    """The format of a route's request bodies."""

    @property
    def small_bytes(self) -> int:
        """Uncompressed bodies of up to so many bytes are held whole; others are streamed."""

    def max_bytes(self, settings: RestSettings) -> int:
        """The maximum size of a body in bytes, both as received and decompressed."""

    def consumer(self, head: BodyHead, limit: int) -> BodyConsumer:
        """A consumer for a body with this head, of at most `limit` bytes decompressed.

        Raises BadRequest for an unknown encoding, and other DomainErrors to refuse the body.
        """


class ReadGate:
    """Pauses a transport while there is at least one reason to. Used in the reactor thread."""

    def __init__(self, source: IPushProducer) -> None:
        self._source = source
        self._reasons: set[str] = set()

    def shut(self, reason: str) -> None:
        """Pause. Call it with every piece: other code may have resumed the transport."""
        self._reasons.add(reason)
        self._source.pauseProducing()

    def open(self, reason: str) -> None:
        """Remove a reason; resume if it was the last. Idempotent."""
        if reason in self._reasons:
            self._reasons.discard(reason)
            if not self._reasons:
                self._source.resumeProducing()


class StreamingBody:
    """Passes the pieces of a body to `consumer`, and pauses the transport through `gate`.

    Used in the reactor thread only.
    """

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
        """Add the next piece of the body. Raises Overloaded if the budget is exhausted."""
        if self._consumer is None or self._failure is not None:
            return
        self._lease.add(len(data))
        self._waiting.append(data)
        self._size += len(data)
        self._work()
        if self._size > WAITING_BYTES:
            self._gate.shut(_THREADS)

    async def finish(self, read: Callable[[Any], T]) -> T:
        """Decode the complete body; returns `read` of it. Raises DomainErrors."""
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
        """Release the body's memory and its share of the budget. Idempotent."""
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
