"""The kinds of jobs. A job describes the wanted result, so executing it is idempotent."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..vector_index.segments import Segment, Segments


class Reason(Enum):
    """The reason of a job; the value is the name that is reported."""

    INDEXING = "indexing"
    MERGE = "merge"
    VACUUM = "vacuum"
    CONFIG = "config mismatch"
    VERIFICATION = "verification"
    REMOVAL = "removal"
    HOLES = "holes"


@frozen
class Build:
    """Build one graph over the rows in [start, stop), which replaces `segments`.

    It begins with the nodes of `seed`, one of the segments, if given. `fresh` is the number of rows
    with a vector that are in none of the segments. Dead rows from `first` on, which may be before
    `start`, still take disk space.
    """

    reason: Reason
    start: int
    stop: int
    segments: Segments
    seed: Segment | None
    fresh: int
    first: int


@frozen
class Verify:
    """Verify the files of a segment, and open its graph, or drop the segment if damaged."""

    segment: Segment
    reason = Reason.VERIFICATION

    @property
    def segments(self) -> Segments:
        """The segments concerned."""
        return (self.segment,)


@frozen
class Drop:
    """Drop `segments`."""

    segments: Segments
    reason = Reason.REMOVAL


@frozen
class Punch:
    """Free the disk space of rows that are not in the graph of a segment."""

    segment: Segment
    reason = Reason.HOLES

    @property
    def segments(self) -> Segments:
        """The segments concerned."""
        return (self.segment,)


@frozen
class Encode:
    """Make the codes of a segment that are configured, or drop its codes if none are."""

    segment: Segment
    reason = Reason.CONFIG

    @property
    def segments(self) -> Segments:
        """The segments concerned."""
        return (self.segment,)


Job = Build | Encode | Verify | Drop | Punch
