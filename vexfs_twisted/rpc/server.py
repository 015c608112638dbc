"""The gRPC server as a service: a transport in a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from threading import Thread, current_thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

from attrs import evolve
from grpc import StatusCode
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError

from ..interfaces import IServerOperations
from ..logs import get_logger
from ..middleware import MiddlewareChain
from ..readiness import Readiness
from ..reservations import UNBOUNDED, Reservations
from ..threadpool import CallInReactor
from . import reflection
from .bridge import Bridge
from .errors import RpcStatus
from .health import Health
from .middleware import unknown_method
from .services import public_services, read_paths, service_handlers
from .settings import RpcSettings
from .transport.call import ServerCall, Transport
from .transport.credentials import server_credentials
from .transport.selection import transport_class
from .wire import Wire

if TYPE_CHECKING:
    from .relay import Relay

log = get_logger("vexfs.rpc")

_REFUSING_S = 0.25
"""Seconds for which a stopping server refuses calls that were already in transit."""

_HANGUP_S = 0.1
"""Seconds between the GOAWAY to clients and the reset of their streams."""


class RpcService(Service):
    """Serves `operations` over gRPC between startService and stopService.

    Started and stopped in the reactor thread; `call_in_reactor` is `reactor.callFromThread`. The
    server's thread and its port exist only while the service runs.
    """

    name = "grpc"

    def __init__(
        self,
        operations: IServerOperations,
        settings: RpcSettings,
        call_in_reactor: CallInReactor,
        chain: MiddlewareChain | None = None,
        reservations: Reservations = UNBOUNDED,
        writer: str | None = None,
        readiness: Readiness | None = None,
    ) -> None:
        """`writer`: the Unix socket of the process that answers all methods but reads.

        `readiness`: what the health service reports; by default the server is always ready.
        """
        self._operations = operations
        self._settings = settings
        self._call_in_reactor = call_in_reactor
        self._chain = chain or MiddlewareChain()
        self._reservations = reservations
        self._writer = writer
        self._readiness = readiness or Readiness(is_ready=True)
        self._run: _Run | None = None

    @property
    def port(self) -> int:
        """The port listened on, also where the system chose it."""
        return self._running().port

    @property
    def address(self) -> str:
        """Where the server listens: host and port."""
        return evolve(self._settings, port=self.port).address

    @property
    def uptime(self) -> float:
        """Seconds since the server began to listen."""
        return monotonic() - self._running().listening_since

    def _running(self) -> _Run:
        if self._run is None:
            raise RuntimeError("not listening")
        return self._run

    def accept(self, call: ServerCall) -> None:
        """Handle a call that has come over another transport. In the thread of that."""
        if self._run is None:
            call.finish(RpcStatus(StatusCode.UNAVAILABLE, "the server is stopping"))
        else:
            self._run.accept(call)

    def startService(self) -> Deferred[None]:
        """Listen. Fails with CannotListenError where the address cannot be bound."""
        super().startService()
        self._run = _Run(
            self._operations,
            self._settings,
            self._call_in_reactor,
            self._chain,
            self._reservations,
            self._writer,
            self._readiness,
        )
        return self._run.start()

    def stopService(self) -> Deferred[None]:
        """Refuse new calls, let those in flight finish, and end the thread."""
        super().stopService()
        run, self._run = self._run, None
        return succeed(None) if run is None else run.stop()


class _Run:
    """One run of the server, from its start to the end of its threads.

    Methods run in the reactor thread unless they say otherwise.
    """

    def __init__(
        self,
        operations: IServerOperations,
        settings: RpcSettings,
        call_in_reactor: CallInReactor,
        chain: MiddlewareChain,
        reservations: Reservations,
        writer: str | None,
        readiness: Readiness,
    ) -> None:
        self._settings = settings
        self._call_in_reactor = call_in_reactor
        bridge = Bridge(operations, call_in_reactor)
        self._wire = Wire(bridge, chain, call_in_reactor, settings, reservations)
        self._health = Health(self._wire, readiness)
        self._relay = None if writer is None else _relay(writer, self._wire)
        self.accept = _dispatcher(self._wire, self._health, self._relay)
        self._transport: Transport | None = None
        self.port = 0
        self.listening_since = 0.0
        self._started: Deferred[None] = Deferred()
        self._ended: Deferred[None] = Deferred()

    def start(self) -> Deferred[None]:
        """Fires when the server listens."""
        self._wire.start()
        if self._relay is not None:
            self._relay.start()
        Thread(target=self._main, name="grpc", daemon=True).start()
        return self._started

    def stop(self) -> Deferred[None]:
        """Fires when the threads have ended."""
        if self._transport is not None:
            self._health.stop()
            self._wire.calls.close()
            self._wire.streams.close()
            Thread(target=self._drain, name="grpc-drain", daemon=True).start()
        return self._ended

    def _listening(self, transport: Transport, port: int) -> None:
        self._transport = transport
        self.port = port
        self.listening_since = monotonic()
        self._started.callback(None)

    def _end(self, thread: Thread, error: Exception | None) -> Deferred[None]:
        # The thread scheduled this as its last act, so the join does not block.
        thread.join()
        self._transport = None
        if self._relay is not None:
            self._relay.stop()
        return self._wire.stop().addCallback(lambda _: self._has_ended(error))

    def _has_ended(self, error: Exception | None) -> None:
        self._ended.callback(None)
        if error is not None and not self._started.called:
            self._started.errback(error)
        elif error is not None:
            log.error("the gRPC server failed", exc_info=error)

    def _main(self) -> None:
        """The server's thread."""
        failure: Exception | None = None
        try:
            self._serve()
        except Exception as error:
            failure = error
        self._call_in_reactor(self._end, current_thread(), failure)

    def _serve(self) -> None:
        transport = transport_class(self._settings)(self._settings.channel_options(), self.accept)
        port = _listen(transport, self._settings)
        self._call_in_reactor(self._listening, transport, port)
        transport.serve()

    def _drain(self) -> None:
        """Refuse new calls, wait for those in flight until the grace period is over, then close.

        In a thread of its own. The stop of grpc would cancel calls that it has accepted and not yet
        begun. And it would wait for streams that never end by themselves, such as watches of
        health. Our own streams are ended by their service; those that remain have a client that
        does not read.
        """
        due = monotonic() + self._settings.stop_grace
        sleep(min(_REFUSING_S, self._settings.stop_grace))
        if self._wire.calls.wait_until_drained(due - monotonic()):
            self._wire.streams.wait_until_drained(due - monotonic() + _REFUSING_S)
        transport = self._transport
        if transport is not None:
            transport.stop(_HANGUP_S)


