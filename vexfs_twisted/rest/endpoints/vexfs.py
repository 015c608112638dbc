"""Endpoints that Qdrant does not have: server statistics, and the choice of the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.access import MANAGE_SERVER, READ_SERVER
from ...model.device import Finding
from ...model.errors import DeviceRejected, FormatError
from ...model.status import CallFigures, DeviceCalls, DeviceStatus
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import optional, read_object, read_string
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/vexfs/stats", needs=READ_SERVER)
async def stats(call: RequestContext) -> object:
    """Device, collections, points, segments, operations since start. Latencies in milliseconds."""
    told = await call.status.stats()
    return {
        "uptime_seconds": told.uptime,
        "device": _encode_device(told.device),
        "collections": told.collections,
        "points": told.points,
        "segments": told.segments,
        "operations": {
            method: _encode_operations(calls, told.uptime)
            for method, calls in told.operations.items()
        },
    }


@routes.write("POST", "/vexfs/device", JsonBody(SMALL), needs=MANAGE_SERVER, is_local=True)
async def use_device(call: RequestContext) -> object:
    """Use the device at `path`, or none if it is null.

    Raises DeviceRejected for a device that fails verification, FormatError without a `path`.
    """
    path = await call.read(_read_path)
    device = await call.status.use_device(path)
    if path is not None and not device.attached:
        raise DeviceRejected(path, device.findings)
    return _encode_device(device)


def _read_path(body: Any) -> str | None:
    fields = read_object(body, "DeviceSelection")
    if "path" not in fields:
        raise FormatError("missing field `path`")
    return optional(fields, "path", read_string, None)


def _encode_device(device: DeviceStatus) -> dict[str, Any]:
    return {
        "path": device.path,
        "kind": device.kind,
        "attached": device.attached,
        "sound": device.is_sound,
        "findings": _encode_findings(device.findings),
        "attached_since": device.since,
        "detached": None if device.detached is None else _encode_finding(device.detached),
        "calls": {kind: _encode_calls(calls) for kind, calls in device.calls.items()},
        "files": device.files,
        "vectors": device.vectors,
        "waiting": device.waiting,
        "left_out": [{"collection": name, "vector": using} for name, using in device.left_out],
    }


def _encode_findings(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [_encode_finding(finding) for finding in findings]


def _encode_finding(finding: Finding) -> dict[str, str]:
    return {"code": finding.code, "text": finding.text}


def _encode_calls(calls: DeviceCalls) -> dict[str, Any]:
    return {
        "count": calls.count,
        "errors": calls.errors,
        "latency_ms": {
            "p50": _milliseconds(calls.p50),
            "p99": _milliseconds(calls.p99),
            "slowest": _milliseconds(calls.slowest),
        },
    }


def _encode_operations(calls: CallFigures, uptime: float) -> dict[str, Any]:
    return {
        "count": calls.count,
        "errors": calls.errors,
        "per_second": round(calls.count / uptime, 3) if uptime > 0 else 0.0,
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
