"""Requests whose bodies are bounded while they arrive."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from ..model.errors import DomainError, Overloaded
from ..reservations import Reservation
from .answers import JSON, TEXT, Answer, Headers, error_answer
from .bodies import THREAD_FROM_BYTES, found_too_large
from .intake import ROOM, Arrival, Gate
from .shapes import Shape

if TYPE_CHECKING:
    from .site import ApiSite

LINGER_BYTES = 256 * 1024 * 1024
"""How much of a refused body is read and dropped, so that a client still sending can hear why."""

SMALL_BYTES = THREAD_FROM_BYTES
"""Bodies of more than this are decoded while they arrive."""

_CLOSE: Headers = ((b"Connection", b"close"),)


class ApiRequest(Request):
    """A request that is let through, or refused, as soon as its head is there.

    Whoever may not call, a path or a method that is not there, a body that is or turns out too
    large: all of that is answered at once. A small body that comes all the same is dropped, and the
    connection goes on. Of a large one no more than is on its way is dropped, and the answer says
    that the connection will close: closing with bytes unread would reset the connection and could
    destroy the answer.

    Small bodies are held as text; all others, and those that are packed, are decoded in a thread
    while they arrive, and counted together.
    """

    defaultContentType = TEXT

    def __init__(self, channel: HTTPChannel, *args: Any) -> None:
        super().__init__(channel, *args)
        self._site: ApiSite = channel.site  # type: ignore[attr-defined]
        self._body = BytesIO()
        self._received = 0
        self._dropped: int | None = None
        self._arrival: Arrival | None = None
        self._gate: Gate | None = None
        self._reservation: Reservation | None = None
        self.is_lost = False

    def take_body(self) -> bytes:
        """The body, which the request keeps no longer."""
        data = self._body.getvalue()
        self.content = self._body = BytesIO()
        return data

    def answered_in(self, reservation: Reservation) -> None:
        """The memory that the answer takes, which is given back once it is out."""
        self._reservation = reservation

    def is_out(self) -> None:
        """Nothing of the answer is left here, or nobody will read it."""
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            reservation.release()

    def take_arrival(self) -> Arrival | None:
        """The call, where there was a body to wait for; it is complete now."""
        arrival, self._arrival, self._gate = self._arrival, None, None
        return arrival

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
        if isinstance(admitted, Answer):
            self._answer_early(admitted, is_last=not is_short)
        else:
            self._arrival = admitted

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        limit = self._site.settings.max_body_bytes
        self._received += len(data)
        if self._dropped is None and self._received > limit:
            self._refuse(found_too_large(limit))
        if self._dropped is not None:
            self._drop(data)
        elif self._arrival is not None and self._arrival.route.body is not None:
            self._take(data, self._arrival, self._arrival.route.body)

    def _take(self, data: bytes, arrival: Arrival, shape: Shape) -> None:
        try:
            if arrival.intake is not None:
                arrival.intake.take(data)
                return
            self._body.write(data)
            if self._received > SMALL_BYTES or self.getHeader(b"Content-Encoding") is not None:
                self._gate = Gate(IPushProducer(self.transport))
                arrival.intake = self._site.intake(self, shape, self._gate)
                arrival.intake.take(self.take_body())
        except Overloaded as error:
            self._refuse(error)

    def pause(self) -> None:
        """See Holder."""
        if self._gate is not None:
            self._gate.shut(ROOM)

    def resume(self) -> None:
        """See Holder."""
        if self._gate is not None:
            self._gate.open(ROOM)

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
        arrival = self.take_arrival()
        if arrival is not None:
            arrival.fail(CancelledError())
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
        arrival = self.take_arrival()
        if arrival is not None:
            arrival.fail(error)
            self._answer_early(arrival.call_context.answer_to(error, 0.0, _CLOSE), is_last=True)

    def _answer_early(self, answer: Answer, is_last: bool) -> None:
        """Answer, and drop what is still to come."""
        self._dropped = 0
        self.take_body()
        # A client that waits for leave to send its body must not be given it.
        self.requestHeaders.removeHeader(b"Expect")
        if is_last:
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
