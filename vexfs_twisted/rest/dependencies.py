"""The dependencies of the REST endpoints other than the operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from ..interfaces import ServerStatus
from ..middleware import MiddlewareChain
from ..model.errors import NotFound
from ..model.issues import Issue, SlowCall
from ..model.quotas import QuotaConfig, QuotaReport, QuotaUsage
from ..model.status import DeviceStatus, ServerStats
from ..reservations import UNBOUNDED, Reservations
from ..threadpool import CallInReactor
from .transport.request import ApiRequest
from .transport.web_calls import WebCall

OpenWebCall = Callable[[ApiRequest], WebCall | None]
"""Begins the call in a request whose headers are complete; None if it is no such call.

It sets `web_call` of the request before it begins the call, since that may be answered at once.
"""


class _Unknown:
    """The status of a server that has only a REST API: no gRPC, statistics or device."""

    def is_ready(self) -> bool:
        """True: there is nothing to wait for."""
        return True

    def grpc(self) -> None:
        """None: there is no gRPC server."""

    async def stats(self) -> ServerStats:
        """Raises NotFound: no statistics are kept."""
        raise NotFound("this server keeps no figures")

    async def telemetry(
        self, names: Sequence[str], level: int, *, anonymize: bool, per_collection: bool
    ) -> bytes:
        """Raises NotFound: no statistics are kept."""
        raise NotFound("this server keeps no figures")

    async def metrics(
        self, names: Sequence[str], accept: str, *, anonymize: bool, per_collection: bool
    ) -> tuple[str, bytes]:
        """Raises NotFound: no statistics are kept."""
        raise NotFound("this server keeps no figures")

    def issues(self) -> Sequence[Issue]:
        """None are looked for."""
        return ()

    def clear_issues(self) -> None:
        """There are none."""

    def slow_calls(self) -> Sequence[SlowCall]:
        """Raises NotFound: no statistics are kept."""
        raise NotFound("this server keeps no figures")

    def log_level(self) -> str:
        """Raises NotFound: the server has no log of its own."""
        raise NotFound("this server has no log")

    def set_log_level(self, level: str) -> None:
        """Raises NotFound: the server has no log of its own."""
        raise NotFound("this server has no log")

    async def quotas(self) -> tuple[QuotaReport, QuotaUsage]:
        """Raises NotFound: there are none."""
        raise NotFound("this server has no quotas")

    async def set_quotas(self, config: QuotaConfig) -> None:
        """Raises NotFound: there are none."""
        raise NotFound("this server has no quotas")

    async def use_device(self, path: str | None) -> DeviceStatus:
        """Raises NotFound: the server has no support for devices."""
        raise NotFound("this server uses no device")


@frozen
class Dependencies:
    """The middleware chain, the server's status, and the memory reservations of responses.

    `call_in_reactor` calls a function in the reactor thread. With it, reads that can be answered
    without the reactor are. `open_web_call` begins calls of another protocol in requests.
    """

    chain: MiddlewareChain = MiddlewareChain()
    status: ServerStatus = _Unknown()
    reservations: Reservations = UNBOUNDED
    call_in_reactor: CallInReactor | None = None
    open_web_call: OpenWebCall | None = None
