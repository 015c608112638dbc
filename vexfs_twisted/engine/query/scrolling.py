"""Reads in the order of ids: pages, counts, and queries that rank by nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from ...model.errors import DomainError
from ...model.filters import Filter
from ...model.ids import PointId
from ...model.queries import Count, Page, Query, Record, ScoredPoint, Scroll, Selection
from ..filtering.rows import RowFilter, count_rows
from ..store.bitmap import Rows
from ..store.keys import decode_id, decode_rows, encode_id, encode_ids, encode_rows
from ..store.rowvalue import key_of
from ..store.view import Snapshot
from .ordering import scroll_ordered
from .records import check_selection, fetch_records, fetch_scored

_FIRST_BATCH = 64
_LARGEST_BATCH = 4096

Entry = tuple[bytes, bytes]
"""The key of an id and the key of its row."""

Retrieve = tuple[Sequence[PointId], Selection]
"""The ids of points, and what to return of them."""


def retrieve_each(
    snapshot: Snapshot, requests: Sequence[Retrieve]
) -> list[list[Record] | DomainError]:
    """The points that exist among the ids of each request, in their order, each once.

    Requests with the same selection are fetched together.
    """
    wanted: dict[Selection, dict[PointId, None]] = {}
    for ids, selection in requests:
        wanted.setdefault(selection, {}).update(dict.fromkeys(ids))
    fetched = {
        selection: _fetch(snapshot, list(ids), selection) for selection, ids in wanted.items()
    }
    return [_picked(fetched[selection], ids) for ids, selection in requests]


def _fetch(
    snapshot: Snapshot, ids: Sequence[PointId], selection: Selection
) -> dict[PointId, Record] | DomainError:
    try:
        check_selection(selection, snapshot)
    except DomainError as error:
        return error
    rows = snapshot.tables.find_rows(encode_ids(ids))
    return {record.id: record for record in fetch_records(snapshot, rows, selection)}


def _picked(
    records: Mapping[PointId, Record] | DomainError, ids: Sequence[PointId]
) -> list[Record] | DomainError:
    if isinstance(records, DomainError):
        return records
    return [records[point_id] for point_id in dict.fromkeys(ids) if point_id in records]


def scroll(snapshot: Snapshot, request: Scroll) -> Page:
    """A page of points in the order of their ids, or of a payload field."""
    check_selection(request.selection, snapshot)
    if request.order_by is not None:
        return scroll_ordered(snapshot, request, request.order_by)
    start = b"" if request.offset is None else encode_id(request.offset)
    entries = entries_from(snapshot, request.filter, start, request.limit + 1)
    following = entries[request.limit :]
    rows = _rows(entries[: request.limit])
    records = fetch_records(snapshot, rows, request.selection)
    return Page(records, decode_id(following[0][0]) if following else None)


def scroll_scored(snapshot: Snapshot, query: Query) -> list[ScoredPoint]:
    """The answer to a query without a target: points in the order of their ids, all scored 0."""
    check_selection(query.selection, snapshot)
    entries = entries_from(snapshot, query.filter, b"", query.offset + query.limit)
    rows = _rows(entries[query.offset :])
    return fetch_scored(snapshot, rows, [0.0] * len(rows), query.selection)


def count(snapshot: Snapshot, request: Count) -> int:
    """The exact number of points that pass the filter."""
    if request.filter is None or request.filter.is_empty:
        return snapshot.view.live.count
    return count_rows(request.filter, snapshot)


def _rows(entries: Sequence[Entry]) -> Rows:
    return decode_rows([row_key for _, row_key in entries])


def entries_from(
    snapshot: Snapshot, filter_: Filter | None, start: bytes, limit: int
) -> list[Entry]:
    """The first `limit` points from the id key `start` on that pass the filter."""
    limit = min(limit, snapshot.view.live.count)
    if filter_ is None or filter_.is_empty:
        return snapshot.tables.page(start, limit)
    filtering = RowFilter(filter_, snapshot)
    named = filtering.named()
    if named is not None:
        return _named_entries(snapshot, filtering, named, start)[:limit]
    return _walk(snapshot, filtering, start, limit)


def _named_entries(
    snapshot: Snapshot, filtering: RowFilter, named: Rows, start: bytes
) -> list[Entry]:
    """The points among `named` from `start` on that pass, in the order of ids."""
    rows = named[filtering.mask(named)]
    keys = map(key_of, snapshot.tables.values(rows))
    entries = sorted(zip(keys, encode_rows(rows), strict=True))
    return [entry for entry in entries if entry[0] >= start]


def _picked_by_id(snapshot: Snapshot, rows: Rows, start: bytes, limit: int) -> list[Entry]:
    """The first `limit` of live `rows` from the id key `start` on, in the order of ids."""
    view = snapshot.view
    ids = view.columns.row_ids.at(snapshot.tables, view.live, view.next_row)
    return ids.first(rows, start, limit)


def _walk(snapshot: Snapshot, filtering: RowFilter, start: bytes, limit: int) -> list[Entry]:
    """Walk in the order of ids, testing batches, until `limit` points have passed."""
    found: list[Entry] = []
    entries = snapshot.tables.scan(start)
    size = max(min(limit, _LARGEST_BATCH), _FIRST_BATCH)
    while len(found) < limit:
        passing = filtering.passing()
        if passing is not None and not snapshot.is_draft:
            return _picked_by_id(snapshot, passing.nonzero()[0], start, limit)
        batch = list(islice(entries, size))
        if not batch:
            break
        mask = filtering.mask(_rows(batch))
        found.extend(batch[position] for position in mask.nonzero()[0].tolist())
        size = min(2 * size, _LARGEST_BATCH)
    return found[:limit]
