"""Cursors: read one snapshot of a collection batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic

from ..model.queries import PayloadMode
from ..model.streams import Batch, P
from .mvcc.pinned import PinnedSnapshot
from .query.cursor_sources import CursorSource
from .query.records import sizes_beside_payload

Errors = Callable[[], AbstractContextManager[None]]
"""A context that translates exceptions of the store to domain errors."""


class Cursor(Generic[P]):
    """A read in batches, all on the pinned snapshot that it began with.

    Any thread may call, one at a time. An open cursor takes disk space: rows that updates have
    replaced since then are kept for it. `next` raises NotFound once the collection has been
    deleted, Unavailable once it has been closed, and Interrupted if the snapshot had to be ended.
    """

    def __init__(self, snapshot: PinnedSnapshot, source: CursorSource[P], errors: Errors) -> None:
        self._snapshot = snapshot
        self._source = source
        self._errors = errors

    def next(self, points: int, size: int) -> Batch[P] | None:
        """The next batch of at most `points` points; None after the last one.

        The batch ends with the point that makes it reach `size` bytes.
        """
        source = self._source
        with self._errors(), self._snapshot.reading() as snapshot:
            rows = source.ahead(snapshot, points)
            if not len(rows):
                return None
            extras = sizes_beside_payload(snapshot, rows, source.selection)
            values = snapshot.tables.values_within(rows, size, extras.tolist())
            read = source.pass_by(snapshot, rows[: len(values)], values)
            taken = int(extras[: len(read)].sum())
            if source.selection.payload.mode is not PayloadMode.NONE:
                taken += sum(len(point.payload or b"") for point in read)
            return Batch(read, taken)

    def close(self) -> None:
        """Release the snapshot, after a read in progress; idempotent."""
        self._snapshot.end()
