"""A gRPC server on grpc.aio: the documented way, for where the completion queue is not to be used.

Everything of grpc.aio runs in the thread of an asyncio loop of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import grpc

from ..errors import RpcStatus
from .call import Accept, Metadata, Missing, Received

Context = grpc.aio.ServicerContext[Any, Any]


class AioTransport:
    """See Transport."""

    def __init__(self, options: Sequence[tuple[str, int]], accept: Accept) -> None:
        self._options = options
        self._accept = accept
        self._address = ""
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._stopping: asyncio.Future[float] = self._loop.create_future()
        self._server: grpc.aio.Server | None = None

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """See Transport."""
        return self._runner.run(self._listen(address, credentials))

    def serve(self) -> None:
        """See Transport."""
        with self._runner:
            self._runner.run(self._serve())

    def stop(self, hangup_s: float) -> None:
        """See Transport."""
        self._loop.call_soon_threadsafe(self._ask_to_stop, hangup_s)

    async def _listen(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        if self._server is None:
            self._server = grpc.aio.server(options=self._options)
            self._server.add_generic_rpc_handlers([_Handlers(self._accept)])
        if credentials is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, credentials)

    async def _serve(self) -> None:
        assert self._server is not None
        await self._server.start()
        await self._server.stop(await self._stopping)

    def _ask_to_stop(self, hangup_s: float) -> None:
        if not self._stopping.done():
            self._stopping.set_result(hangup_s)


class _Handlers(grpc.GenericRpcHandler):
    """Passes calls of all methods to an Accept."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler of one call."""
        path = handler_call_details.method

        async def handle(_: object, context: Context) -> None:
            await AioCall(path, context, asyncio.get_running_loop()).run(self._accept)

        # Messages are read by the call itself: grpc would read that of a unary call before it asks.
        return grpc.stream_stream_rpc_method_handler(handle)


class AioCall:
    """See ServerCall."""

    def __init__(self, path: str, context: Context, loop: asyncio.AbstractEventLoop) -> None:
        self.method = path
        self.metadata = cast(Metadata, context.invocation_metadata() or ())
        self.peer: str = context.peer()
        self.is_over = False
        self._context = context
        self._loop = loop
        self._over: Callable[[], object] | None = None
        self._ended: asyncio.Future[RpcStatus | None] = loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, accept: Accept) -> None:
        """Handle the call to its end."""
        try:
            accept(self)
            status = await self._ended
        finally:
            self.is_over = True
            for task in self._tasks:
                task.cancel()
            over, self._over = self._over, None
            if over is not None:
                over()
        if status is not None:
            await self._context.abort(status.code, status.details, status.metadata)

    def when_over(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        self._over = function

    def when_idle(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        self._loop.call_soon(function)

    def read(self, received: Received, patience: float | None = None) -> None:
        """See ServerCall."""
        self._begin(self._read(received, patience))

    def write(self, data: bytes, sent: Callable[[], object]) -> None:
        """See ServerCall."""
        self._begin(self._write(data, sent))

    def answer(self, data: bytes, trailing: Metadata = ()) -> None:
        """See ServerCall."""
        self._begin(self._write(data, lambda: self._end(None, trailing)))

    def finish(self, status: RpcStatus | None = None, trailing: Metadata = ()) -> None:
        """See ServerCall."""
        self._call(self._end, status, trailing)

    def reset(self) -> None:
        """Without effect: grpc.aio cannot reset a call whose response it has taken."""

    async def _read(self, received: Received, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                message: Any = await self._context.read()
        except TimeoutError:
            received(Missing.LATE)
        else:
            received(Missing.NONE if message is grpc.aio.EOF else message)

    async def _write(self, data: bytes, sent: Callable[[], object]) -> None:
        await self._context.write(data)
        sent()

    def _end(self, status: RpcStatus | None, trailing: Metadata) -> None:
        if not self._ended.done():
            if status is None and trailing:
                self._context.set_trailing_metadata(tuple(trailing))
            self._ended.set_result(status)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if not self._call(self._begin_here, work):
            work.close()

    def _begin_here(self, work: Coroutine[Any, Any, None]) -> None:
        if self.is_over:
            work.close()
            return
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # A message that cannot be sent: the client has left.
            task.exception()

    def _call(self, function: Callable[..., object], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is closed: this is a write whose client is gone.
            return False
        return True
