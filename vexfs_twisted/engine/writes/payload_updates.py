"""Updates in place: of payloads, and deletion of vectors.

The points keep their rows, so no vector is written.
"""

from __future__ import annotations

import numpy as np

from ...model.updates import DeleteVectors, PayloadUpdate
from ..storage.row_values import payload_of, with_payload
from .payload_edits import edit_of
from .point_batch import PointBatch


def edit_payloads(points: PointBatch, update: PayloadUpdate, operation: int) -> None:
    """Update payloads. Raises NotFound if a point given by its id is missing."""
    edit = edit_of(update)
    rows = points.chosen(update.ids, update.filter)
    points.rewrite(rows, lambda value: with_payload(value, operation, edit(payload_of(value))))
    points.touch(operation, rows)


def delete_vectors(points: PointBatch, update: DeleteVectors, operation: int) -> None:
    """Delete vectors of points. Raises NotFound if a point given by its id is missing."""
    rows = points.chosen(update.ids, update.filter)
    if update.ids is not None and update.filter is not None:
        rows = np.union1d(rows, points.select(update.filter))
    for name in update.names:
        if name in points.spaces:
            points.spaces[name].present.discard(rows)
    points.rewrite(rows, lambda value: with_payload(value, operation, payload_of(value)))
    # The payload stays the same, but the version changes.
    points.touch(operation, rows)
