"""Scroll pages in the order of an indexed payload field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.errors import BadInput
from ...model.filters import Filter, Range
from ...model.payload_index import FieldSchema, FieldType
from ...model.queries import Page, Record, Scroll
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
_ORDERED = (FieldType.INTEGER, FieldType.FLOAT, FieldType.DATETIME)


def scroll_ordered(snapshot: Snapshot, request: Scroll, order: OrderBy) -> Page:
    """A page in that order: a point once for each of its values, equal values by id.

    Raises BadInput if the field has no index that supports ordering.
    """
    rows, values = ordered_rows(snapshot, request, order)
    return Page(with_values(fetch_records(snapshot, rows, request.selection), values), None)


def ordered_rows(snapshot: Snapshot, request: Scroll, order: OrderBy) -> tuple[Rows, NDArray[Any]]:
    """The rows of the page in that order, and the value that each is ordered by."""
    held = _values(snapshot, request, order)
    places = _places(snapshot, held, order, request.filter)
    places = _first(snapshot, held, places, request.limit)
    return held.rows[places].astype(np.int64), held.values[places]


def with_values(records: Sequence[Record], values: NDArray[Any]) -> list[Record]:
    """The records, each with the value that it is ordered by."""
    return [
        record._replace(order_value=value)
        for record, value in zip(records, values.tolist(), strict=True)
    ]


def _values(snapshot: Snapshot, request: Scroll, order: OrderBy) -> SortedValues:
    schema = schema_at(snapshot.state.fields, order.key.steps)
    if schema is None or not _has_order(schema):
        raise BadInput(
            f"No range index for `order_by` key: `{order.key}`. "
            "Please create one to use `order_by`. Check "
            "https://qdrant.tech/documentation/concepts/indexing/#payload-index "
            "to see which payload schemas support Range conditions"
        )
    expect_points(min(request.limit, snapshot.state.live.count), request.selection)
    column = snapshot.indexes.columns.exact(order.key.steps, snapshot.rows)
    return indexed_values(column, schema.type)


def _has_order(schema: FieldSchema) -> bool:
    return schema.type in _ORDERED and schema.range


def _places(
    snapshot: Snapshot, held: SortedValues, order: OrderBy, filter_: Filter | None
) -> NDArray[np.int64]:
    """The positions in `held` of the requested values, in the requested direction."""
    is_ascending = order.direction is Direction.ASC
    start = order.start_from
    if start is not None and held.values.dtype.kind == "f":
        # A float index has and returns the nearest float of an integer.
        start = float(start)
    span = held.span(Range(gte=start) if is_ascending else Range(lte=start))
    places = np.arange(span.start, span.stop)
    if filter_ is not None and not filter_.is_empty:
        places = places[passing_mask(filter_, snapshot)[held.rows[places]]]
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
