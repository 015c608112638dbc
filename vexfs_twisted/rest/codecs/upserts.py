"""Whole points and new vectors from JSON: the hot path of a bulk load, which works by columns."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ...jsonform.converter import located
from ...model.errors import FormatError, Problem, ValidationError, empty_vector
from ...model.updates import UpdateMode, UpdateVectors, Upsert
from ...model.vectors import UNNAMED, VectorColumn
from .fields import Reader, optional, read_list, read_object, reader_of, refuse_shard_key, required
from .filters import read_optional_filter
from .ids import read_ids
from .pointlists import (
    PointsDraft,
    check_payloads,
    dump_payloads,
    read_point_ids,
    read_point_vectors,
    take_points,
)
from .vectors import read_column

_read_mode: Reader[UpdateMode] = reader_of(UpdateMode)


@frozen
class Streamed:
    """Points that were cut out of a body while it arrived, and the value that stands for them."""

    points: PointsDraft
    mark: list[str]


def read_upsert(value: Any, streamed: Streamed | None = None) -> Upsert:
    """An upsert, as a list of points or by columns."""
    body = read_object(value, "PointInsertOperations")
    refuse_shard_key(body)
    how = {
        "update_filter": read_optional_filter(body, "update_filter", "update_filter"),
        "mode": optional(body, "update_mode", _read_mode, UpdateMode.UPSERT),
    }
    if body.get("batch") is not None:
        return located("batch", _read_batch, body["batch"], how)
    points = body.get("points")
    if streamed is not None and points == streamed.mark:
        return streamed.points.upsert(how)
    if points is not None:
        draft = PointsDraft()
        draft.add(read_list(points))
        return draft.upsert(how)
    raise FormatError("data did not match any variant of untagged enum PointInsertOperations")


def read_update_vectors(value: Any) -> UpdateVectors:
    """New vectors for points that exist, as a list of points."""
    body = read_object(value, "UpdateVectors")
    refuse_shard_key(body)
    points = required(body, "points", read_list)
    if not points:
        raise ValidationError([Problem("points", "must specify points to update")])
    ids, vectors = take_points(points, "PointVectors")
    for index, vector in enumerate(vectors):
        if vector in ({}, []):
            text = "must specify vectors to update for point"
            raise ValidationError([Problem(f"points[{index}].vector", text)])
    return UpdateVectors(
        ids=read_point_ids(ids),
        update_filter=read_optional_filter(body, "update_filter", "update_filter"),
        vectors=read_point_vectors(vectors),
    )


def _read_batch(value: Any, how: dict[str, Any]) -> Upsert:
    body = read_object(value, "Batch")
    ids = required(body, "ids", read_ids)
    if body.get("vectors") is None:
        raise FormatError("missing field `vectors`")
    named = body["vectors"]
    columns = {
        name: located(f"vectors.{name}", read_list, rows)
        for name, rows in (named if type(named) is dict else {UNNAMED: named}).items()
    }
    for rows in columns.values():
        _check_length("vectors", len(ids), len(rows))
    payloads = body.get("payloads")
    if payloads is None:
        payloads = [None] * len(ids)
    _check_length("payloads", len(ids), len(located("payloads", read_list, payloads)))
    vectors = {name: _read_whole(name, rows) for name, rows in columns.items() if rows}
    check_payloads(payloads, "payloads[{}]".format)
    for name, column in vectors.items():
        if 0 in column.dimensions:
            row = next(row for row, vector in enumerate(columns[name]) if not vector)
            raise empty_vector(f"batch.vectors{'.?' if name else ''}[{row}]")
    return Upsert(
        ids=ids,
        vectors=vectors,
        payloads=dump_payloads(payloads),
        **how,
    )


def _read_whole(name: str, rows: list[Any]) -> VectorColumn:
    place = f"vectors.{name}" if name else "vectors"
    return read_column(rows, lambda row: f"{place}[{row}]")


def _check_length(what: str, expected: int, got: int) -> None:
    if got != expected:
        text = f"number of ids and {what} must be equal ({expected} != {got})"
        raise ValidationError([Problem("batch.batch", text)])
