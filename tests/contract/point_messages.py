"""The messages that a gRPC client sends and reads about points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.contract.client_parts import dump_payload, named_vectors
from tests.contract.filter_messages import filter_message, point_id
from tests.contract.generic_messages import enum_number, fill, read_enum, read_payload
from tests.suites.values import dense
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import (
    Count,
    Facet,
    FacetHit,
    PayloadMode,
    Query,
    Record,
    ScoredPoint,
    Scroll,
    Selection,
)
from vexfs_twisted.model.query_forms import OrderBy, PointExample, VectorExample
from vexfs_twisted.model.updates import UpdateResult, UpdateStatus
from vexfs_twisted.rpc.generated import points_pb2


def read_point_id(message: Any) -> PointId:
    value: PointId = getattr(message, message.WhichOneof("point_id_options"))
    return value


def _select(message: Any, selection: Selection) -> None:
    """Set what a read returns of each point."""
    paths = [path.text for path in selection.payload.paths]
    match selection.payload.mode:
        case PayloadMode.INCLUDE:
            message.with_payload.include.fields.extend(paths)
        case PayloadMode.EXCLUDE:
            message.with_payload.exclude.fields.extend(paths)
        case mode:
            message.with_payload.enable = mode is PayloadMode.ALL
    if isinstance(selection.vectors, bool):
        message.with_vectors.enable = selection.vectors
    else:
        message.with_vectors.include.names.extend(selection.vectors)


def get(name: str, ids: Sequence[PointId], selection: Selection, parts: Mapping[str, Any]) -> Any:
    ids_of_points = map(point_id, ids)
    message = points_pb2.GetPoints(collection_name=name, ids=ids_of_points, **parts)
    _select(message, selection)
    return message


def scroll(name: str, request: Scroll, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.ScrollPoints(collection_name=name, limit=request.limit, **parts)
    if request.offset is not None:
        message.offset.CopyFrom(point_id(request.offset))
    if request.order_by is not None:
        _fill_order(message.order_by, request.order_by)
    _fill_filter(message, request.filter)
    _select(message, request.selection)
    return message


def _fill_order(message: Any, order_by: OrderBy) -> None:
    message.key = order_by.key.text
    directions = message.DESCRIPTOR.fields_by_name["direction"].enum_type
    message.direction = enum_number(directions, order_by.direction)
    if isinstance(order_by.start_from, int):
        message.start_from.integer = order_by.start_from
    elif order_by.start_from is not None:
        message.start_from.float = order_by.start_from


def facet(name: str, request: Facet, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.FacetCounts(
        collection_name=name,
        key=request.key.text,
        limit=request.limit,
        exact=request.exact,
        **parts,
    )
    _fill_filter(message, request.filter)
    return message


def read_facet_hit(message: Any) -> FacetHit:
    return FacetHit(getattr(message.value, message.value.WhichOneof("variant")), message.count)


def count(name: str, request: Count, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.CountPoints(collection_name=name, exact=request.exact, **parts)
    _fill_filter(message, request.filter)
    return message


def query(name: str, request: Query, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.QueryPoints(
        collection_name=name, limit=request.limit, offset=request.offset, **parts
    )
    if isinstance(request.form, VectorExample):
        message.query.nearest.dense.data.extend(dense(request.form.vector).tolist())
    elif isinstance(request.form, PointExample):
        message.query.nearest.id.CopyFrom(point_id(request.form.id))
    if request.using:
        message.using = request.using
    if request.score_threshold is not None:
        message.score_threshold = request.score_threshold
    _fill_filter(message, request.filter)
    fill(message.params, request.params)
    _select(message, request.selection)
    return message


def _fill_filter(message: Any, filter: Filter | None) -> None:
    if filter is not None:
        message.filter.CopyFrom(filter_message(filter))


def read_update_result(message: Any) -> UpdateResult:
    operation_id = message.operation_id if message.HasField("operation_id") else None
    return UpdateResult(operation_id, read_enum(message, "status", UpdateStatus))


def read_record(message: Any, selection: Selection) -> Record:
    payload, vectors = _payload(message, selection), _vectors(message, selection)
    order_value = None
    if message.HasField("order_value"):
        order_value = getattr(message.order_value, message.order_value.WhichOneof("variant"))
    return Record(read_point_id(message.id), payload, vectors, order_value)


def read_scored_point(message: Any, selection: Selection) -> ScoredPoint:
    payload, vectors = _payload(message, selection), _vectors(message, selection)
    point_id = read_point_id(message.id)
    return ScoredPoint(point_id, message.version, message.score, payload, vectors)


def _payload(message: Any, selection: Selection) -> bytes | None:
    """A map has no presence: an empty one is none where none was asked for."""
    if not message.payload and selection.payload.mode is PayloadMode.NONE:
        return None
    return dump_payload(read_payload(message.payload))


def _vectors(message: Any, selection: Selection) -> dict[str, Any] | None:
    if not message.HasField("vectors"):
        return named_vectors(None if selection.vectors is False else {})
    vectors = message.vectors
    if vectors.HasField("vector"):
        return named_vectors({"": _vector(vectors.vector)})
    return named_vectors({name: _vector(item) for name, item in vectors.vectors.vectors.items()})


def _vector(message: Any) -> Any:
    """A vector in plain values, which stand in its message once."""
    ((field, value),) = message.ListFields()
    assert field.name == message.WhichOneof("vector"), message
    if field.name == "sparse":
        return {"indices": list(value.indices), "values": list(value.values)}
    if field.name == "multi_dense":
        return [list(row.data) for row in value.vectors]
    return list(value.data)
