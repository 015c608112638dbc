"""The methods of qdrant.Points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...model.queries import Page, Record, ScoredPoint
from ...model.updates import UpdateResult
from ..codecs.fields import read_collection_name, read_timeout, refuse_shard_keys
from ..codecs.ids import read_ids, write_id
from ..codecs.points import (
    read_count,
    read_delete,
    read_scroll,
    read_upsert,
    write_records,
    write_scored,
    write_update_result,
)
from ..codecs.queries import read_each, read_query, read_search
from ..codecs.selections import read_selection
from ..codecs.vectors import parse_upsert
from ..crossing import Operation
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb
from ..methods import Method

Answers = list[Sequence[ScoredPoint]]


def _upsert(message: bulk.UpsertPoints) -> Operation[UpdateResult]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    upsert, wait = read_upsert(message), message.wait
    return lambda operations: operations.update(name, upsert, wait=wait, timeout=timeout)


def _delete(message: pb.DeletePoints) -> Operation[UpdateResult]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    delete, wait = read_delete(message), message.wait
    return lambda operations: operations.update(name, delete, wait=wait, timeout=timeout)


def _get(message: pb.GetPoints) -> Operation[list[Record]]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    refuse_shard_keys(message)
    ids, selection = read_ids(message.ids), read_selection(message)
    return lambda operations: operations.retrieve(name, ids, selection, timeout=timeout)


def _scroll(message: pb.ScrollPoints) -> Operation[Page]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    scroll = read_scroll(message)
    return lambda operations: operations.scroll(name, scroll, timeout=timeout)


def _count(message: pb.CountPoints) -> Operation[int]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    count = read_count(message)
    return lambda operations: operations.count(name, count, timeout=timeout)


def _query(message: pb.QueryPoints) -> Operation[Sequence[ScoredPoint]]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    query = read_query(message)
    return lambda operations: operations.query(name, query, timeout=timeout)


def _query_batch(message: pb.QueryBatchPoints) -> Operation[Answers]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    queries = read_each(message.query_points, "query_points", read_query)
    return lambda operations: operations.query_batch(name, queries, timeout=timeout)


def _search(message: pb.SearchPoints) -> Operation[Sequence[ScoredPoint]]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
    query = read_search(message)
    return lambda operations: operations.query(name, query, timeout=timeout)


def _search_batch(message: pb.SearchBatchPoints) -> Operation[Answers]:
    name, timeout = read_collection_name(message.collection_name), read_timeout(message)
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


def _queried_batch(answers: Answers) -> pb.QueryBatchResponse:
    response = pb.QueryBatchResponse()
    for points in answers:
        write_scored(points, response.result.add().result)
    return response


def _searched(points: Sequence[ScoredPoint]) -> pb.SearchResponse:
    response = pb.SearchResponse()
    write_scored(points, response.result)
    return response


def _searched_batch(answers: Answers) -> pb.SearchBatchResponse:
    response = pb.SearchBatchResponse()
    for points in answers:
        write_scored(points, response.result.add().result)
    return response


def _weigh_page(page: Page) -> int:
    return len(page.records)


def _weigh_answers(answers: Answers) -> int:
    return sum(map(len, answers))


POINTS: Mapping[str, Method[Any, Any]] = {
    "Upsert": Method(_upsert, write_update_result, is_write=True, parse=parse_upsert),
    "Delete": Method(_delete, write_update_result, is_write=True),
    "Get": Method(_get, _records, weigh=len),
    "Scroll": Method(_scroll, _page, weigh=_weigh_page),
    "Count": Method(_count, _counted),
    "Query": Method(_query, _queried, weigh=len),
    "QueryBatch": Method(_query_batch, _queried_batch, weigh=_weigh_answers),
    "Search": Method(_search, _searched, weigh=len),
    "SearchBatch": Method(_search_batch, _searched_batch, weigh=_weigh_answers),
}
