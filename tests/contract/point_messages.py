"""The messages that a gRPC client sends and reads about points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vexfs_twisted.model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    MatchAny,
    MatchExcept,
    MatchValue,
    Range,
)
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import (
    Count,
    NearestToPoint,
    NearestToVector,
    PayloadMode,
    Query,
    Record,
    ScoredPoint,
    Scroll,
    Selection,
)
from vexfs_twisted.model.updates import DeletePoints, UpdateResult, UpdateStatus, Upsert
from vexfs_twisted.rpc.generated import points_pb2, qdrant_common_pb2

from .client_parts import dump_payload, named_vectors, rows_of
from .generic_messages import fill, fill_payload, read_enum, read_payload


def point_id(value: PointId) -> Any:
    if isinstance(value, int):
        return qdrant_common_pb2.PointId(num=value)
    return qdrant_common_pb2.PointId(uuid=value)


def read_point_id(message: Any) -> PointId:
    value: PointId = getattr(message, message.WhichOneof("point_id_options"))
    return value


def upsert(name: str, update: Upsert, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.UpsertPoints(collection_name=name, **parts)
    for row in rows_of(update):
        point = message.points.add(id=point_id(row.id))
        fill_payload(point.payload, row.payload)
        _fill_vectors(point.vectors, row.vectors)
    return message


def _fill_vectors(message: Any, vectors: Mapping[str, Sequence[float]]) -> None:
    if list(vectors) == [""]:
        message.vector.dense.data.extend(vectors[""])
        return
    message.vectors.SetInParent()
    for name, numbers in vectors.items():
        message.vectors.vectors[name].dense.data.extend(numbers)


def delete_points(name: str, update: DeletePoints, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.DeletePoints(collection_name=name, **parts)
    if update.ids is not None:
        message.points.points.SetInParent()
        message.points.points.ids.extend(map(point_id, update.ids))
    else:
        assert update.filter is not None
        message.points.filter.CopyFrom(filter_message(update.filter))
    return message


def filter_message(filter: Filter) -> Any:
    return qdrant_common_pb2.Filter(
        must=map(_condition, filter.must),
        should=map(_condition, filter.should),
        must_not=map(_condition, filter.must_not),
    )


def _condition(condition: Condition) -> Any:
    message = qdrant_common_pb2.Condition()
    if isinstance(condition, Filter):
        message.filter.CopyFrom(filter_message(condition))
    elif isinstance(condition, HasId):
        message.has_id.SetInParent()
        message.has_id.has_id.extend(map(point_id, condition.ids))
    else:
        _fill_field_condition(message.field, condition)
    return message


def _fill_field_condition(message: Any, condition: FieldCondition) -> None:
    message.key = condition.key.text
    match condition.predicate:
        case Range() as bounds:
            message.range.SetInParent()
            fill(message.range, bounds)
        case MatchValue(bool() as value):
            message.match.boolean = value
        case MatchValue(int() as value):
            message.match.integer = value
        case MatchValue(value):
            message.match.keyword = value
        case MatchAny(values):
            _fill_list(message.match, "keywords", "integers", values)
        case MatchExcept(values):
            _fill_list(message.match, "except_keywords", "except_integers", values)


def _fill_list(message: Any, strings: str, integers: str, values: Iterable[Any]) -> None:
    items = list(values)
    if items and isinstance(items[0], int):
        getattr(message, integers).integers.extend(items)
    else:
        getattr(message, strings).SetInParent()
        getattr(message, strings).strings.extend(items)


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
    _fill_filter(message, request.filter)
    _select(message, request.selection)
    return message


def count(name: str, request: Count, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.CountPoints(collection_name=name, exact=request.exact, **parts)
    _fill_filter(message, request.filter)
    return message


def query(name: str, request: Query, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.QueryPoints(
        collection_name=name, limit=request.limit, offset=request.offset, **parts
    )
    if isinstance(request.target, NearestToVector):
        message.query.nearest.dense.data.extend(request.target.vector.tolist())
    elif isinstance(request.target, NearestToPoint):
        message.query.nearest.id.CopyFrom(point_id(request.target.id))
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
    return Record(read_point_id(message.id), payload, vectors)


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
        return named_vectors({"": _dense(vectors.vector)})
    return named_vectors({name: _dense(item) for name, item in vectors.vectors.vectors.items()})


def _dense(message: Any) -> list[float]:
    numbers = list(message.dense.data)
    assert list(message.data) == numbers, "what old clients read differs"
    return numbers
