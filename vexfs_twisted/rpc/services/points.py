"""The methods of qdrant.Points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...model.queries import FacetHit, Page, Record, ScoredPoint
from ...model.updates import Update, UpdateResult
from ..bridge import Operation
from ..codecs.fields import (
    read_collection_name,
    read_time_limit,
    read_update_limit,
    refuse_shard_keys,
)
from ..codecs.ids import read_ids, write_id
from ..codecs.indexes import read_create_index, read_delete_index
from ..codecs.points import (
    read_count,
    read_facet,
    read_scroll,
    write_facet,
    write_records,
    write_scored,
)
from ..codecs.queries import read_each, read_query, read_search
from ..codecs.scored import write_answers
from ..codecs.selections import read_selection
from ..codecs.updates import (
    read_batch,
    read_clear_payload,
    read_delete,
    read_delete_payload,
    read_delete_vectors,
    read_overwrite_payload,
    read_set_payload,
    read_update_vectors,
    read_upsert,
    write_update_result,
    write_update_results,
)
from ..codecs.vectors import parse_upsert
from ..generated import points_pb2 as pb
from ..methods import RpcMethod

Answers = list[Sequence[ScoredPoint]]


def _update(
    read: Callable[[Any], Update], parse: Callable[[bytes], Any] | None = None
) -> RpcMethod[Any, UpdateResult]:
    """The method of one kind of update, given what reads it from a request."""

    def decode(message: Any) -> Operation[UpdateResult]:
        name, timeout = read_collection_name(message.collection_name), read_update_limit(message)
        update, wait = read(message), message.wait
        return lambda operations: operations.update(name, update, wait=wait, timeout=timeout)

    return RpcMethod(decode, write_update_result, is_write=True, parse=parse)


def _update_batch(message: pb.UpdateBatchPoints) -> Operation[list[UpdateResult]]:
    name, timeout = read_collection_name(message.collection_name), read_update_limit(message)
    updates, wait = read_batch(message), message.wait
    return lambda operations: operations.update_batch(name, updates, wait=wait, timeout=timeout)


def _get(message: pb.GetPoints) -> Operation[list[Record]]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    refuse_shard_keys(message)
    ids, selection = read_ids(message.ids), read_selection(message)
    return lambda operations: operations.retrieve(name, ids, selection, timeout=timeout)


def _scroll(message: pb.ScrollPoints) -> Operation[Page]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    scroll = read_scroll(message)
    return lambda operations: operations.scroll(name, scroll, timeout=timeout)


def _count(message: pb.CountPoints) -> Operation[int]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    count = read_count(message)
    return lambda operations: operations.count(name, count, timeout=timeout)


def _facet(message: pb.FacetCounts) -> Operation[list[FacetHit]]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    facet = read_facet(message)
    return lambda operations: operations.facet(name, facet, timeout=timeout)


def _query(message: pb.QueryPoints) -> Operation[Sequence[ScoredPoint]]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    query = read_query(message)
    return lambda operations: operations.query(name, query, timeout=timeout)


def _query_batch(message: pb.QueryBatchPoints) -> Operation[Answers]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    queries = read_each(message.query_points, "query_points", read_query)
    return lambda operations: operations.query_batch(name, queries, timeout=timeout)


def _search(message: pb.SearchPoints) -> Operation[Sequence[ScoredPoint]]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    query = read_search(message)
    return lambda operations: operations.query(name, query, timeout=timeout)


def _search_batch(message: pb.SearchBatchPoints) -> Operation[Answers]:
    name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
    queries = read_each(message.search_points, "search_points", read_search)
    return lambda operations: operations.query_batch(name, queries, timeout=timeout)


def _records(records: list[Record]) -> pb.GetResponse:
    response = pb.GetResponse()
    write_records(records, response.result)
    return response


def _page(page: Page) -> pb.ScrollResponse:
    response = pb.ScrollResponse()
    write_records(page.records, response.result)
    if page.next_offset is not None:
        write_id(page.next_offset, response.next_page_offset)
    return response


def _counted(count: int) -> pb.CountResponse:
    return pb.CountResponse(result=pb.CountResult(count=count))


def _queried(points: Sequence[ScoredPoint]) -> pb.QueryResponse:
    response = pb.QueryResponse()
    write_scored(points, response.result)
    return response


def _searched(points: Sequence[ScoredPoint]) -> pb.SearchResponse:
    response = pb.SearchResponse()
    write_scored(points, response.result)
    return response


def _weigh_page(page: Page) -> int:
    return len(page.records)


def _weigh_answers(answers: Answers) -> int:
    return sum(map(len, answers))


POINTS: Mapping[str, RpcMethod[Any, Any]] = {
    "Upsert": _update(read_upsert, parse_upsert),
    "Delete": _update(read_delete),
    "UpdateVectors": _update(read_update_vectors),
    "DeleteVectors": _update(read_delete_vectors),
    "SetPayload": _update(read_set_payload),
    "OverwritePayload": _update(read_overwrite_payload),
    "DeletePayload": _update(read_delete_payload),
    "ClearPayload": _update(read_clear_payload),
    "CreateFieldIndex": _update(read_create_index),
    "DeleteFieldIndex": _update(read_delete_index),
    "UpdateBatch": RpcMethod(_update_batch, write_update_results, is_write=True),
    "Get": RpcMethod(_get, _records, weigh=len),
    "Scroll": RpcMethod(_scroll, _page, weigh=_weigh_page),
    "Count": RpcMethod(_count, _counted),
    "Facet": RpcMethod(_facet, write_facet),
    "Query": RpcMethod(_query, _queried, weigh=len),
    "QueryBatch": RpcMethod(_query_batch, write_answers, weigh=_weigh_answers),
    "Search": RpcMethod(_search, _searched, weigh=len),
    "SearchBatch": RpcMethod(_search_batch, write_answers, weigh=_weigh_answers),
}
