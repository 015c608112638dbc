"""Points as lists of JSON objects, turned into columns piece by piece."""

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
from .gathering import MAX_ELEMENTS, Gathered
from .ids import read_id, read_ids
from .vectors import is_inference, no_inference, read_column

_EMPTY_PAYLOAD = b"{}"

_OBJECTS, _IDS, _VECTORS, _COLUMNS, _PAYLOADS, _NESTING = range(6)
"""What is checked of points, in the order in which errors are told."""


class PointsDraft:
    """The points of an upsert. Whatever pieces they come in, the upsert or its error is the same.

    Whoever sends several mistakes is told of one: that of the first check that fails anywhere, and
    there of the first point. A later piece may fail an earlier check, so pieces are taken after an
    error, too. Nothing of a piece is kept but ids, float32 rows and payloads as bytes.
    """

    def __init__(self) -> None:
        self._ids: list[PointId] = []
        self._columns: dict[str, ColumnDraft] = {}
        self._payloads: list[bytes] = []
        self._count = 0
        self._check = (_OBJECTS, 0)
        self._failed: tuple[tuple[int, int], DomainError] | None = None
        self._failed_at = 0

    def add(self, points: list[Any]) -> None:
        """Take the points that follow those before."""
        try:
            self._add(points)
        except DomainError as error:
            if self._failed is None:
                self._failed_at = self._count
            if self._failed is None or self._check < self._failed[0]:
                self._failed = (self._check, error)
        self._count += len(points)
        if self._failed is not None and self._count - self._failed_at > MAX_ELEMENTS:
            raise self._failed[1]

    def __len__(self) -> int:
        return self._count

    def upsert(self, how: Mapping[str, Any]) -> Upsert:
        """The upsert of all points taken, with the fields `how` beside. Raises DomainErrors."""
        return Upsert(ids=self._ids, vectors=self._vectors(), payloads=self._payloads, **how)

    def _vectors(self) -> Mapping[str, VectorColumn]:
        if self._failed is not None:
            raise self._failed[1]
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
        """Raise for vectors that say nothing, where they must."""

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
    """New vectors for points that exist, taken in the same way. Each must have one at least."""

    def update(self, how: Mapping[str, Any]) -> UpdateVectors:
        """The update of all points taken, with the fields `how` beside. Raises DomainErrors."""
        return UpdateVectors(ids=self._ids, vectors=self._vectors(), **how)

    def _add(self, points: list[Any]) -> None:
        self._add_ids_and_vectors(points, "PointVectors")

    def _check_vectors(self, vectors: list[Any]) -> None:
        for index, vector in enumerate(vectors, self._count):
            if vector in ({}, []):
                text = "must specify vectors to update for point"
                raise ValidationError([Problem(f"points[{index}].vector", text)])


class RowsDraft:
    """The vectors of one name, as rows of a column that grows. `place` is where they stand."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._rows = Gathered(self._read)
        self._column = ColumnDraft()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: list[Any]) -> None:
        """Take the rows that follow those before."""
        self._rows.add(rows)

    @property
    def first_empty(self) -> int | None:
        """The first row without numbers, once the column was read."""
        return self._column.first_empty

    def column(self) -> VectorColumn:
        """The whole column, of one row at least. Raises DomainErrors."""
        self._rows.parts()
        return self._column.finish(len(self._rows))

    def _read(self, rows: list[Any], start: int) -> None:
        column = read_column(rows, lambda row: f"{self._place}[{start + row}]")
        self._column.add(column, start, _first_empty(rows, column))
        if self._column.is_uneven and start > MAX_ELEMENTS:
            raise FormatError(f"{self._place}: the vectors are of several lengths, or of none")


@define
class _Rows:
    """The vectors of one name, and at which of the points they are; None where at all of them."""

    rows: list[Any]
    positions: list[int] | None

    def read(self, name: str, start: int) -> VectorColumn:
        """Their column, whose first point is `points[start]` to errors."""
        tail = f".{name}" if name else ""
        positions = self.positions
        if positions is None:
            return read_column(self.rows, lambda row: f"points[{start + row}].vector{tail}")
        places = positions
        return read_column(
            self.rows,
            lambda row: f"points[{start + places[row]}].vector{tail}",
            np.array(places, dtype=np.int64),
        )

    def first_empty(self, column: VectorColumn) -> int | None:
        """At which of the points the first vector without numbers is; `column` is theirs."""
        row = _first_empty(self.rows, column)
        return row if row is None or self.positions is None else self.positions[row]


@define
class ColumnDraft:
    """A column that grows. Its rows are dropped once they turn out to be of several lengths.

    `first_empty` is the first point whose vector has no numbers.
    """

    first_empty: int | None = None
    _vectors: VectorsDraft = field(factory=VectorsDraft)
    _positions: list[NDArray[np.int64]] = field(factory=list)
    _dimensions: dict[int, None] = field(factory=dict)

    def add(self, column: VectorColumn, start: int, first_empty: int | None) -> None:
        """Take more rows; `start` is added to their positions, and to the first empty one's."""
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
        """The whole column, for so many points."""
        if self.is_uneven:
            return VectorColumn.uneven(tuple(self._dimensions))
        vectors = self._vectors.finish()
        return VectorColumn(
            vectors, None if len(vectors) == points else np.concatenate(self._positions)
        )

    @property
    def is_uneven(self) -> bool:
        """Whether there are rows of several lengths, or of none."""
        return len(self._dimensions) != 1 or 0 in self._dimensions


