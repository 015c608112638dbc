"""The gRPC services of the server, as tables of their methods."""

from __future__ import annotations

from collections.abc import Mapping

from grpc_health.v1 import health_pb2

from ..descriptor_pool import POOL
from ..handlers import AnyMethod, handlers_of
from ..transport.call import Accept
from ..wire import Wire
from .collections import COLLECTIONS
from .flat import FLAT
from .points import POINTS
from .server_info import QDRANT
from .snapshots import SNAPSHOTS

_SERVICES: Mapping[str, Mapping[str, AnyMethod]] = {
    "qdrant.Collections": COLLECTIONS,
    "qdrant.Points": POINTS,
    "qdrant.Snapshots": SNAPSHOTS,
    "qdrant.Qdrant": {**QDRANT, **FLAT},
}


def service_handlers(wire: Wire) -> dict[str, Accept]:
    """The handlers of all services, by path."""
    handlers: dict[str, Accept] = {}
    for name, methods in _SERVICES.items():
        handlers |= handlers_of(POOL.FindServiceByName(name), methods, wire)
    return handlers


_READS_OF_COLLECTIONS = ("List", "CollectionExists", "ListAliases", "ListCollectionAliases")


def read_paths() -> set[str]:
    """The paths of unary methods that a process answers which does not write."""
    paths = {f"/qdrant.Points/{name}" for name, own in POINTS.items() if not own.is_write}
    paths |= {f"/qdrant.Collections/{name}" for name in _READS_OF_COLLECTIONS}
    return paths | {"/qdrant.Qdrant/HealthCheck"}


def public_services() -> list[str]:
    """The full names of the services for clients, which reflection lists."""
    return [*_SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name]
