"""Reads in id order: retrieves, scroll pages, counts, and queries without a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from ...model.errors import DomainError, as_value
from ...model.filters import Filter
from ...model.ids import PointId
from ...model.queries import Count, Page, Query, Record, Retrieve, ScoredPoint, Scroll, Selection
from ..filtering.row_filter import RowFilter, count_rows, found_rows
from ..mvcc.state import Snapshot
from ..read_bounds import checkpoint
from ..storage.bitmap import Rows
from ..storage.keys import decode_id, encode_id
from ..storage.row_sets import RowSet
from ..storage.row_values import key_of
from ..vector_index.kernels import Scores
from .ordering import scroll_ordered
from .records import check_selection, expect_points, fetch_records, fetch_scored

_FIRST_BATCH = 64
_LARGEST_BATCH = 4096
STEP = 4
"""The cost of a step to the next id in the table, in ids of passing rows looked up in memory."""


def retrieve_each(
    snapshot: Snapshot, requests: Sequence[Retrieve]
) -> list[list[Record] | DomainError]:
    """For each request, the points of its ids that exist, in their order, each once.

    Errors of a request are returned in its place as values.
    Requests with the same selection are fetched together.
    """
    wanted: dict[Selection, dict[PointId, None]] = {}
    for request in requests:
        wanted.setdefault(request.selection, {}).update(dict.fromkeys(request.ids))
    fetched = {
        selection: _fetch(snapshot, list(ids), selection) for selection, ids in wanted.items()
    }
    return [_picked(fetched[request.selection], request.ids) for request in requests]


def _fetch(
    snapshot: Snapshot, ids: Sequence[PointId], selection: Selection
) -> dict[PointId, Record] | DomainError:
    try:
        check_selection(selection, snapshot)
    except DomainError as error:
        return as_value(error)
    expect_points(len(ids), selection)
    rows = found_rows(snapshot.tables, ids)
    return {record.id: record for record in fetch_records(snapshot, rows, selection)}


def _picked(
    records: Mapping[PointId, Record] | DomainError, ids: Sequence[PointId]
) -> list[Record] | DomainError:
    if isinstance(records, DomainError):
        return records
    return [records[point_id] for point_id in dict.fromkeys(ids) if point_id in records]


def scroll(snapshot: Snapshot, request: Scroll) -> Page:
    """A page of points in id order, or in the order of a payload field."""
    check_selection(request.selection, snapshot)
    if request.order_by is not None:
        return scroll_ordered(snapshot, request, request.order_by)
    start = b"" if request.offset is None else encode_id(request.offset)
    expect_points(min(request.limit, snapshot.state.live.count), request.selection)
    rows = first_rows(snapshot, request.filter, start, request.limit + 1)
    records = fetch_records(snapshot, rows[: request.limit], request.selection)
    following = snapshot.tables.values(rows[request.limit :])
    return Page(records, decode_id(key_of(following[0])) if following else None)


def scroll_scored(snapshot: Snapshot, query: Query) -> Sequence[ScoredPoint]:
    """The answer to a query without a target: points in id order, all scored 1."""
    check_selection(query.selection, snapshot)
    expect_points(min(query.limit, snapshot.state.live.count), query.selection)
    rows = first_rows(snapshot, query.filter, b"", query.offset + query.limit)[query.offset :]
    return fetch_scored(snapshot, rows, unranked_scores(len(rows)), query.selection)


def unranked_scores(count: int) -> Scores:
    """The scores of unranked points: ones, float32, shape [count]."""
    return np.ones(count, dtype=np.float32)


def count(snapshot: Snapshot, request: Count) -> int:
    """The exact number of points that pass the request's filter."""
    if request.filter is None or request.filter.is_empty:
        return snapshot.state.live.count
    return count_rows(request.filter, snapshot)


def first_rows(snapshot: Snapshot, filter_: Filter | None, start: bytes, limit: int) -> Rows:
    """The rows of the first `limit` points, in id order from the id key `start`, that pass."""
    limit = min(limit, snapshot.state.live.count)
    if filter_ is None or filter_.is_empty:
        return snapshot.tables.first_rows(start, limit)
    filtering = RowFilter(filter_, snapshot)
    named = filtering.named()
    if named is not None:
        return _ordered(snapshot, named[filtering.mask(named)], start)[:limit]
    return _walk(snapshot, filtering, start, limit)


def _ordered(snapshot: Snapshot, rows: Rows, start: bytes) -> Rows:
    """Those of live `rows` from the id key `start` on, in id order."""
    keys = map(key_of, snapshot.tables.values(rows))
    pairs = sorted(zip(keys, rows.tolist(), strict=True))
    return np.array([row for key, row in pairs if key >= start], dtype=np.int64)


def _picked_by_id(snapshot: Snapshot, rows: RowSet, start: bytes, limit: int) -> Rows:
    """The first `limit` of live `rows` from the id key `start` on, in id order."""
    ids = snapshot.indexes.columns.row_ids.at(snapshot.rows)
    # The expected length of a walk that meets twice the wanted number of rows.
    distance = 2 * limit * snapshot.state.live.count // max(len(rows), 1)
    if STEP * distance < min(len(rows), rows.size - ids.ordered):
        met = snapshot.tables.first_rows(start, distance)
        found = met[rows.has(met)]
        if len(found) >= limit or len(met) < distance:
            return found[:limit]
    return ids.first(rows, start, limit)


def _walk(snapshot: Snapshot, filtering: RowFilter, start: bytes, limit: int) -> Rows:
    """Scan in id order, testing batches, until `limit` points have passed."""
    found = np.zeros(0, dtype=np.int64)
    entries = snapshot.tables.scan(start)
    size = max(min(limit, _LARGEST_BATCH), _FIRST_BATCH)
    while len(found) < limit:
        checkpoint()
        passing = filtering.passing()
        if passing is not None and not snapshot.is_uncommitted:
            return _picked_by_id(snapshot, passing, start, limit)
        rows = snapshot.tables.rows_of(list(islice(entries, size)))
        if not len(rows):
            break
        found = np.concatenate((found, rows[filtering.mask(rows)]))
        size = min(2 * size, _LARGEST_BATCH)
    return found[:limit]
