"""Scroll pages in the order of an indexed payload field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...model.errors import BadInput
from ...model.filters import Range
from ...model.payload_index import FieldSchema, FieldType
from ...model.queries import Page, Point, Scroll
from ...model.query_forms import Direction, OrderBy
from ..filtering.row_filter import passing_mask
from ..mvcc.state import Snapshot
from ..payload_index.schemas import indexed_values, schema_at
from ..payload_index.sorted_values import SortedValues
from ..read_bounds import expect, in_slices
from ..storage.bitmap import Rows
from ..storage.keys import UUID_KEY_SIZE
from ..storage.row_values import key_of
from .records import expect_points, fetch_records

_KEY_S = 1.5e-6
_SLICE = 1024
Ordered = tuple[Rows, NDArray[Any]]
"""Rows in order, shape [n], and the value that each is ordered by."""

_ORDERED = (FieldType.INTEGER, FieldType.FLOAT, FieldType.DATETIME)


def scroll_ordered(snapshot: Snapshot, request: Scroll, order: OrderBy) -> Page:
    """A page in that order: a point once for each of its values, equal values by id.

    Raises BadInput if the field has no index that supports ordering.
    """
    rows, values = rows_of_scroll(snapshot, request, order)
    return Page(with_values(fetch_records(snapshot, rows, request.selection), values), None)


def rows_of_scroll(snapshot: Snapshot, request: Scroll, order: OrderBy) -> Ordered:
    """The rows of a scroll in the order of a field, and the value that each is ordered by."""
    expect_points(min(request.limit, snapshot.state.live.count), request.selection)
    filter_ = request.filter
    is_plain = filter_ is None or filter_.is_empty
    passing = None if is_plain or filter_ is None else passing_mask(filter_, snapshot)
    return ordered_rows(snapshot, order, passing, request.limit)


def ordered_rows(
    snapshot: Snapshot, order: OrderBy, passing: NDArray[np.bool_] | None, limit: int
) -> Ordered:
    """The first `limit` rows in that order, and the value that each is ordered by.

    `passing` is the mask of rows to choose from, shape [next_row]; None: all live rows. Raises
    BadInput if the field has no index that supports ordering.
    """
    held = _values(snapshot, order)
    places = _places(held, order, passing)
    places = _first(snapshot, held, places, limit)
    return held.rows[places].astype(np.int64), held.values[places]


def with_values(points: Sequence[Point], values: NDArray[Any]) -> list[Point]:
    """The points, each with the value that it is ordered by."""
    pairs = zip(points, values.tolist(), strict=True)
    return cast("list[Point]", [point._replace(order_value=value) for point, value in pairs])


def _values(snapshot: Snapshot, order: OrderBy) -> SortedValues:
    schema = schema_at(snapshot.state.fields, order.key.steps)
    if schema is None or not _has_order(schema):
        raise BadInput(
            f"No range index for `order_by` key: `{order.key}`. "
            "Please create one to use `order_by`. Check "
            "https://qdrant.tech/documentation/concepts/indexing/#payload-index "
            "to see which payload schemas support Range conditions"
        )
    column = snapshot.indexes.columns.exact(order.key.steps, snapshot.rows)
    return indexed_values(column, schema.type)


def _has_order(schema: FieldSchema) -> bool:
    return schema.type in _ORDERED and schema.range


def _places(
    held: SortedValues, order: OrderBy, passing: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """The positions in `held` of the requested values, in the requested direction."""
    is_ascending = order.direction is Direction.ASC
    start = order.start_from
    if start is not None and held.values.dtype.kind == "f":
        # A float index has and returns the nearest float of an integer.
        start = float(start)
    span = held.span(Range(gte=start) if is_ascending else Range(lte=start))
    places = np.arange(span.start, span.stop)
    if passing is not None:
        places = places[passing[held.rows[places]]]
    return places if is_ascending else places[::-1]


def _first(
    snapshot: Snapshot, held: SortedValues, places: NDArray[np.int64], limit: int
) -> NDArray[np.int64]:
    """The first `limit` of `places`, with equal values in id order."""
    values = held.values[places]
    if len(places) > limit:
        # Values equal to the last one may come before it, by their ids.
        tied = np.flatnonzero(values == values[limit - 1])
        places, values = places[: tied[-1] + 1], values[: tied[-1] + 1]
    is_new = np.ones(len(values), dtype=np.int64)
    is_new[1:] = values[1:] != values[:-1]
    # Keys padded with zeros keep their order, and sorting arrays of them releases the GIL.
    keys = np.array(_keys(snapshot, held.rows[places].astype(np.int64)), dtype=f"S{UUID_KEY_SIZE}")
    return places[np.lexsort((places, keys, np.cumsum(is_new)))[:limit]]


def _keys(snapshot: Snapshot, rows: Rows) -> list[bytes]:
    """The id keys of `rows`, which may have duplicates."""
    expect(len(rows) * _KEY_S)
    return [
        key_of(value) for some in in_slices(rows, _SLICE) for value in snapshot.tables.values(some)
    ]
