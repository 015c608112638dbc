"""What the clients of both wires share: rows of an upsert, and errors made from their texts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import wraps
from typing import Any, NamedTuple

import orjson
from twisted.internet.defer import Deferred

from tests.suites.values import plain_vector, vector_of
from vexfs_twisted.model.errors import (
    BadInput,
    BadRequest,
    DomainError,
    FormatError,
    Place,
    Problem,
    QueryFormatError,
    ValidationError,
)
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import VectorColumn

REFUSALS: tuple[type[DomainError], ...] = (BadInput, BadRequest, FormatError, QueryFormatError)
"""The errors that share one status; their prefixes tell them apart."""

_VALIDATION = re.compile(r"Validation error in (?P<place>[\w ]+): \[(?P<problems>.*)\]", re.DOTALL)


def deferred(method: Callable[..., Awaitable[Any]]) -> Callable[..., Deferred[Any]]:
    """Let an `async def` method return a Deferred, as IOperations promises."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Deferred[Any]:
        coroutine: Any = method(*args, **kwargs)
        return Deferred.fromCoroutine(coroutine)

    return call


class Row(NamedTuple):
    """One point of an upsert, as a client that works by rows has it."""

    id: PointId
    vectors: dict[str, Any]
    payload: dict[str, Any]


def rows_of(upsert: Upsert) -> Iterator[Row]:
    """The points of an upsert one by one."""
    columns = {name: _by_position(c, len(upsert.ids)) for name, c in upsert.vectors.items()}
    for position, (point_id, payload) in enumerate(zip(upsert.ids, upsert.payloads, strict=True)):
        vectors = {name: rows[position] for name, rows in columns.items() if position in rows}
        yield Row(point_id, vectors, orjson.loads(payload))


def _by_position(column: VectorColumn, count: int) -> dict[int, Any]:
    if len(column.dimensions) > 1:
        # The rows are lost; any of these lengths will do, the last point having the last.
        first, *_, last = column.dimensions
        lengths = [first] * (count - 1) + [last]
        return {position: [1.0] * length for position, length in enumerate(lengths)}
    return dict(zip(column.places.tolist(), map(plain_vector, column.vectors), strict=True))


def dump_payload(payload: object) -> bytes:
    """A payload as the bytes that a Record holds; the same for equal payloads."""
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)


def named_vectors(vectors: dict[str, Any] | None) -> dict[str, Any] | None:
    """Vectors as a Record holds them."""
    if vectors is None:
        return None
    return {name: vector_of(given) for name, given in vectors.items()}


def error_from(text: str, kinds: Iterable[type[DomainError]]) -> DomainError:
    """The error that a client was told of by `text`; its status leaves only `kinds`.

    An error whose text is not that of its kind is a failure of the server, and so of the test.
    """
    validation = _VALIDATION.fullmatch(text)
    if validation is not None and ValidationError in kinds:
        return _validation_error(validation["place"], validation["problems"])
    for kind in kinds:
        if kind is not ValidationError and text.startswith(kind.prefix):
            return kind(text.removeprefix(kind.prefix))
    raise AssertionError(f"no {[kind.__name__ for kind in kinds]} has this text: {text!r}")


def _validation_error(place: str, problems: str) -> ValidationError:
    places = {"query parameters": Place.QUERY, "path parameters": Place.PATH}
    pairs = [problem.partition(": ") for problem in problems.split("; ")]
    found = [Problem(path, complaint) for path, _, complaint in pairs]
    return ValidationError(found, places.get(place, Place.BODY))
