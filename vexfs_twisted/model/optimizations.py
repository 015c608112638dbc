"""What is told about the work that goes on behind a collection."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from .reads import ReadRequest


@frozen
class SegmentSummary:
    """A part of a collection, by its name in this report, and how many live points it has."""

    uuid: str
    points_count: int


@frozen
class Progress:
    """How far something has come. Times are in seconds since 1970; `done` of `total` points."""

    name: str
    started_at: float
    finished_at: float | None = None
    done: int | None = None
    total: int | None = None


@frozen
class Optimization:
    """Work that is under way, or has ended where `progress` has.

    `uuid` is what the segment that comes out of it is called. `error` is what it has failed with,
    and `cancelled` why it was given up.
    """

    uuid: str
    optimizer: str
    segments: Sequence[SegmentSummary]
    progress: Progress
    error: str | None = None
    cancelled: str | None = None


@frozen
class PendingOptimization:
    """Work that waits."""

    optimizer: str
    segments: Sequence[SegmentSummary]


@frozen
class Optimizations:
    """All that is known, the newest of `completed` first; `idle_segments` need nothing."""

    running: Sequence[Optimization] = field(factory=tuple)
    queued: Sequence[PendingOptimization] = field(factory=tuple)
    completed: Sequence[Optimization] = field(factory=tuple)
    idle_segments: Sequence[SegmentSummary] = field(factory=tuple)


@frozen
class OptimizationsRequest(ReadRequest[Optimizations]):
    """What is done behind a collection, what waits and what has been done."""
