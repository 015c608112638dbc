"""Passes calls on to the process that writes, message by message, as they are.

They travel over a Unix socket, by grpc.aio in a thread of its own. Deadlines and cancels come as
the end of the client's call, which ends the one that is passed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from ..middleware import RELAYED_PEER
from ..model.errors import Unavailable
from .errors import RpcStatus, status_of
from .settings import UNLIMITED
from .transport.call import ServerCall
from .wire import InFlight

_OPTIONS = (
    ("grpc.max_receive_message_length", UNLIMITED),
    ("grpc.max_send_message_length", UNLIMITED),
    ("grpc.default_authority", "localhost"),
)
_OWN = ("grpc-", ":")
"""Keys of metadata with these prefixes are of a connection, not of a call."""

_OF_CONNECTION = frozenset({"user-agent", "te", "content-type", RELAYED_PEER})


class Relay:
    """Passes calls on to the gRPC server at the Unix socket `path`. See Accept.

    `start` and `stop` are called in the reactor thread, and block until the thread runs or ended.
    """

    def __init__(self, path: str, calls: InFlight) -> None:
        self._path = path
        self._calls = calls
        self._loop = asyncio.new_event_loop()
        self._channel: grpc.aio.Channel | None = None
        self._thread = Thread(target=self._main, name="grpc-relay", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and what is still passed on."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __call__(self, call: ServerCall) -> None:
        """Pass a call on. In the transport's thread."""
        try:
            self._calls.__enter__()
        except Unavailable as error:
            call.finish(status_of(error, call.method))
            return
        relayed = _RelayedCall(call, self._loop)
        call.when_over(relayed.over)
        self._loop.call_soon_threadsafe(self._begin, relayed)

    def _begin(self, relayed: _RelayedCall) -> None:
        assert self._channel is not None
        relayed.task = self._loop.create_task(relayed.run(self._channel))
        relayed.task.add_done_callback(lambda _: self._calls.__exit__(None, None, None))

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._channel = grpc.aio.insecure_channel(f"unix:{self._path}", _OPTIONS)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._end(self._channel))
        finally:
            self._loop.close()

    async def _end(self, channel: grpc.aio.Channel) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await channel.close()


class _RelayedCall:
    """A call that is passed on. In the thread of the relay, but for `over`."""

    def __init__(self, call: ServerCall, loop: asyncio.AbstractEventLoop) -> None:
        self.task: asyncio.Task[None] | None = None
        self._call = call
        self._loop = loop
        self._is_over = False

    def over(self) -> None:
        """The client has left, or has the response. In the transport's thread."""
        self._soon(self._cancel)

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Pass on the messages of both sides, and the status."""
        if self._is_over:
            return
        method: Any = channel.stream_stream(self._call.method)
        passed = method(metadata=tuple(_passed_on(self._call)), wait_for_ready=False)
        sending = self._loop.create_task(self._send(passed))
        try:
            while (message := await passed.read()) is not grpc.aio.EOF:
                await self._awaited(partial(self._write, message))
            self._finish(
                await passed.code(), await passed.details(), await passed.trailing_metadata()
            )
        except grpc.aio.AioRpcError as error:
            self._finish(error.code(), error.details(), error.trailing_metadata())
        finally:
            sending.cancel()
            passed.cancel()

    async def _send(self, passed: Any) -> None:
        """Pass on what the client sends."""
        try:
            await passed.wait_for_connection()
            while isinstance(message := await self._awaited(self._call.read), bytes):
                # Not by `write`: where the call has been refused meanwhile, that makes the failure
                # to send the status of the call, before the status that it was refused with comes.
                await passed._cython_call.send_serialized_message(message)
            await passed.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, cygrpc.InternalError):
            # The call has been answered: its status is passed on.
            return

    def _write(self, message: bytes, done: Callable[[Any], object]) -> None:
        self._call.write(message, partial(done, None))

    async def _awaited(self, begin: Callable[[Callable[[Any], object]], object]) -> Any:
        """What an operation of the call gives to its callback."""
        result: asyncio.Future[Any] = self._loop.create_future()

        def settle(value: Any) -> None:
            if not result.done():
                result.set_result(value)

        begin(lambda value: self._soon(settle, value))
        return await result

    def _finish(self, code: Any, details: str | None, trailing: Any) -> None:
        metadata = [(key, value) for key, value in trailing or () if not key.startswith(_OWN)]
        if code is grpc.StatusCode.OK:
            self._call.finish(None, metadata)
        else:
            self._call.finish(RpcStatus(code, details or "", tuple(metadata)))

    def _cancel(self) -> None:
        self._is_over = True
        if self.task is not None:
            self.task.cancel()

    def _soon(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The relay has ended, and what it passed on too.
            return


def _passed_on(call: ServerCall) -> Iterator[tuple[str, str | bytes]]:
    """The metadata of a call as it is passed on."""
    for key, value in call.metadata or ():
        if key not in _OF_CONNECTION and not key.startswith(_OWN):
            yield key, value
    yield RELAYED_PEER, call.peer
