"""What watches over the REST wire."""

from __future__ import annotations

from attrs import frozen

from ..interception import Chain
from ..interfaces import ServerStatus


class _Unknown:
    """The status of a server that has a REST wire and nothing else."""

    def grpc(self) -> None:
        """There is no gRPC server."""


@frozen
class Oversight:
    """What every call passes, and what tells clients about the server as a whole."""

    chain: Chain = Chain()
    status: ServerStatus = _Unknown()
