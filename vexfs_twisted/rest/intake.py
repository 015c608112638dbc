"""A large body that is decoded while it arrives, no faster than a thread can follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

from .call import RunInThread
from .passages import RestPassage

T = TypeVar("T", covariant=True)
R = TypeVar("R")

WORTH_BYTES = 512 * 1024
"""How much has to wait before a thread is asked for, unless the body is complete."""

WAITING_BYTES = 4 * 1024 * 1024
"""How much may wait for a thread. Past it nothing more is read from the client."""


class Decoder(Protocol[T]):
    """Decodes a body piece by piece. Used in codec threads, in one at a time."""

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take the next pieces of the body."""

    def finish(self, pieces: Sequence[bytes]) -> T:
        """Take the last pieces; what the body says. Raises DomainErrors."""


class Intake(Generic[R]):
    """Takes a body from `source` to `decoder`. Belongs to the reactor thread."""

    def __init__(
        self, decoder: Decoder[R], run_in_thread: RunInThread, source: IPushProducer
    ) -> None:
        self._decoder: Decoder[R] | None = decoder
        self._run_in_thread = run_in_thread
        self._source = source
        self._waiting: list[bytes] = []
        self._size = 0
        self._is_working = False
        self._is_paused = False
        self._failure: Failure | None = None
        self._idle: Deferred[None] | None = None

    def take(self, data: bytes) -> None:
        """Take the next piece of the body."""
        if self._decoder is None or self._failure is not None:
            return
        self._waiting.append(data)
        self._size += len(data)
        self._work()
        if self._size > WAITING_BYTES:
            # Again with every piece: others may have let the transport go on.
            self._is_paused = True
            self._source.pauseProducing()

    async def finish(self) -> R:
        """What the body says, which is complete. Raises DomainErrors."""
        self._go_on()
        if self._is_working:
            self._idle = Deferred()
            await self._idle
        if self._failure is not None:
            self._failure.raiseException()
        assert self._decoder is not None
        decoder, self._decoder = self._decoder, None
        return await self._run_in_thread(decoder.finish, self._take_waiting())

    def close(self) -> None:
        """Drop what is held; the client may be gone. After the end this is harmless."""
        self._decoder = None
        self._take_waiting()
        self._go_on()

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
            self._go_on()
            self._work()

    def _broke(self, failure: Failure) -> None:
        self._failure = failure
        self._take_waiting()

    def _take_waiting(self) -> list[bytes]:
        waiting, self._waiting, self._size = self._waiting, [], 0
        return waiting

    def _go_on(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._source.resumeProducing()


@frozen
class Arrival:
    """A call whose body is still arriving: it was let through, and is decoded so far."""

    passage: RestPassage
    intake: Intake[Any]

    def fail(self, error: BaseException) -> None:
        """The call ends before its body does."""
        self.passage.fail(error)
        self.intake.close()
