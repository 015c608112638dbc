"""Telemetry, metrics and the memory of collections."""

from __future__ import annotations

import orjson

from ...model.access import ANYONE_KNOWN, READ_POINTS, READ_SERVER
from ...model.collection_reports import MemoryReport, MemoryReportRequest, MemoryUse
from ...model.errors import InternalError
from ..parameters import read_read_parameters, read_telemetry_parameters
from ..request_context import RequestContext
from ..responses.response import Response
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/telemetry", needs=ANYONE_KNOWN)
async def telemetry(call: RequestContext) -> object:
    """The application, its collections and its calls, in so many details."""
    wanted = read_telemetry_parameters(call.arguments)
    names = await call.operations.list_collections()
    document = await call.status.telemetry(
        names,
        wanted.details_level,
        anonymize=wanted.anonymize,
        per_collection=wanted.per_collection,
    )
    return orjson.Fragment(document)


@routes.read("GET", "/metrics", needs=READ_SERVER)
async def metrics(call: RequestContext) -> Response:
    """The metrics, in a format of Prometheus."""
    wanted = read_telemetry_parameters(call.arguments)
    names = await call.operations.list_collections()
    content_type, text = await call.status.metrics(
        names,
        call.header("accept") or "",
        anonymize=wanted.anonymize,
        per_collection=wanted.per_collection,
    )
    return Response(text, content_type=content_type.encode())


@routes.read("GET", "/cluster/telemetry", needs=ANYONE_KNOWN)
async def cluster_telemetry(call: RequestContext) -> object:
    """Refuse what has to be asked of the peers of a cluster."""
    read_read_parameters(call.arguments)
    raise InternalError("Could not get telemetry from cluster")


@routes.read("GET", "/collections/<collection>/memory", needs=READ_POINTS)
async def memory(call: RequestContext) -> object:
    """The memory of a collection on disk, in the cache of the system and on the heap."""
    return _memory_to_json(await call.answer(MemoryReportRequest(), call.time_limit))


def _memory_to_json(report: MemoryReport) -> object:
    return {
        "total": _use_to_json(report.total),
        "vectors": {name: _use_to_json(use) for name, use in report.vectors.items()},
        "vector_indexes": {name: _use_to_json(use) for name, use in report.graphs.items()},
        "payloads": _use_to_json(report.payloads),
        "payload_indexes": _use_to_json(report.payload_indexes),
        "rows": _use_to_json(report.rows),
    }


def _use_to_json(use: MemoryUse) -> object:
    return {"disk_bytes": use.disk, "cached_bytes": use.cached, "heap_bytes": use.heap}
