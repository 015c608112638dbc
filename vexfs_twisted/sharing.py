"""What the process that writes has beside, where others share its ports: sockets, a supervisor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from tempfile import gettempdir
from typing import Any

from attrs import evolve
from twisted.application.service import IService, Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import UNIXServerEndpoint

from .config import Config
from .lifecycle import BACKLOG, SharedPortEndpoint
from .processes.messages import Order
from .processes.supervisor import Supervisor
from .rest.settings import RestSettings
from .rest.site import ApiSite
from .rest.transport.server import RestService
from .rpc.server import RpcService
from .rpc.settings import RpcSettings
from .telemetry.performance import Performance


class SocketDirectory(Service):
    """The directory of the Unix sockets between the processes, which only this user can enter."""

    def __init__(self) -> None:
        self._path = Path(gettempdir(), f"vexfs-{token_hex(8)}")
        self.rest = str(self._path / "rest")
        self.grpc = str(self._path / "grpc")

    def startService(self) -> None:
        """Create it. Raises OSError."""
        super().startService()
        self._path.mkdir(mode=0o700)

    def stopService(self) -> None:
        """Remove it."""
        super().stopService()
        rmtree(self._path, ignore_errors=True)


class Sharing:
    """The settings and services by which other processes answer reads on the same ports.

    What they pass on comes over Unix sockets. `rpc` None: there is no gRPC.
    """

    def __init__(
        self, config: Config, rest: RestSettings, rpc: RpcSettings | None, reactor: Any
    ) -> None:
        self._config = config
        self._reactor = reactor
        self._supervisor: Supervisor | None = None
        self._sockets = SocketDirectory()
        # Each request that is passed on takes a connection.
        most = config.max_connections * config.processes
        self.rest_settings = evolve(rest, max_connections=most, max_client_connections=most)
        self.rpc_settings = rpc
        if rpc is not None:
            own = self._sockets.grpc
            self.rpc_settings = evolve(rpc, shares_port=True, is_first=True, socket=own)

    def endpoint(self) -> SharedPortEndpoint:
        """The endpoint of the REST API for clients."""
        address = self._config.host, self._config.http_port
        return SharedPortEndpoint(self._reactor, *address, BACKLOG, is_first=True)

    def pids(self) -> dict[int, int]:
        """The other processes that run: their numbers, and the system's numbers of them."""
        if self._supervisor is None:
            return {}
        numbered = enumerate(self._supervisor.pids, 2)
        return {number: pid for number, pid in numbered if pid is not None}

    def services(
        self,
        rest: RestService,
        rpc: RpcService | None,
        inner: ApiSite,
        performance: Performance,
        ended: Callable[[], object],
    ) -> tuple[IService, list[IService], list[IService]]:
        """What goes before the services that listen, more of these, and the other processes.

        The latter need a folder that is open. `inner` is the site for what they pass on; `ended` is
        called when one of them has ended.
        """
        endpoint = UNIXServerEndpoint(self._reactor, self._sockets.rest, BACKLOG)
        relayed = RestService(endpoint, inner, self._reactor, inner.settings)
        self._supervisor = Supervisor(
            self._reactor,
            self._config.processes - 1,
            partial(self._order, rest, rpc),
            partial(_told, performance, ended),
            self._config.drain_s,
        )
        return self._sockets, [relayed], [self._supervisor]

    def reload(self, config: Config) -> None:
        """Have the other processes use changed settings, those that are started later as well."""
        self._config = config
        if self._supervisor is not None:
            self._supervisor.reload()

    def set_log_level(self, level: str) -> None:
        """Have the other processes log from this level on, until they get settings again."""
        self.reload(evolve(self._config, log_level=level))

    def _order(self, rest: RestService, rpc: RpcService | None, number: int) -> Order:
        """The order of a process, once the ports are known."""
        (address,) = rest.addresses()
        assert isinstance(address, IPv4Address | IPv6Address)
        grpc_port = None if rpc is None else rpc.port
        own = evolve(self._config, http_port=address.port, grpc_port=grpc_port, notices=())
        return Order(number, own, self._sockets.rest, self._sockets.grpc)


def _told(
    performance: Performance,
    ended: Callable[[], object],
    number: int,
    figures: Mapping[str, Any] | None,
) -> None:
    """Take the figures of a process; those of one that has ended are lost."""
    if figures is None:
        performance.forget(number)
        ended()
    else:
        performance.take(number, figures)
