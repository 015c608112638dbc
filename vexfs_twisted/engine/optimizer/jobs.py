"""The kinds of work there are. A job says what shall be, so one that is done twice does no harm."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..vector_index.segments import Segment, Segments


class Reason(Enum):
    """Why work is done, under the name that is reported."""

    INDEXING = "indexing"
    MERGE = "merge"
    VACUUM = "vacuum"
    CONFIG = "config mismatch"
    VERIFICATION = "verification"
    REMOVAL = "removal"
    HOLES = "holes"


@frozen
class Build:
    """Build one graph over the rows from `start` up to `stop`, in the place of `segments`.

    It begins with the nodes of `seed`, one of them, where there is one. `fresh` rows with a vector
    are in none of them. Dead rows from `first` on, which may come before `start`, take room yet.
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
    """Read the files of a segment through, and have its graph at hand or drop it."""

    segment: Segment
    reason = Reason.VERIFICATION

    @property
    def segments(self) -> Segments:
        """What the job is about."""
        return (self.segment,)


@frozen
class Drop:
    """Have `segments` no more."""

    segments: Segments
    reason = Reason.REMOVAL


@frozen
class Punch:
    """Give back the room of rows that are not in the graph of a segment."""

    segment: Segment
    reason = Reason.HOLES

    @property
    def segments(self) -> Segments:
        """What the job is about."""
        return (self.segment,)


@frozen
class Encode:
    """Make the codes of a segment that are wanted, or have none where none are."""

    segment: Segment
    reason = Reason.CONFIG

    @property
    def segments(self) -> Segments:
        """What the job is about."""
        return (self.segment,)


Job = Build | Encode | Verify | Drop | Punch
