"""Fetching what a read returns of the rows it found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from ...model.errors import unknown_vector
from ...model.ids import PointId
from ...model.queries import PayloadMode, Record, ScoredPoint, Selection
from ...model.vectors import NamedVectors, Vector
from ..store.bitmap import Rows
from ..store.keys import decode_id
from ..store.rowvalue import key_of, payload_of, version_of
from ..store.view import Snapshot, VectorSpace
from .payloads import payload_selection


@frozen
class _Fetched:
    id: PointId
    version: int
    payload: bytes | None
    vectors: NamedVectors | None


def check_selection(selection: Selection, snapshot: Snapshot) -> None:
    """Raise BadInput when vectors are asked for that the collection does not have."""
    _selected_spaces(selection, snapshot)


def fetch_records(snapshot: Snapshot, rows: Rows, selection: Selection) -> list[Record]:
    """The records of live `rows`, in their order."""
    fetched = _fetch(snapshot, rows, selection)
    return [Record(point.id, point.payload, point.vectors) for point in fetched]


def fetch_scored(
    snapshot: Snapshot, rows: Rows, scores: Sequence[float], selection: Selection
) -> list[ScoredPoint]:
    """The scored points of live `rows`, in their order."""
    fetched = _fetch(snapshot, rows, selection)
    return [
        ScoredPoint(point.id, point.version, score, point.payload, point.vectors)
        for point, score in zip(fetched, scores, strict=True)
    ]


def _fetch(snapshot: Snapshot, rows: Rows, selection: Selection) -> Iterator[_Fetched]:
    values = snapshot.tables.values(rows)
    select = payload_selection(selection.payload)
    has_payload = selection.payload.mode is not PayloadMode.NONE
    vectors = _gather(snapshot, rows, selection)
    for position, value in enumerate(values):
        yield _Fetched(
            decode_id(key_of(value)),
            version_of(value),
            select(payload_of(value)) if has_payload else None,
            None if vectors is None else vectors[position],
        )


def _gather(snapshot: Snapshot, rows: Rows, selection: Selection) -> list[dict[str, Vector]] | None:
    """The selected vectors of each row, copied out of the map in one sweep a name."""
    if selection.vectors is False:
        return None
    gathered: list[dict[str, Vector]] = [{} for _ in range(len(rows))]
    for name, space in _selected_spaces(selection, snapshot).items():
        has_vector = space.present.has(rows)
        matrix = space.matrix[rows[has_vector]]
        for position, vector in zip(has_vector.nonzero()[0].tolist(), matrix, strict=True):
            gathered[position][name] = vector
    return gathered


def _selected_spaces(selection: Selection, snapshot: Snapshot) -> dict[str, VectorSpace]:
    view = snapshot.view
    if selection.vectors is True:
        return dict(view.spaces)
    chosen: dict[str, VectorSpace] = {}
    for name in selection.vectors or ():
        if name in view.spaces:
            chosen[name] = view.spaces[name]
        elif name not in view.config.params.vectors and name not in (
            view.config.params.sparse_vectors or {}
        ):
            raise unknown_vector(name)
    return chosen
