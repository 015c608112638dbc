"""The shared state of the handlers of a running gRPC server: bridge, middleware, codec thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TypeVar

from ..middleware import Method, MiddlewareChain
from ..model.errors import Unavailable
from ..reservations import UNBOUNDED, Reservations
from ..threadpool import WorkerPool
from ..tracebacks import let_go
from .bridge import Bridge
from .call_context import Context, RpcCallContext
from .errors import RpcStatus
from .message_reader import MessageReader, is_compressed_message, unpack
from .settings import RpcSettings

A = TypeVar("A")
B = TypeVar("B")

INLINE_BYTES = 64 * 1024
"""Smaller requests, in bytes, are decoded in the event loop, in half a millisecond at most."""

LARGE_BYTES = 4 * 1024 * 1024
"""The size of decoded messages, in bytes, from which their freed memory is reported."""

INLINE_POINTS = 200
"""Results with fewer points are encoded in the event loop."""


class InFlight:
    """Counts calls in progress: a context manager to be entered by each. In the event loop.

    Entering raises Unavailable once it is closed.
    """

    def __init__(self) -> None:
        self._count = 0
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        if self._is_closed:
            raise Unavailable("the server is stopping")
        self._count += 1
        self._idle.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()

    def close(self) -> None:
        """Refuse new calls."""
        self._is_closed = True

    async def drained(self) -> None:
        """Wait until no call is in progress."""
        await self._idle.wait()


class Wire:
    """The state and helpers that handlers use to run a call: decode, bridge to the reactor, encode.

    Large messages are decoded and encoded in a codec thread, so that other calls are not delayed;
    the thread exists between `start` and `close`. Used in the event loop only.
    """

    def __init__(
        self,
        bridge: Bridge,
        chain: MiddlewareChain,
        settings: RpcSettings | None = None,
        reservations: Reservations = UNBOUNDED,
    ) -> None:
        self.bridge = bridge
        self.settings = settings or RpcSettings()
        self.reservations = reservations
        self.arrivals = MessageReader()
        self._chain = chain
        self.calls = InFlight()
        self.streams = InFlight()
        self._codecs: WorkerPool | None = None

    def start(self) -> None:
        """Start the codec thread. Called in the event loop."""
        loop = asyncio.get_running_loop()
        self._codecs = WorkerPool("grpc-codec", 1, loop.call_soon_threadsafe)
        self._codecs.start()

    def call_context(self, kind: Method, context: Context, target: str = "") -> RpcCallContext:
        """A context manager that runs a new call through the middleware."""
        return RpcCallContext(self._chain, kind, context, target)

    def failed(self, call_context: RpcCallContext, error: Exception) -> RpcStatus:
        """The status of a failed call. Also clears the error's traceback, to free memory."""
        status = call_context.status_of(error)
        # In the reactor thread, where the frames of the traceback have returned by then.
        self.bridge.tell(partial(let_go, error))
        return status

    async def decode(self, decode: Callable[[bytes], B], data: bytes) -> B:
        """`decode(data)`; in the codec thread if the data is large or compressed."""
        if is_compressed_message(data):
            return await self._in_thread(partial(self._unpack_and_decode, decode), data)
        if len(data) < INLINE_BYTES:
            return decode(data)
        try:
            return await self._in_thread(decode, data)
        finally:
            self._freed(len(data))

    def _unpack_and_decode(self, decode: Callable[[bytes], B], data: bytes) -> B:
        """Decompress and decode in one turn, so that decompressed data is not queued.

        Runs in the codec thread.
        """
        limit = self.settings.unpacked_limit
        size = limit
        try:
            unpacked = unpack(data, limit)
            size = len(unpacked)
            return decode(unpacked)
        finally:
            self._freed(size)

    def _freed(self, size: int) -> None:
        if size >= LARGE_BYTES:
            self.bridge.tell(partial(self.reservations.freed, size))

    async def encode(self, encode: Callable[[A], bytes], result: A, weight: int) -> bytes:
        """`encode(result)`; in the codec thread if `weight`, the number of points, is large."""
        if weight < INLINE_POINTS:
            return encode(result)
        return await self._in_thread(encode, result)

    async def _in_thread(self, function: Callable[[A], B], argument: A) -> B:
        if self._codecs is None:
            raise Unavailable("the server is not running")
        return await self._codecs.run(function, argument).asFuture(asyncio.get_running_loop())

    async def close(self) -> None:
        """Stop the codec thread; returns when its queue is processed."""
        if self._codecs is not None:
            await self._codecs.stop().asFuture(asyncio.get_running_loop())
