"""Requests with bounded bodies that are consumed while they arrive."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol, cast

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer, ITCPTransport, ITransport
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel
from twisted.web.server import Request, version

from ...model.errors import DomainError, MessageTooLarge
from ...reservations import Reservation
from ..bodies.budget import Lease
from ..bodies.content import found_too_large
from ..bodies.streaming_body import BUDGET, BodyFormat, ReadGate, StreamingBody
from ..call_context import PendingCall
from ..responses.response import TEXT, Headers, Response, StreamingResponse, error_response
from ..route_table import RouteMatch
from ..running import Running
from ..settings import RestSettings
from ..threads import THREAD_FROM_BYTES
from .http_dates import http_date
from .immediate import write_now
from .plain_requests import PlainRequest
from .web_calls import WebCall

LINGER_BYTES = 256 * 1024 * 1024
"""The bytes of a refused body that are read and dropped before the connection is closed.

A client that is still sending can read the response meanwhile.
"""

SMALL_BYTES = THREAD_FROM_BYTES
"""A refused body of up to so many bytes is dropped, and the connection stays open."""

_HEAD = (
    b"%s %d %s\r\nServer: %s\r\nDate: %s\r\nX-Request-Id: %s\r\nContent-Type: %s\r\n"
    b"Content-Length: %d\r\n%s%s\r\n"
)
_ALWAYS = (b"Server", b"Date")
"""Headers of every response, which twisted.web sets for some."""

_CLOSE: Headers = ((b"Connection", b"close"),)


class RequestSite(Protocol):
    """The members of its site that a request uses."""

    settings: RestSettings
    common_headers: Headers
    common_lines: bytes

    def admit(
        self, request: ApiRequest, length: int | None, headers: Headers
    ) -> PendingCall | Response | None:
        """Accept a request whose body has yet to arrive, or return the response that refuses it.

        `length` is the Content-Length in bytes, None without one; `headers` are added to the
        response. Returns None for a request whose body does not matter.
        """

    def open_body(
        self, request: ApiRequest, body_format: BodyFormat, limit: int, gate: ReadGate
    ) -> StreamingBody:
        """The streaming body that passes `request`'s body to its consumer while it arrives."""

    def open_web_call(self, request: ApiRequest) -> bool:
        """Begin the call of another protocol in a request, if it has one, as its `web_call`."""

    def lease(self, request: ApiRequest) -> Lease:
        """The share of a body in the budget of all bodies."""

    def find(self, method: bytes, path: bytes) -> RouteMatch | None:
        """The route of a request, None where only Klein's router knows."""

    def answer(self, match: RouteMatch, request: ApiRequest) -> Running[Any] | None:
        """Answer a complete request; None if it is answered when this returns.

        Cancel it when the client disconnects, unless it writes.
        """


