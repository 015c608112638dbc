"""What the server tells of itself while it runs."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class CallFigures:
    """The calls of one method that have ended, and its streams that are open now.

    `errors` is without the cancelled. Half of the calls took no longer than `p50` seconds, 95 of
    100 no longer than `p95`.
    """

    count: int
    errors: int
    cancelled: int
    open_streams: int
    p50: float
    p95: float
    p99: float


@frozen
class StreamsStatus:
    """What streams are doing now. Sizes in bytes."""

    open_streams: int
    max_streams: int
    used_bytes: int
    budget_bytes: int
    batch_points: int


@frozen
class GrpcStatus:
    """The state of the gRPC server. `rate_limit` is in calls a second of one client, 0 for none."""

    address: str
    uptime: float
    calls: Mapping[str, CallFigures]
    streams: StreamsStatus
    rate_limit: int
