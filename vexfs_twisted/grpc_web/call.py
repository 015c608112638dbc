"""One gRPC-Web call: a ServerCall in an HTTP request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from secrets import token_hex
from threading import get_ident

from attrs import frozen
from grpc import StatusCode
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from ..middleware import REQUEST_ID, id_from
from ..model.errors import DomainError
from ..rest.responses.response import Headers, Response
from ..rest.threads import THREAD_FROM_BYTES
from ..rest.transport.request import ApiRequest
from ..rpc.errors import RpcStatus, status_of
from ..rpc.transport.call import Metadata, Missing, Received
from ..threadpool import CallInReactor, RunInThread
from .frames import message_frame, messages_of, status_trailers, trailer_pairs, trailers_frame

_EXPOSED = b"grpc-status, grpc-message, x-request-id, retry-after, points-written"
_OF_CONNECTION = frozenset({"host", "connection", "content-length", "transfer-encoding", "te"})
_TOO_LATE = RpcStatus(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


@frozen
class WebContext:
    """What calls share. `clock` is the reactor, `with_cors` tells browsers what they may read."""

    clock: IReactorTime
    call_in_reactor: CallInReactor
    run_in_thread: RunInThread
    with_cors: bool


@implementer(IPushProducer)
class WebServerCall:
    """See ServerCall, and WebCall for the request that it is in. Its thread is the reactor's.

    Messages are read once the body is complete, which is bounded. A message is written when the
    connection has taken those before it.
    """

    def __init__(
        self, request: ApiRequest, context: WebContext, *, is_text: bool, as_text: bool
    ) -> None:
        """`is_text`: the body is base64; `as_text`: so is the response."""
        self.method = request.path.decode("latin-1")
        given = id_from(request.getHeader(REQUEST_ID)) or token_hex(8)
        request.call_id = given.encode()
        self.metadata: Metadata = (*_metadata_of(request), (REQUEST_ID, given))
        self.peer = _peer_of(request)
        self.is_over = False
        self._request = request
        self._context = context
        self._is_text = is_text
        self._as_text = as_text
        self._thread = get_ident()
        self._pieces: list[bytes] = []
        self._messages: deque[bytes] = deque()
        self._is_complete = False
        self._received: Received | None = None
        self._patience: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._over: Callable[[], object] | None = None
        self._is_streaming = False
        self._is_paused = False
        self._sent: Callable[[], object] | None = None

    def expire_after(self, seconds: float) -> None:
        """End the call with DEADLINE_EXCEEDED after so many seconds."""
        self._deadline = self._context.clock.callLater(seconds, self.finish, _TOO_LATE)

    # What the request tells.

    def take(self, data: bytes) -> None:
        """See WebCall."""
        if not self.is_over:
            self._pieces.append(data)

    def complete(self) -> None:
        """See WebCall."""
        pieces, self._pieces = self._pieces, []
        if sum(map(len, pieces)) < THREAD_FROM_BYTES:
            try:
                self._take_messages(messages_of(pieces, is_text=self._is_text))
            except DomainError as error:
                self.fail(error)
            return
        parsing = self._context.run_in_thread(_parse, pieces, self._is_text)
        parsing.addCallbacks(self._take_messages, self._broke)

    def fail(self, error: Exception) -> None:
        """See WebCall."""
        self._pieces = []
        self.finish(status_of(error, self.method))

    def lost(self) -> None:
        """See WebCall."""
        self._end()

    # What handlers call, see ServerCall.

    def when_over(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        self._over = function

    def when_idle(self, function: Callable[[], object]) -> None:
        """See ServerCall."""
        self._context.clock.callLater(0, function)

    def read(self, received: Received, patience: float | None = None) -> None:
        """See ServerCall."""
        self._call(self._read, received, patience)

    def write(self, data: bytes, sent: Callable[[], object]) -> None:
        """See ServerCall."""
        self._call(self._write, message_frame(data, as_text=self._as_text), sent)

    def answer(self, data: bytes, trailing: Metadata = ()) -> None:
        """See ServerCall."""
        trailers = status_trailers(0, "", trailing)
        frame = message_frame(data, as_text=self._as_text)
        self._call(self._finish, frame + trailers_frame(trailers, as_text=self._as_text), ())

    def finish(self, status: RpcStatus | None = None, trailing: Metadata = ()) -> None:
        """See ServerCall."""
        trailers = status_trailers(0, "", trailing)
        if status is not None:
            trailers = status_trailers(status.code.value[0], status.details, status.metadata)
        # Without a message, clients look for the status in the headers.
        self._call(self._finish, trailers_frame(trailers, as_text=self._as_text), trailers)

    def reset(self) -> None:
        """See ServerCall."""
        self._call(self._reset)

    # Of the transport, see IPushProducer.

    def pauseProducing(self) -> None:
        """The buffer of the connection is full."""
        self._is_paused = True

    def resumeProducing(self) -> None:
        """The connection takes data again."""
        self._is_paused = False
        self._tell_sent()

    def stopProducing(self) -> None:
        """No-op: `lost` is called as well."""

    def _call(self, function: Callable[..., object], *args: object) -> None:
        if get_ident() == self._thread:
            function(*args)
        else:
            self._context.call_in_reactor(function, *args)

    def _read(self, received: Received, patience: float | None) -> None:
        self._received = received
        if patience is not None and not self._is_complete:
            self._patience = self._context.clock.callLater(patience, self._deliver, Missing.LATE)
        if self._messages or self._is_complete or self.is_over:
            self._deliver(self._next())

    def _next(self) -> bytes | Missing:
        return self._messages.popleft() if self._messages else Missing.NONE

    def _deliver(self, message: bytes | Missing) -> None:
        received, self._received = self._received, None
        _cancel(self._patience)
        if received is not None:
            received(message)

    def _take_messages(self, messages: Sequence[bytes]) -> None:
        self._messages.extend(messages)
        self._is_complete = True
        if self._received is not None:
            self._deliver(self._next())

    def _broke(self, failure: Failure) -> None:
        assert isinstance(failure.value, Exception)
        self.fail(failure.value)

    def _write(self, frame: bytes, sent: Callable[[], object]) -> None:
        if self.is_over:
            return
        if not self._is_streaming:
            self._is_streaming = True
            self._request.registerProducer(self, True)
            self._request.prepare_head(200, self._content_type, self._headers())
        self._sent = sent
        self._request.write(frame)
        if not self._is_paused:
            self._tell_sent()

    def _reset(self) -> None:
        if not self.is_over:
            self._request.break_off()

    def _tell_sent(self) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            sent()

    def _finish(self, last: bytes, trailers: Metadata) -> None:
        if self.is_over:
            return
        if self._is_streaming:
            self._request.write(last)
            self._request.unregisterProducer()
            self._request.finish()
        else:
            pairs = tuple(trailer_pairs(trailers))
            own = tuple(pair for pair in pairs if pair[0] != REQUEST_ID.encode())
            headers = (*self._headers(), *own)
            self._request.answer_web(Response(last, 200, self._content_type, headers))
        self._end()

    def _end(self) -> None:
        self.is_over = True
        self._pieces, self._sent = [], None
        self._messages.clear()
        _cancel(self._deadline)
        self._deliver(Missing.NONE)
        over, self._over = self._over, None
        if over is not None:
            over()

    @property
    def _content_type(self) -> bytes:
        return b"application/grpc-web%s+proto" % (b"-text" if self._as_text else b"")

    def _headers(self) -> Headers:
        if not self._context.with_cors:
            return ()
        return ((b"Access-Control-Expose-Headers", _EXPOSED),)


def _parse(pieces: list[bytes], is_text: bool) -> list[bytes]:
    return messages_of(pieces, is_text=is_text)


def _cancel(call: IDelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()


def _metadata_of(request: ApiRequest) -> list[tuple[str, str]]:
    """The headers of a call, without those of the connection, and binary ones."""
    return [
        (key, value.decode("latin-1"))
        for name, values in request.requestHeaders.getAllRawHeaders()
        if (key := name.decode("latin-1").lower()) not in _OF_CONNECTION
        if key != REQUEST_ID and not key.endswith("-bin")
        for value in values
    ]


def _peer_of(request: ApiRequest) -> str:
    """The client's address as grpc writes it."""
    address = request.getClientAddress()
    if isinstance(address, UNIXAddress):
        return "unix:"
    host, port = getattr(address, "host", ""), getattr(address, "port", 0)
    if isinstance(address, IPv6Address):
        return f"ipv6:%5B{host}%5D:{port}"
    return f"ipv4:{host}:{port}"