def take_points(points: list[Any], kind: str, start: int = 0) -> tuple[list[Any], list[Any]]:
    """The ids and the vectors of points, each an object that errors call `kind`."""
    try:
        return [point["id"] for point in points], [point["vector"] for point in points]
    except (KeyError, TypeError):
        raise _malformed_point(points, kind, start) from None


def _malformed_point(points: list[Any], kind: str, start: int) -> FormatError:
    """The error for the first point that is no object, or that lacks its id or its vector."""
    for index, point in enumerate(points, start):
        if type(point) is not dict:
            text = f"invalid type: {describe(point)}, expected struct {kind}"
            return FormatError(f"points[{index}]: {text}")
        for name in ("id", "vector"):
            if name not in point:
                return FormatError(f"points[{index}]: missing field `{name}`")
    raise AssertionError("every point is sound")


def read_point_ids(ids: list[Any], start: int = 0) -> Sequence[PointId]:
    """The ids of points, the first of which is `points[start]` to errors."""
    try:
        return read_ids(ids)
    except FormatError:
        for index, value in enumerate(ids, start):
            located(f"points[{index}].id", read_id, value)
        raise


def _first_empty(rows: list[Any], column: VectorColumn) -> int | None:
    """The first of the rows without numbers; `column` is what they were read as."""
    if 0 not in column.dimensions:
        return None
    return next(row for row, vector in enumerate(rows) if not vector)


def _refuse_empty(empty: Mapping[str, int | None]) -> None:
    """Raise ValidationError for the first point that has a vector without numbers.

    `empty` tells the first of each name. A name shows as `?` in paths, the unnamed one not at all.
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
    if type(vector) is dict:
        if is_inference(vector):
            raise no_inference()
        return list(vector.items())
    if type(vector) is list:
        return [(UNNAMED, vector)]
    text = f"invalid type: {describe(vector)}, expected a vector or named vectors"
    raise FormatError(f"points[{index}].vector: {text}")


def check_payloads(payloads: list[Any], label: Label) -> None:
    """Raise for the first payload that is neither an object nor null."""
    if set(map(type, payloads)) <= {dict, type(None)}:
        return
    for index, payload in enumerate(payloads):
        if type(payload) is not dict and payload is not None:
            text = f"invalid type: {describe(payload)}, expected a map"
            raise FormatError(f"{label(index)}: {text}")


def dump_payloads(payloads: list[Any]) -> list[bytes]:
    """Each payload as JSON of its own; null counts as empty.

    What orjson returns is a block of kilobytes cut short, so it is copied: all at once, for JSON
    written without indents has no line breaks.
    """
    dumps = orjson.dumps
    try:
        written = [dumps(payload) if payload else _EMPTY_PAYLOAD for payload in payloads]
        return b"\n".join(written).split(b"\n") if written else []
    except orjson.JSONEncodeError:
        # What was parsed can be written again, unless it is nested past what orjson writes.
        raise FormatError("recursion limit exceeded") from None
