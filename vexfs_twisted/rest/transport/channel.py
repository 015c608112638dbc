"""HTTP/1.1 channels: strict parsing, bounded headers, and fairness between connections."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Protocol, cast

import orjson
from twisted.internet.interfaces import IDelayedCall, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from ..bodies.streaming_body import BodyFormat
from ..responses.response import JSON
from ..route_table import RouteMatch
from .notices import Notices
from .plain_requests import PlainReader
from .request import ApiRequest

REQUESTS_A_TURN = 16
"""The maximum number of pipelined requests that one connection handles per reactor turn."""

MAX_HEAD_BYTES = 16 * 1024
"""The maximum size of a request line, and that of all headers together, in bytes."""

PROGRESS_BYTES = 4096
"""The bytes of a request that must arrive within the timeout of idle connections.

Otherwise a client could keep a connection open, and a request incomplete, by a byte now and then.
"""

_MAX_LENGTH_LINE = 64
TLS_RECORD = b"\x16"
"""The first byte of a TLS handshake."""


class ChannelSite(Protocol):
    """The attributes of its site that a channel uses."""

    notices: Notices
    plain_bytes: int

    def find(self, method: bytes, path: bytes) -> RouteMatch | None:
        """See RequestSite."""


class StrictChannel(HTTPChannel):
    """The server side of a connection. Refuses and closes it at the first malformed request.

    To prevent request smuggling, it refuses what proxies and servers parse in different ways:
    folded headers, more than one length of a body, a missing or repeated Host header, and chunked
    bodies in HTTP/1.0.
    """

    # This class checks both limits itself, to respond with a different status for each.
    MAX_LENGTH = MAX_HEAD_BYTES
    totalHeadersSize = 4 * MAX_HEAD_BYTES

    is_last: bool = False
    """Whether the connection closes after the next response, which then says so."""

    def __init__(self) -> None:
        super().__init__()
        self._is_new = True
        self._is_in_head = False
        self._is_at_start = True
        self._plain = PlainReader()
        self._is_refused = False
        self._head_bytes = 0
        self._progress = 0
        self._taken = 0
        self._next_turn: IDelayedCall | None = None
        self._addresses: tuple[Any, Any] | None = None

    def getPeer(self) -> Any:
        """The address of the client. Transports make a new object each time they are asked."""
        return self._both()[0]

    def getHost(self) -> Any:
        """The address of the server."""
        return self._both()[1]

    def _both(self) -> tuple[Any, Any]:
        if self._addresses is None:
            self._addresses = super().getPeer(), super().getHost()
        return self._addresses

    def dataReceived(self, data: bytes) -> None:
        """Parse data that the transport has read in one turn."""
        if self._is_refused:
            return
        if self._is_new:
            self._is_new = False
            if data[:1] == TLS_RECORD:
                self._site.notices.tls(self._peer)
                self._refuse(400, "This port takes HTTP: TLS is not on here")
                return
        self._taken = 0
        if not self._take_plain(data):
            self._progress += len(data)
            super().dataReceived(data)

    def _take_plain(self, data: bytes) -> bool:
        """Process `data` if it is one plain request, and no other is in progress or arriving.

        The state is then as after `allContentReceived`, or as after the response if that is sent.
        """
        is_idle = self._is_at_start and self.line_mode and not self._buffer and self.persistent
        plain = self._plain.read(data, self._site.plain_bytes) if is_idle else None
        match = None if plain is None else self._site.find(plain.method, plain.path)
        if plain is None or match is None or not _takes(match.route.body, plain.body):
            return False
        self.resetTimeout()
        self._handlingRequest = True
        self.setRawMode()
        request = ApiRequest(self)
        self.requests.append(request)
        request.process_plain(plain, match)
        return True

    def resetTimeout(self) -> None:
        """Begin the timeout anew, if the connection was idle or its request makes progress."""
        is_idle = self._is_at_start and not self._buffer
        if is_idle or self._progress >= PROGRESS_BYTES:
            self._progress = 0
            super().resetTimeout()

    def timeoutConnection(self) -> None:
        """Close the connection if it is idle; the processing of a request may take any time."""
        if self._handlingRequest:
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()

    def requestDone(self, request: Request) -> None:
        """The response is complete: the connection may be idle as long from now on."""
        super().requestDone(request)
        self.resetTimeout()

    def lineReceived(self, line: bytes) -> None:
        """Parse a request line or a line of headers."""
        if self._is_refused:
            return
        self._is_at_start = False
        if not self._is_in_head:
            self._is_in_head = bool(line)
            self._head_bytes = 0
        elif line[:1] in (b" ", b"\t"):
            self._refuse(400, "A header is folded into several lines")
            return
        else:
            self._head_bytes += len(line)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, f"The headers are larger than {MAX_HEAD_BYTES} bytes")
                return
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a request line or header that is too long."""
        if self._is_in_head:
            self._refuse(431, f"A header is larger than {MAX_HEAD_BYTES} bytes")
        else:
            self._refuse(414, f"The request line is longer than {MAX_HEAD_BYTES} bytes")

    def headerReceived(self, line: bytes) -> bool:
        """Parse a complete header; returns whether it is valid."""
        if line[:15].lower() == b"content-length:" and len(line) > _MAX_LENGTH_LINE:
            self._refuse(400, "The length of the body is no length")
            return False
        if self._receivedHeaderCount >= self.maxHeaders:
            self._refuse(431, f"There are more than {self.maxHeaders} headers")
            return False
        is_sound: bool = super().headerReceived(line)
        return is_sound

    def allHeadersReceived(self) -> None:
        """Validate the complete headers, then continue with the body or refuse the request."""
        complaint = self._complaint()
        if complaint is None:
            super().allHeadersReceived()
        else:
            self._refuse(400, complaint)

    def _complaint(self) -> str | None:
        headers = self.requests[-1].requestHeaders
        is_current = self._version == b"HTTP/1.1"
        hosts = len(headers.getRawHeaders(b"Host") or ())
        if hosts > 1 or (is_current and not hosts):
            return "There must be one Host header"
        codings = headers.getRawHeaders(b"Transfer-Encoding")
        if codings is not None:
            if not is_current:
                return "HTTP/1.0 has no Transfer-Encoding"
            if [coding.lower() for coding in codings] != [b"chunked"]:
                return "The Transfer-Encoding may be chunked, and be said once"
            if headers.hasHeader(b"Content-Length"):
                return "There are Content-Length and Transfer-Encoding"
        return None

    def allContentReceived(self) -> None:
        """Process the complete request."""
        if not self._is_refused:
            self._is_in_head = False
            self._is_at_start = True
            super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Process a piece of a body, or data that follows the current request."""
        if not self._is_refused:
            super().rawDataReceived(data)

    def setLineMode(self, extra: bytes = b"") -> None:
        """Parse the next request, after a response; `extra` is what was received of it so far.

        After REQUESTS_A_TURN requests in one turn, buffers the data and resumes in the next turn.
        """
        self._taken += 1
        if self._taken < REQUESTS_A_TURN:
            self.line_mode = 1
            if extra:
                super().dataReceived(extra)
            return
        self._handlingRequest = True
        self._dataBuffer = [extra] if extra else []
        self._networkProducer.pauseProducing()
        self._next_turn = self.callLater(0, self._take_on)

    def _take_on(self) -> None:
        self._next_turn = None
        self._taken = 0
        self._handlingRequest = False
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()
        extra = b"".join(self._dataBuffer)
        self._dataBuffer = []
        self.line_mode = 1
        super().dataReceived(extra)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Cancel what is scheduled for the next turn."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        super().connectionLost(reason)

    def _respondToBadRequestAndDisconnect(self) -> None:
        self._refuse(400, "This is no HTTP/1.1")

    def _refuse(self, status: int, text: str) -> None:
        """Send an error response and close the connection."""
        if self._is_refused:
            return
        self._is_refused = True
        cast(ITransport, self.transport).write(refusal(status, text))
        self.loseConnection()

    @property
    def _site(self) -> ChannelSite:
        site: Any = self.site  # type: ignore[attr-defined]
        return cast(ChannelSite, site)

    @property
    def _peer(self) -> str:
        return str(getattr(self.getPeer(), "host", ""))


def _takes(body_format: BodyFormat | None, body: bytes) -> bool:
    """Whether a body of this format is held whole."""
    return not body or (body_format is not None and len(body) <= body_format.small_bytes)


def refusal(status: int, text: str) -> bytes:
    """A complete HTTP error response, in the usual JSON envelope, to a malformed request."""
    body = orjson.dumps({"status": {"error": text}, "time": 0.0})
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {JSON.decode()}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body
