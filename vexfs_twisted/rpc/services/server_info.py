"""The health check of the service qdrant.Qdrant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import succeed

from ... import QDRANT_COMMIT, QDRANT_TITLE, QDRANT_VERSION
from ..bridge import Operation
from ..generated import qdrant_pb2 as pb
from ..methods import RpcMethod


def _health_check(_: pb.HealthCheckRequest) -> Operation[None]:
    return lambda _: succeed(None)


def _reply(_: None) -> pb.HealthCheckReply:
    return pb.HealthCheckReply(title=QDRANT_TITLE, version=QDRANT_VERSION, commit=QDRANT_COMMIT)


QDRANT: Mapping[str, RpcMethod[Any, Any]] = {
    "HealthCheck": RpcMethod(_health_check, _reply, is_open=True)
}
