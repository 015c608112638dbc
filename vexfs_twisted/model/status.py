"""What the server tells of itself while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from .device import Finding


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


@frozen
class DeviceCalls:
    """The calls of one kind that a device was asked. Of the last 512, half took at most `p50`.

    99 of 100 took at most `p99`, and none of all took longer than `slowest`, in seconds.
    """

    count: int
    errors: int
    p50: float
    p99: float
    slowest: float


@frozen
class DeviceStatus:
    """What has become of the device that was last given, at `path`; None if none ever was.

    `findings` is what the probe found, nothing for a sound one. It is asked while `attached`, which
    is so since `since`, in seconds since the epoch, until it was `detached` for that reason.
    `vectors` are on it, in so many `files`; `waiting` rows are still to be sent. What it has no
    room for is `left_out`, by collection and vector name.
    """

    RELEASED: ClassVar[str] = "released"
    """The code of the reason for which a device is detached on request."""

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
        """Whether it was found sound and nothing has told otherwise since; None without a path."""
        if self.path is None:
            return None
        was_given_up = self.detached is not None and self.detached.code != self.RELEASED
        return not self.findings and not was_given_up


@frozen
class ServerStats:
    """What the server holds, and what it has done since it was made, `uptime` seconds ago.

    `operations` are the calls of each wire's methods by name.
    """

    uptime: float
    device: DeviceStatus
    collections: int
    points: int
    segments: int
    operations: Mapping[str, CallFigures]
