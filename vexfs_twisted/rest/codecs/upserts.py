"""Whole points and new vectors from JSON: the hot path of a bulk load, which works by columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from ...jsonform.converter import describe, located
from ...model.errors import FormatError, Problem, ValidationError
from ...model.ids import PointId
from ...model.updates import UpdateMode, UpdateVectors, Upsert
from ...model.vectors import UNNAMED, VectorColumn
from .fields import Reader, optional, read_list, read_object, reader_of, refuse_shard_key, required
from .filters import read_optional_filter
from .ids import read_id, read_ids
from .vectors import is_inference, no_inference, read_column

_EMPTY_PAYLOAD = b"{}"
_read_mode: Reader[UpdateMode] = reader_of(UpdateMode)


def read_upsert(value: Any) -> Upsert:
    """An upsert, as a list of points or by columns."""
    body = read_object(value, "PointInsertOperations")
    refuse_shard_key(body)
    how = {
        "update_filter": read_optional_filter(body, "update_filter", "update_filter"),
        "mode": optional(body, "update_mode", _read_mode, UpdateMode.UPSERT),
    }
    if body.get("batch") is not None:
        return located("batch", _read_batch, body["batch"], how)
    if body.get("points") is not None:
        return _read_points(read_list(body["points"]), how)
    raise FormatError("data did not match any variant of untagged enum PointInsertOperations")


def read_update_vectors(value: Any) -> UpdateVectors:
    """New vectors for points that exist, as a list of points."""
    body = read_object(value, "UpdateVectors")
    refuse_shard_key(body)
    points = required(body, "points", read_list)
    if not points:
        raise ValidationError([Problem("points", "must be 1 characters or longer")])
    ids, vectors = _take_points(points, "PointVectors")
    for index, vector in enumerate(vectors):
        if vector in ({}, []):
            text = "must specify vectors to update for point"
            raise ValidationError([Problem(f"points[{index}].vector", text)])
    return UpdateVectors(
        ids=_read_point_ids(ids),
        vectors=_read_point_vectors(vectors),
        update_filter=read_optional_filter(body, "update_filter", "update_filter"),
    )


def _read_points(points: list[Any], how: dict[str, Any]) -> Upsert:
    ids, vectors = _take_points(points, "PointStruct")
    payloads = [point.get("payload") for point in points]
    return Upsert(
        ids=_read_point_ids(ids),
        vectors=_read_point_vectors(vectors),
        payloads=_dump_payloads(payloads, "points[{}].payload"),
        **how,
    )


def _take_points(points: list[Any], kind: str) -> tuple[list[Any], list[Any]]:
    """The ids and the vectors of points, each an object that errors call `kind`."""
    try:
        return [point["id"] for point in points], [point["vector"] for point in points]
    except (KeyError, TypeError):
        raise _malformed_point(points, kind) from None


def _malformed_point(points: list[Any], kind: str) -> FormatError:
    """The error for the first point that is no object, or that lacks its id or its vector."""
    for index, point in enumerate(points):
        if type(point) is not dict:
            text = f"invalid type: {describe(point)}, expected struct {kind}"
            return FormatError(f"points[{index}]: {text}")
        for name in ("id", "vector"):
            if name not in point:
                return FormatError(f"points[{index}]: missing field `{name}`")
    raise AssertionError("every point is sound")


def _read_point_ids(ids: list[Any]) -> Sequence[PointId]:
    try:
        return read_ids(ids)
    except FormatError:
        for index, value in enumerate(ids):
            located(f"points[{index}].id", read_id, value)
        raise


def _read_point_vectors(vectors: list[Any]) -> Mapping[str, VectorColumn]:
    """The columns of vectors that each point brings along: bare lists, or objects of them."""
    kinds = set(map(type, vectors))
    if kinds <= {list}:
        label = "points[{}].vector".format
        return {UNNAMED: read_column(vectors, label)} if vectors else {}
    rows: dict[str, list[Any]] = {}
    positions: dict[str, list[int]] = {}
    for index, vector in enumerate(vectors):
        for name, row in _named_rows(vector, index):
            rows.setdefault(name, []).append(row)
            positions.setdefault(name, []).append(index)
    return {name: _read_some(name, rows[name], positions[name], len(vectors)) for name in rows}


def _named_rows(vector: Any, index: int) -> list[tuple[str, Any]]:
    if type(vector) is dict:
        if is_inference(vector):
            raise no_inference()
        return list(vector.items())
    if type(vector) is list:
        return [(UNNAMED, vector)]
    text = f"invalid type: {describe(vector)}, expected a vector or named vectors"
    raise FormatError(f"points[{index}].vector: {text}")


def _read_some(name: str, rows: list[Any], positions: list[int], points: int) -> VectorColumn:
    """The column of one name, which only the points at `positions` may have."""

    def label(row: int) -> str:
        return f"points[{positions[row]}].vector.{name}"

    has_gaps = len(positions) != points
    return read_column(rows, label, np.array(positions, dtype=np.int64) if has_gaps else None)


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
    return Upsert(
        ids=ids,
        vectors={name: _read_whole(name, rows) for name, rows in columns.items() if rows},
        payloads=_dump_payloads(payloads, "payloads[{}]"),
        **how,
    )


def _read_whole(name: str, rows: list[Any]) -> VectorColumn:
    place = f"vectors.{name}" if name else "vectors"
    return read_column(rows, lambda row: f"{place}[{row}]")


def _check_length(what: str, expected: int, got: int) -> None:
    if got != expected:
        text = f"number of ids and {what} must be equal ({expected} != {got})"
        raise ValidationError([Problem("batch", text)])


def _dump_payloads(payloads: list[Any], place: str) -> list[bytes]:
    """Each payload as JSON of its own; null counts as empty."""
    dumps = orjson.dumps
    if not set(map(type, payloads)) <= {dict, type(None)}:
        for index, payload in enumerate(payloads):
            if type(payload) is not dict and payload is not None:
                text = f"invalid type: {describe(payload)}, expected a map"
                raise FormatError(f"{place.format(index)}: {text}")
    try:
        return [dumps(payload) if payload else _EMPTY_PAYLOAD for payload in payloads]
    except orjson.JSONEncodeError:
        # What was parsed can be written again, unless it is nested past what orjson writes.
        raise FormatError("recursion limit exceeded") from None
