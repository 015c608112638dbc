"""Selects the transport: the completion queue, unless it proves unsound here.

What the queue consists of is not documented, and may change. So it is used with the versions of
grpcio that it was tested with, after a few calls have been answered as they should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Event, Thread
from typing import Any

import grpc

from ...logs import get_logger
from ..errors import RpcStatus
from ..settings import RpcSettings
from .aio import AioTransport
from .call import Accept, Missing, ServerCall, Transport
from .completion_queue import QueueTransport

log = get_logger("vexfs.rpc")

TESTED = ((1, 85), (1, 87))
"""The versions of grpcio that the queue was tested with: from the first, below the second."""

_PATIENCE_S = 5.0
_HANGUP_S = 1.0

_DETAILS = RpcStatus(grpc.StatusCode.ABORTED, "refused", (("k", "v"),))
_MESSAGES = (b"", b"ab", b"c" * 100_000)

TransportClass = Callable[[Sequence[tuple[str, int]], Accept], Transport]


def transport_class(settings: RpcSettings) -> TransportClass:
    """The transport to serve with. Takes some milliseconds; not in the reactor thread."""
    if settings.transport == "aio":
        return AioTransport
    if settings.transport == "auto":
        problem = version_problem(grpc.__version__) or QueueCheck(QueueTransport).problem()
        if problem is not None:
            log.warning("gRPC is served by grpc.aio, which is slower", reason=problem)
            return AioTransport
    return QueueTransport


def version_problem(version: str) -> str | None:
    """Why the queue is not used with this version of grpcio; None if it is."""
    found = tuple(int(part) for part in version.split(".")[:2])
    first, end = TESTED
    if first <= found < end:
        return None
    return f"grpcio {version} is not one of those that the completion queue was tested with"


class QueueCheck:
    """Calls of every kind over a transport of its own, on a free port of this machine."""

    def __init__(self, transport: TransportClass) -> None:
        self._transport = transport
        self._is_over = Event()

    def problem(self) -> str | None:
        """What is wrong with the transport; None if it is sound. Blocks."""
        try:
            transport = self._transport([("grpc.so_reuseport", 0)], self._accept)
            port = transport.listen("127.0.0.1:0")
            thread = Thread(target=transport.serve, name="grpc-check", daemon=True)
            thread.start()
            try:
                with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                    self._call(channel)
            finally:
                # At 0 the server may still have the connection that was closed, and ends it with
                # an error, which grpc logs.
                transport.stop(_HANGUP_S)
                thread.join(_PATIENCE_S)
            if thread.is_alive():
                return "the server did not stop"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _call(self, channel: grpc.Channel) -> None:
        """Make the calls. Raises if one is not answered as it should be."""
        metadata = (("k", "sent"),)
        unary: Any = partial(channel.unary_unary("/check/Unary"), timeout=_PATIENCE_S)
        answer, call = unary.func.with_call(b"x", timeout=_PATIENCE_S, metadata=metadata)
        _expect((answer, dict(call.trailing_metadata())["k"]), (b"xx", "sent"))
        try:
            unary(b"")
        except grpc.RpcError as error:
            failed: Any = error
            found = (failed.code(), failed.details(), dict(failed.trailing_metadata())["k"])
            _expect(found, (_DETAILS.code, _DETAILS.details, "v"))
        else:
            _expect("an answer", "a failure")
        stream: Any = channel.stream_stream("/check/Stream")
        _expect(tuple(stream(iter(_MESSAGES), timeout=_PATIENCE_S)), _MESSAGES)
        pending = stream(self._pending(), timeout=_PATIENCE_S)
        _expect(next(pending), b"first")
        pending.cancel()
        _expect(self._is_over.wait(_PATIENCE_S), True)

    def _pending(self) -> Iterator[bytes]:
        """Messages that go on until the call has been cancelled."""
        yield b"first"
        self._is_over.wait(_PATIENCE_S)

    def _accept(self, call: ServerCall) -> None:
        if call.method == "/check/Stream":
            self._is_over.clear()
            call.when_over(self._is_over.set)
            call.read(partial(_send_back, call))
        else:
            call.read(partial(_answer_twice, call), _PATIENCE_S)


def _answer_twice(call: ServerCall, message: bytes | Missing) -> None:
    """Answer with the message twice and the metadata that came; a failure for an empty one."""
    if not isinstance(message, bytes) or not message:
        call.finish(_DETAILS)
        return
    call.answer(message * 2, [(key, value) for key, value in call.metadata if key == "k"])


def _send_back(call: ServerCall, message: bytes | Missing) -> None:
    """Send back each message before the next is read."""
    if isinstance(message, bytes):
        call.write(message, lambda: call.read(partial(_send_back, call)))
    else:
        call.finish()


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"expected {expected!r:.60}, found {found!r:.60}")
