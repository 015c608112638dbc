"""Codecs of reads of points: requests, records, scored points and counts.

The read functions raise DomainErrors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from ...model.datetimes import parse_datetime
from ...model.errors import MalformedMessage
from ...model.queries import Count, Facet, FacetHit, Record, Retrieve, ScoredPoint, Scroll
from ...model.query_forms import Direction, OrderBy, OrderValue
from ...model.validation import validate
from ..generated import flat_pb2 as flat
from ..generated import points_pb2 as pb
from .fields import given, read_enum, read_timestamp, refuse_shard_keys
from .filters import read_optional_filter, read_path
from .ids import read_id, read_ids, write_id
from .payloads import is_int64, write_payload
from .selections import read_selection
from .vectors import write_vectors

_DIRECTIONS = {pb.Direction.Asc: Direction.ASC, pb.Direction.Desc: Direction.DESC}


def read_get(message: pb.GetPoints | flat.GetPointsRequest) -> Retrieve:
    """Decode a read of points by id."""
    refuse_shard_keys(message)
    return Retrieve(read_ids(message.ids), read_selection(message))


def read_scroll(message: pb.ScrollPoints) -> Scroll:
    """Decode a read of a page of points."""
    refuse_shard_keys(message)
    scroll = Scroll(
        **given(message, "limit"),
        offset=read_id(message.offset) if message.HasField("offset") else None,
        filter=read_optional_filter(message),
        order_by=read_order_by(message.order_by) if message.HasField("order_by") else None,
        selection=read_selection(message, payload_by_default=True),
    )
    validate(scroll)
    return scroll


def read_count(message: pb.CountPoints) -> Count:
    """Decode a count of points."""
    refuse_shard_keys(message)
    return Count(read_optional_filter(message), **given(message, "exact"))


def read_facet(message: pb.FacetCounts) -> Facet:
    """Decode a facet: the counts of the values of a payload field."""
    refuse_shard_keys(message)
    facet = Facet(
        key=read_path(message.key),
        filter=read_optional_filter(message),
        **given(message, "limit", "exact"),
    )
    validate(facet)
    return facet


def read_order_by(message: pb.OrderBy) -> OrderBy:
    """Decode an order of points by a payload field."""
    return OrderBy(
        key=read_path(message.key),
        direction=read_enum(message, "direction", _DIRECTIONS) or Direction.ASC,
        start_from=_read_start(message.start_from) if message.HasField("start_from") else None,
    )


def _read_start(message: pb.StartFrom) -> OrderValue:
    kind = message.WhichOneof("value")
    if kind == "integer":
        return message.integer
    if kind == "float":
        return message.float
    if kind == "timestamp":
        return read_timestamp(message.timestamp)
    if kind is None:
        raise MalformedMessage("No value to start from")
    moment = parse_datetime(message.datetime)
    if moment is None:
        raise MalformedMessage(f"Unable to parse datetime: {message.datetime}")
    return moment


def write_records(
    records: Iterable[Record], messages: RepeatedCompositeFieldContainer[pb.RetrievedPoint]
) -> None:
    """Append records to a repeated field."""
    for record in records:
        write_record(record, messages.add())


def write_record(record: Record, message: pb.RetrievedPoint) -> None:
    """Write a record into `message`."""
    write_id(record.id, message.id)
    if record.payload is not None:
        write_payload(record.payload, message.payload)
    if record.vectors is not None:
        write_vectors(record.vectors, message.vectors)
    if record.order_value is not None:
        _write_order_value(record.order_value, message.order_value)


def _write_order_value(value: OrderValue, message: pb.OrderValue) -> None:
    if isinstance(value, int) and is_int64(value):
        message.int = value
    else:
        message.float = value


def write_facet(hits: Sequence[FacetHit]) -> pb.FacetResponse:
    """The most frequent values of a payload field."""
    response = pb.FacetResponse()
    for value, count in hits:
        hit = response.hits.add(count=count)
        if isinstance(value, str):
            hit.value.string_value = value
        elif isinstance(value, bool):
            hit.value.bool_value = value
        else:
            hit.value.integer_value = value
    return response


def write_scored(
    points: Iterable[ScoredPoint], messages: RepeatedCompositeFieldContainer[pb.ScoredPoint]
) -> None:
    """Append scored points to a repeated field."""
    for point_id, version, score, payload, vectors, order_value in points:
        message = messages.add()
        if type(point_id) is int:
            message.id.num = point_id
        else:
            write_id(point_id, message.id)
        message.score = score
        message.version = version
        if payload is not None:
            write_payload(payload, message.payload)
        if vectors is not None:
            write_vectors(vectors, message.vectors)
        if order_value is not None:
            _write_order_value(order_value, message.order_value)
