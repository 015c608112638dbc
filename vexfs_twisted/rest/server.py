"""The REST API as a service: it listens, and when it stops it answers what has been asked."""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.server import Site

from ..lifecycle import EndpointService

STOP_GRACE = 10.0
"""Seconds that requests under way get to finish when the server stops."""


class _Channel(HTTPChannel):
    """A connection that the service knows of, and that can be closed after its last answer."""

    service: RestService

    def __init__(self) -> None:
        super().__init__()
        self.closed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        super().connectionMade()
        self.service.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.service.channels.discard(self)
        self.closed.callback(None)

    def requestDone(self, request: Request) -> None:
        if self.service.is_stopping:
            self.persistent = False
        super().requestDone(request)

    def close_when_idle(self) -> None:
        """Close now, or once the request under way is answered."""
        if not self.requests:
            self.loseConnection()


class RestService(EndpointService):
    """Serves `site` at `endpoint`. All methods are called in the reactor thread.

    A stop refuses new connections first, closes idle ones, and gives those with a request under way
    `STOP_GRACE` seconds of `clock` before it breaks them.
    """

    name = "rest"

    def __init__(self, endpoint: IStreamServerEndpoint, site: Site, clock: IReactorTime) -> None:
        super().__init__(endpoint, site)
        self.channels: set[_Channel] = set()
        self.is_stopping = False
        self._clock = clock
        site.noisy = False
        # In place of the channel that would also take HTTP/2, which needs TLS.
        site.protocol = self._channel  # type: ignore[method-assign,assignment]

    def _channel(self) -> _Channel:
        channel = _Channel()
        channel.service = self
        return channel

    def startService(self) -> Deferred[None]:
        """Listen. Fails with CannotListenError where the address cannot be had."""
        self.is_stopping = False
        return super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening, and fire when the last connection is closed."""
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        self.is_stopping = True
        await super().stopService()
        open_channels = list(self.channels)
        for channel in open_channels:
            channel.close_when_idle()
        patience = self._clock.callLater(STOP_GRACE, self._break_off)
        await DeferredList([channel.closed for channel in open_channels])
        if patience.active():
            patience.cancel()

    def _break_off(self) -> None:
        for channel in list(self.channels):
            channel.forceAbortClient()
