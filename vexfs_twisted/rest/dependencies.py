"""What the REST endpoints depend on beside the operations."""

from __future__ import annotations

from attrs import frozen

from ..interfaces import ServerStatus
from ..middleware import MiddlewareChain
from ..model.errors import NotFound
from ..model.status import DeviceStatus, ServerStats
from ..reservations import UNBOUNDED, Reservations


class _Unknown:
    """The status of a server that has a REST wire and nothing else."""

    def grpc(self) -> None:
        """There is no gRPC server."""

    async def stats(self) -> ServerStats:
        """Nothing is known."""
        raise NotFound("this server keeps no figures")

    async def use_device(self, path: str | None) -> DeviceStatus:
        """There is nothing that could use one."""
        raise NotFound("this server uses no device")


@frozen
class Dependencies:
    """What every call passes, and what tells clients about the server as a whole.

    `reservations` bound the memory of answers.
    """

    chain: MiddlewareChain = MiddlewareChain()
    status: ServerStatus = _Unknown()
    reservations: Reservations = UNBOUNDED
