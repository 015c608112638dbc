"""The messages that a gRPC client sends and reads about points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.contract.client_parts import dump_payload, named_vectors
from tests.contract.filter_messages import point_id
from tests.contract.generic_messages import read_enum, read_payload
from tests.contract.query_messages import fill_filter, fill_order, select
from vexfs_twisted.model.distance_matrix import DistanceMatrix, MatrixRequest
from vexfs_twisted.model.groups import GroupQuery, PointGroup
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import (
    Count,
    Facet,
    FacetHit,
    PayloadMode,
    Record,
    ScoredPoint,
    Scroll,
    Selection,
)
from vexfs_twisted.model.query_forms import OrderValue
from vexfs_twisted.model.updates import UpdateResult, UpdateStatus
from vexfs_twisted.rpc.generated import points_pb2


def read_point_id(message: Any) -> PointId:
    value: PointId = getattr(message, message.WhichOneof("point_id_options"))
    return value


def get(name: str, ids: Sequence[PointId], selection: Selection, parts: Mapping[str, Any]) -> Any:
    ids_of_points = map(point_id, ids)
    message = points_pb2.GetPoints(collection_name=name, ids=ids_of_points, **parts)
    select(message, selection)
    return message


def scroll(name: str, request: Scroll, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.ScrollPoints(collection_name=name, limit=request.limit, **parts)
    if request.offset is not None:
        message.offset.CopyFrom(point_id(request.offset))
    if request.order_by is not None:
        fill_order(message.order_by, request.order_by)
    fill_filter(message, request.filter)
    select(message, request.selection)
    return message


def facet(name: str, request: Facet, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.FacetCounts(
        collection_name=name,
        key=request.key.text,
        limit=request.limit,
        exact=request.exact,
        **parts,
    )
    fill_filter(message, request.filter)
    return message


def read_facet_hit(message: Any) -> FacetHit:
    return FacetHit(getattr(message.value, message.value.WhichOneof("variant")), message.count)


def count(name: str, request: Count, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.CountPoints(collection_name=name, exact=request.exact, **parts)
    fill_filter(message, request.filter)
    return message


def matrix(name: str, request: MatrixRequest, parts: Mapping[str, Any]) -> Any:
    message = points_pb2.SearchMatrixPoints(
        collection_name=name, sample=request.sample, limit=request.limit, **parts
    )
    if request.using:
        message.using = request.using
    fill_filter(message, request.filter)
    return message


def read_matrix(message: Any) -> DistanceMatrix:
    ids = [read_point_id(own) for own in message.ids]
    rows = np.array(message.offsets_row, dtype=np.int64)
    columns = np.array(message.offsets_col, dtype=np.int64)
    return DistanceMatrix(ids, rows, columns, np.array(message.scores, dtype=np.float32))


def check_pairs(message: Any, matrix: DistanceMatrix) -> None:
    """Check that pairs are those of the matrix."""
    found = [(read_point_id(own.a), read_point_id(own.b), own.score) for own in message.pairs]
    ids, numbers = matrix.ids, (matrix.rows, matrix.columns, matrix.scores)
    entries = zip(*(column.tolist() for column in numbers), strict=True)
    assert found == [(ids[row], ids[column], score) for row, column, score in entries]


def read_group(message: Any, request: GroupQuery) -> PointGroup:
    hits = [read_scored_point(hit, request.query.selection) for hit in message.hits]
    lookup = None
    if message.HasField("lookup"):
        assert request.lookup is not None, "a record that was not asked for"
        lookup = read_record(message.lookup, request.lookup.selection)
    return PointGroup(getattr(message.id, message.id.WhichOneof("kind")), hits, lookup)


def read_update_result(message: Any) -> UpdateResult:
    operation_id = message.operation_id if message.HasField("operation_id") else None
    return UpdateResult(operation_id, read_enum(message, "status", UpdateStatus))


def read_record(message: Any, selection: Selection) -> Record:
    payload, vectors = _payload(message, selection), _vectors(message, selection)
    return Record(read_point_id(message.id), payload, vectors, _order_value(message))


def read_scored_point(message: Any, selection: Selection) -> ScoredPoint:
    payload, vectors = _payload(message, selection), _vectors(message, selection)
    point_id, order_value = read_point_id(message.id), _order_value(message)
    return ScoredPoint(point_id, message.version, message.score, payload, vectors, order_value)


def _order_value(message: Any) -> OrderValue | None:
    if not message.HasField("order_value"):
        return None
    value: OrderValue = getattr(message.order_value, message.order_value.WhichOneof("variant"))
    return value


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
