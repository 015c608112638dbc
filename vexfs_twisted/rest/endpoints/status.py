"""The endpoint with the status of the gRPC server."""

from __future__ import annotations

from typing import Any

from ...model.access import READ_SERVER
from ...model.errors import NotFound
from ...model.status import CallFigures, GrpcStatus
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/grpc/status", needs=READ_SERVER)
async def grpc_status(call: RequestContext) -> object:
    """Address, calls by method, streams and their memory. Latencies in milliseconds."""
    status = call.status.grpc()
    if status is None:
        raise NotFound("this server has no gRPC interface, its port is set to none")
    return _encode(status)


def _encode(status: GrpcStatus) -> dict[str, Any]:
    streams = status.streams
    return {
        "address": status.address,
        "uptime_seconds": status.uptime,
        "calls": {method: _encode_calls(calls) for method, calls in status.calls.items()},
        "streams": {
            "open": streams.open_streams,
            "limit": streams.max_streams,
            "memory_bytes": streams.used_bytes,
            "memory_limit_bytes": streams.budget_bytes,
            "batch_points": streams.batch_points,
        },
        "rate_limit": status.rate_limit or None,
    }


def _encode_calls(calls: CallFigures) -> dict[str, Any]:
    return {
        "count": calls.count,
        "errors": calls.errors,
        "cancelled": calls.cancelled,
        "open_streams": calls.open_streams,
        "latency_ms": {
            "p50": round(calls.p50 * 1000, 3),
            "p95": round(calls.p95 * 1000, 3),
            "p99": round(calls.p99 * 1000, 3),
        },
    }
