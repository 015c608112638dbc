"""Codecs of updates of points, single ones and batches.

An update has the same fields in its own request and as an operation of a batch, so each decoder
takes either message. The read functions raise DomainErrors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...model.errors import MalformedMessage, Problem, ValidationError
from ...model.filters import Filter
from ...model.ids import PointId
from ...model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    Update,
    UpdateMode,
    UpdateResult,
    UpdateStatus,
    UpdateVectors,
    Upsert,
)
from ...model.vectors import VectorColumn
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb
from .fields import read_enum, refuse_shard_keys
from .filters import read_filter, read_optional_filter, read_path, read_paths
from .ids import read_id, read_ids
from .payloads import read_payload
from .vectors import read_columns

Operation = pb.PointsUpdateOperation

Chosen = tuple[Sequence[PointId] | None, Filter | None]
"""The points that an update selects: by ids or by a filter."""

_MODES = {
    pb.UpdateMode.Upsert: UpdateMode.UPSERT,
    pb.UpdateMode.InsertOnly: UpdateMode.INSERT_ONLY,
    pb.UpdateMode.UpdateOnly: UpdateMode.UPDATE_ONLY,
}
_NO_SELECTOR = {
    "points": "PointsSelector is missing",
    "points_selector": "points_selector is expected",
}
"""Error messages for an update without a selector, by the field of the selector."""

_STATUSES: Mapping[UpdateStatus, int] = {
    UpdateStatus.ACKNOWLEDGED: pb.UpdateStatus.Acknowledged,
    UpdateStatus.COMPLETED: pb.UpdateStatus.Completed,
    UpdateStatus.WAIT_TIMEOUT: pb.UpdateStatus.WaitTimeout,
}


def read_upsert(
    message: bulk.UpsertPoints | pb.UpsertPoints | Operation.PointStructList,
    columns: dict[str, VectorColumn] | None = None,
) -> Upsert:
    """Decode an upsert of whole points; their vectors unless `columns` has them."""
    refuse_shard_keys(message)
    points = message.points
    return Upsert(
        ids=[point.id.num or read_id(point.id) for point in points],
        vectors=read_columns(points) if columns is None else columns,
        payloads=[read_payload(point.payload) for point in points],
        update_filter=read_optional_filter(message, "update_filter", "update_filter"),
        mode=read_enum(message, "update_mode", _MODES) or UpdateMode.UPSERT,
    )


def read_update_vectors(message: pb.UpdatePointVectors | Operation.UpdateVectors) -> UpdateVectors:
    """Decode an update of the vectors of existing points."""
    refuse_shard_keys(message)
    points = message.points
    if not points:
        raise ValidationError([Problem("points", "must specify points to update")])
    for index, point in enumerate(points):
        vectors = point.vectors
        kind = vectors.WhichOneof("vectors_options")
        if kind is None or (kind == "vectors" and not vectors.vectors.vectors):
            text = "must specify vectors to update for point"
            raise ValidationError([Problem(f"points[{index}].vectors", text)])
    return UpdateVectors(
        ids=[read_id(point.id) for point in points],
        vectors=read_columns(points),
        update_filter=read_optional_filter(message, "update_filter", "update_filter"),
    )


def read_delete_vectors(message: pb.DeletePointVectors | Operation.DeleteVectors) -> DeleteVectors:
    """Decode a deletion of vectors by name."""
    refuse_shard_keys(message)
    names = tuple(dict.fromkeys(message.vectors.names))
    if not names:
        text = "must specify vector names to delete"
        raise ValidationError([Problem("vectors.names", text)])
    return DeleteVectors(names, *_read_points(message, "points_selector"))


def read_delete(message: pb.DeletePoints | Operation.DeletePoints) -> DeletePoints:
    """Decode a deletion of points."""
    refuse_shard_keys(message)
    return DeletePoints(*_read_points(message, "points"))


def read_set_payload(message: pb.SetPayloadPoints | Operation.SetPayload) -> SetPayload:
    """Decode a merge into payloads, at the top level or below a path."""
    refuse_shard_keys(message)
    chosen = _read_points(message, "points_selector")
    key = read_path(message.key) if message.HasField("key") else None
    return SetPayload(read_payload(message.payload), *chosen, key)


def read_overwrite_payload(
    message: pb.SetPayloadPoints | Operation.OverwritePayload,
) -> OverwritePayload:
    """Decode a replacement of whole payloads; a path has no effect."""
    refuse_shard_keys(message)
    return OverwritePayload(
        read_payload(message.payload), *_read_points(message, "points_selector")
    )


def read_delete_payload(message: pb.DeletePayloadPoints | Operation.DeletePayload) -> DeletePayload:
    """Decode a deletion of the values at some paths of payloads."""
    refuse_shard_keys(message)
    return DeletePayload(read_paths(message.keys), *_read_points(message, "points_selector"))


def read_clear_payload(message: pb.ClearPayloadPoints | Operation.ClearPayload) -> ClearPayload:
    """Decode a deletion of whole payloads."""
    refuse_shard_keys(message)
    return ClearPayload(*_read_points(message, "points"))


def read_batch(message: pb.UpdateBatchPoints) -> list[Update]:
    """Decode a batch of updates of all kinds, in order; at least one."""
    if not message.operations:
        raise ValidationError([Problem("operations", "must be 1 characters or longer")])
    operations = enumerate(message.operations)
    return [_read_operation(operation, f"operations[{i}]") for i, operation in operations]


def _read_operation(message: Operation, place: str) -> Update:
    kind = message.WhichOneof("operation")
    if kind is None:
        raise MalformedMessage(f"{place}: the operation is not set")
    try:
        return OPERATIONS[kind](getattr(message, kind))
    except ValidationError as error:
        where = f"{place}.{kind}"
        problems = [Problem(f"{where}.{found.path}", found.text) for found in error.problems]
        raise ValidationError(problems) from None


def _read_points(message: Any, field: str) -> Chosen:
    """Decode the selector of points in a field of an update."""
    if not message.HasField(field):
        raise MalformedMessage(_NO_SELECTOR[field])
    return _read_selector(getattr(message, field))


def _read_selector(selector: pb.PointsSelector) -> Chosen:
    kind = selector.WhichOneof("points_selector_one_of")
    if kind == "points":
        return read_ids(selector.points.ids), None
    if kind == "filter":
        return None, read_filter(selector.filter)
    raise MalformedMessage("Malformed PointsSelector type")


OPERATIONS: Mapping[str, Callable[[Any], Update]] = {
    "upsert": read_upsert,
    "delete_points": read_delete,
    "delete_deprecated": lambda selector: DeletePoints(*_read_selector(selector)),
    "set_payload": read_set_payload,
    "overwrite_payload": read_overwrite_payload,
    "delete_payload": read_delete_payload,
    "clear_payload": read_clear_payload,
    "clear_payload_deprecated": lambda selector: ClearPayload(*_read_selector(selector)),
    "update_vectors": read_update_vectors,
    "delete_vectors": read_delete_vectors,
}
"""Decoders of the operations of a batch by kind."""


def write_update_result(result: UpdateResult) -> pb.PointsOperationResponse:
    """The response to an update. `usage` is present but empty, as none is measured."""
    response = pb.PointsOperationResponse()
    _write_result(result, response.result)
    response.usage.SetInParent()
    return response


def write_update_results(results: Iterable[UpdateResult]) -> pb.UpdateBatchResponse:
    """The response to a batch of updates."""
    response = pb.UpdateBatchResponse()
    for result in results:
        _write_result(result, response.result.add())
    response.usage.SetInParent()
    return response


def _write_result(result: UpdateResult, message: pb.UpdateResult) -> None:
    message.status = _STATUSES[result.status]
    if result.operation_id is not None:
        message.operation_id = result.operation_id
