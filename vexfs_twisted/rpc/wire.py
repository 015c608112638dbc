"""The shared state of the handlers of a running gRPC server: bridge, middleware, codec thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Condition
from time import monotonic
from types import TracebackType
from typing import TypeVar

from ..middleware import Method, MiddlewareChain
from ..model.errors import Stopping
from ..reservations import UNBOUNDED, Reservations
from ..threadpool import CallInReactor, WorkerPool
from ..tracebacks import let_go
from .bridge import Bridge
from .call_context import RpcCallContext
from .errors import RpcStatus
from .messages import is_compressed_message, unpack
from .settings import RpcSettings
from .transport.call import ServerCall

A = TypeVar("A")
B = TypeVar("B")

INLINE_BYTES = 64 * 1024
"""Smaller requests, in bytes, are decoded where they arrive, in half a millisecond at most."""

LARGE_BYTES = 4 * 1024 * 1024
"""The size of decoded messages, in bytes, from which their freed memory is reported."""

INLINE_POINTS = 50
"""Results with fewer points are encoded where they are."""


class InFlight:
    """Counts calls in progress: a context manager to be entered by each. Thread-safe.

    Entering raises Unavailable once it is closed.
    """

    def __init__(self) -> None:
        self._count = 0
        self._is_closed = False
        self._idle = Condition()

    def __enter__(self) -> None:
        with self._idle:
            if self._is_closed:
                raise Stopping
            self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._idle:
            self._count -= 1
            if not self._count and self._is_closed:
                self._idle.notify_all()

    def close(self) -> None:
        """Refuse new calls."""
        with self._idle:
            self._is_closed = True

    def wait_until_drained(self, seconds: float) -> bool:
        """Block until no call is in progress, for `seconds` at most. After `close`."""
        due = monotonic() + seconds
        with self._idle:
            return self._idle.wait_for(lambda: not self._count, due - monotonic())


class Wire:
    """The state and helpers that handlers use to run a call: decode, bridge to the reactor, encode.

    Large messages are decoded and encoded in a codec thread, so that other calls are not delayed;
    the thread exists between `start` and `stop`.
    """

    def __init__(
        self,
        bridge: Bridge,
        chain: MiddlewareChain,
        call_in_reactor: CallInReactor,
        settings: RpcSettings | None = None,
        reservations: Reservations = UNBOUNDED,
    ) -> None:
        self.bridge = bridge
        self.settings = settings or RpcSettings()
        self.reservations = reservations
        self._chain = chain
        self.calls = InFlight()
        self.streams = InFlight()
        self.codecs = WorkerPool("grpc-codec", 1, call_in_reactor)
        self.start = self.codecs.start
        self.stop = self.codecs.stop

    def call_context(self, kind: Method, call: ServerCall, target: str = "") -> RpcCallContext:
        """The middleware's view of a new call. Thread-safe."""
        return RpcCallContext(self._chain, kind, call, target)

    def failed(self, call_context: RpcCallContext, error: Exception) -> RpcStatus:
        """The status of a failed call. Also clears the error's traceback, to free memory."""
        status = call_context.status_of(error)
        # In the reactor thread, where the frames of the traceback have returned by then.
        self.bridge.call(partial(let_go, error))
        return status

    def is_inline(self, data: bytes) -> bool:
        """Whether a message is decoded where it arrives."""
        return len(data) < INLINE_BYTES and not is_compressed_message(data)

    def unpacked(self, decode: Callable[[bytes], B], data: bytes) -> B:
        """Decompress and decode in one turn, so that decompressed data is not queued.

        Raises DomainErrors and DecodeError. Thread-safe.
        """
        size = len(data)
        try:
            if is_compressed_message(data):
                size = limit = self.settings.unpacked_limit
                data = unpack(data, limit)
                size = len(data)
            return decode(data)
        finally:
            if size >= LARGE_BYTES:
                self.bridge.call(partial(self.reservations.freed, size))

    async def decode(self, decode: Callable[[bytes], B], data: bytes) -> B:
        """`decode(data)`; in the codec thread unless it `is_inline`. In the reactor thread."""
        if self.is_inline(data):
            return decode(data)
        return await self.codecs.run(self.unpacked, decode, data)

    async def encode(self, encode: Callable[[A], bytes], result: A, weight: int) -> bytes:
        """`encode(result)`; in the codec thread if `weight`, the number of points, is large.

        In the reactor thread.
        """
        if weight < INLINE_POINTS:
            return encode(result)
        return await self.codecs.run(encode, result)
