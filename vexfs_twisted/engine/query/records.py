"""Fetches the points of found rows: ids, versions, payloads and vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from ...model.errors import unknown_vector
from ...model.queries import PayloadMode, Record, ScoredPoint, Selection
from ...model.scored_points import ScoredColumns, ScoredSlice
from ...model.vector_kinds import Vector
from ...model.vectors import NamedVectors
from ..memory_quota import current
from ..mvcc.state import Snapshot
from ..read_bounds import checkpoint, expect
from ..storage.bitmap import Rows
from ..storage.row_values import heads_of, payloads_of
from ..vector_index.kernels import Scores
from ..vector_index.row_checksums import check_rows
from ..vector_index.space import AnySpace
from .payloads import payload_selection

# Like `_make`, without a Python frame per record.
_record = partial(tuple.__new__, Record)
_scored = partial(tuple.__new__, ScoredPoint)

_POINT_SIZE = 256
_VECTOR_SIZE = 256
"""Bytes taken by the objects of a point and of a vector besides their content; upper bounds."""

_POINT_S = 5e-6
_ID_S = 1e-6
"""Estimated seconds to fetch a point, and to fetch its id only."""

_STEP_ROWS = 1024
_STEP_BYTES = 8 << 20
"""The most rows and bytes read from the tables at a time: values are copied once more, and most of
a value may be a payload that is not selected."""

_STEP_VECTOR_BYTES = 64 << 20
"""The most bytes of points without payloads fetched at a time, if it is more than one point."""


def check_selection(selection: Selection, snapshot: Snapshot) -> None:
    """Raise BadInput if the selection has vectors that the collection does not have."""
    _selected_spaces(selection, snapshot)


def expect_points(count: int, selection: Selection) -> None:
    """Stop a short read before it fetches too many points; see `read_bounds.expect`."""
    is_whole = selection.vectors is not False or selection.payload.mode is not PayloadMode.NONE
    expect(count * (_POINT_S if is_whole else _ID_S))


def fetch_records(snapshot: Snapshot, rows: Rows, selection: Selection) -> list[Record]:
    """Fetch the records of live `rows`, in their order."""
    found: list[Record] = []
    for some, values in _in_steps(snapshot, rows, selection):
        more = records_of(snapshot, some, values, selection)
        found += more
        _count(snapshot, some, more, len(found), len(rows), selection)
    return found


def records_of(
    snapshot: Snapshot, rows: Rows, values: Sequence[bytes], selection: Selection
) -> list[Record]:
    """The records of `rows`, made from their table values."""
    _, ids = heads_of(values)
    payloads = _payloads(values, selection)
    vectors = _vectors(snapshot, rows, selection)
    columns = zip(ids, payloads, vectors, repeat(None, len(ids)), strict=True)
    return list(map(_record, columns))


def fetch_scored(
    snapshot: Snapshot, rows: Rows, scores: Scores, selection: Selection
) -> Sequence[ScoredPoint]:
    """Fetch the scored points of live `rows`, in their order; rows may repeat."""
    columns = _columns(snapshot, rows, scores, selection)
    if columns is not None:
        return ScoredSlice(columns, 0, len(rows))
    found: list[ScoredPoint] = []
    for some, values in _in_steps(snapshot, rows, selection):
        own = scores[len(found) : len(found) + len(some)]
        more = scored_of(snapshot, some, values, own, selection)
        found += more
        _count(snapshot, some, more, len(found), len(rows), selection)
    return found


def scored_of(
    snapshot: Snapshot,
    rows: Rows,
    values: Sequence[bytes],
    scores: Scores,
    selection: Selection,
) -> list[ScoredPoint]:
    """The scored points of `rows`, made from their table values."""
    versions, ids = heads_of(values)
    payloads = _payloads(values, selection)
    vectors = _vectors(snapshot, rows, selection)
    parts = zip(
        ids, versions, scores.tolist(), payloads, vectors, repeat(None, len(ids)), strict=True
    )
    return list(map(_scored, parts))


def _columns(
    snapshot: Snapshot, rows: Rows, scores: Scores, selection: Selection
) -> ScoredColumns | None:
    """The scored points as columns; None if payloads or vectors are selected or an id is a UUID."""
    if selection.vectors is not False or selection.payload.mode is not PayloadMode.NONE:
        return None
    heads = snapshot.indexes.columns.heads.of(snapshot.rows, rows)
    return None if heads is None else ScoredColumns(*heads, scores)


def sizes_beside_payload(snapshot: Snapshot, rows: Rows, selection: Selection) -> NDArray[np.int64]:
    """The bytes of memory of points with the selected vectors, without payloads, shape [n]."""
    sizes = np.full(len(rows), _POINT_SIZE, dtype=np.int64)
    for space in _selected_spaces(selection, snapshot).values():
        sizes += _VECTOR_SIZE + space.sizes(rows)
    return sizes


def _in_steps(
    snapshot: Snapshot, rows: Rows, selection: Selection
) -> Iterator[tuple[Rows, list[bytes]]]:
    """Yield the rows and their table values in bounded steps."""
    portion = current()
    left = None if portion is None else portion.left
    is_kept = left is not None and selection.payload.mode is PayloadMode.ALL
    step = min(_STEP_BYTES, left + 1) if is_kept and left is not None else _STEP_BYTES
    most = _STEP_VECTOR_BYTES if left is None else min(_STEP_VECTOR_BYTES, left + 1)
    while len(rows):
        checkpoint()
        some = rows[:_STEP_ROWS]
        if selection.vectors is not False:
            sizes = np.cumsum(sizes_beside_payload(snapshot, some, selection))
            some = some[: max(int(np.searchsorted(sizes, most)), 1)]
        values = snapshot.tables.values_until(some, step)
        yield rows[: len(values)], values
        rows = rows[len(values) :]


def _count(
    snapshot: Snapshot,
    rows: Rows,
    points: Sequence[Record | ScoredPoint],
    done: int,
    count: int,
    selection: Selection,
) -> None:
    """Charge the `points` of `rows` to the memory quota, if there is one.

    `done` of `count` points are now fetched.
    """
    portion = current()
    if portion is not None and portion.left is not None:
        size = len(rows) * _POINT_SIZE
        if selection.vectors is not False:
            size = int(sizes_beside_payload(snapshot, rows, selection).sum())
        if selection.payload.mode is not PayloadMode.NONE:
            size += sum([len(point.payload or b"") for point in points])
        portion.take(size, done, count)


def _payloads(values: Sequence[bytes], selection: Selection) -> Iterable[bytes | None]:
    if selection.payload.mode is PayloadMode.NONE:
        return repeat(None, len(values))
    payloads = payloads_of(values)
    if selection.payload.mode is PayloadMode.ALL:
        return payloads
    return map(payload_selection(selection.payload), payloads)


def _vectors(snapshot: Snapshot, rows: Rows, selection: Selection) -> Iterable[NamedVectors | None]:
    """The selected vectors of each row, copied from the map in one operation per name.

    Raises DamagedRows if one is not what was written.
    """
    if selection.vectors is False:
        return repeat(None, len(rows))
    gathered: list[dict[str, Vector]] = [{} for _ in range(len(rows))]
    for name, space in _selected_spaces(selection, snapshot).items():
        places = space.present.has(rows).nonzero()[0]
        own = rows[places]
        ascending = own if len(own) < 2 else np.unique(own)
        check_rows(space, ascending, snapshot.tables.row_checksums(space.slot, ascending))
        for place, vector in zip(places.tolist(), space.read(own), strict=True):
            gathered[place][name] = vector
    return gathered


def _selected_spaces(selection: Selection, snapshot: Snapshot) -> dict[str, AnySpace]:
    if selection.vectors is False:
        return {}
    state = snapshot.state
    if selection.vectors is True:
        return dict(state.spaces)
    params = state.config.params
    for name in selection.vectors:
        if name not in params.vectors and name not in (params.sparse_vectors or {}):
            raise unknown_vector(name)
    return {name: state.spaces[name] for name in selection.vectors if name in state.spaces}
