"""A vector file of a device that mirrors the vectors of one name of a collection."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from ...engine.acceleration import Rows, VectorView
from ...interfaces import IVectorFile
from ...model.collection_params import Datatype, Distance, VectorParams
from ...model.device import DeviceMetric
from .calls import DeviceCallQueue
from .health_check import DeviceUnreliable
from .settings import MirrorSettings

METRICS = {
    # Vectors and queries of Cosine are normalized, so their dot product is the cosine.
    Distance.COSINE: DeviceMetric.DOT_PRODUCT,
    Distance.DOT: DeviceMetric.DOT_PRODUCT,
    Distance.EUCLID: DeviceMetric.EUCLIDEAN,
}

_WORD = 64
_SPAN_ROWS = 1 << 16
_REMEMBERED = 8


def can_mirror(params: VectorParams) -> bool:
    """Whether a device supports the distance and stores the same float32 values as the engine."""
    return params.datatype in (None, Datatype.FLOAT32) and params.distance in METRICS


@frozen
class Reached:
    """The file has every row below `row` that is present in a state of `operation` or later.

    The row is numbered as in the file.
    """

    operation: int
    row: int


class MirrorFile:
    """The vectors of one name and slot in a device file.

    Ids are the numbers of rows among all that were ever written. A view counts its rows from one of
    these, its `base`, which may be another one in a later view.

    Written by the replicator's thread only, read by searches in any thread. The file has at least
    `count` vectors, all of rows below `sent`. Once `is_retired` is set the file is being deleted,
    and errors of searches in it are no fault of the device.
    """

    def __init__(
        self, file: IVectorFile, slot: int, calls: DeviceCallQueue, settings: MirrorSettings
    ) -> None:
        self.file = file
        self.slot = slot
        self.count = 0
        self.sent = 0
        self.is_retired = False
        self._calls = calls
        self._settings = settings
        self._reached: tuple[Reached, ...] = ()

    @property
    def row(self) -> int:
        """All rows below this one, numbered as in the file, have been sent or skipped."""
        return self._reached[-1].row if self._reached else 0

    def row_for(self, vectors: VectorView) -> int:
        """The row of `vectors` below which the file has all rows that are present in it.

        A row that was deleted before it was sent is not in the file, but an older state still has
        it. So a Reached is valid only for states at least as new as the one it was made from.
        """
        for reached in reversed(self._reached):
            if reached.operation <= vectors.operation:
                return min(max(reached.row - vectors.base, 0), vectors.next_row)
        return 0

    def step(self, vectors: VectorView) -> bool:
        """Send the next batch of rows; whether there are more.

        Raises DeviceError, DeviceUnreliable. Blocks.
        """
        end, rows = self._next(vectors, max(self.row - vectors.base, 0))
        stop = vectors.base + end
        if len(rows):
            self.sent = stop
            ids = (vectors.base + rows).astype(np.uint64)
            sent = vectors.floats(rows)
            seconds = self._settings.call_seconds
            self._calls.run("insert", seconds, self.file.insert, ids, sent)
            told = self._calls.run("meta", seconds, self.file.meta).vector_count
            if told != self.count + len(rows):
                text = f"{told} vectors are told of where {self.count + len(rows)} were inserted"
                raise DeviceUnreliable("wrong_count", text)
            self.count = told
        known = self._reached[1 - _REMEMBERED :]
        self._reached = (*known, Reached(vectors.operation, stop))
        return stop < vectors.end

    def is_stale(self, vectors: VectorView) -> bool:
        """Whether most vectors in the file are dead, and enough of them to rebuild it."""
        dead = self.count - live_below(vectors, max(self.row - vectors.base, 0))
        return dead >= self._settings.rebuilt_from and 2 * dead > self.count

    def _next(self, vectors: VectorView, first: int) -> tuple[int, Rows]:
        """The end of the next range of rows to send, and the rows in it that have a vector."""
        at_most = max(1, self._settings.batch_bytes // (4 * vectors.params.size))
        start = first // _WORD * _WORD
        end = min(start + _SPAN_ROWS, -(-vectors.next_row // _WORD) * _WORD)
        rows = vectors.rows_between(start, end)
        rows = rows[rows >= first]
        if len(rows) > at_most:
            rows = rows[:at_most]
            return int(rows[-1]) + 1, rows
        return min(end, vectors.next_row), rows


def rows_from(vectors: VectorView, row: int) -> Rows:
    """The rows from `row` on that have a vector, ascending."""
    start = row // _WORD * _WORD
    rows = vectors.rows_from(start)
    return rows if start == row else rows[np.searchsorted(rows, row) :]


def live_below(vectors: VectorView, row: int) -> int:
    """The number of rows below `row` that have a vector."""
    start = row // _WORD * _WORD
    within = vectors.rows_between(start, start + _WORD)
    before = vectors.count_below(start)
    return before + int(np.searchsorted(within, row))
