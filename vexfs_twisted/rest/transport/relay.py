"""Passes requests on to the process that writes, as they arrive, and the responses back.

Both bodies are passed on piece by piece: whoever is slower pauses the other. Used in the reactor
thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.protocol import Protocol as ByteProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from ...limit_log import explained
from ...logs import get_logger
from ...middleware import RELAYED_PEER
from ...model.errors import BadRequest, Unavailable
from ..bodies.streaming_body import ReadGate
from ..responses.response import error_response
from .request import ApiRequest, RequestSite

log = get_logger("vexfs.rest")

_IDLE_CONNECTIONS = 64
_IDLE_S = 30
_CONNECT_S = 10.0
_OF_CONNECTION = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that are not passed on: they are about the connection, or set for the next one."""

_RELAY = "relay"


@implementer(IAgentEndpointFactory)
class Relay:
    """Passes requests on to the REST API at the Unix socket `path`."""

    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor = reactor
        self._path = path
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = _IDLE_CONNECTIONS
        self._pool.cachedConnectionTimeout = _IDLE_S
        # A request that failed may have taken effect.
        self._pool.retryAutomatically = False
        self._agent = Agent.usingEndpointFactory(reactor, self, self._pool)

    def endpointForURI(self, uri: object) -> UNIXClientEndpoint:
        """The socket, whatever the host."""
        return UNIXClientEndpoint(self._reactor, self._path, timeout=_CONNECT_S)

    def begin(
        self, request: RelayingRequest, length: int | None, done: Callable[[], None]
    ) -> RelayedRequest:
        """Pass a request on whose headers are complete; `done` is called after the response.

        `length` is that of its body, None for a chunked one.
        """
        return RelayedRequest(self._agent, request, length, done)

    def close(self) -> Deferred[None]:
        """Close idle connections."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed


@implementer(IBodyProducer)
class _Body:
    """The body of a request, which is written as it arrives."""

    def __init__(self, length: int | None, gate: ReadGate) -> None:
        self.length = UNKNOWN_LENGTH if length is None else length
        self._gate = gate
        self._waiting: list[bytes] = []
        self._is_complete = False
        self._is_stopped = False
        self._consumer: IConsumer | None = None
        self._written: Deferred[None] = Deferred()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write what has come so far, and what will."""
        self._consumer = consumer
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            consumer.write(data)
        self.resumeProducing()
        self._end_if_complete()
        return self._written

    def take(self, data: bytes) -> None:
        """Write a piece, or keep it until the connection is there."""
        if self._is_stopped:
            return
        if self._consumer is None:
            self._waiting.append(data)
            self._gate.shut(_RELAY)
        else:
            self._consumer.write(data)

    def complete(self) -> None:
        """The last piece has been taken."""
        self._is_complete = True
        self._end_if_complete()

    def pauseProducing(self) -> None:
        """The connection takes no more for now."""
        self._gate.shut(_RELAY)

    def resumeProducing(self) -> None:
        """The connection takes more."""
        self._gate.open(_RELAY)

    def stopProducing(self) -> None:
        """The rest is not wanted: the connection is lost, or the response is complete."""
        self._is_stopped = True
        self._waiting = []
        self._gate.open(_RELAY)

    def _end_if_complete(self) -> None:
        if self._is_complete and self._consumer is not None and not self._written.called:
            self._written.callback(None)


class RelayedRequest:
    """A request that is passed on."""

    def __init__(
        self, agent: Agent, request: RelayingRequest, length: int | None, done: Callable[[], None]
    ) -> None:
        self._request = request
        self._done = done
        self._body: _Body | None = None
        if length != 0:
            self._body = _Body(length, ReadGate(IPushProducer(request.transport)))
        asked: Deferred[IResponse]
        try:
            url = b"http://localhost" + request.uri
            asked = agent.request(request.method, url, _passed_on(request), self._body)
        except ValueError:
            self._fail(Failure(BadRequest("the path is not valid")))
            asked = Deferred()
        self._asked: Deferred[Any] = asked.addCallback(self._answer).addErrback(self._fail)

    def take(self, data: bytes) -> None:
        """Pass on a piece of the body."""
        if self._body is not None:
            self._body.take(data)

    def complete(self) -> None:
        """The body is complete."""
        if self._body is not None:
            self._body.complete()

    def cancel(self) -> None:
        """The client has left. A write is completed by the process that has it."""
        self._asked.cancel()

    def _answer(self, response: IResponse) -> Deferred[None]:
        """Pass the response back; fires when it is complete."""
        request = self._request
        request.setResponseCode(response.code, response.phrase)
        for name, values in response.headers.getAllRawHeaders():
            if name.lower() not in _OF_CONNECTION:
                request.responseHeaders.setRawHeaders(name, values)
        if response.length is not UNKNOWN_LENGTH:
            length = b"%d" % response.length
            request.responseHeaders.setRawHeaders(b"Content-Length", [length])
        request.begin_relayed()
        answer = _Answer(request)
        response.deliverBody(answer)
        return answer.ended.addCallback(lambda _: self._done())

    def _fail(self, failure: Failure) -> None:
        request = self._request
        if request.is_lost or failure.check(CancelledError):
            return
        error = failure.value or Exception("no reason given")
        if request.startedWriting:
            request.break_off()
            return
        if not isinstance(error, BadRequest):
            log.warning("a request could not be passed on", error=str(explained(error)))
            error = Unavailable("the process that writes does not answer")
        request.begin_relayed()
        request.write(request.prepare(error_response(error, 0.0)))
        self._done()


