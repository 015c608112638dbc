"""The REST API as a service: listens on an endpoint, and drains requests when it stops."""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import (
    INegotiated,
    IReactorTime,
    IStreamServerEndpoint,
    ISystemHandle,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.server import Site

from ...lifecycle import EndpointService, has_unread
from ..settings import RestSettings
from .channel import StrictChannel
from .connections import Connections
from .request import ApiRequest

IDLE_GRACE_S = 0.5
"""Seconds after which a stopping server closes idle connections.

A client that is in the middle of its work sends its next request meanwhile, and the response tells
it that the connection closes. One whose request meets a closed connection cannot know whether it
was carried out.
"""

STALL_S = 2.0
"""Seconds without data after which a stopping server aborts a connection with a partial request."""

_ARRIVAL_TURNS = 100
"""The maximum number of reactor turns that a stop waits for requests received before it."""


_AHEAD_BYTES = 16 * 1024
"""The bytes that are read ahead from a connection while its request is processed."""


class _Channel(StrictChannel):
    """A connection that its service tracks, and that can be closed after its last response.

    A connection beyond the limits is refused before anything is read from it. The next of several
    pipelined requests is processed once the transport accepts data again after the previous
    response; until then, no more is read than twisted.web reads ahead.
    """

    service: RestService

    def __init__(self) -> None:
        super().__init__()
        self.closed: Deferred[None] = Deferred()
        self._pieces = 0
        self._pieces_seen = 0
        self._client: str | None = None
        self._has_room = True
        self._waiting: Request | None = None
        self._last: Request | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.service.channels.add(self)
        complaint = self.service.connections.complaint(self._peer)
        if complaint is None:
            self._client = self._peer
            self.service.connections.enter(self._client)
        else:
            self._site.notices.full(self._peer, complaint)
            if INegotiated.providedBy(self.transport):
                # To say why would take a handshake, for which such a client would have to be kept.
                self.forceAbortClient()
            else:
                self._refuse(503, f"Service unavailable: {complaint}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._waiting is not None:
            self.requests.remove(self._waiting)
        super().connectionLost(reason)
        if self._client is not None:
            self.service.connections.leave(self._client)
        self.service.channels.discard(self)
        # They hold unsent data, and a request may outlive its connection.
        self.transport = None
        self._networkProducer = None  # type: ignore[assignment]
        for request in (self._waiting, self._last):
            if request is not None:
                _is_out(request)
        self.closed.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self._pieces += 1
        super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        """Process a piece of a body, or buffer data received while a request is processed."""
        super().rawDataReceived(data)
        if self._handlingRequest and sum(map(len, self._dataBuffer)) > _AHEAD_BYTES:
            # twisted.web pauses it only while the transport is not paused itself.
            self._networkProducer.pauseProducing()

    def requestDone(self, request: Request) -> None:
        """The response is complete, and sent unless the transport is paused."""
        if self.is_last:
            self.persistent = False
        if self._has_room:
            super().requestDone(request)
            _is_out(request)
        elif self.persistent:
            self._waiting = request
        else:
            # The connection closes once it is sent.
            self._last = request
            super().requestDone(request)

    def pauseProducing(self) -> None:
        """Pause: the transport's buffer is full."""
        self._has_room = False
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Resume: the transport accepts data again, so a complete response has been sent."""
        self._has_room = True
        super().resumeProducing()
        request, self._waiting = self._waiting, None
        if request is not None:
            self.requestDone(request)

    @property
    def has_arrivals(self) -> bool:
        """Whether the socket of an idle connection may have unread data."""
        if self.requests or not ISystemHandle.providedBy(self.transport):
            return False
        # -1 once the socket is closed.
        descriptor: int = self.transport.getHandle().fileno()
        return descriptor >= 0 and has_unread(descriptor)

    def close_after_response(self) -> None:
        """Close the connection after its next response."""
        self.is_last = True
        for request in self.requests:
            if isinstance(request, ApiRequest):
                request.close_after()

    def close_when_idle(self) -> None:
        """Close the connection if it is idle."""
        if not self.requests:
            self.loseConnection()

    def close_when_stalled(self) -> None:
        """Abort if a request is still arriving and no data was received since the last call."""
        is_arriving = bool(self.requests) and not self._handlingRequest
        if is_arriving and self._pieces == self._pieces_seen:
            self.forceAbortClient()
        self._pieces_seen = self._pieces


def _is_out(request: Request) -> None:
    """Release the reservation of a response that has been sent."""
    if isinstance(request, ApiRequest):
        request.is_out()


class RestService(EndpointService):
    """Serves `site` at `endpoint`. All methods are called in the reactor thread.

    A stop reads the requests received so far and stops listening. From then on a connection closes
    after its next response, or after IDLE_GRACE_S without a request; one with a request in progress
    is aborted after the `stop_grace` of the settings, in seconds of `clock`. A connection whose
    request is still arriving is aborted after `STALL_S` seconds without data.
    """

    name = "rest"

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        site: Site,
        clock: IReactorTime,
        settings: RestSettings | None = None,
    ) -> None:
        super().__init__(endpoint, site)
        self.channels: set[_Channel] = set()
        settings = settings or RestSettings()
        self.connections = Connections(settings.max_connections, settings.max_client_connections)
        self._grace_s = settings.stop_grace
        self._is_stopping = False
        self._clock = clock
        site.noisy = False
        site.protocol = self._channel  # type: ignore[method-assign,assignment]

    def _channel(self) -> _Channel:
        channel = _Channel()
        channel.service = self
        channel.is_last = self._is_stopping
        return channel

    def startService(self) -> Deferred[None]:
        """Listen. Fails with CannotListenError if the address is not available."""
        self._is_stopping = False
        return super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening, and fire when the last connection is closed."""
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        self._is_stopping = True
        for channel in self.channels:
            channel.close_after_response()
        await self._take_arrivals()
        await super().stopService()
        open_channels = list(self.channels)
        calls = [
            self._clock.callLater(min(IDLE_GRACE_S, self._grace_s), self._close_idle),
            self._clock.callLater(self._grace_s, self._break_off),
        ]
        stalls = LoopingCall(self._break_off_stalled)
        stalls.clock = self._clock
        stalls.start(STALL_S)
        await DeferredList([channel.closed for channel in open_channels])
        stalls.stop()
        for call in calls:
            if call.active():
                call.cancel()

    def _close_idle(self) -> None:
        for channel in list(self.channels):
            channel.close_when_idle()

    async def _take_arrivals(self) -> None:
        """Let the reactor accept connections and read requests that clients have sent by now.

        Closing the port at once would reset connections in its accept queue.
        """
        for _ in range(_ARRIVAL_TURNS):
            if not self.has_arrivals() and not any(one.has_arrivals for one in self.channels):
                return
            await deferLater(self._clock, 0)

    def _break_off_stalled(self) -> None:
        for channel in list(self.channels):
            channel.close_when_stalled()

    def _break_off(self) -> None:
        for channel in list(self.channels):
            channel.forceAbortClient()
