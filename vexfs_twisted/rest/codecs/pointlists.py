"""Decoding of lists of points from JSON into columns, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from attrs import define, field
from numpy.typing import NDArray

from ...jsonform.converter import describe, located
from ...model.errors import DomainError, FormatError, Problem, ValidationError, empty_vector
from ...model.ids import PointId
from ...model.updates import UpdateVectors, Upsert
from ...model.vector_kinds import Label
from ...model.vectors import UNNAMED, VectorColumn
from ...model.vectors_draft import VectorsDraft
from .gathering import MAX_ELEMENTS, FirstError
from .ids import read_id, read_ids
from .vectors import is_inference, read_column

_EMPTY_PAYLOAD = b"{}"

_OBJECTS, _IDS, _VECTORS, _COLUMNS, _PAYLOADS, _NESTING = range(6)
"""The checks of points, in the order of precedence of their errors."""


class PointsDraft:
    """The Gatherer of the points of an upsert. The result does not depend on how they are batched.

    Of several errors it raises that of the first failing check, and for that check the first
    point's with a FormatError, or else with another error. A later batch may fail an earlier check,
    so batches are still checked after an error.
    Only ids, float32 rows and payloads as bytes are kept of a batch.
    """

    def __init__(self) -> None:
        self._ids: list[PointId] = []
        self._columns: dict[str, ColumnDraft] = {}
        self._payloads: list[bytes] = []
        self._count = 0
        self._check = (_OBJECTS, 0)
        self._failed = FirstError()

    def add(self, points: list[Any]) -> None:
        """Append points; see Gatherer."""
        try:
            self._add(points)
        except DomainError as error:
            self._failed.note(error, self._count, *self._check, _is_well_formed(error))
        self._count += len(points)
        self._failed.check_late(self._count)

    def __len__(self) -> int:
        return self._count

    def upsert(self, how: Mapping[str, Any]) -> Upsert:
        """The upsert of all points, with `how` as its other fields. Raises DomainErrors."""
        return Upsert(ids=self._ids, vectors=self._vectors(), payloads=self._payloads, **how)

    def _vectors(self) -> Mapping[str, VectorColumn]:
        self._failed.check()
        _refuse_empty({name: column.first_empty for name, column in self._columns.items()})
        return {name: column.finish(self._count) for name, column in self._columns.items()}

    def _add(self, points: list[Any]) -> None:
        start = self._count
        self._add_ids_and_vectors(points, "PointStruct")
        self._check = (_PAYLOADS, 0)
        payloads = [point.get("payload") for point in points]
        check_payloads(payloads, lambda index: f"points[{start + index}].payload")
        self._check = (_NESTING, 0)
        self._payloads += dump_payloads(payloads)

    def _add_ids_and_vectors(self, points: list[Any], kind: str) -> None:
        start = self._count
        self._check = (_OBJECTS, 0)
        ids, vectors = take_points(points, kind, start)
        self._check_vectors(vectors)
        self._check = (_IDS, 0)
        self._ids += read_point_ids(ids, start)
        self._check = (_VECTORS, 0)
        self._add_vectors(vectors)

    def _check_vectors(self, vectors: list[Any]) -> None:
        """Raise for points without vectors where these are required. Here they are not."""

    def _add_vectors(self, vectors: list[Any]) -> None:
        rows = _rows_by_name(vectors, self._count)
        for name in rows:
            self._columns.setdefault(name, ColumnDraft())
        for rank, name in enumerate(self._columns):
            if name in rows:
                self._check = (_COLUMNS, rank)
                found = rows[name]
                column = found.read(name, self._count)
                self._columns[name].add(column, self._count, found.first_empty(column))


class PointVectorsDraft(PointsDraft):
    """The Gatherer of new vectors of existing points. Each must have at least one vector."""

    def update(self, how: Mapping[str, Any]) -> UpdateVectors:
        """The update of all points, with `how` as its other fields. Raises DomainErrors."""
        return UpdateVectors(ids=self._ids, vectors=self._vectors(), **how)

    def _add(self, points: list[Any]) -> None:
        self._add_ids_and_vectors(points, "PointVectors")

    def _check_vectors(self, vectors: list[Any]) -> None:
        for index, vector in enumerate(vectors, self._count):
            if vector in ({}, []):
                text = "must specify vectors to update for point"
                raise ValidationError([Problem(f"points[{index}].vector", text)])


class RowsDraft:
    """The Gatherer of the vectors of one name.

    `place` is their path in the body for errors, `checked_place` for those about their content.
    """

    def __init__(self, place: str, checked_place: str) -> None:
        self._place = place
        self._checked_place = checked_place
        self._failed = FirstError()
        self._count = 0
        self._column = ColumnDraft()

    def __len__(self) -> int:
        return self._count

    def add(self, rows: list[Any]) -> None:
        """Append rows; see Gatherer."""
        # Only a malformed row is told rather than an invalid one before it.
        if rows and self._failed.rank != (False,):
            try:
                self._read(rows, self._count)
            except DomainError as error:
                self._failed.note(error, self._count, _is_well_formed(error))
        self._count += len(rows)
        self._failed.check_late(self._count)

    @property
    def first_empty(self) -> int | None:
        """The index of the first empty row, or None. Valid after `column`."""
        return self._column.first_empty

    def column(self) -> VectorColumn:
        """The whole column, of at least one row. Raises DomainErrors."""
        self._failed.check()
        return self._column.finish(self._count)

    def _read(self, rows: list[Any], start: int) -> None:
        column = read_column(
            rows,
            lambda row: f"{self._place}[{start + row}]",
            checked_label=lambda row: f"{self._checked_place}[{start + row}]",
        )
        self._column.add(column, start, _first_empty(rows, column))
        if self._column.is_uneven and start > MAX_ELEMENTS:
            raise FormatError(f"{self._place}: the vectors are of several lengths, or of none")


@define
class _Rows:
    """The vectors of one name, and the indexes of their points; None if all points have one."""

    rows: list[Any]
    positions: list[int] | None

    def read(self, name: str, start: int) -> VectorColumn:
        """Their column; errors number the first point `points[start]`."""
        places = self.positions
        array = None if places is None else np.array(places, dtype=np.int64)

        def label(tail: str) -> Label:
            def path(row: int) -> str:
                return f"points[{start + (row if places is None else places[row])}].vector{tail}"

            return path

        if not name:
            return read_column(self.rows, label(""), array)
        return read_column(self.rows, label(f".{name}"), array, label(".?"))

    def first_empty(self, column: VectorColumn) -> int | None:
        """The index of the first point with an empty vector, or None; `column` is their column."""
        row = _first_empty(self.rows, column)
        return row if row is None or self.positions is None else self.positions[row]


@define
class ColumnDraft:
    """A column to which rows, at least one, are appended. They are dropped if lengths differ.

    `first_empty` is the index of the first point with an empty vector.
    """

    first_empty: int | None = None
    _vectors: VectorsDraft = field(factory=VectorsDraft)
    _positions: list[NDArray[np.int64]] = field(factory=list)
    _dimensions: dict[int, None] = field(factory=dict)

    def add(self, column: VectorColumn, start: int, first_empty: int | None) -> None:
        """Append rows; `start` is added to their positions and to `first_empty`.

        Raises BadInput if only some of all rows are sparse.
        """
        if self.first_empty is None and first_empty is not None:
            self.first_empty = start + first_empty
        self._dimensions |= dict.fromkeys(column.dimensions)
        if self.is_uneven:
            self._vectors.clear()
            self._positions.clear()
            return
        self._vectors.add(column.vectors)
        self._positions.append(column.places + start)

    def finish(self, points: int) -> VectorColumn:
        """The whole column; `points` is the total number of points."""
        if self.is_uneven:
            return VectorColumn.uneven(tuple(self._dimensions))
        vectors = self._vectors.finish()
        return VectorColumn(
            vectors, None if len(vectors) == points else np.concatenate(self._positions)
        )

    @property
    def is_uneven(self) -> bool:
        """Whether rows differ in length or are empty."""
        return len(self._dimensions) > 1 or 0 in self._dimensions


def take_points(points: list[Any], kind: str, start: int = 0) -> tuple[list[Any], list[Any]]:
    """The ids and the vectors of points. Errors call a point `kind`. Raises FormatError."""
    try:
        return [point["id"] for point in points], [point["vector"] for point in points]
    except (KeyError, TypeError):
        raise _malformed_point(points, kind, start) from None


def _malformed_point(points: list[Any], kind: str, start: int) -> FormatError:
    """The error for the first point that is not an object, or lacks its id or vector."""
    for index, point in enumerate(points, start):
        if type(point) is not dict:
            text = f"invalid type: {describe(point)}, expected struct {kind}"
            return FormatError(f"points[{index}]: {text}")
        for name in ("id", "vector"):
            if name not in point:
                return FormatError(f"points[{index}]: missing field `{name}`")
    raise AssertionError("every point is sound")


def read_point_ids(ids: list[Any], start: int = 0) -> Sequence[PointId]:
    """The ids of points. Raises FormatError, which numbers the first point `points[start]`."""
    try:
        return read_ids(ids)
    except FormatError:
        for index, value in enumerate(ids, start):
            located(f"points[{index}].id", read_id, value)
        raise


def _is_well_formed(error: DomainError) -> bool:
    """Whether it is another error than that of a malformed element, which is told rather."""
    return not isinstance(error, FormatError)


def _first_empty(rows: list[Any], column: VectorColumn) -> int | None:
    """The index of the first empty row, or None; `column` is the column read from the rows."""
    if 0 not in column.dimensions:
        return None
    return next(row for row, vector in enumerate(rows) if not vector)


def _refuse_empty(empty: Mapping[str, int | None]) -> None:
    """Raise ValidationError for the first point that has an empty vector.

    `empty` has the first such point of each vector name. Paths in the error have `?` in place of a
    name, and nothing for the unnamed vector.
    """
    found = [(point, name) for name, point in empty.items() if point is not None]
    if found:
        point, name = min(found)
        raise empty_vector(f"points[{point}].vector{'.?' if name else ''}")


def _rows_by_name(vectors: list[Any], start: int) -> dict[str, _Rows]:
    if set(map(type, vectors)) <= {list}:
        return {UNNAMED: _Rows(vectors, None)} if vectors else {}
    rows: dict[str, list[Any]] = {}
    positions: dict[str, list[int]] = {}
    for index, vector in enumerate(vectors):
        for name, row in _named_rows(vector, start + index):
            rows.setdefault(name, []).append(row)
            positions.setdefault(name, []).append(index)

    def gaps(places: list[int]) -> list[int] | None:
        return None if len(places) == len(vectors) else places

    return {name: _Rows(rows[name], gaps(positions[name])) for name in rows}


def _named_rows(vector: Any, index: int) -> list[tuple[str, Any]]:
    if type(vector) is dict and not is_inference(vector):
        return list(vector.items())
    if type(vector) is list or type(vector) is dict:
        return [(UNNAMED, vector)]
    text = f"invalid type: {describe(vector)}, expected a vector or named vectors"
    raise FormatError(f"points[{index}].vector: {text}")


def check_payloads(payloads: list[Any], label: Label) -> None:
    """Raise FormatError for the first payload that is neither an object nor null."""
    if set(map(type, payloads)) <= {dict, type(None)}:
        return
    for index, payload in enumerate(payloads):
        if type(payload) is not dict and payload is not None:
            text = f"invalid type: {describe(payload)}, expected a map"
            raise FormatError(f"{label(index)}: {text}")


def dump_payloads(payloads: list[Any]) -> list[bytes]:
    """Each payload as a JSON text; null as an empty object. Raises FormatError.

    orjson returns texts whose allocation is some kilobytes, so they are copied to release memory:
    all at once, as JSON without indents has no line breaks.
    """
    dumps = orjson.dumps
    try:
        written = [dumps(payload) if payload else _EMPTY_PAYLOAD for payload in payloads]
        return b"\n".join(written).split(b"\n") if written else []
    except orjson.JSONEncodeError:
        # Parsed JSON can be serialized, unless it is nested deeper than orjson serializes.
        raise FormatError("recursion limit exceeded") from None
