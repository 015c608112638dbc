"""Sends streaming responses: pieces go out as fast as the client reads."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ..responses.response import StreamingResponse
from .request import ApiRequest


@implementer(IPushProducer)
class ResponseSender:
    """Sends a streaming response to a request. Belongs to the reactor thread.

    While the transport has no room one piece is held, and no further one is made.
    """

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._room: Deferred[None] | None = None

    async def send(self, response: StreamingResponse) -> None:
        """Send the whole response, and close its source in any case.

        Raises what the source does, perhaps with half of the body sent.
        """
        self._request.registerProducer(self, True)
        try:
            # An error before the first piece can still be answered with a status of its own.
            piece = await response.source.next()
            self._request.prepare_streaming(response)
            while piece:
                await self._write(piece)
                piece = await response.source.next()
        finally:
            response.source.close()
            if not self._request.is_lost:
                self._request.unregisterProducer()
            else:
                # The two would keep each other.
                self._request.producer = None

    async def _write(self, piece: bytes) -> None:
        if self._room is not None:
            await self._room
        self._request.write(piece)

    def pauseProducing(self) -> None:
        """The transport has no room."""
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        """The transport has room again."""
        room, self._room = self._room, None
        if room is not None and not room.called:
            room.callback(None)

    def stopProducing(self) -> None:
        """The connection is gone, which the request is told of, too."""