def _relay(path: str, wire: Wire) -> Relay:
    # Imported late: a process that writes passes nothing on.
    from .relay import Relay

    return Relay(path, wire.calls)


def _dispatcher(wire: Wire, health: Health, relay: Relay | None) -> Callable[[ServerCall], object]:
    """The handler of all calls, by their methods. What is no read is passed on to `relay`."""
    handlers = service_handlers(wire)
    if relay is not None:
        handlers = {path: handlers[path] for path in read_paths()}
    handlers |= reflection.reflection_handlers(public_services(), wire)
    handlers |= health.handlers()
    unknown = relay or unknown_method(wire)

    def dispatch(call: ServerCall) -> None:
        handlers.get(call.method, unknown)(call)

    return dispatch


def _listen(transport: Transport, settings: RpcSettings) -> int:
    """Bind the server; returns the port. Raises CannotListenError."""
    taken = _reason(settings.host, settings.port) if settings.is_first else None
    if taken is not None:
        raise CannotListenError(settings.host, settings.port, taken)
    try:
        if settings.socket is not None:
            transport.listen(f"unix:{settings.socket}")
        store = settings.certificates
        return transport.listen(
            settings.address, None if store is None else server_credentials(store)
        )
    except RuntimeError as error:
        reason = _reason(settings.host, settings.port) or error
        raise CannotListenError(settings.host, settings.port, reason) from None


def _reason(host: str, port: int) -> OSError | None:
    """The reason why the address cannot be bound, which grpc does not report."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
