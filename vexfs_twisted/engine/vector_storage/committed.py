"""What a commit says of the vectors of one name, from which their storage and space are opened."""

from __future__ import annotations

from attrs import frozen

from ..storage.bitmap import Bitmap
from ..storage.counters import Slot
from ..vector_index.segments import Segments, stop_of


@frozen
class CommittedVectors:
    """The vectors of one name as of a commit, as the tables of the collection have them.

    There are `rows` rows from row `base` on; those in `present` have a vector. Rows in `present`
    and in `segments` are counted from `base`.
    """

    slot: Slot
    present: Bitmap
    rows: int = 0
    segments: Segments = ()
    base: int = 0

    @property
    def skipped(self) -> int:
        """The number of rows that the files have before row `base`."""
        return self.base - self.slot.first

    @property
    def indexed(self) -> int:
        """The row behind the last segment; 0 without any."""
        return stop_of(self.segments)
