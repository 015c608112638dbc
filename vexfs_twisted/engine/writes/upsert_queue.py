"""Joins the small upserts of a write batch that follow each other."""

from __future__ import annotations

from ...model.joined_upserts import is_plain, joined, joins
from ...model.updates import Upsert
from .point_batch import PointBatch
from .upserts import upsert

_FEW = 64
"""Upserts of more points cost no less together: their vectors would be copied once more."""

_FEW_BYTES = 1 << 18
"""Nor do upserts with more bytes of vectors, which are not copied at all."""

_ENOUGH = 1024
"""The points after which waiting for more does not make them cheaper."""


class UpsertQueue:
    """Upserts that have been checked and not yet been written to `points`.

    An upsert of one point costs almost what one of a hundred does, so those that clients send at
    the same time are written as one. Whatever else reads or writes the points flushes first.
    """

    def __init__(self, points: PointBatch) -> None:
        self._points = points
        self._updates: list[Upsert] = []
        self._operations: list[int] = []

    def put(self, update: Upsert, operation: int) -> None:
        """Execute an upsert: at once, or by the next `flush`."""
        count = len(update.ids)
        if count > _FEW or not is_plain(update) or _bytes_of(update) > _FEW_BYTES:
            self.flush()
            upsert(self._points, update, [operation] * count)
            return
        if self._updates and not joins(update, self._updates[0]):
            self.flush()
        self._updates.append(update)
        self._operations += [operation] * count
        if len(self._operations) >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write the upserts that wait."""
        if self._updates:
            updates, self._updates = self._updates, []
            operations, self._operations = self._operations, []
            upsert(self._points, joined(updates), operations)


def _bytes_of(update: Upsert) -> int:
    return sum([column.vectors.nbytes for column in update.vectors.values()])
