"""Services that are started and stopped one after the other, unlike those of MultiService.

MultiService ignores the Deferreds of startService and stops all its children at the same time. A
server must not answer before its storage is open, nor close its storage while it still answers.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList, execute, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IReactorSocket,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from .listening import single_ports
from .logs import get_logger
from .threadpool import WorkerPool

log = get_logger("vexfs.lifecycle")

BACKLOG = 1024
"""Connections that may wait to be accepted. Clients that open one per call come in bursts; one that
finds the queue full waits for a second before it tries again."""


class AsyncService(Service):
    """A service whose start and stop are the coroutines `_start` and `_stop`.

    Its parent awaits the Deferreds, which fail as the coroutines do.
    """

    def startService(self) -> Deferred[None]:
        """Fires when the service has started."""
        super().startService()
        return Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:
        """Fires when the service has stopped."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> None:
        raise NotImplementedError

    async def _stop(self) -> None:
        raise NotImplementedError


class StartAbandoned(Exception):
    """The start was aborted because the service was asked to stop."""


class SequentialService(Service):
    """A composite service: children start in order, each awaited, and stop in reverse order.

    When one fails to start, those before it are stopped and the start fails with its error. A stop
    during the start waits for the child that is starting, starts no more, and stops those that run.
    If that child is a Preparation, it is cut short.
    """

    def __init__(self, children: Sequence[IService]) -> None:
        self._children = tuple(children)
        self._starting: IService | None = None
        self._started: list[IService] = []
        self._start: Deferred[None] | None = None
        self._is_stopping = False

    def privilegedStartService(self) -> None:
        """No-op: children are started in order by startService."""

    def startService(self) -> Deferred[None]:
        """Start the children. Fires when all have started; fails with the first error."""
        super().startService()
        self._is_stopping = False
        settled: Deferred[None] = Deferred()
        self._start = settled

        def settle(result: object) -> object:
            settled.callback(None)
            return result

        return Deferred.fromCoroutine(self._start_all()).addBoth(settle)

    async def _start_all(self) -> None:
        try:
            for child in self._children:
                self._starting = child
                await maybeDeferred(child.startService)
                self._starting = None
                self._started.append(child)
                if self._is_stopping:
                    raise StartAbandoned
        except StartAbandoned:
            raise
        except BaseException:
            await self._stop_all()
            super().stopService()
            raise

    def stopService(self) -> Deferred[None]:
        """Stop the started children. Fires when all have stopped; fails with the first error."""
        super().stopService()
        self._is_stopping = True
        if isinstance(self._starting, Preparation):
            self._starting.cut_short()
        return Deferred.fromCoroutine(self._stop_after_start())

    async def _stop_after_start(self) -> None:
        if self._start is not None:
            await self._start
        failure = await self._stop_all()
        if failure is not None:
            failure.raiseException()

    async def _stop_all(self) -> Failure | None:
        """Stop every started child even if others fail; returns the first failure."""
        first: Failure | None = None
        while self._started:
            child = self._started.pop()
            try:
                await maybeDeferred(child.stopService)
            except Exception as error:
                log.error("stopping failed", service=type(child).__name__, exc_info=error)
                first = first or Failure(error)
        return first


class ConcurrentService(Service):
    """A composite service: children start in order, each awaited, and stop all at the same time.

    A start that fails, or that is followed by a stop, is that of SequentialService.
    """

    def __init__(self, children: Sequence[IService]) -> None:
        self._children = tuple(children)
        self._starting = SequentialService(children)
        self._has_started = False

    def privilegedStartService(self) -> None:
        """No-op: children are started in order by startService."""

    async def _start(self) -> None:
        try:
            await self._starting.startService()
        except BaseException:
            super().stopService()
            raise
        self._has_started = True

    def startService(self) -> Deferred[None]:
        """Start the children. Fires when all have started; fails with the first error."""
        super().startService()
        return Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:
        """Stop the children. Fires when all have stopped; fails with the first error."""
        super().stopService()
        if not self._has_started:
            return self._starting.stopService()
        self._has_started = False
        return Deferred.fromCoroutine(self._stop_all())

    async def _stop_all(self) -> None:
        stopping = [maybeDeferred(child.stopService) for child in self._children]
        results = await DeferredList(stopping, consumeErrors=True)
        failures = [result for is_done, result in results if not is_done]
        for failure in failures:
            log.error("stopping failed", exc_info=failure)
        if failures:
            failures[0].raiseException()


