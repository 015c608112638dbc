"""Receives the messages of clients, with a timeout, and decompresses them.

grpc would decompress them itself, with one size limit for compressed and plain ones, in the thread
that serves all connections. That is disabled, so that the decompressed size has a tighter limit, is
known in advance, and decompression runs in a thread of ours.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, cast

import grpc

from ..model.errors import BadRequest, MessageTooLarge, TimedOut
from .call_context import Context

_GZIP = b"\x1f\x8b"
_DEFLATE = 0x78

# The `wbits` with which zlib detects by the header whether data is gzip or zlib.
_EITHER_WINDOW = 32 + zlib.MAX_WBITS

_LOOK_S = 0.5
"""Seconds between two checks for late messages."""


def is_compressed_message(data: bytes) -> bool:
    """Whether a message is compressed by gzip, or by zlib, which gRPC calls deflate.

    grpc does not pass on the compressed flag of the frame. But no plain message begins like one:
    0x1f would be a field of wire type 7, which does not exist, and 0x78 is the 15th field, before
    which each of our requests has the name of a collection.
    """
    if data.startswith(_GZIP):
        return True
    return len(data) > 1 and data[0] == _DEFLATE and (data[0] << 8 | data[1]) % 31 == 0


def unpack(data: bytes, limit: int) -> bytes:
    """Decompress a message, to at most `limit` bytes. Raises DomainErrors. Thread-safe."""
    unpacker = zlib.decompressobj(_EITHER_WINDOW)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        if not data.startswith(_GZIP):
            # Not compressed after all: its parser reports what is wrong.
            return data
        raise BadRequest(f"the compressed message is damaged: {error}") from None
    if len(unpacked) > limit:
        raise MessageTooLarge(
            f"a compressed message may unpack to {limit} bytes at most, this one is larger"
        )
    if not unpacker.eof or unpacker.unused_data:
        raise BadRequest("the compressed message is cut short, or something follows it")
    return unpacked


class MessageReader:
    """Waits for messages, with timeouts. Belongs to the event loop.

    One timer checks all waits: a timer for each would cost every call.
    """

    def __init__(self) -> None:
        self._awaited: dict[asyncio.Task[Any], float] = {}
        self._is_watching = False

    async def next(self, context: Context, patience: float) -> bytes | None:
        """The next message of a call, None after the last.

        Handlers read it themselves, since grpc would read it before it calls them: a refused call
        must not cost the memory of a message, which may be of any size.

        Raises TimedOut when it has not arrived after `patience` seconds, or up to `_LOOK_S` later.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        loop = asyncio.get_running_loop()
        self._awaited[task] = loop.time() + patience
        if not self._is_watching:
            self._is_watching = True
            loop.call_later(_LOOK_S, self._look, loop)
        try:
            message: Any = await context.read()
        except asyncio.CancelledError:
            if task in self._awaited or context.cancelled():
                raise
            task.uncancel()
            raise TimedOut(f"no message has come for {patience:g} seconds") from None
        finally:
            self._awaited.pop(task, None)
        return None if message is grpc.aio.EOF else cast(bytes, message)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, due in self._awaited.items() if due <= now]:
            del self._awaited[task]
            task.cancel()
        self._is_watching = bool(self._awaited)
        if self._is_watching:
            loop.call_later(_LOOK_S, self._look, loop)


def checked(message: bytes | None, context: Context) -> bytes:
    """The message of a unary call. Raises BadRequest if the client sent none."""
    if message is not None:
        return message
    if context.cancelled():
        raise asyncio.CancelledError
    raise BadRequest("the call has no message")
