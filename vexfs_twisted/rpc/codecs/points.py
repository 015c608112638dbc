"""Points on the wire: updates and reads coming in, records and scored points going out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from ...model.errors import BadRequest, NotSupported
from ...model.queries import Count, Record, ScoredPoint, Scroll
from ...model.updates import DeletePoints, UpdateResult, UpdateStatus, Upsert
from ...model.validation import validate
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb
from .fields import given, refuse_shard_keys
from .filters import read_filter
from .ids import read_id, read_ids, write_id
from .payloads import read_payload, write_payload
from .selections import read_selection
from .vectors import read_columns, write_vectors

_STATUSES: Mapping[UpdateStatus, int] = {
    UpdateStatus.ACKNOWLEDGED: pb.UpdateStatus.Acknowledged,
    UpdateStatus.COMPLETED: pb.UpdateStatus.Completed,
    UpdateStatus.WAIT_TIMEOUT: pb.UpdateStatus.WaitTimeout,
}


def read_upsert(message: bulk.UpsertPoints) -> Upsert:
    """The upsert that `message` asks for."""
    refuse_shard_keys(message)
    if message.HasField("update_filter"):
        raise NotSupported("`update_filter` is not supported yet")
    if message.update_mode != pb.UpdateMode.Upsert:
        raise NotSupported("`update_mode` is not supported yet")
    points = message.points
    return Upsert(
        ids=[read_id(point.id) for point in points],
        vectors=read_columns(points),
        payloads=[read_payload(point.payload) for point in points],
    )


def read_delete(message: pb.DeletePoints) -> DeletePoints:
    """The deletion that `message` asks for."""
    refuse_shard_keys(message)
    kind = message.points.WhichOneof("points_selector_one_of")
    if kind == "points":
        return DeletePoints(ids=read_ids(message.points.points.ids))
    if kind == "filter":
        return DeletePoints(filter=read_filter(message.points.filter))
    raise BadRequest("PointsSelector is expected")


def read_scroll(message: pb.ScrollPoints) -> Scroll:
    """The page that `message` asks for."""
    refuse_shard_keys(message)
    if message.HasField("order_by"):
        raise NotSupported("`order_by` is not supported yet")
    scroll = Scroll(
        **given(message, "limit"),
        offset=read_id(message.offset) if message.HasField("offset") else None,
        filter=read_filter(message.filter) if message.HasField("filter") else None,
        selection=read_selection(message, payload_by_default=True),
    )
    validate(scroll)
    return scroll


def read_count(message: pb.CountPoints) -> Count:
    """The count that `message` asks for."""
    refuse_shard_keys(message)
    filter_ = read_filter(message.filter) if message.HasField("filter") else None
    return Count(filter=filter_, **given(message, "exact"))


def write_update_result(result: UpdateResult) -> pb.PointsOperationResponse:
    """The response to an update."""
    response = pb.PointsOperationResponse()
    response.result.status = _STATUSES[result.status]
    if result.operation_id is not None:
        response.result.operation_id = result.operation_id
    return response


def write_records(
    records: Iterable[Record], messages: RepeatedCompositeFieldContainer[pb.RetrievedPoint]
) -> None:
    """Append records to a repeated field, built in place."""
    for record in records:
        message = messages.add()
        write_id(record.id, message.id)
        if record.payload is not None:
            write_payload(record.payload, message.payload)
        if record.vectors is not None:
            write_vectors(record.vectors, message.vectors)


def write_scored(
    points: Iterable[ScoredPoint], messages: RepeatedCompositeFieldContainer[pb.ScoredPoint]
) -> None:
    """Append scored points to a repeated field, built in place."""
    for point_id, version, score, payload, vectors in points:
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