class EndpointService(AsyncService):
    """A listening port as a service: its start completes once it listens, or fails.

    The start fails with CannotListenError where the address is taken. A stop closes the
    port; open connections are left to their protocol.
    """

    def __init__(self, endpoint: IStreamServerEndpoint, factory: IProtocolFactory) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """No-op: the port is opened by startService."""

    async def _start(self) -> None:
        self._port = await self._endpoint.listen(self._factory)

    async def _stop(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            await maybeDeferred(port.stopListening)

    def has_arrivals(self) -> bool:
        """Whether connections of clients are waiting to be accepted."""
        return any(
            IReadDescriptor.providedBy(port) and has_unread(port.fileno())
            for port in single_ports(self._port)
        )

    def addresses(self) -> list[IAddress]:
        """The addresses listened on, with the actual port where port 0 was requested."""
        if self._port is None:
            raise RuntimeError("not listening")
        return [port.getHost() for port in single_ports(self._port)]


@implementer(IStreamServerEndpoint)
class SharedPortEndpoint:
    """A TCP port that other processes of the same user listen on as well.

    The kernel gives each connection to one of them. `is_first`: listening fails if there is another
    already.
    """

    def __init__(
        self, reactor: IReactorSocket, host: str, port: int, backlog: int, *, is_first: bool
    ) -> None:
        self._reactor = reactor
        self._address = (host, port)
        self._backlog = backlog
        self._is_first = is_first

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen. Fails with CannotListenError."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        try:
            if self._is_first:
                with _bound(family, self._address, (socket.SO_REUSEADDR,)):
                    pass
            shared = (socket.SO_REUSEADDR, socket.SO_REUSEPORT)
            with _bound(family, self._address, shared) as listener:
                listener.listen(self._backlog)
                listener.setblocking(False)
                reactor: Any = self._reactor
                port: IListeningPort = reactor.adoptStreamPort(listener.fileno(), family, factory)
                return port
        except OSError as error:
            raise CannotListenError(*self._address, error) from None


def _bound(
    family: socket.AddressFamily, address: tuple[str, int], options: Sequence[int]
) -> socket.socket:
    bound = socket.socket(family)
    try:
        for option in options:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


def has_unread(descriptor: int) -> bool:
    """Whether the descriptor is readable, or has a connection to accept."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class PoolService(Service):
    """Runs a thread pool as a service."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def startService(self) -> None:
        """Start the threads."""
        super().startService()
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        """Fires when all accepted work is done and the threads have ended."""
        super().stopService()
        return self._pool.stop()


class Preparation(Service):
    """Prepares in a thread what calls need, which may fail the start.

    `cut_short` has it fire soon, of a server that is to be stopped.
    """

    def __init__(
        self, prepare: Callable[[], Deferred[None]], cut_short: Callable[[], object] | None = None
    ) -> None:
        self._prepare = prepare
        self.cut_short = cut_short or _wait_for_it

    def startService(self) -> Deferred[None]:
        """Fires when all is prepared."""
        super().startService()
        return self._prepare()


def _wait_for_it() -> None:
    """A preparation that cannot be cut short."""


class BeforeStop(Service):
    """Calls a function when the server begins to stop, as the service that was started last."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def stopService(self) -> None:
        """Call it."""
        super().stopService()
        self._function()
