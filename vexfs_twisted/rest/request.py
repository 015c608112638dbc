"""Requests whose bodies are bounded while they arrive."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from ..model.errors import PayloadTooLarge
from .answers import JSON, TEXT, Answer, Headers, error_answer
from .bodies import declared_too_large, found_too_large
from .intake import Arrival
from .passages import refuse

if TYPE_CHECKING:
    from .site import ApiSite

LINGER_BYTES = 256 * 1024 * 1024
"""How much of a refused body is read and dropped, so that a client still sending can hear why."""

INTAKE_BYTES = 4 * 1024 * 1024
"""Bodies of more than this are decoded while they arrive."""

PACKED_INTAKE_BYTES = 256 * 1024
"""The same for packed bodies, of which nobody knows what is in them."""

_CLOSE: Headers = ((b"Connection", b"close"),)


class ApiRequest(Request):
    """A request that is answered with 413 as soon as its body is, or says it is, too large.

    A large body that its endpoint can decode piece by piece is decoded while it arrives, once the
    call was let through; a client that is refused there is answered early, too.

    An early answer leaves at once and says that the connection will close. What the client still
    sends is dropped: closing with bytes unread would reset the connection and could destroy the
    answer. Other bodies are held in memory; twisted.web would put larger ones into files, with
    blocking writes.
    """

    defaultContentType = TEXT

    def __init__(self, channel: HTTPChannel, *args: Any) -> None:
        super().__init__(channel, *args)
        self._site: ApiSite = channel.site  # type: ignore[attr-defined]
        self._body = BytesIO()
        self._intake_from = INTAKE_BYTES
        self._received = 0
        self._dropped: int | None = None
        self._arrival: Arrival | None = None
        self.is_lost = False

    def take_body(self) -> bytes:
        """The body, which the request keeps no longer."""
        data = self._body.getvalue()
        self.content = self._body = BytesIO()
        return data

    def take_arrival(self) -> Arrival | None:
        """The call, where its body was decoded while it arrived; the body is complete now."""
        arrival, self._arrival = self._arrival, None
        return arrival

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; `length` is what they declare, None for chunks."""
        self.content = self._body
        limit = self._site.settings.max_body_bytes
        if self.getHeader(b"Content-Encoding") is not None:
            self._intake_from = PACKED_INTAKE_BYTES
        if length is not None and length > limit:
            self._refuse(declared_too_large(length, limit))

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        limit = self._site.settings.max_body_bytes
        self._received += len(data)
        if self._dropped is None and self._received > limit:
            self._refuse(found_too_large(limit))
        if self._dropped is not None:
            self._drop(data)
        elif self._arrival is not None:
            self._arrival.intake.take(data)
        else:
            self._body.write(data)
            if self._received > self._intake_from:
                self._expect_more()

    def _expect_more(self) -> None:
        """The body is a large one: from here on it is decoded while it arrives, if it can be.

        Whoever may not call is told so now, before anything is decoded.
        """
        # Asked once: the limit is checked before.
        self._intake_from = self._site.settings.max_body_bytes
        # Until the body is complete only the channel knows what the request is for.
        channel: Any = self.channel
        self.method, self.uri = channel._command, channel._path
        self.path = self.uri.partition(b"?")[0]
        arrival = self._site.expect(self)
        if arrival is None:
            return
        try:
            arrival.passage.begin()
        except Exception as error:
            self._answer_early(arrival.passage.answer_to(error, 0.0, _CLOSE))
            return
        self._arrival = arrival
        arrival.intake.take(self.take_body())

    def _drop(self, data: bytes) -> None:
        assert self._dropped is not None
        before = self._dropped
        self._dropped += len(data)
        if before <= LINGER_BYTES < self._dropped:
            self.channel.loseConnection()

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone. A request that is complete by now is carried out if it writes."""
        self.is_lost = True
        arrival = self.take_arrival()
        if arrival is not None:
            arrival.fail(CancelledError())
        super().connectionLost(reason)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body is complete: process the request, or end one that was refused."""
        if self._dropped is None:
            super().requestReceived(command, path, version)
            return
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.finish()

    def _refuse(self, error: PayloadTooLarge) -> None:
        arrival = self.take_arrival()
        if arrival is None:
            answer = refuse(self._site.chain, self, error, _CLOSE)
        else:
            arrival.fail(error)
            answer = arrival.passage.answer_to(error, 0.0, _CLOSE)
        self._answer_early(answer)

    def _answer_early(self, answer: Answer) -> None:
        """Answer, and drop what is still to come."""
        self._dropped = 0
        self._body.truncate(0)
        # A client that waits for leave to send its body must not be given it.
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.persistent = False
        self.clientproto = b"HTTP/1.1"
        self.write(self.prepare(answer))

    def prepare(self, answer: Answer) -> bytes:
        """Set status and headers of `answer`; returns the body, which is still to be written."""
        length = (b"Content-Length", b"%d" % len(answer.body))
        self._prepare(answer.status, answer.content_type, (length, *answer.headers))
        return answer.body

    def prepare_large(self) -> None:
        """Set status and headers of an answer in JSON whose length nobody knows."""
        self._prepare(200, JSON, ())

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
        self.write(self.prepare(error_answer(error, 0.0)))
        self.finish()
        return reason
