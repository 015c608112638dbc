"""What the server tells of itself, put together from its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from ..model.status import GrpcStatus, StreamsStatus
from .performance import Performance


class _Listener(Protocol):
    """The gRPC server, as far as it is told of."""

    @property
    def address(self) -> str: ...
    @property
    def uptime(self) -> float: ...


@frozen
class Status:
    """See ServerStatus. Belongs to the reactor thread. `rpc` None is no gRPC."""

    rpc: _Listener | None
    performance: Performance
    streams: Callable[[], StreamsStatus]
    rate_limit: int

    def grpc(self) -> GrpcStatus | None:
        """See ServerStatus."""
        if self.rpc is None:
            return None
        return GrpcStatus(
            address=self.rpc.address,
            uptime=self.rpc.uptime,
            calls=self.performance.figures("grpc"),
            streams=self.streams(),
            rate_limit=self.rate_limit,
        )
