"""The gRPC server as a service: grpc.aio on an event loop of its own, in one thread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread, current_thread
from time import monotonic

import grpc
from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError

from ..interfaces import IStreamOperations
from ..logs import get_logger
from ..middleware import MiddlewareChain
from ..reservations import UNBOUNDED, Reservations
from ..threadpool import CallInReactor
from . import reflection
from .bridge import Bridge
from .health import Health
from .middleware import UnknownMethods
from .services import public_services, service_handlers
from .settings import RpcSettings
from .wire import Wire

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
        operations: IStreamOperations,
        settings: RpcSettings,
        call_in_reactor: CallInReactor,
        chain: MiddlewareChain | None = None,
        reservations: Reservations = UNBOUNDED,
    ) -> None:
        self._operations = operations
        self._settings = settings
        self._call_in_reactor = call_in_reactor
        self._chain = chain or MiddlewareChain()
        self._reservations = reservations
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

    def startService(self) -> Deferred[None]:
        """Listen. Fails with CannotListenError where the address cannot be bound."""
        super().startService()
        self._run = _Run(
            self._operations, self._settings, self._call_in_reactor, self._chain, self._reservations
        )
        return self._run.start()

    def stopService(self) -> Deferred[None]:
        """Refuse new calls, let those in flight finish, and end the thread."""
        super().stopService()
        run, self._run = self._run, None
        return succeed(None) if run is None else run.stop()


class _Run:
    """One run of the server, from its start to the end of its thread.

    Methods run in the reactor thread, coroutines in the server's.
    """

    def __init__(
        self,
        operations: IStreamOperations,
        settings: RpcSettings,
        call_in_reactor: CallInReactor,
        chain: MiddlewareChain,
        reservations: Reservations,
    ) -> None:
        self._operations = operations
        self._settings = settings
        self._call_in_reactor = call_in_reactor
        self._chain = chain
        self._reservations = reservations
        self.port = 0
        self.listening_since = 0.0
        self._ask_to_stop: Callable[[], object] = lambda: None
        self._started: Deferred[None] = Deferred()
        self._ended: Deferred[None] = Deferred()

    def start(self) -> Deferred[None]:
        """Fires when the server listens."""
        Thread(target=self._main, name="grpc", daemon=True).start()
        return self._started

    def stop(self) -> Deferred[None]:
        """Fires when the thread has ended."""
        self._ask_to_stop()
        return self._ended

    def _listening(self, port: int, ask_to_stop: Callable[[], object]) -> None:
        self.port = port
        self.listening_since = monotonic()
        self._ask_to_stop = ask_to_stop
        self._started.callback(None)

    def _end(self, thread: Thread, error: Exception | None) -> None:
        # The thread scheduled this as its last act, so the join does not block.
        thread.join()
        self._ask_to_stop = lambda: None
        self._ended.callback(None)
        if error is not None and not self._started.called:
            self._started.errback(error)
        elif error is not None:
            log.error("the gRPC server failed", exc_info=error)

    def _main(self) -> None:
        """The server's thread."""
        failure: Exception | None = None
        try:
            asyncio.run(self._serve())
        except Exception as error:
            failure = error
        self._call_in_reactor(self._end, current_thread(), failure)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        bridge = Bridge(self._operations, loop, self._call_in_reactor)
        wire = Wire(bridge, self._chain, self._settings, self._reservations)
        wire.start()
        server = grpc.aio.server(options=self._settings.channel_options())
        server.add_generic_rpc_handlers(service_handlers(wire))
        server.add_generic_rpc_handlers(reflection.reflection_handlers(public_services(), wire))
        health = Health(wire)
        server.add_generic_rpc_handlers([health.handlers()])
        server.add_generic_rpc_handlers([UnknownMethods(wire)])
        try:
            port = _listen(server, self._settings)
            await server.start()
            ask_to_stop = partial(loop.call_soon_threadsafe, stopping.set)
            self._call_in_reactor(self._listening, port, ask_to_stop)
            await stopping.wait()
            health.stop()
            await self._drain(server, wire)
        finally:
            await wire.close()

    async def _drain(self, server: grpc.aio.Server, wire: Wire) -> None:
        """Refuse new calls, wait for those in flight until the grace period is over, then close.

        The stop of grpc would cancel calls that it has accepted and not yet begun. And it would
        wait for streams that never end by themselves, such as watches of health. Our own streams
        have been ended by now; those that remain have a client that does not read.
        """
        wire.calls.close()
        wire.streams.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_grace):
                await asyncio.sleep(_REFUSING_S)
                await wire.calls.drained()
        with suppress(TimeoutError):
            async with asyncio.timeout(_REFUSING_S):
                await wire.streams.drained()
        await server.stop(_HANGUP_S)


def _listen(server: grpc.aio.Server, settings: RpcSettings) -> int:
    """Bind the server; returns the port. Raises CannotListenError."""
    try:
        return server.add_insecure_port(settings.address)
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