@implementer(IPushProducer)
class _Answer(ByteProtocol):
    """Receives the body of a response, and passes it back as the client takes it."""

    def __init__(self, request: ApiRequest) -> None:
        self.ended: Deferred[None] = Deferred(lambda _: self.stopProducing())
        self._request = request

    def connectionMade(self) -> None:
        self._request.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        if not self._request.is_lost:
            self._request.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._request.is_lost:
            self._request.unregisterProducer()
        if self.ended.called:
            return
        if reason.check(ResponseDone):
            self.ended.callback(None)
        else:
            self.ended.errback(reason)

    def pauseProducing(self) -> None:
        """The client takes no more for now."""
        if self.transport is not None:
            IPushProducer(self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        """The client takes more."""
        if self.transport is not None:
            IPushProducer(self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """The client has left."""
        if self.transport is not None:
            self.transport.loseConnection()


class RelaySite(RequestSite, Protocol):
    """The members of its site that a request uses which may be passed on."""

    relay: Relay

    def is_passed_on(self, method: bytes, path: bytes) -> bool:
        """Whether another process answers."""


class RelayingRequest(ApiRequest):
    """A request that is passed on as it arrives, unless this process answers it."""

    _site: RelaySite

    def __init__(self, channel: HTTPChannel, *args: Any) -> None:
        super().__init__(channel, *args)
        self._relayed: RelayedRequest | None = None
        self._is_complete = False
        self._is_answered = False

    def gotLength(self, length: int | None) -> None:
        """Begin to pass the request on, or admit it."""
        channel: Any = self.channel
        self.method, self.uri = channel._command, channel._path
        self.path = self.uri.partition(b"?")[0]
        if not self._site.is_passed_on(self.method, self.path):
            super().gotLength(length)
            return
        self.content = self._body = BytesIO()
        self.clientproto = channel._version
        self._relayed = self._site.relay.begin(self, length, self._answered)

    def handleContentChunk(self, data: bytes) -> None:
        """Process a piece of the body."""
        if self._relayed is None or self._dropped is not None:
            super().handleContentChunk(data)
        else:
            self._relayed.take(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Process the complete request."""
        if self._relayed is None:
            super().requestReceived(command, path, version)
            return
        self._is_complete = True
        self._relayed.complete()
        self._finish_if_done()

    def begin_relayed(self) -> None:
        """The response begins. What is left of the body is dropped, and the connection closed."""
        if not self._is_complete:
            self.requestHeaders.removeHeader(b"Expect")
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            self.channel.persistent = False

    def connectionLost(self, reason: Failure) -> None:
        """The client has left."""
        super().connectionLost(reason)
        relayed, self._relayed = self._relayed, None
        if relayed is not None:
            relayed.cancel()

    def _answered(self) -> None:
        self._is_answered = True
        if not self._is_complete:
            self._dropped = 0
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if self._is_complete and self._is_answered and not self.is_lost:
            self._relayed = None
            self.finish()


def _passed_on(request: ApiRequest) -> Headers:
    """The headers of a request as it is passed on."""
    headers = Headers()
    for name, values in request.requestHeaders.getAllRawHeaders():
        if name.lower() not in _OF_CONNECTION:
            headers.setRawHeaders(name, values)
    peer = str(getattr(request.getClientAddress(), "host", ""))
    headers.setRawHeaders(RELAYED_PEER.encode(), [peer.encode()])
    return headers
