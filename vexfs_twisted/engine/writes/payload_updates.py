"""Updates that change points where they are: their payloads, or which vectors they have.

The points keep their rows, so no vector is written.
"""

from __future__ import annotations

import numpy as np

from ...model.updates import DeleteVectors, PayloadUpdate
from ..storage.row_values import payload_of, with_payload
from .payload_edits import edit_of
from .point_batch import PointBatch


def edit_payloads(points: PointBatch, update: PayloadUpdate, operation: int) -> None:
    """Change payloads. Raises NotFound when one of the points named is missing."""
    edit = edit_of(update)
    rows = points.chosen(update.ids, update.filter)
    points.rewrite(rows, lambda value: with_payload(value, operation, edit(payload_of(value))))
    points.touch(operation, rows)


def delete_vectors(points: PointBatch, update: DeleteVectors, operation: int) -> None:
    """Take vectors away. Raises NotFound when one of the points named is missing."""
    rows = points.chosen(update.ids, update.filter)
    if update.ids is not None and update.filter is not None:
        rows = np.union1d(rows, points.select(update.filter))
    for name in update.names:
        if name in points.spaces:
            points.spaces[name].present.discard(rows)
    points.rewrite(rows, lambda value: with_payload(value, operation, payload_of(value)))
    # The payload is as it was, but the version is not.
    points.touch(operation, rows)
