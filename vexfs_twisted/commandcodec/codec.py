"""The codec of collection commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..model.collection import UpdateCollection
from ..model.collection_params import SparseVectorParams, VectorParams
from ..model.commands import Command, CreateVectorName, DeleteVectorName
from ..model.filters import Filter
from ..model.ids import PointId
from ..model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ..model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateMode,
    UpdateVectors,
    Upsert,
)
from .configuration import decode_part, decode_schema, encode_part, encode_schema
from .filters import decode_filter, encode_filter
from .generated import commands_pb2 as pb
from .messages import UndecodableCommand, missing, parsed
from .values import decode_path, decode_point_ids, encode_point_ids
from .vectors import decode_columns, encode_columns

VERSION = 1

_Chooses: TypeAlias = (
    DeletePoints | SetPayload | OverwritePayload | DeletePayload | ClearPayload | DeleteVectors
)

_MODES = {
    UpdateMode.UPSERT: pb.UPDATE_MODE_UPSERT,
    UpdateMode.INSERT_ONLY: pb.UPDATE_MODE_INSERT_ONLY,
    UpdateMode.UPDATE_ONLY: pb.UPDATE_MODE_UPDATE_ONLY,
}
_MODES_BACK = {number: mode for mode, number in _MODES.items()}


def encode(command: Command) -> bytes:
    """Encode a command: equal bytes for equal commands.

    Raises ValueError for a command that could not be applied anyway, such as one whose
    configuration has a number that JSON cannot represent.
    """
    return write_command(command).SerializeToString(deterministic=True)


def decode(data: bytes) -> Command:
    """The inverse of `encode`. Sequences become lists, and arrays are read-only.

    Raises UndecodableCommand for an unknown version or kind, and for an unknown field at any depth.
    """
    return read_command(parsed(pb.Command, data))


def write_command(command: Command) -> pb.Command:
    """The message of a command. Raises ValueError as `encode`."""
    field, write = _WRITERS[type(command)]
    return pb.Command(version=VERSION, **{field: write(command)})


def read_command(message: pb.Command) -> Command:
    """The inverse of `write_command` for what `parsed` has found. Raises UndecodableCommand."""
    check_version(message.version)
    kind = message.WhichOneof("kind")
    if kind is None:
        raise missing(message, "kind")
    return _READERS[kind](getattr(message, kind))


def check_version(found: int) -> None:
    """Raise UndecodableCommand unless commands of this version can be decoded."""
    if found != VERSION:
        raise UndecodableCommand(f"a command of version {found}, and only {VERSION} is known")


def _choice(command: _Chooses) -> pb.Choice:
    ids, filter_ = command.ids, command.filter
    return pb.Choice(
        ids=None if ids is None else encode_point_ids(ids),
        filter=None if filter_ is None else encode_filter(filter_),
    )


def _chosen(message: pb.Choice) -> tuple[list[PointId] | None, Filter | None]:
    ids = decode_point_ids(message.ids) if message.HasField("ids") else None
    return ids, decode_filter(message.filter) if message.HasField("filter") else None


def _write_upsert(command: Upsert) -> pb.Upsert:
    condition = command.update_filter
    return pb.Upsert(
        ids=encode_point_ids(command.ids),
        vectors=encode_columns(command.vectors),
        payloads=command.payloads,
        update_filter=None if condition is None else encode_filter(condition),
        mode=_MODES[command.mode],
    )


def _read_upsert(message: pb.Upsert) -> Upsert:
    ids = decode_point_ids(message.ids)
    payloads = list(message.payloads)
    if len(ids) != len(payloads):
        raise UndecodableCommand(f"{len(ids)} ids and {len(payloads)} payloads")
    if message.mode not in _MODES_BACK:
        raise UndecodableCommand(f"a mode of upserts, {message.mode}, that is not known")
    condition = decode_filter(message.update_filter) if message.HasField("update_filter") else None
    vectors = decode_columns(message.vectors)
    return Upsert(ids, vectors, payloads, condition, _MODES_BACK[message.mode])


def _write_set_payload(command: SetPayload) -> pb.SetPayload:
    key = None if command.key is None else command.key.text
    return pb.SetPayload(points=_choice(command), payload=command.payload, key=key)


def _read_set_payload(message: pb.SetPayload) -> SetPayload:
    key = decode_path(message.key) if message.HasField("key") else None
    return SetPayload(message.payload, *_chosen(message.points), key)


def _write_delete_payload(command: DeletePayload) -> pb.DeletePayload:
    keys = [key.text for key in command.keys]
    return pb.DeletePayload(points=_choice(command), keys=keys)


def _read_delete_payload(message: pb.DeletePayload) -> DeletePayload:
    return DeletePayload(tuple(map(decode_path, message.keys)), *_chosen(message.points))


def _write_update_vectors(command: UpdateVectors) -> pb.UpdateVectors:
    condition = command.update_filter
    return pb.UpdateVectors(
        ids=encode_point_ids(command.ids),
        vectors=encode_columns(command.vectors),
        update_filter=None if condition is None else encode_filter(condition),
    )


def _read_update_vectors(message: pb.UpdateVectors) -> UpdateVectors:
    condition = decode_filter(message.update_filter) if message.HasField("update_filter") else None
    return UpdateVectors(decode_point_ids(message.ids), decode_columns(message.vectors), condition)


def _write_create_index(command: CreateFieldIndex) -> pb.CreateFieldIndex:
    return pb.CreateFieldIndex(field=command.field.text, schema=encode_schema(command.schema))


def _write_create_name(command: CreateVectorName) -> pb.CreateVectorName:
    params = encode_part(command.params)
    if isinstance(command.params, VectorParams):
        return pb.CreateVectorName(name=command.name, dense=params)
    return pb.CreateVectorName(name=command.name, sparse=params)


def _read_create_name(message: pb.CreateVectorName) -> CreateVectorName:
    kind = message.WhichOneof("params")
    if kind is None:
        raise missing(message, "kind of vectors")
    if kind == "dense":
        return CreateVectorName(message.name, decode_part(message.dense, VectorParams))
    return CreateVectorName(message.name, decode_part(message.sparse, SparseVectorParams))


_Writer: TypeAlias = Callable[[Any], Any]
_Codec: TypeAlias = tuple[type[Command], str, _Writer, Callable[[Any], Command]]

_KINDS: Sequence[_Codec] = (
    (Upsert, "upsert", _write_upsert, _read_upsert),
    (
        DeletePoints,
        "delete_points",
        lambda command: pb.DeletePoints(points=_choice(command)),
        lambda message: DeletePoints(*_chosen(message.points)),
    ),
    (SetPayload, "set_payload", _write_set_payload, _read_set_payload),
    (
        OverwritePayload,
        "overwrite_payload",
        lambda command: pb.OverwritePayload(points=_choice(command), payload=command.payload),
        lambda message: OverwritePayload(message.payload, *_chosen(message.points)),
    ),
    (DeletePayload, "delete_payload", _write_delete_payload, _read_delete_payload),
    (
        ClearPayload,
        "clear_payload",
        lambda command: pb.ClearPayload(points=_choice(command)),
        lambda message: ClearPayload(*_chosen(message.points)),
    ),
    (UpdateVectors, "update_vectors", _write_update_vectors, _read_update_vectors),
    (
        DeleteVectors,
        "delete_vectors",
        lambda command: pb.DeleteVectors(points=_choice(command), names=command.names),
        lambda message: DeleteVectors(tuple(message.names), *_chosen(message.points)),
    ),
    (
        CreateFieldIndex,
        "create_field_index",
        _write_create_index,
        lambda message: CreateFieldIndex(decode_path(message.field), decode_schema(message.schema)),
    ),
    (
        DeleteFieldIndex,
        "delete_field_index",
        lambda command: pb.DeleteFieldIndex(field=command.field.text),
        lambda message: DeleteFieldIndex(decode_path(message.field)),
    ),
    (
        UpdateCollection,
        "update_collection",
        lambda command: pb.UpdateCollection(change=encode_part(command)),
        lambda message: decode_part(message.change, UpdateCollection),
    ),
    (CreateVectorName, "create_vector_name", _write_create_name, _read_create_name),
    (
        DeleteVectorName,
        "delete_vector_name",
        lambda command: pb.DeleteVectorName(name=command.name),
        lambda message: DeleteVectorName(message.name),
    ),
)
_WRITERS: Mapping[type, tuple[str, _Writer]] = {
    kind: (field, write) for kind, field, write, _ in _KINDS
}
_READERS: Mapping[str, Callable[[Any], Command]] = {field: read for _, field, _, read in _KINDS}
