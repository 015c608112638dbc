"""The methods of the service qdrant.Points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message

from ...model.access import READ_POINTS, WRITE_COLLECTION, WRITE_POINTS, Need
from ...model.commands import VectorNameCommand
from ...model.distance_matrix import DistanceMatrix
from ...model.groups import PointGroup
from ...model.queries import Page, Query, QueryBatch, Record, ScoredPoint
from ...model.reads import Answer, ReadRequest
from ...model.updates import Update, UpdateResult
from ..bridge import Operation, ReadOperation
from ..codecs.fields import read_collection_name, read_time_limit, read_update_limit
from ..codecs.groups import (
    read_matrix,
    read_query_groups,
    read_recommend_groups,
    read_search_groups,
    write_groups,
    write_offsets,
    write_pairs,
)
from ..codecs.ids import write_id
from ..codecs.indexes import read_create_index, read_delete_index
from ..codecs.points import (
    read_count,
    read_facet,
    read_get,
    read_scroll,
    write_facet,
    write_records,
)
from ..codecs.queries import read_query
from ..codecs.scored import write_answers, write_points
from ..codecs.searches import read_discover, read_recommend, read_search
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
from ..codecs.upserts import ParsedUpsert, parse_upsert
from ..codecs.vector_batches import ParsedBatch, parse_batch, read_batch_queries
from ..codecs.vector_names import read_create_vector_name, read_delete_vector_name
from ..generated import points_pb2 as pb
from ..methods import PART_POINTS, RpcMethod

P = TypeVar("P")

Answers = list[Sequence[ScoredPoint]]


Reader = Callable[[Any], Update | VectorNameCommand]
"""Decodes an update from its message."""


def _update(read: Reader, needs: Need = WRITE_POINTS) -> RpcMethod[Any, UpdateResult]:
    """The method of one kind of update."""

    def decode(message: Any) -> Operation[UpdateResult]:
        return _updating(message, read)

    return RpcMethod(decode, write_update_result, is_write=True, needs=needs)


def _upsert(parsed: ParsedUpsert) -> Operation[UpdateResult]:
    return _updating(parsed.message, lambda message: read_upsert(message, parsed.columns))


def _updating(message: Any, read: Reader) -> Operation[UpdateResult]:
    name, timeout = read_collection_name(message.collection_name), read_update_limit(message)
    update, wait = read(message), message.wait
    return lambda operations: operations.update(name, update, wait=wait, timeout=timeout)


def _update_batch(message: pb.UpdateBatchPoints) -> Operation[list[UpdateResult]]:
    name, timeout = read_collection_name(message.collection_name), read_update_limit(message)
    updates, wait = read_batch(message), message.wait
    return lambda operations: operations.update_batch(name, updates, wait=wait, timeout=timeout)


def read_method(
    read: Callable[[Any], ReadRequest[Answer]],
    encode: Callable[[Answer], Message],
    weigh: Callable[[Answer], int] | None = None,
    split: Callable[[Answer], Iterable[Answer]] | None = None,
) -> RpcMethod[Any, Answer]:
    """The method of one kind of read; `read` decodes its request."""

    def decode(message: Any) -> Operation[Answer]:
        name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
        return ReadOperation(name, read(message), timeout)

    return RpcMethod(decode, encode, weigh=weigh, split=split, needs=READ_POINTS)


def _batch(
    message_type: type[Message], read: Callable[[Any, str], Query]
) -> RpcMethod[ParsedBatch, Answers]:
    """The method of a batch, whose searches are each decoded by `read`."""

    def decode(parsed: ParsedBatch) -> Operation[Answers]:
        message = parsed.message
        name, timeout = read_collection_name(message.collection_name), read_time_limit(message)
        return ReadOperation(name, QueryBatch(read_batch_queries(parsed, read)), timeout)

    parse = partial(parse_batch, message_type)
    return RpcMethod(decode, write_answers, weigh=_weigh_answers, parse=parse, needs=READ_POINTS)


def _records(records: Sequence[Record]) -> pb.GetResponse:
    response = pb.GetResponse()
    write_records(records, response.result)
    return response


def _page(page: Page) -> pb.ScrollResponse:
    response = pb.ScrollResponse()
    write_records(page.records, response.result)
    if page.next_offset is not None:
        write_id(page.next_offset, response.next_page_offset)
    return response


def _split_page(page: Page) -> Iterator[Page]:
    *whole, last = _split_points(page.records)
    for records in whole:
        yield Page(records, None)
    yield Page(last, page.next_offset)


def _split_points(points: Sequence[P]) -> Iterator[Sequence[P]]:
    for start in range(0, len(points), PART_POINTS):
        yield points[start : start + PART_POINTS]


def _counted(count: int) -> pb.CountResponse:
    return pb.CountResponse(result=pb.CountResult(count=count))


def _queried(points: Sequence[ScoredPoint]) -> Message:
    return write_points(points, pb.QueryResponse())


def _searched(points: Sequence[ScoredPoint]) -> Message:
    return write_points(points, pb.SearchResponse())


def _weigh_page(page: Page) -> int:
    return len(page.records)


def _weigh_groups(groups: Sequence[PointGroup]) -> int:
    return sum(len(group.hits) for group in groups)


def _weigh_matrix(matrix: DistanceMatrix) -> int:
    return len(matrix.scores)


def _weigh_answers(answers: Answers) -> int:
    return sum(map(len, answers))


POINTS: Mapping[str, RpcMethod[Any, Any]] = {
    "Upsert": RpcMethod(
        _upsert, write_update_result, is_write=True, parse=parse_upsert, needs=WRITE_POINTS
    ),
    "Delete": _update(read_delete),
    "UpdateVectors": _update(read_update_vectors),
    "DeleteVectors": _update(read_delete_vectors),
    "SetPayload": _update(read_set_payload),
    "OverwritePayload": _update(read_overwrite_payload),
    "DeletePayload": _update(read_delete_payload),
    "ClearPayload": _update(read_clear_payload),
    "CreateVectorName": _update(read_create_vector_name, WRITE_COLLECTION),
    "DeleteVectorName": _update(read_delete_vector_name, WRITE_COLLECTION),
    "CreateFieldIndex": _update(read_create_index, WRITE_COLLECTION),
    "DeleteFieldIndex": _update(read_delete_index, WRITE_COLLECTION),
    "UpdateBatch": RpcMethod(
        _update_batch, write_update_results, is_write=True, needs=WRITE_POINTS
    ),
    "Get": read_method(read_get, _records, weigh=len, split=_split_points),
    "Scroll": read_method(read_scroll, _page, weigh=_weigh_page, split=_split_page),
    "Count": read_method(read_count, _counted),
    "Facet": read_method(read_facet, write_facet),
    "Query": read_method(read_query, _queried, weigh=len, split=_split_points),
    "QueryBatch": _batch(pb.QueryBatchPoints, read_query),
    "QueryGroups": read_method(read_query_groups, write_groups, weigh=_weigh_groups),
    "Search": read_method(read_search, _searched, weigh=len, split=_split_points),
    "SearchBatch": _batch(pb.SearchBatchPoints, read_search),
    "SearchGroups": read_method(read_search_groups, write_groups, weigh=_weigh_groups),
    "Recommend": read_method(read_recommend, _searched, weigh=len, split=_split_points),
    "RecommendBatch": _batch(pb.RecommendBatchPoints, read_recommend),
    "RecommendGroups": read_method(read_recommend_groups, write_groups, weigh=_weigh_groups),
    "Discover": read_method(read_discover, _searched, weigh=len, split=_split_points),
    "DiscoverBatch": _batch(pb.DiscoverBatchPoints, read_discover),
    "SearchMatrixPairs": read_method(read_matrix, write_pairs, weigh=_weigh_matrix),
    "SearchMatrixOffsets": read_method(read_matrix, write_offsets, weigh=_weigh_matrix),
}
