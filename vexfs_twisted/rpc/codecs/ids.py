"""The codec of point ids."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.errors import MalformedMessage
from ...model.ids import PointId, canonical_uuid
from ..generated import qdrant_common_pb2 as common


def read_id(message: common.PointId) -> PointId:
    """Decode an id. Raises MalformedMessage if it is unset or not a valid UUID."""
    number = message.num
    if number:
        return number
    kind = message.WhichOneof("point_id_options")
    if kind == "num":
        return 0
    if kind is None:
        raise MalformedMessage("No ID options provided")
    uuid = canonical_uuid(message.uuid)
    if uuid is None:
        raise MalformedMessage(f"Unable to parse UUID: {message.uuid}")
    return uuid


def read_ids(messages: Iterable[common.PointId]) -> list[PointId]:
    """Decode ids, in order. Raises MalformedMessage."""
    return [read_id(message) for message in messages]


def write_id(point_id: PointId, message: common.PointId) -> None:
    """Write an id into `message`."""
    if isinstance(point_id, int):
        message.num = point_id
    else:
        message.uuid = point_id
