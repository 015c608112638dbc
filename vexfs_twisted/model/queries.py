"""Reads of a collection and their results."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import isfinite
from typing import NamedTuple

import numpy as np
from attrs import field, frozen

from .errors import BadInput, BadRequest, empty_vector
from .filters import Filter
from .ids import PointId
from .payload_path import PayloadPath
from .validation import bounded, sound
from .vectors import UNNAMED, NamedVectors, Vector

DEFAULT_LIMIT = 10


class PayloadMode(Enum):
    """What `PayloadSelector.paths` mean."""

    ALL = "all"
    NONE = "none"
    INCLUDE = "include"
    EXCLUDE = "exclude"


@frozen(cache_hash=True)
class PayloadSelector:
    """The part of each payload that a read returns."""

    mode: PayloadMode
    paths: tuple[PayloadPath, ...] = ()


ALL_PAYLOAD = PayloadSelector(PayloadMode.ALL)
NO_PAYLOAD = PayloadSelector(PayloadMode.NONE)

VectorSelector = bool | tuple[str, ...]
"""All vectors, none, or those of the names given."""


@frozen(cache_hash=True)
class Selection:
    """What a read returns of each point beside its id."""

    payload: PayloadSelector = NO_PAYLOAD
    vectors: VectorSelector = False


OrderValue = int | float
"""The value that put a record where it stands; a datetime is microseconds since 1970 UTC."""


class Record(NamedTuple):
    """A stored point as a read returns it. What was not asked for is None.

    `payload` is JSON as stored, unless a part of it was selected. `order_value` is only set by a
    scroll in the order of a payload field.
    """

    id: PointId
    payload: bytes | None
    vectors: NamedVectors | None
    order_value: OrderValue | None = None


class ScoredPoint(NamedTuple):
    """A point with the score that a query gave it."""

    id: PointId
    version: int
    score: float
    payload: bytes | None
    vectors: NamedVectors | None


class Direction(Enum):
    """Which way values are ordered."""

    ASC = "asc"
    DESC = "desc"


@frozen
class OrderBy:
    """The order of a payload field, from `start_from` on, that value included.

    `start_from` is a number, or microseconds since 1970 UTC for a datetime; a field of datetimes
    takes either.
    """

    key: PayloadPath
    direction: Direction = Direction.ASC
    start_from: OrderValue | None = None


@frozen
class Scroll:
    """A page of points in the order of their ids, from `offset` on.

    With `order_by`, in the order of a payload field instead: a point occurs once for each of its
    values, points without a value not at all, and there is no next page.
    """

    limit: int = bounded(1, default=DEFAULT_LIMIT)
    offset: PointId | None = None
    filter: Filter | None = sound()
    order_by: OrderBy | None = sound()
    selection: Selection = sound(default=Selection())


class Page(NamedTuple):
    """What a scroll returns; `next_offset` is where the next page starts, None after the last."""

    records: Sequence[Record]
    next_offset: PointId | None


@frozen
class Count:
    """The number of points that pass `filter`. Counts are exact whatever `exact` says."""

    filter: Filter | None = None
    exact: bool = True


FacetValue = str | int | bool


@frozen
class Facet:
    """The `limit` most frequent values of an indexed payload field among points that pass."""

    key: PayloadPath
    limit: int = bounded(1, default=DEFAULT_LIMIT)
    filter: Filter | None = sound()
    exact: bool = False


class FacetHit(NamedTuple):
    """A value and the number of points that have it."""

    value: FacetValue
    # A tuple's own `count` is of no use on a pair.
    count: int  # type: ignore[assignment]


@frozen
class Quantization:
    """How a search uses quantized vectors."""

    ignore: bool = False
    rescore: bool | None = None
    oversampling: float | None = bounded(1.0)


@frozen
class Acorn:
    """How a filtered graph search widens its neighbourhoods."""

    enable: bool = False
    max_selectivity: float | None = bounded(0.0, 1.0)


@frozen(cache_hash=True)
class SearchParams:
    """How a search trades speed for accuracy."""

    hnsw_ef: int | None = bounded(1)
    exact: bool = False
    quantization: Quantization | None = None
    indexed_only: bool = False
    acorn: Acorn | None = None


@frozen
class NearestToVector:
    """The points nearest to `vector`, shape [dim], float32."""

    vector: Vector = field(eq=lambda array: array.tobytes())


@frozen
class NearestToPoint:
    """The points nearest to the stored point `id`, itself left out."""

    id: PointId


Target = NearestToVector | NearestToPoint


@frozen
class Query:
    """One query. Without a `target` it is a scroll in the order of ids, every score 1.

    `limit` may be as large as 2**64 - 1. `score_threshold`, rounded to float32, keeps the scores
    that are better than it.
    """

    target: Target | None = sound()
    using: str = UNNAMED
    filter: Filter | None = sound()
    params: SearchParams = SearchParams()
    score_threshold: float | None = None
    limit: int = bounded(1, default=DEFAULT_LIMIT)
    offset: int = bounded(0, default=0)
    selection: Selection = sound(default=Selection())


def check_scroll(scroll: Scroll) -> None:
    """Raise BadInput for parts that do not go together."""
    if scroll.order_by is not None and scroll.offset is not None:
        raise BadInput(
            "Cannot use an `offset` when using `order_by`. Go on with `order_by.start_from`, and "
            "leave out the ids already seen for that value by a filter."
        )


def check_query(query: Query) -> None:
    """Raise BadRequest for parts that do not go together."""
    if query.target is None and query.score_threshold is not None:
        raise BadRequest(
            "A query is needed to use the score_threshold. "
            "Can't have score_threshold without defining a query."
        )


def prefetch_without_query() -> BadRequest:
    """The error for prefetches of which no query makes anything."""
    return BadRequest(
        "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
    )


def check_query_vector(vector: Vector) -> None:
    """Raise unless the vector has numbers in it, and only finite ones."""
    if vector.size == 0:
        raise empty_vector()
    # The square of the length is a number if all components are, short of an overflow.
    with np.errstate(over="ignore"):
        square = vector.dot(vector)
    if not isfinite(square) and not np.isfinite(vector).all():
        raise BadInput("Vector contains NaN or infinite values")
