"""A gRPC server on grpcio's completion queue: what its own servers are made of, without them.

An echo takes 40 us of processor time, with grpc.aio 190 us, with the server of a thread pool 220.
The names of `cygrpc` are not documented: `selection` checks that they do what is expected here.

One thread polls the queue, which tells of new calls and of finished operations. Operations may be
begun in any thread, but none once the queue is being closed, which would abort the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from threading import Lock
from time import monotonic, time
from typing import Any, cast

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from ...logs import get_logger
from ..errors import RpcStatus
from .call import Accept, Metadata, Missing, Received

log = get_logger("vexfs.rpc")

_ACCEPTING = 64
"""New calls that the queue may report at a time."""

_POLL_S = 0.5
"""Seconds after which the thread looks whether it is time to hang up."""

_EVENTS_BEFORE = 64
"""The most events that are handled before functions that wait for an idle queue are called."""

_NO_FLAGS = 0
_OK = 0
_CANCELLED = 1

Event = Any
Operations = Sequence[Any]


class QueueTransport:
    """See Transport."""

    def __init__(self, options: Sequence[tuple[str, int]], accept: Accept) -> None:
        self._accept = accept
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(tuple(options), False)
        self._server.register_completion_queue(self._queue)
        self._gate = Lock()
        self._pending = 0
        self._is_stopping = False
        self._is_shut_down = False
        self._is_closed = False
        self._hang_up_at = inf
        self._look_at = 0.0
        self._awaited: dict[QueueCall, float] = {}
        self._when_idle: list[Callable[[], object]] = []
        self._events_before = 0

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """See Transport."""
        with_tls = () if credentials is None else (cast(Any, credentials)._credentials,)
        port: int = self._server.add_http2_port(address.encode(), *with_tls)
        if not port:
            raise RuntimeError(f"cannot listen on {address}")
        return port

    def serve(self) -> None:
        """See Transport."""
        self._server.start()
        for _ in range(_ACCEPTING):
            self._request_call()
        while not (self._is_shut_down and not self._pending):
            # A time that has passed: the queue then tells of what there is, and does not wait.
            event = self._queue.poll(0.0 if self._when_idle else time() + _POLL_S)
            if event.completion_type != cygrpc.CompletionType.queue_timeout:
                with self._gate:
                    self._pending -= 1
                self._call(event.tag, event)
                self._events_before += 1
                is_idle = self._events_before >= _EVENTS_BEFORE
            else:
                is_idle = True
            # An event refers to its call, which must not outlive the server.
            event = None
            if is_idle and self._when_idle:
                self._idle()
            now = monotonic()
            if now >= self._look_at:
                self._look(now)
        with self._gate:
            self._is_closed = True
        self._server.destroy()
        self._queue.shutdown()
        while self._queue.poll(time() + _POLL_S).completion_type != (
            cygrpc.CompletionType.queue_shutdown
        ):
            pass

    def when_idle(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        if not self._when_idle:
            self._events_before = 0
        self._when_idle.append(function)

    def _idle(self) -> None:
        functions, self._when_idle = self._when_idle, []
        for function in functions:
            self._call(function)

    def _call(self, function: Callable[..., object], *args: Any) -> None:
        try:
            function(*args)
        except Exception:
            log.exception("an event of the gRPC server was not handled")

    def stop(self, hangup_s: float) -> None:
        """See Transport."""
        with self._gate:
            if self._is_stopping:
                return
            self._is_stopping = True
            self._pending += 1
            self._hang_up_at = self._look_at = monotonic() + hangup_s
            self._server.shutdown(self._queue, self._shut_down)

    def begin(self, call: Any, operations: Operations, done: Callable[[Event], object]) -> bool:
        """Begin operations of a call; `done` gets their event. False if that is too late."""
        with self._gate:
            if self._is_closed:
                return False
            call.start_server_batch(operations, done)
            self._pending += 1
        return True

    def reset(self, call: Any) -> None:
        """Cancel a call, unless it is too late for that."""
        with self._gate:
            if not self._is_closed:
                call.cancel(_CANCELLED, "")

    def _request_call(self) -> None:
        with self._gate:
            if self._is_stopping:
                return
            self._server.request_call(self._queue, self._queue, self._arrived)
            self._pending += 1

    def _arrived(self, event: Event) -> None:
        self._request_call()
        if event.success and event.call_details.method:
            call = QueueCall(self, event)
            call.watch()
            try:
                self._accept(call)
            except Exception:
                call.finish(RpcStatus(grpc.StatusCode.INTERNAL, "the call was not handled"))
                raise

    def _shut_down(self, _: Event) -> None:
        self._is_shut_down = True

    def expect(self, call: QueueCall, patience: float) -> None:
        """Tell `call` that its message is late, unless `expect_no_more` is called before."""
        self._awaited[call] = monotonic() + patience

    def expect_no_more(self, call: QueueCall) -> None:
        """A message has come."""
        self._awaited.pop(call, None)

    def _look(self, now: float) -> None:
        """Hang up, if it is time to, and look for messages that are late."""
        if now >= self._hang_up_at:
            self._hang_up_at = inf
            self._server.cancel_all_calls()
        self._look_at = min(now + _POLL_S, self._hang_up_at)
        for call, due in list(self._awaited.items()):
            if due <= now and self._awaited.pop(call, None) is not None:
                call.is_late()


class QueueCall:
    """See ServerCall."""

    __slots__ = (
        "_call",
        "_has_header",
        "_is_finished",
        "_over",
        "_received",
        "_transport",
        "is_over",
        "metadata",
        "method",
    )

    def __init__(self, transport: QueueTransport, event: Event) -> None:
        self.method: str = event.call_details.method.decode(errors="replace")
        self.metadata: Metadata = event.invocation_metadata
        self.is_over = False
        self._call = event.call
        self._transport = transport
        self._over: Callable[[], object] | None = None
        self._received: Received | None = None
        self._has_header = False
        self._is_finished = False

    @property
    def peer(self) -> str:
        """See ServerCall."""
        return self._call.peer().decode()  # type: ignore[no-any-return]

    def watch(self) -> None:
        """Ask to be told when the call is over."""
        self._begin((cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),), self._closed)

    def when_over(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        self._over = function

    def when_idle(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        self._transport.when_idle(function)

    def read(self, received: Received, patience: float | None = None) -> None:
        """See ServerCall."""
        self._received = received
        if patience is not None:
            self._transport.expect(self, patience)
        self._begin((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), self._has_message)

    def write(self, data: bytes, sent: Callable[[], object]) -> None:
        """See ServerCall."""
        message = cygrpc.SendMessageOperation(data, _NO_FLAGS)
        self._begin((*self._header(), message), lambda _: sent())

    def answer(self, data: bytes, trailing: Metadata = ()) -> None:
        """See ServerCall."""
        status = cygrpc.SendStatusFromServerOperation(tuple(trailing), _OK, b"", _NO_FLAGS)
        self._end((*self._header(), cygrpc.SendMessageOperation(data, _NO_FLAGS), status))

    def finish(self, status: RpcStatus | None = None, trailing: Metadata = ()) -> None:
        """See ServerCall."""
        code, details = _OK, b""
        if status is not None:
            code, details = status.code.value[0], status.details.encode()
            trailing = status.metadata
        ending = cygrpc.SendStatusFromServerOperation(tuple(trailing), code, details, _NO_FLAGS)
        self._end((*self._header(), ending))

    def reset(self) -> None:
        """See ServerCall."""
        self._transport.reset(self._call)

    def is_late(self) -> None:
        """Tell who waits for a message that none has come in time. In the transport's thread."""
        received, self._received = self._received, None
        if received is not None:
            received(Missing.LATE)

    def _has_message(self, event: Event) -> None:
        self._transport.expect_no_more(self)
        received, self._received = self._received, None
        if received is not None:
            data = event.batch_operations[0].message()
            received(Missing.NONE if data is None else data)

    def _header(self) -> Operations:
        if self._has_header:
            return ()
        self._has_header = True
        return (cygrpc.SendInitialMetadataOperation((), _NO_FLAGS),)

    def _end(self, operations: Operations) -> None:
        if not self._is_finished:
            self._is_finished = True
            self._begin(operations, _ignore)

    def _begin(self, operations: Operations, done: Callable[[Event], object]) -> None:
        self._transport.begin(self._call, operations, done)

    def _closed(self, _: Event) -> None:
        self.is_over = True
        over, self._over = self._over, None
        if over is not None:
            over()


def _ignore(_: Event) -> None:
    """What was sent is out, or the call is over; `_closed` is called in either case."""
