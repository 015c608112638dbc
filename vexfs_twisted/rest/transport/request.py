"""Requests whose bodies are bounded and streamed while they arrive."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol, cast

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from ...model.errors import DomainError, Overloaded
from ...reservations import Reservation
from ..bodies.content import found_too_large
from ..bodies.streaming_body import BUDGET, BodyFormat, ReadGate, StreamingBody
from ..call_context import PendingCall
from ..responses.response import TEXT, Headers, Response, StreamingResponse, error_response
from ..settings import RestSettings
from ..threads import THREAD_FROM_BYTES

LINGER_BYTES = 256 * 1024 * 1024
"""How much of a refused body is read and dropped, so that a client still sending can hear why."""

SMALL_BYTES = THREAD_FROM_BYTES
"""A refused body of no more than this is dropped, and the connection goes on."""

_CLOSE: Headers = ((b"Connection", b"close"),)


class RequestSite(Protocol):
    """What a request needs of the site that it is made by."""

    settings: RestSettings
    common_headers: Headers

    def admit(
        self, request: ApiRequest, length: int | None, headers: Headers
    ) -> PendingCall | Response | None:
        """Let a request through whose body is still to come, or answer it, with `headers` more.

        None for one that is answered by its head, whatever its body.
        """

    def open_body(
        self, request: ApiRequest, body_format: BodyFormat, limit: int, gate: ReadGate
    ) -> StreamingBody:
        """What takes a body of `request` to its consumer while it arrives."""


class ApiRequest(Request):
    """A request that is let through, or refused, as soon as its head is there.

    Whoever may not call, a path or a method that is not there, a body that is or turns out too
    large: all of that is answered at once. A small body that comes all the same is dropped, and the
    connection goes on. Of a large one no more than is on its way is dropped, and the answer says
    that the connection will close: closing with bytes unread would reset the connection and could
    destroy the answer.

    Small bodies are held as text; all others, and those that are packed, are consumed in a thread
    while they arrive, and counted together.
    """

    defaultContentType = TEXT

    def __init__(self, channel: HTTPChannel, *args: Any) -> None:
        super().__init__(channel, *args)
        self._site: RequestSite = channel.site  # type: ignore[attr-defined]
        self._body = BytesIO()
        self._received = 0
        self._dropped: int | None = None
        self._pending: PendingCall | None = None
        self._gate: ReadGate | None = None
        self._room: Reservation | None = None
        self.is_lost = False

    def take_body(self) -> bytes:
        """The body, which the request keeps no longer."""
        data = self._body.getvalue()
        self.content = self._body = BytesIO()
        return data

    def answered_in(self, room: Reservation) -> None:
        """The memory that the answer takes, which is given back once it is out."""
        self._room = room

    def is_out(self) -> None:
        """Nothing of the answer is left here, or nobody will read it."""
        room, self._room = self._room, None
        if room is not None:
            room.release()

    def take_pending(self) -> PendingCall | None:
        """The call, where there was a body to wait for; it is complete now."""
        pending, self._pending, self._gate = self._pending, None, None
        return pending

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; `length` is what they declare, None for chunks."""
        self.content = self._body
        if length == 0:
            return
        # Until the body is complete only the channel knows what the request is for.
        channel: Any = self.channel
        self.method, self.uri = channel._command, channel._path
        self.path = self.uri.partition(b"?")[0]
        limit = min(SMALL_BYTES, self._site.settings.max_body_bytes)
        is_short = length is not None and length <= limit
        admitted = self._site.admit(self, length, () if is_short else _CLOSE)
        if isinstance(admitted, Response):
            self._answer_early(admitted, is_last=not is_short)
        else:
            self._pending = admitted

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        pending = self._pending
        limit = self._site.settings.max_body_bytes if pending is None else pending.limit
        self._received += len(data)
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
            self._body.write(data)
            is_large = self._received > body_format.small_bytes
            if is_large or self.getHeader(b"Content-Encoding") is not None:
                self._gate = ReadGate(IPushProducer(self.transport))
                pending.body = self._site.open_body(self, body_format, pending.limit, self._gate)
                pending.body.take(self.take_body())
        except Overloaded as error:
            self._refuse(error)

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
        """The client is gone. A request that is complete by now is carried out if it writes."""
        self.is_lost = True
        pending = self.take_pending()
        if pending is not None:
            pending.fail(CancelledError())
        super().connectionLost(reason)
        self._drop_transport()
        self.is_out()

    def finish(self) -> None:
        """The answer is complete."""
        super().finish()
        self._drop_transport()

    def _drop_transport(self) -> None:
        """Let go of the transport, which holds what it could not send when its client was lost.

        Klein keeps requests in a cycle, and so in memory until the garbage collector comes.
        """
        self.transport = None

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body is complete: process the request, or end one that was refused."""
        if self._dropped is None:
            super().requestReceived(command, path, version)
            return
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.finish()

    def _refuse(self, error: DomainError) -> None:
        """Give up a body that has been let through so far."""
        pending = self.take_pending()
        if pending is not None:
            pending.fail(error)
            self._answer_early(pending.context.answer_to(error, 0.0, _CLOSE), is_last=True)

    def _answer_early(self, answer: Response, is_last: bool) -> None:
        """Answer, and drop what is still to come."""
        self._dropped = 0
        self.take_body()
        # A client that waits for leave to send its body must not be given it.
        self.requestHeaders.removeHeader(b"Expect")
        if is_last:
            self.channel.persistent = False
        self.clientproto = b"HTTP/1.1"
        self.write(self.prepare(answer))

    def prepare(self, answer: Response) -> bytes:
        """Set status and headers of `answer`; returns the body, which is still to be written."""
        length = (b"Content-Length", b"%d" % len(answer.body))
        self._prepare(answer.status, answer.content_type, (length, *answer.headers))
        return answer.body

    def prepare_streaming(self, response: StreamingResponse) -> None:
        """Set status and headers of `response`; its body is written next."""
        self._prepare(response.status, response.content_type, response.headers)

    def break_off(self) -> None:
        """Close the connection in a way that no client takes for the end of the answer."""
        if not self.is_lost:
            cast(ITCPTransport, self.transport).abortConnection()

    def _prepare(self, status: int, content_type: bytes, more: Headers) -> None:
        self.setResponseCode(status)
        headers = self.responseHeaders
        headers.setRawHeaders(b"Content-Type", [content_type])
        for name, value in (*self._site.common_headers, *more):
            headers.setRawHeaders(name, [value])

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer for a fault outside all handlers, in the shape that every error has."""
        error = reason.value or Exception("no reason given")
        self.write(self.prepare(error_response(error, 0.0)))
        self.finish()
        return reason
