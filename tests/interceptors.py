"""Calls as interceptors see them, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vexfs_twisted.middleware import CallInfo, Header, Method, StreamProgress
from vexfs_twisted.model.access import ANYONE, Caller

UNARY = Method("grpc", "qdrant.Points/Get")
STREAM = Method("grpc", "qdrant.Qdrant/StreamScroll", is_stream=True)
OPEN = Method("rest", "GET /healthz", is_open=True)


def call(
    kind: Method = UNARY,
    headers: Mapping[str, str] | None = None,
    peer: str = "192.0.2.1",
    target: str = "",
    identify: Callable[[Header], Caller] = lambda _: ANYONE,
) -> CallInfo:
    """A call with these headers."""
    progress = StreamProgress() if kind.is_stream else None
    header = (headers or {}).get
    return CallInfo(kind, "id-1", 1, peer, header, target, progress, identify(header))
