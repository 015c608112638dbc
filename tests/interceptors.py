"""Calls as interceptors see them, made by hand."""

from __future__ import annotations

from collections.abc import Mapping

from vexfs_twisted.interception import Call, Kind, Progress

UNARY = Kind("grpc", "qdrant.Points/Get")
STREAM = Kind("grpc", "qdrant.Qdrant/StreamScroll", is_stream=True)
OPEN = Kind("rest", "GET /healthz", is_open=True)


def call(
    kind: Kind = UNARY,
    headers: Mapping[str, str] | None = None,
    peer: str = "192.0.2.1",
    target: str = "",
) -> Call:
    """A call with these headers."""
    progress = Progress() if kind.is_stream else None
    return Call(kind, "id-1", 1, peer, (headers or {}).get, target, progress)
