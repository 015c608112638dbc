"""Requests whose bodies are bounded while they arrive."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from ..model.errors import PayloadTooLarge
from .answers import TEXT, Answer, error_answer
from .bodies import declared_too_large, found_too_large
from .passages import refuse

if TYPE_CHECKING:
    from .site import ApiSite

LINGER_BYTES = 256 * 1024 * 1024
"""How much of a refused body is read and dropped, so that a client still sending can hear why."""


class ApiRequest(Request):
    """A request that is answered with 413 as soon as its body is, or says it is, too large.

    The answer leaves at once and says that the connection will close. What the client still sends
    is dropped: closing with bytes unread would reset the connection and could destroy the answer.
    Bodies are held in memory; twisted.web would put larger ones into files, with blocking writes.
    """

    defaultContentType = TEXT

    def __init__(self, channel: HTTPChannel, *args: Any) -> None:
        super().__init__(channel, *args)
        self._site: ApiSite = channel.site  # type: ignore[attr-defined]
        self._body = BytesIO()
        self._dropped: int | None = None

    def take_body(self) -> bytes:
        """The body, which the request keeps no longer."""
        data = self._body.getvalue()
        self.content = self._body = BytesIO()
        return data

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; `length` is what they declare, None for chunks."""
        self.content = self._body
        limit = self._site.settings.max_body_bytes
        if length is not None and length > limit:
            self._refuse(declared_too_large(length, limit))

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        limit = self._site.settings.max_body_bytes
        if self._dropped is None and self._body.tell() + len(data) > limit:
            self._refuse(found_too_large(limit))
        if self._dropped is None:
            self._body.write(data)
            return
        before = self._dropped
        self._dropped += len(data)
        if before <= LINGER_BYTES < self._dropped:
            self.channel.loseConnection()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body is complete: process the request, or end one that was refused."""
        if self._dropped is None:
            super().requestReceived(command, path, version)
            return
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.finish()

    def _refuse(self, error: PayloadTooLarge) -> None:
        self._dropped = 0
        self._body.truncate(0)
        # A client that waits for leave to send its body must not be given it.
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.persistent = False
        self.clientproto = b"HTTP/1.1"
        headers = ((b"Connection", b"close"),)
        self.write(self.prepare(refuse(self._site.chain, self, error, headers)))

    def prepare(self, answer: Answer) -> bytes:
        """Set status and headers of `answer`; returns the body, which is still to be written."""
        self.setResponseCode(answer.status)
        headers = self.responseHeaders
        headers.setRawHeaders(b"Content-Type", [answer.content_type])
        headers.setRawHeaders(b"Content-Length", [b"%d" % len(answer.body)])
        for name, value in (*self._site.common_headers, *answer.headers):
            headers.setRawHeaders(name, [value])
        return answer.body

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer for a fault outside all handlers, in the shape that every error has."""
        error = reason.value or Exception("no reason given")
        self.write(self.prepare(error_answer(error, 0.0)))
        self.finish()
        return reason
