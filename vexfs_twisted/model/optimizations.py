"""The report about the optimizer of a collection."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from .reads import ReadRequest


@frozen
class SegmentSummary:
    """A segment of a collection: its uuid in this report, and its number of live points."""

    uuid: str
    points_count: int


@frozen
class Progress:
    """The progress of a job. Times are in seconds since 1970; `done` of `total` points."""

    name: str
    started_at: float
    finished_at: float | None = None
    done: int | None = None
    total: int | None = None


@frozen
class Optimization:
    """A job that is running, or ended if its `progress` has an end.

    `uuid` is that of the resulting segment. `error` is the error of a failed job, and `cancelled`
    the reason of an aborted one.
    """

    uuid: str
    optimizer: str
    segments: Sequence[SegmentSummary]
    progress: Progress
    error: str | None = None
    cancelled: str | None = None


@frozen
class PendingOptimization:
    """A queued job."""

    optimizer: str
    segments: Sequence[SegmentSummary]


@frozen
class Optimizations:
    """The jobs, the newest of `completed` first, and `idle_segments`, which need none."""

    running: Sequence[Optimization] = field(factory=tuple)
    queued: Sequence[PendingOptimization] = field(factory=tuple)
    completed: Sequence[Optimization] = field(factory=tuple)
    idle_segments: Sequence[SegmentSummary] = field(factory=tuple)


@frozen
class OptimizationsRequest(ReadRequest[Optimizations]):
    """A request for the report about the optimizer of a collection."""