class ApiRequest(Request):
    """A request that is accepted or refused as soon as its headers are complete.

    Requests without permission, with an unknown path or method, or with a body that is declared or
    found too large, are answered immediately. A small body that arrives nevertheless is dropped,
    and the connection stays open. Of a large one, LINGER_BYTES are read and dropped, and the
    response has `Connection: close`: closing with unread bytes would reset the connection and could
    destroy the response.

    Small uncompressed bodies are held whole; others are consumed in worker threads while they
    arrive, and counted in the budget of bodies. The request is a Holder of that budget.
    """

    defaultContentType = TEXT
    call_id = b""

    def __init__(self, channel: HTTPChannel, *args: Any) -> None:
        super().__init__(channel, *args)
        self._site: RequestSite = channel.site  # type: ignore[attr-defined]
        self._body: BytesIO | None = None
        self._whole = b""
        self._received = 0
        self._dropped: int | None = None
        self._pending: PendingCall | None = None
        self._gate: ReadGate | None = None
        self._room: Reservation | None = None
        self._running: Running[Any] | None = None
        self.web_call: WebCall | None = None
        self._lease: Lease | None = None
        self._is_whole = False
        self.is_lost = False
        if channel.is_last:  # type: ignore[attr-defined]
            self.close_after()

    def close_after(self) -> None:
        """Tell the client that the connection closes after the response."""
        self.responseHeaders.setRawHeaders(b"Connection", [b"close"])

    def take_body(self) -> bytes:
        """Return the body and release it."""
        data, self._whole = self._whole, b""
        if self._body is not None:
            data = self._body.getvalue()
            self.content = self._body = BytesIO()
        return data

    def answered_in(self, room: Reservation) -> None:
        """Set the memory reservation of the response, which is released once that is sent."""
        self._room = room

    def is_out(self) -> None:
        """Release the reservation: the response is sent, or the client disconnected. Idempotent."""
        room, self._room = self._room, None
        if room is not None:
            room.release()

    def take_pending(self) -> PendingCall | None:
        """Return and clear the pending call, whose body is complete; None without a body."""
        pending, self._pending, self._gate = self._pending, None, None
        return pending

    def gotLength(self, length: int | None) -> None:
        """Admit the request by its complete headers. `length` is None for a chunked body."""
        self.content = self._body = BytesIO()
        # Until the body is complete, only the channel has the method and the path.
        channel: Any = self.channel
        self.method, self.uri = channel._command, channel._path
        self.path = self.uri.partition(b"?")[0]
        if self._site.open_web_call(self):
            return
        if length == 0:
            return
        limit = min(SMALL_BYTES, self._site.settings.max_body_bytes)
        is_short = length is not None and length <= limit
        admitted = self._site.admit(self, length, () if is_short else _CLOSE)
        if isinstance(admitted, Response):
            self._answer_early(admitted, is_last=not is_short)
        else:
            self._pending = admitted

    def handleContentChunk(self, data: bytes) -> None:
        """Process a piece of the body."""
        pending = self._pending
        limit = self._site.settings.max_body_bytes if pending is None else pending.limit
        self._received += len(data)
        if self.web_call is not None and self._dropped is None:
            self._take_for(self.web_call, data, limit)
            return
        if self._dropped is None and self._received > limit:
            self._refuse(found_too_large(limit))
        if self._dropped is not None:
            self._drop(data)
        elif pending is not None and pending.body_format is not None:
            self._take(data, pending, pending.body_format)

    def _take(self, data: bytes, pending: PendingCall, body_format: BodyFormat) -> None:
        try:
            if pending.body is not None:
                pending.body.take(data)
                return
            cast(BytesIO, self._body).write(data)
            is_large = self._received > body_format.small_bytes
            if is_large or self.getHeader(b"Content-Encoding") is not None:
                self._gate = ReadGate(IPushProducer(self.transport))
                pending.body = self._site.open_body(self, body_format, pending.limit, self._gate)
                pending.body.take(self.take_body())
        except DomainError as error:
            self._refuse(error)

    def _take_for(self, call: WebCall, data: bytes, limit: int) -> None:
        try:
            if self._received > limit:
                raise MessageTooLarge(f"the body is larger than {limit} bytes")
            if self._lease is None:
                self._gate = ReadGate(IPushProducer(self.transport))
                self._lease = self._site.lease(self)
            self._lease.add(len(data))
        except DomainError as error:
            call.fail(error)
        else:
            call.take(data)

    def answer_web(self, answer: Response) -> None:
        """Send the response of a `web_call`, also while its body arrives."""
        if self._is_whole or self.is_lost:
            self.respond(answer)
        else:
            self._answer_early(evolve(answer, headers=(*answer.headers, *_CLOSE)), is_last=True)

    def pause(self) -> None:
        """See Holder."""
        if self._gate is not None:
            self._gate.shut(BUDGET)

    def resume(self) -> None:
        """See Holder."""
        if self._gate is not None:
            self._gate.open(BUDGET)

    def expire(self, error: DomainError) -> None:
        """See Holder."""
        self._refuse(error)

    def _drop(self, data: bytes) -> None:
        assert self._dropped is not None
        before = self._dropped
        self._dropped += len(data)
        if before <= LINGER_BYTES < self._dropped:
            self.channel.loseConnection()

    def connectionLost(self, reason: Failure) -> None:
        """End a call that is still pending. A complete request is cancelled unless it writes."""
        self.is_lost = True
        pending = self.take_pending()
        if pending is not None:
            pending.fail(CancelledError())
        if self.web_call is not None:
            self.web_call.lost()
        super().connectionLost(reason)
        if self._running is not None:
            self._running.cancel()
        self._drop_references()
        self.is_out()

    def finish(self) -> None:
        """The response is complete."""
        super().finish()
        self._drop_references()

    def _drop_references(self) -> None:
        """Drop the transport, which holds unsent data of a lost connection, and what has ended.

        Klein makes reference cycles of requests, which stay in memory until garbage collection.
        """
        self.transport = None
        self._running = None
        self.web_call = None
        if self._lease is not None:
            self._lease.release()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Process the complete request, or finish one that was refused."""
        if self._dropped is None:
            super().requestReceived(command, path, version)
            return
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.finish()

    def process(self) -> None:
        """Process the complete request: by the route of its path, else by Klein's router."""
        if self.web_call is not None:
            self._complete(self.web_call)
            return
        match = self._site.find(self.method, self.path)
        if match is None:
            super().process()
        else:
            self.answer_by(match)

    def _complete(self, call: WebCall) -> None:
        self._is_whole = True
        if self._lease is None:
            call.complete()
            return
        ready = Deferred.fromCoroutine(self._lease.ready())
        ready.addCallbacks(lambda _: call.complete(), lambda failure: call.fail(failure.value))

    def process_plain(self, plain: PlainRequest, match: RouteMatch) -> None:
        """Process a complete request that was not read by twisted.web."""
        self.method, self.uri, self.path, self.requestHeaders, self._whole = plain
        self.clientproto = b"HTTP/1.1"
        self.answer_by(match)

    def answer_by(self, match: RouteMatch) -> None:
        """Answer the complete request by a route. A read ends when the client disconnects."""
        try:
            running = self._site.answer(match, self)
        except Exception:
            self.processingFailed(Failure())
        else:
            self._running = None if match.route.is_write else running

    def _refuse(self, error: DomainError) -> None:
        """Refuse an admitted request before its body is complete."""
        if self.web_call is not None:
            self.web_call.fail(error)
            return
        pending = self.take_pending()
        if pending is not None:
            pending.fail(error)
            self._answer_early(pending.context.answer_to(error, 0.0, _CLOSE), is_last=True)

    def _answer_early(self, answer: Response, is_last: bool) -> None:
        """Respond now, and drop the rest of the body. `is_last`: close the connection after it."""
        self._dropped = 0
        self.take_body()
        # The client must not be sent 100 Continue.
        self.requestHeaders.removeHeader(b"Expect")
        if is_last:
            self.channel.persistent = False
        self.clientproto = b"HTTP/1.1"
        self.write(self.prepare(answer))

    def respond(self, answer: Response | None) -> None:
        """Send a response with one write, and finish; only finish if None, after a streamed one.

        No-op when the client has disconnected.
        """
        if self.is_lost:
            return
        if answer is not None:
            self.startedWriting = 1
            body = b"" if self.method == b"HEAD" else answer.body
            write_now(cast(ITransport, self.transport), self._head(answer), body)
        self.finish()

    def _head(self, answer: Response) -> bytes:
        """Status line and headers of a response."""
        headers = self.responseHeaders
        for name, value in answer.headers:
            headers.setRawHeaders(name, [value])
        lines = [
            b"%s: %s\r\n" % (name, value)
            for name, values in headers.getAllRawHeaders()
            for value in values
            if name not in _ALWAYS
        ]
        return _HEAD % (
            self.clientproto,
            answer.status,
            RESPONSES.get(answer.status, b"Unknown Status"),
            version,
            http_date(),
            self.call_id,
            answer.content_type,
            len(answer.body),
            self._site.common_lines,
            b"".join(lines),
        )

    def prepare(self, answer: Response) -> bytes:
        """Set status and headers of `answer`; returns the body, which the caller writes."""
        length = (b"Content-Length", b"%d" % len(answer.body))
        self.prepare_head(answer.status, answer.content_type, (length, *answer.headers))
        return answer.body

    def prepare_streaming(self, response: StreamingResponse) -> None:
        """Set status and headers of `response`; the caller writes the body."""
        self.prepare_head(response.status, response.content_type, response.headers)

    def break_off(self) -> None:
        """Abort the connection, so that clients do not take the response as complete."""
        if not self.is_lost:
            cast(ITCPTransport, self.transport).abortConnection()

    def prepare_head(self, status: int, content_type: bytes, more: Headers) -> None:
        """Set status and headers of a response; the caller writes the body."""
        self.setResponseCode(status)
        headers = self.responseHeaders
        headers.setRawHeaders(b"Server", [version])
        headers.setRawHeaders(b"Date", [http_date()])
        headers.setRawHeaders(b"Content-Type", [content_type])
        headers.setRawHeaders(b"X-Request-Id", [self.call_id])
        for name, value in (*self._site.common_headers, *more):
            headers.setRawHeaders(name, [value])

    def processingFailed(self, reason: Failure) -> Failure:
        """Respond to an error outside all handlers, in the usual JSON envelope."""
        error = reason.value or Exception("no reason given")
        self.respond(error_response(error, 0.0))
        return reason
