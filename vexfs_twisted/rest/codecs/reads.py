"""Decoding of read requests from JSON: retrieve, scroll, count, facet and matrix.

The public functions raise FormatError, BadInput and ValidationError.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...jsonform.converter import reader_of
from ...model.distance_matrix import DEFAULT_NEIGHBOURS, DEFAULT_SAMPLE, MatrixRequest
from ...model.queries import (
    ALL_PAYLOAD,
    DEFAULT_LIMIT,
    NO_PAYLOAD,
    Count,
    Facet,
    Retrieve,
    Scroll,
)
from ...model.query_forms import (
    Direction,
    OrderBy,
    OrderValue,
)
from ...model.validation import validate
from ...model.vectors import UNNAMED
from .fields import (
    Reader,
    defaulted,
    optional,
    read_boolean,
    read_exact_number,
    read_object,
    read_string,
    read_unsigned,
    refuse_shard_key,
    required,
)
from .filters import read_optional_filter
from .ids import read_id, read_ids
from .predicates import read_datetime
from .selectors import read_path, read_selection

T = TypeVar("T")

_read_direction: Reader[Direction] = reader_of(Direction)


def read_retrieve(value: Any) -> Retrieve:
    """A read by ids. Without payloads by default."""
    body = read_object(value, "PointRequest")
    refuse_shard_key(body)
    return Retrieve(required(body, "ids", read_ids), read_selection(body, NO_PAYLOAD))


def read_scroll(value: Any) -> Scroll:
    """A page of points. With payloads by default."""
    body = read_object(value, "ScrollRequest")
    refuse_shard_key(body)
    scroll = Scroll(
        limit=optional(body, "limit", read_unsigned, DEFAULT_LIMIT),
        offset=optional(body, "offset", read_id, None),
        filter=read_optional_filter(body, "scroll_request.filter"),
        order_by=optional(body, "order_by", read_order_by, None),
        selection=read_selection(body, ALL_PAYLOAD),
    )
    validate(scroll, "scroll_request")
    return scroll


def read_count(value: Any) -> Count:
    """A count of the points that match a filter."""
    body = read_object(value, "CountRequest")
    refuse_shard_key(body)
    return Count(
        filter=read_optional_filter(body, "count_request.filter"),
        exact=defaulted(body, "exact", read_boolean, True),
    )


def read_facet(value: Any) -> Facet:
    """A facet: the counts of the values of a payload field."""
    body = read_object(value, "FacetRequest")
    refuse_shard_key(body)
    facet = Facet(
        key=required(body, "key", read_path),
        limit=optional(body, "limit", read_unsigned, DEFAULT_LIMIT),
        filter=read_optional_filter(body, "facet_request.filter"),
        exact=optional(body, "exact", read_boolean, False),
    )
    validate(facet, "facet_request")
    return facet


def read_order_by(value: Any) -> OrderBy:
    """An order: the path of a payload field, or an object with one."""
    if type(value) is str:
        return OrderBy(read_path(value))
    body = read_object(value, "OrderBy")
    return OrderBy(
        key=required(body, "key", read_path),
        direction=optional(body, "direction", _read_direction, Direction.ASC),
        start_from=optional(body, "start_from", _read_start, None),
    )


def read_matrix(value: Any) -> MatrixRequest:
    """The matrix of the scores between points of a sample."""
    body = read_object(value, "SearchMatrixRequest")
    refuse_shard_key(body)
    matrix = MatrixRequest(
        sample=optional(body, "sample", read_unsigned, DEFAULT_SAMPLE),
        limit=optional(body, "limit", read_unsigned, DEFAULT_NEIGHBOURS),
        filter=read_optional_filter(body, "search_request.filter"),
        using=optional(body, "using", read_string, UNNAMED),
    )
    validate(matrix, "search_request")
    return matrix


def _read_start(value: Any) -> OrderValue:
    if type(value) is str:
        return read_datetime(value)
    return read_exact_number(value)
