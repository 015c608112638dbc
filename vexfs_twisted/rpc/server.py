"""The gRPC server as a service: grpc.aio on an event loop of its own, in one thread."""

from __future__ import annotations

import asyncio
import socket
from threading import Thread, current_thread

import grpc
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from ..interfaces import IOperations
from . import reflection
from .crossing import CallInReactor, Crossing
from .services import handlers, public_services
from .settings import RpcSettings
from .wire import Wire


class RpcService(Service):
    """Serves `operations` over gRPC between startService and stopService.

    Started and stopped in the reactor thread; `call_in_reactor` is `reactor.callFromThread`. The
    server's thread and its port exist only while the service runs.
    """

    name = "grpc"

    def __init__(
        self, operations: IOperations, settings: RpcSettings, call_in_reactor: CallInReactor
    ) -> None:
        self._operations = operations
        self._settings = settings
        self._call_in_reactor = call_in_reactor
        self._port: int | None = None
        self._stopped: Deferred[None] = Deferred()

    @property
    def port(self) -> int:
        """The port that is listened on, also where the settings leave it to the system."""
        if self._port is None:
            raise RuntimeError("not listening")
        return self._port

    def startService(self) -> Deferred[None]:
        """Listen. Fails with CannotListenError where the address cannot be had."""
        super().startService()
        started: Deferred[None] = Deferred()
        self._stopped = Deferred()
        Thread(target=self._run, args=(started,), name="grpc", daemon=True).start()
        return started

    def stopService(self) -> Deferred[None]:
        """Take no more calls, let those under way finish, and end the thread."""
        super().stopService()
        self._port = None
        self._loop.call_soon_threadsafe(self._stopping.set)
        return self._stopped

    def _run(self, started: Deferred[None]) -> None:
        """The server's thread."""
        try:
            asyncio.run(self._serve(started))
        except CannotListenError as error:
            self._call_in_reactor(started.errback, error)
        finally:
            self._call_in_reactor(self._ended, current_thread())

    async def _serve(self, started: Deferred[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        wire = Wire(
            Crossing(self._operations, self._loop, self._call_in_reactor), self._settings.gzip_from
        )
        server = grpc.aio.server(options=self._settings.channel_options())
        server.add_generic_rpc_handlers([*handlers(wire), *reflection.handlers(public_services())])
        healthy = health.HealthServicer()
        add_HealthServicer_to_server(healthy, server)
        try:
            port = _listen(server, self._settings)
            await server.start()
            self._call_in_reactor(self._listening, port, started)
            await self._stopping.wait()
            await healthy.enter_graceful_shutdown()
            await self._drain(server, wire)
        finally:
            wire.close()

    async def _drain(self, server: grpc.aio.Server, wire: Wire) -> None:
        """Stop when the last call is answered, or when the grace is over.

        Streams of health watches never end by themselves, so the server's own wait is cut short.
        """
        refusing = asyncio.create_task(server.stop(self._settings.stop_grace))
        idle = asyncio.create_task(wire.calls.drained())
        await asyncio.wait([refusing, idle], return_when=asyncio.FIRST_COMPLETED)
        await server.stop(None)
        await refusing
        idle.cancel()

    def _listening(self, port: int, started: Deferred[None]) -> None:
        self._port = port
        started.callback(None)

    def _ended(self, thread: Thread) -> None:
        # The thread handed this over as its last act: there is nothing to wait for.
        thread.join()
        self._stopped.callback(None)


def _listen(server: grpc.aio.Server, settings: RpcSettings) -> int:
    """Bind the server; returns the port. Raises CannotListenError."""
    try:
        return server.add_insecure_port(settings.address)
    except RuntimeError as error:
        reason = _reason(settings.host, settings.port) or error
        raise CannotListenError(settings.host, settings.port, reason) from None


def _reason(host: str, port: int) -> OSError | None:
    """Why the address cannot be had: grpc only says that it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
