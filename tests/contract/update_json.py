"""The requests that a REST client sends to change points and to index their payloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from tests.contract.client_parts import rows_of
from tests.filter_json import filter_to_json
from vexfs_twisted.model.collection_params import VectorParams
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
    UpdateMode,
    UpdateVectors,
    Upsert,
)

Json = dict[str, Any]
UpsertJson = Callable[[Upsert], Json]
"""Writes the points of an upsert, as a list or as columns."""


class UpdateCall(NamedTuple):
    """An update as REST takes it; `path` is what follows the collection's."""

    method: str
    path: str
    body: Json | None


def update_call(update: Update | VectorNameCommand, upsert_json: UpsertJson) -> UpdateCall:
    """The request for one update."""
    match update:
        case CreateFieldIndex():
            return UpdateCall("PUT", "/index", _create_index(update))
        case CreateVectorName():
            return UpdateCall("PUT", f"/vectors/{quote(update.name, safe='')}", _vector(update))
        case DeleteVectorName():
            return UpdateCall("DELETE", f"/vectors/{quote(update.name, safe='')}", None)
        case DeleteFieldIndex():
            return UpdateCall("DELETE", f"/index/{quote(update.field.text, safe='')}", None)
    method, path = _ENDPOINTS[type(update)]
    return UpdateCall(method, f"/points{path}", _body(update, upsert_json))


def batch_operation(update: Update, upsert_json: UpsertJson) -> Json:
    """The update as one operation of a batch."""
    return {_OPERATIONS[type(update)]: _body(update, upsert_json)}


def _body(update: Any, upsert_json: UpsertJson) -> Json:
    match update:
        case Upsert():
            return upsert_json(update) | _condition(update) | {"update_mode": _mode(update)}
        case UpdateVectors():
            return {"points": _point_vectors(update)} | _condition(update)
        case SetPayload():
            body = {"payload": orjson.loads(update.payload)} | _selector(update)
            return body if update.key is None else body | {"key": update.key.text}
        case OverwritePayload():
            return {"payload": orjson.loads(update.payload)} | _selector(update)
        case DeletePayload():
            return {"keys": [path.text for path in update.keys]} | _selector(update)
        case DeleteVectors():
            return {"vector": list(update.names)} | _selector(update)
    return _selector(update)


def _selector(update: Any) -> Json:
    if update.ids is not None:
        return {"points": list(update.ids)}
    return {} if update.filter is None else {"filter": filter_to_json(update.filter)}


def _condition(update: Upsert | UpdateVectors) -> Json:
    if update.update_filter is None:
        return {}
    return {"update_filter": filter_to_json(update.update_filter)}


def _mode(update: Upsert) -> str | None:
    return None if update.mode is UpdateMode.UPSERT else update.mode.value


def _point_vectors(update: UpdateVectors) -> list[Json]:
    whole = Upsert(update.ids, update.vectors, [b"{}"] * len(update.ids))
    return [{"id": row.id, "vector": row.vectors} for row in rows_of(whole)]


def _vector(command: CreateVectorName) -> Json:
    params = command.params
    if isinstance(params, VectorParams):
        own: Json = {"size": params.size, "distance": params.distance.value}
        if params.datatype is not None:
            own["datatype"] = params.datatype.value
        if params.multivector_config is not None:
            own["multivector_config"] = {"comparator": params.multivector_config.comparator.value}
        return {"dense": own}
    sparse: Json = {}
    if params.modifier is not None:
        sparse["modifier"] = params.modifier.value
    if params.index is not None and params.index.datatype is not None:
        sparse["datatype"] = params.index.datatype.value
    return {"sparse": sparse}


def _create_index(update: CreateFieldIndex) -> Json:
    declared = update.schema.declared
    schema = update.schema.type.value if declared is None else dict(declared)
    return {"field_name": update.field.text, "field_schema": schema}


_ENDPOINTS = {
    Upsert: ("PUT", ""),
    DeletePoints: ("POST", "/delete"),
    UpdateVectors: ("PUT", "/vectors"),
    DeleteVectors: ("POST", "/vectors/delete"),
    SetPayload: ("POST", "/payload"),
    OverwritePayload: ("PUT", "/payload"),
    DeletePayload: ("POST", "/payload/delete"),
    ClearPayload: ("POST", "/payload/clear"),
}
_OPERATIONS = {
    Upsert: "upsert",
    DeletePoints: "delete",
    UpdateVectors: "update_vectors",
    DeleteVectors: "delete_vectors",
    SetPayload: "set_payload",
    OverwritePayload: "overwrite_payload",
    DeletePayload: "delete_payload",
    ClearPayload: "clear_payload",
}
