"""The status and statistics of the running server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from .device import Finding


@frozen
class CallFigures:
    """Statistics of the completed calls of one method, and its number of open streams.

    `errors` excludes cancelled calls. `p50` and `p95` are percentiles of durations in seconds.
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
    """The state of all streams. Sizes are in bytes."""

    open_streams: int
    max_streams: int
    used_bytes: int
    budget_bytes: int
    batch_points: int


@frozen
class GrpcStatus:
    """The state of the gRPC server. `rate_limit` is in calls per second per client, 0 for none."""

    address: str
    uptime: float
    calls: Mapping[str, CallFigures]
    streams: StreamsStatus
    rate_limit: int


@frozen
class DeviceCalls:
    """Statistics of device calls of one kind.

    `p50` and `p99` are percentiles of the durations of the last 512 calls, and `slowest` is the
    maximum of all, in seconds.
    """

    count: int
    errors: int
    p50: float
    p99: float
    slowest: float


@frozen
class DeviceStatus:
    """The state of the device that was last attached, at `path`; None if there was none.

    `findings` are those of its probe, empty for a sound device. Searches use it while `attached`,
    since `since`, in seconds since 1970; `detached` is the reason why it was detached. It has
    `vectors` vectors in `files` files; `waiting` rows have yet to be sent. `left_out` are the
    collections and vector names for which it has no space.
    """

    RELEASED: ClassVar[str] = "released"
    """The code of the reason when a device is detached on request."""

    path: str | None = None
    kind: str | None = None
    findings: tuple[Finding, ...] = ()
    attached: bool = False
    since: float | None = None
    detached: Finding | None = None
    calls: Mapping[str, DeviceCalls] = {}
    files: int = 0
    vectors: int = 0
    waiting: int = 0
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def is_sound(self) -> bool | None:
        """Whether the probe found it sound and no fault was found since; None without a path."""
        if self.path is None:
            return None
        was_given_up = self.detached is not None and self.detached.code != self.RELEASED
        return not self.findings and not was_given_up


@frozen
class ServerStats:
    """The contents of the server, and its statistics since its start, `uptime` seconds ago.

    `operations` are the statistics of the methods of both APIs by name.
    """

    uptime: float
    device: DeviceStatus
    collections: int
    points: int
    segments: int
    operations: Mapping[str, CallFigures]
