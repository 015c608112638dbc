"""One moment of a collection read batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic

from ..model.queries import PayloadMode
from ..model.streams import Batch, P
from .mvcc.pinned import PinnedSnapshot
from .query.cursor_sources import CursorSource
from .query.records import size_beside_payload

Errors = Callable[[], AbstractContextManager[None]]
"""A context that turns what the store raises into domain errors."""


class Cursor(Generic[P]):
    """A read that goes on from batch to batch, all on the snapshot that it began in.

    Any thread may call, one at a time. While it is open its moment takes room: rows that updates
    have replaced since then are kept for it. `next` raises NotFound once the collection has been
    deleted, Unavailable once it has been closed, and Interrupted when the snapshot had to be given
    up.
    """

    def __init__(self, snapshot: PinnedSnapshot, source: CursorSource[P], errors: Errors) -> None:
        self._snapshot = snapshot
        self._source = source
        self._errors = errors

    def next(self, points: int, size: int) -> Batch[P] | None:
        """The next points, at most so many; None after the last.

        The batch ends with the point that brings it to `size` bytes.
        """
        source = self._source
        with self._errors(), self._snapshot.reading() as snapshot:
            rows = source.ahead(snapshot, points)
            if not len(rows):
                return None
            extra = size_beside_payload(snapshot, source.selection)
            values = snapshot.tables.values_within(rows, size, extra)
            read = source.pass_by(snapshot, rows[: len(values)], values)
            taken = extra * len(read)
            if source.selection.payload.mode is not PayloadMode.NONE:
                taken += sum(len(point.payload or b"") for point in read)
            return Batch(read, taken)

    def close(self) -> None:
        """Give up the snapshot, after a read that is under way; twice is harmless."""
        self._snapshot.end()
