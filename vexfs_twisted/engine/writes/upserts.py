"""Updates that write vectors, and so move their points to new rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...model.updates import UpdateMode, UpdateVectors, Upsert
from ...model.vector_kinds import Vectors
from ...model.vectors import VectorColumn
from ..storage.bitmap import Rows
from ..storage.keys import encode_ids
from ..storage.row_values import payload_of
from .point_batch import Found, PointBatch


def upsert(points: PointBatch, update: Upsert, operations: Sequence[int]) -> None:
    """Insert or replace points. `operations` has for each of them the operation that does."""
    keys = encode_ids(update.ids)
    payloads: Sequence[bytes] = update.payloads
    kept = _last_of_each(keys)
    found = points.find_any(keys if kept is None else [keys[place] for place in kept])
    if update.update_filter is not None or update.mode is not UpdateMode.UPSERT:
        found, kept = _permitted(points, update, keys, found, kept)
    if kept is not None:
        keys = [keys[place] for place in kept]
        payloads = [payloads[place] for place in kept]
        operations = [operations[place] for place in kept]
    points.drop_rows(found)
    rows = points.append(operations, keys, payloads)
    targets = rows
    if kept is not None:
        targets = np.full(len(update.ids), -1, dtype=np.int64)
        targets[np.asarray(kept, dtype=np.int64)] = rows
    for name, column in update.vectors.items():
        points.spaces[name].write(*_assigned(column, targets))


def update_vectors(points: PointBatch, update: UpdateVectors, operation: int) -> None:
    """Replace vectors of points. Raises NotFound if one of the points is missing."""
    numbers = {point_id: number for number, point_id in enumerate(dict.fromkeys(update.ids))}
    found = points.find_all(list(numbers))
    targets = np.array([numbers[point_id] for point_id in update.ids], dtype=np.int64)
    if update.update_filter is not None:
        mask = points.passing(update.update_filter, points.rows_of(found))
        found = [entry for entry, passes in zip(found, mask, strict=True) if passes]
        targets = np.where(mask, np.cumsum(mask) - 1, -1)[targets]
    _move(points, found, update.vectors, targets, operation)


def _move(
    points: PointBatch,
    found: Found,
    vectors: Mapping[str, VectorColumn],
    targets: Rows,
    operation: int,
) -> None:
    """Move the points `found` to new rows, with their contents except for the new `vectors`.

    `targets` has for each point of the request its position in `found`, -1 for none.
    """
    old = points.rows_of(found)
    payloads = list(map(payload_of, points.reader.values(old)))
    new = points.append([operation] * len(found), [key for key, _ in found], payloads)
    for name, space in points.spaces.items():
        column = vectors.get(name)
        space.rewrite(old, new, None if column is None else _assigned(column, targets))
    points.drop_rows(found)


def _permitted(
    points: PointBatch,
    update: Upsert,
    keys: Sequence[bytes],
    found: Found,
    kept: Sequence[int] | None,
) -> tuple[Found, Sequence[int]]:
    """Those of the points `found`, and of the positions `kept`, that the conditions permit."""
    existing = {key for key, _ in found}
    replaceable: Found = found
    if update.mode is UpdateMode.INSERT_ONLY:
        replaceable = []
    elif update.update_filter is not None:
        mask = points.passing(update.update_filter, points.rows_of(found))
        replaceable = [entry for entry, passes in zip(found, mask, strict=True) if passes]
    writable = {key for key, _ in replaceable}
    if update.mode is not UpdateMode.UPDATE_ONLY:
        writable |= {key for key in keys if key not in existing}
    places = range(len(keys)) if kept is None else kept
    return replaceable, [place for place in places if keys[place] in writable]


def _last_of_each(keys: Sequence[bytes]) -> Sequence[int] | None:
    """The ascending positions of the last of equal keys; None if all differ."""
    last = dict(zip(keys, range(len(keys)), strict=True))
    return None if len(last) == len(keys) else sorted(last.values())


def _assigned(column: VectorColumn, targets: Rows) -> tuple[Rows, Vectors]:
    """The target rows of the vectors of a column, and those vectors.

    `targets` has one row per point of the request; vectors of points with -1 are left out.
    """
    assigned = targets if column.positions is None else targets[column.positions]
    chosen = assigned >= 0
    if chosen.all():
        return assigned, column.vectors
    return assigned[chosen], column.vectors.take(chosen)
