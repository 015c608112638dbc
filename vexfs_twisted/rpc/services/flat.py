"""The methods of the service qdrant.Qdrant except its health check.

The unary methods are those of the other services under other names. The streaming methods are
extensions that Qdrant does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve
from google.protobuf.message import Message

from ...interfaces import OutgoingStream
from ...model.access import READ_POINTS, WRITE_POINTS
from ...model.queries import Page, PointsRequest, Query, Record
from ...model.streams import Acknowledgement, P
from ...model.updates import Upsert
from ..bridge import Operation
from ..codecs.fields import read_collection_name
from ..codecs.flat import read_create, read_search, read_search_batch, read_whole_scroll, restated
from ..codecs.points import read_get
from ..codecs.searches import read_search as read_query
from ..codecs.updates import read_upsert
from ..codecs.upserts import ParsedUpsert, parse_upsert
from ..codecs.vector_batches import ParsedBatch
from ..generated import collections_pb2 as collections
from ..generated import flat_pb2 as flat
from ..generated import points_pb2 as points
from ..methods import RpcMethod
from ..streams import IncomingMethod, OutgoingMethod, StreamMethod
from .collections import COLLECTIONS
from .points import POINTS


def _as(
    method: RpcMethod[Any, Any], read: Callable[[Any], Any] | None = None
) -> RpcMethod[Any, Any]:
    """`method` with requests converted by `read`; None if they have the same encoding."""
    if read is None:
        return method
    return evolve(method, decode=lambda message: method.decode(read(message)), parse=None)


def _stream(
    read: Callable[[Any], PointsRequest[Any, P]], encode: Callable[[Sequence[P]], Message]
) -> OutgoingMethod:
    """The streaming method of one kind of read; `read` decodes its request."""

    def decode(message: Any) -> Operation[OutgoingStream[P]]:
        name = read_collection_name(message.collection_name)
        request = read(message)
        return lambda operations: operations.stream(name, request)

    return OutgoingMethod(decode, encode, READ_POINTS)


def _read_search(message: flat.SearchPointsRequest) -> Query:
    return read_query(read_search(message))


def _parsed_batch(message: flat.SearchPointsBatchRequest) -> ParsedBatch:
    return ParsedBatch(read_search_batch(message))


def _upsert(parsed: ParsedUpsert) -> tuple[str, Upsert]:
    message = parsed.message
    return read_collection_name(message.collection_name), read_upsert(message, parsed.columns)


def _scrolled(records: Sequence[Record]) -> Message:
    return POINTS["Scroll"].encode(Page(records, None))


def _written(count: int) -> points.PointsOperationResponse:
    result = points.UpdateResult(operation_id=count, status=points.UpdateStatus.Completed)
    return points.PointsOperationResponse(result=result)


def _acknowledged(own: Acknowledgement, seconds: float) -> flat.UpsertAck:
    return flat.UpsertAck(
        batch=own.number, points=own.points, operation_id=own.operation_id, time=seconds
    )


FLAT: Mapping[str, RpcMethod[Any, Any] | StreamMethod] = {
    "CreateCollection": _as(COLLECTIONS["Create"], read_create),
    "DeleteCollection": _as(COLLECTIONS["Delete"], restated(collections.DeleteCollection)),
    "GetCollectionInfo": _as(COLLECTIONS["Get"]),
    "ListCollections": _as(COLLECTIONS["List"]),
    "UpdateCollection": _as(COLLECTIONS["Update"], restated(collections.UpdateCollection)),
    "UpsertPoints": _as(POINTS["Upsert"]),
    "DeletePoints": _as(POINTS["Delete"], restated(points.DeletePoints)),
    "GetPoints": _as(POINTS["Get"], restated(points.GetPoints)),
    "SearchPoints": _as(POINTS["Search"], read_search),
    "SearchPointsBatch": _as(POINTS["SearchBatch"], _parsed_batch),
    "Scroll": _as(POINTS["Scroll"], restated(points.ScrollPoints)),
    "CountPoints": _as(POINTS["Count"], restated(points.CountPoints)),
    "StreamSearchPoints": _stream(_read_search, POINTS["Search"].encode),
    "StreamGetPoints": _stream(read_get, POINTS["Get"].encode),
    "StreamScroll": _stream(read_whole_scroll, _scrolled),
    "StreamUpsertPoints": IncomingMethod(
        parse_upsert, _upsert, answer=_written, needs=WRITE_POINTS
    ),
    "StreamUpsert": IncomingMethod(
        parse_upsert, _upsert, acknowledge=_acknowledged, needs=WRITE_POINTS
    ),
}
