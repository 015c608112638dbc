"""Selects the transport: the completion queue, unless a check finds it unsound here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...logs import get_logger
from ..settings import RpcSettings
from .aio import AioTransport
from .call import Accept, Transport
from .completion_queue import QueueTransport

log = get_logger("vexfs.rpc")

TransportClass = Callable[[Sequence[tuple[str, int]], Accept], Transport]


def transport_class(settings: RpcSettings) -> TransportClass:
    """The transport to serve with."""
    if settings.transport == "aio":
        return AioTransport
    return QueueTransport
