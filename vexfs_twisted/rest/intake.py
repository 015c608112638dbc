"""A large body that is decoded while it arrives, no faster than a thread can follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

from .budget import Lease
from .call import RunInThread
from .passages import RestPassage
from .routing import Route

T = TypeVar("T")

WORTH_BYTES = 512 * 1024
"""How much has to wait before a thread is asked for, unless the body is complete."""

WAITING_BYTES = 4 * 1024 * 1024
"""How much may wait for a thread. Past it nothing more is read from the client."""


_THREADS = "threads"
ROOM = "room"
"""Why nothing is read: threads lag behind, or other bodies leave no room."""


class Decoder(Protocol):
    """Decodes a body piece by piece. Used in codec threads, in one at a time."""

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take the next pieces of the body."""

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        """Take the last pieces; what `read` makes of the body. Raises DomainErrors."""


class Gate:
    """Stops a transport that more than one has reason to stop, until none has any more."""

    def __init__(self, source: IPushProducer) -> None:
        self._source = source
        self._reasons: set[str] = set()

    def shut(self, reason: str) -> None:
        """Read no more. To be said with every piece: others may have let the transport go on."""
        self._reasons.add(reason)
        self._source.pauseProducing()

    def open(self, reason: str) -> None:
        """Read on, as far as this reason goes."""
        if reason in self._reasons:
            self._reasons.discard(reason)
            if not self._reasons:
                self._source.resumeProducing()


class Intake:
    """Takes a body through `gate` to `decoder`. Belongs to the reactor thread."""

    def __init__(
        self, decoder: Decoder, run_in_thread: RunInThread, gate: Gate, lease: Lease
    ) -> None:
        self._decoder: Decoder | None = decoder
        self._run_in_thread = run_in_thread
        self._gate = gate
        self._lease = lease
        self._waiting: list[bytes] = []
        self._size = 0
        self._is_working = False
        self._failure: Failure | None = None
        self._idle: Deferred[None] | None = None

    def take(self, data: bytes) -> None:
        """Take the next piece of the body. Raises Overloaded where it finds no room."""
        if self._decoder is None or self._failure is not None:
            return
        self._lease.add(len(data))
        self._waiting.append(data)
        self._size += len(data)
        self._work()
        if self._size > WAITING_BYTES:
            self._gate.shut(_THREADS)

    async def finish(self, read: Callable[[Any], T]) -> T:
        """What `read` makes of the body, which is complete. Raises DomainErrors."""
        self._gate.open(_THREADS)
        self._gate.open(ROOM)
        await self._lease.ready()
        if self._is_working:
            self._idle = Deferred()
            await self._idle
        if self._failure is not None:
            self._failure.raiseException()
        assert self._decoder is not None
        decoder, self._decoder = self._decoder, None
        return await self._run_in_thread(decoder.finish, self._take_waiting(), read)

    def close(self) -> None:
        """Drop what is held; the client may be gone. After the end this is harmless."""
        self._decoder = None
        self._take_waiting()
        self._gate.open(_THREADS)
        self._gate.open(ROOM)
        self._lease.release()

    def _work(self) -> None:
        if self._decoder is None or self._is_working or self._size < WORTH_BYTES:
            return
        self._is_working = True
        working = self._run_in_thread(self._decoder.feed, self._take_waiting())
        working.addErrback(self._broke).addCallback(self._worked)

    def _worked(self, _: None) -> None:
        self._is_working = False
        if self._idle is not None:
            self._idle.callback(None)
        elif self._decoder is not None:
            self._gate.open(_THREADS)
            self._work()

    def _broke(self, failure: Failure) -> None:
        self._failure = failure
        self._take_waiting()

    def _take_waiting(self) -> list[bytes]:
        waiting, self._waiting, self._size = self._waiting, [], 0
        return waiting


@define
class Arrival:
    """A call whose body is still arriving: it was let through, by its head."""

    call_context: RestPassage
    route: Route
    intake: Intake | None = None

    def fail(self, error: BaseException) -> None:
        """The call ends before its body does."""
        self.call_context.fail(error)
        if self.intake is not None:
            self.intake.close()
