"""The messages that a gRPC client sends to change points and to index their payloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tests.contract.client_parts import rows_of
from tests.contract.filter_messages import filter_message, point_id
from tests.contract.generic_messages import enum_number, fill_payload
from tests.contract.index_messages import fill_field_type
from vexfs_twisted.model.collection_params import SparseVectorParams, VectorParams
from vexfs_twisted.model.commands import CreateVectorName, DeleteVectorName, VectorNameCommand
from vexfs_twisted.model.payload_index import CreateFieldIndex, DeleteFieldIndex
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    Update,
    UpdateVectors,
    Upsert,
)
from vexfs_twisted.rpc.generated import collections_pb2
from vexfs_twisted.rpc.generated import points_pb2 as pb

_ENUMS = collections_pb2.DESCRIPTOR.enum_types_by_name
DATATYPES, DISTANCES, MODIFIERS = (_ENUMS[n] for n in ("Datatype", "Distance", "Modifier"))

_Operation = pb.PointsUpdateOperation
_KINDS: Mapping[type, tuple[str, type[Any], str]] = {
    Upsert: ("Upsert", pb.UpsertPoints, "upsert"),
    DeletePoints: ("Delete", pb.DeletePoints, "delete_points"),
    UpdateVectors: ("UpdateVectors", pb.UpdatePointVectors, "update_vectors"),
    DeleteVectors: ("DeleteVectors", pb.DeletePointVectors, "delete_vectors"),
    SetPayload: ("SetPayload", pb.SetPayloadPoints, "set_payload"),
    OverwritePayload: ("OverwritePayload", pb.SetPayloadPoints, "overwrite_payload"),
    DeletePayload: ("DeletePayload", pb.DeletePayloadPoints, "delete_payload"),
    ClearPayload: ("ClearPayload", pb.ClearPayloadPoints, "clear_payload"),
    CreateFieldIndex: ("CreateFieldIndex", pb.CreateFieldIndexCollection, ""),
    DeleteFieldIndex: ("DeleteFieldIndex", pb.DeleteFieldIndexCollection, ""),
    CreateVectorName: ("CreateVectorName", pb.CreateVectorNameRequest, ""),
    DeleteVectorName: ("DeleteVectorName", pb.DeleteVectorNameRequest, ""),
}
"""Kind of update -> its method, the request of that, and the name that it has in a batch."""


def update_call(
    name: str, update: Update | VectorNameCommand, parts: Mapping[str, Any]
) -> tuple[str, Any]:
    """The method of qdrant.Points for one update, and the request."""
    method, request_class, _ = _KINDS[type(update)]
    message = request_class(collection_name=name, **parts)
    if isinstance(update, VectorNameCommand):
        message.vector_name = update.name
        if isinstance(update, CreateVectorName):
            _fill_params(message, update.params)
    else:
        _fill(message, update)
    return method, message


def batch_operation(update: Update) -> Any:
    """The update as one operation of a batch."""
    message = _Operation()
    part = getattr(message, _KINDS[type(update)][2])
    part.SetInParent()
    _fill(part, update)
    return message


def _fill(message: Any, update: Any) -> None:
    match update:
        case Upsert():
            _fill_points(message, update)
            mode = message.DESCRIPTOR.fields_by_name["update_mode"].enum_type
            message.update_mode = enum_number(mode, update.mode)
        case UpdateVectors(ids, vectors, condition):
            _fill_points(message, Upsert(ids, vectors, [b"{}"] * len(ids), condition))
        case SetPayload() | OverwritePayload():
            fill_payload(message.payload, orjson.loads(update.payload))
            _select(message.points_selector, update)
            if isinstance(update, SetPayload) and update.key is not None:
                message.key = update.key.text
        case DeletePayload():
            message.keys.extend(path.text for path in update.keys)
            _select(message.points_selector, update)
        case DeleteVectors():
            message.vectors.names.extend(update.names)
            _select(message.points_selector, update)
        case CreateFieldIndex(field, schema):
            message.field_name = field.text
            fill_field_type(message, schema)
        case DeleteFieldIndex(field):
            message.field_name = field.text
        case _:
            _select(message.points, update)


def _fill_params(message: Any, params: VectorParams | SparseVectorParams) -> None:
    if isinstance(params, SparseVectorParams):
        message.sparse_config.SetInParent()
        if params.modifier is not None:
            message.sparse_config.modifier = enum_number(MODIFIERS, params.modifier)
        return
    dense = message.dense_config
    dense.size = params.size
    dense.distance = enum_number(DISTANCES, params.distance)
    if params.datatype is not None:
        dense.datatype = enum_number(DATATYPES, params.datatype)
    if params.multivector_config is not None:
        dense.multivector_config.SetInParent()


def _fill_points(message: Any, update: Upsert) -> None:
    """Fill in points and their condition, for requests whose points have no payloads too."""
    for row in rows_of(update):
        point = message.points.add(id=point_id(row.id))
        if row.payload:
            fill_payload(point.payload, row.payload)
        _fill_vectors(point.vectors, row.vectors)
    if update.update_filter is not None:
        message.update_filter.CopyFrom(filter_message(update.update_filter))


def _fill_vectors(message: Any, vectors: Mapping[str, Any]) -> None:
    if list(vectors) == [""]:
        _fill_vector(message.vector, vectors[""])
        return
    message.vectors.SetInParent()
    for name, given in vectors.items():
        _fill_vector(message.vectors.vectors[name], given)


def _fill_vector(message: Any, given: Any) -> None:
    if isinstance(given, Mapping):
        message.sparse.SetInParent()
        message.sparse.indices.extend(given["indices"])
        message.sparse.values.extend(given["values"])
    elif given and isinstance(given[0], list):
        for row in given:
            message.multi_dense.vectors.add().data.extend(row)
    else:
        message.dense.data.extend(given)


def _select(message: Any, update: Any) -> None:
    if update.ids is not None:
        message.points.SetInParent()
        message.points.ids.extend(map(point_id, update.ids))
    elif update.filter is not None:
        message.filter.CopyFrom(filter_message(update.filter))
