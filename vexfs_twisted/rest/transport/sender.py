"""The sender of streaming responses, with backpressure from the client."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ..responses.response import StreamingResponse
from .request import ApiRequest


@implementer(IPushProducer)
class ResponseSender:
    """Sends a streaming response to a request. Used in the reactor thread only.

    While the transport is paused, one piece is held and no further one is produced.
    """

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._room: Deferred[None] | None = None

    async def send(self, response: StreamingResponse) -> None:
        """Send the whole response, and close its source in any case.

        Raises the errors of the source, possibly after a part of the body was sent.
        """
        self._request.registerProducer(self, True)
        try:
            # An error before the first piece can still be sent with its own status.
            piece = await response.source.next()
            self._request.prepare_streaming(response)
            if self._request.method == b"HEAD":
                # The first write sends the headers, and nothing else.
                self._request.write(piece)
                return
            while piece:
                await self._write(piece)
                piece = await response.source.next()
        finally:
            response.source.close()
            if not self._request.is_lost:
                self._request.unregisterProducer()
            else:
                # Breaks the reference cycle.
                self._request.producer = None

    async def _write(self, piece: bytes) -> None:
        if self._room is not None:
            await self._room
        self._request.write(piece)

    def pauseProducing(self) -> None:
        """Pause: the transport's buffer is full."""
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        """Resume: the transport accepts data again."""
        room, self._room = self._room, None
        if room is not None and not room.called:
            room.callback(None)

    def stopProducing(self) -> None:
        """No-op: the request handles the loss of the connection."""
