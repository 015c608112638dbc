"""Decoding of upserts and of new vectors from JSON: the hot path of bulk loads, in columns.

The public functions raise FormatError, BadInput, ValidationError and NotSupported.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from ...jsonform.converter import located, reader_of
from ...model.errors import FormatError, Problem, ValidationError, empty_vector
from ...model.updates import UpdateMode, UpdateVectors, Upsert
from ...model.vectors import UNNAMED
from .fields import Reader, optional, read_object, refuse_shard_key, required
from .filters import read_optional_filter
from .gathering import Gathered, gathered
from .ids import read_ids
from .pointlists import PointsDraft, PointVectorsDraft, RowsDraft, check_payloads, dump_payloads

_read_mode: Reader[UpdateMode] = reader_of(UpdateMode)


def read_upsert(value: Any) -> Upsert:
    """An upsert, as a list of points or as columns."""
    body = read_object(value, "PointInsertOperations")
    refuse_shard_key(body)
    how = {
        "update_filter": read_optional_filter(body, "update_filter", "update_filter"),
        "mode": optional(body, "update_mode", _read_mode, UpdateMode.UPSERT),
    }
    if body.get("batch") is not None:
        return located("batch", _read_batch, body["batch"], how)
    points = body.get("points")
    if points is not None:
        return gathered(points, PointsDraft, PointsDraft).upsert(how)
    raise FormatError("data did not match any variant of untagged enum PointInsertOperations")


def read_update_vectors(value: Any) -> UpdateVectors:
    """New vectors of existing points, as a list of points."""
    body = read_object(value, "UpdateVectors")
    refuse_shard_key(body)
    points = required(body, "points", _read_point_vectors)
    if not len(points):
        raise ValidationError([Problem("points", "must specify points to update")])
    how = {"update_filter": read_optional_filter(body, "update_filter", "update_filter")}
    return points.update(how)


def _read_point_vectors(value: Any) -> PointVectorsDraft:
    return gathered(value, PointVectorsDraft, PointVectorsDraft)


def _read_batch(value: Any, how: dict[str, Any]) -> Upsert:
    body = read_object(value, "Batch")
    ids = required(body, "ids", read_ids)
    if body.get("vectors") is None:
        raise FormatError("missing field `vectors`")
    named = body["vectors"]
    columns = {
        name: located(f"vectors.{name}", _read_rows, rows, name)
        for name, rows in (named if type(named) is dict else {UNNAMED: named}).items()
    }
    for rows in columns.values():
        _check_length("vectors", len(ids), len(rows))
    payloads = _read_payloads([None] * len(ids))
    if body.get("payloads") is not None:
        payloads = located("payloads", _read_payloads, body["payloads"])
    _check_length("payloads", len(ids), len(payloads))
    vectors = {name: rows.column() for name, rows in columns.items() if len(rows)}
    for name, rows in columns.items():
        if rows.first_empty is not None:
            raise empty_vector(f"batch.vectors{'.?' if name else ''}[{rows.first_empty}]")
    return Upsert(
        ids=ids,
        vectors=vectors,
        payloads=list(chain.from_iterable(payloads.parts())),
        **how,
    )


def _read_rows(value: Any, name: str) -> RowsDraft:
    return gathered(value, RowsDraft, lambda: rows_draft(name))


def rows_draft(name: str) -> RowsDraft:
    """A gatherer of the vectors of one name of an upsert in columns."""
    if name:
        return RowsDraft(f"vectors.{name}", "batch.vectors.?")
    return RowsDraft("vectors", "batch.vectors")


def gather_payloads() -> Gathered[list[bytes]]:
    """A gatherer of the payloads of an upsert in columns."""
    return Gathered(_dump_some)


def _read_payloads(value: Any) -> Gathered[list[bytes]]:
    return gathered(value, Gathered, gather_payloads)


def _dump_some(payloads: list[Any], start: int) -> list[bytes]:
    check_payloads(payloads, lambda index: f"payloads[{start + index}]")
    return dump_payloads(payloads)


def _check_length(what: str, expected: int, got: int) -> None:
    if got != expected:
        text = f"number of ids and {what} must be equal ({expected} != {got})"
        raise ValidationError([Problem("batch.batch", text)])
