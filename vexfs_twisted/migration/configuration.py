"""The configuration of a collection, from what a server tells to what another is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from ..rpc.generated import collections_pb2, points_pb2
from .points import dense_params

_VECTORS = ("vectors_config", "sparse_vectors_config")
_OF_PARAMS = (
    "shard_number",
    "on_disk_payload",
    "replication_factor",
    "write_consistency_factor",
    "sharding_method",
    "payload",
    "id_tracker",
    *_VECTORS,
)
_OF_CONFIG = {
    "hnsw_config": "hnsw_config",
    "optimizer_config": "optimizers_config",
    "wal_config": "wal_config",
    "quantization_config": "quantization_config",
    "strict_mode_config": "strict_mode_config",
}
_FAN_OUT = ("read_fan_out_factor", "read_fan_out_delay_ms")
INDEXES, ALIASES = "payload_schema", "aliases"

SETTINGS = (*(name for name in _OF_PARAMS if name not in _VECTORS), *_OF_CONFIG.values())
LEFT_OUT = frozenset({*SETTINGS, *_FAN_OUT, "metadata", INDEXES, ALIASES})
"""What may be left out of a copy, by the names of Qdrant's interface."""


def create_request(
    name: str, config: collections_pb2.CollectionConfig, left_out: Collection[str] = ()
) -> collections_pb2.CreateCollection:
    """The request that creates a collection of this configuration."""
    request = collections_pb2.CreateCollection(collection_name=name)
    for field in _OF_PARAMS:
        _copy(config.params, field, request, field)
    for field, wanted in _OF_CONFIG.items():
        _copy(config, field, request, wanted)
    request.metadata.MergeFrom(config.metadata)
    for field in LEFT_OUT.intersection(left_out).intersection(request.DESCRIPTOR.fields_by_name):
        request.ClearField(field)
    return request


def _copy(source: Message, field: str, target: Message, wanted: str) -> None:
    kind = source.DESCRIPTOR.fields_by_name[field]
    if kind.has_presence and not source.HasField(field):
        return
    value = getattr(source, field)
    if kind.message_type is None:
        setattr(target, wanted, value)
    else:
        getattr(target, wanted).CopyFrom(value)


def update_request(
    name: str, config: collections_pb2.CollectionConfig, left_out: Collection[str] = ()
) -> collections_pb2.UpdateCollection | None:
    """The request for what cannot be given when a collection is created; None: nothing."""
    request = collections_pb2.UpdateCollection(collection_name=name)
    for field in _FAN_OUT:
        if field not in left_out:
            _copy(config.params, field, request.params, field)
    return request if request.HasField("params") and request.params.ByteSize() else None


def index_requests(
    name: str, info: collections_pb2.CollectionInfo, left_out: Collection[str] = ()
) -> tuple[points_pb2.CreateFieldIndexCollection, ...]:
    """The requests that create the payload indexes of a collection."""
    if INDEXES in left_out:
        return ()
    return tuple(
        _index_request(name, field, info.payload_schema[field])
        for field in sorted(info.payload_schema)
        if f"{INDEXES}.{field}" not in left_out
    )


def _index_request(
    name: str, field: str, schema: collections_pb2.PayloadSchemaInfo
) -> points_pb2.CreateFieldIndexCollection:
    request = points_pb2.CreateFieldIndexCollection(
        collection_name=name, field_name=field, wait=True
    )
    if schema.data_type != collections_pb2.PayloadSchemaType.UnknownType:
        # The same types in the same order, of which one begins with an unknown one.
        request.field_type = schema.data_type - 1
    if schema.HasField("params") and schema.params.WhichOneof("index_params") is not None:
        request.field_index_params.CopyFrom(schema.params)
    return request


def unknown_settings(config: collections_pb2.CollectionConfig) -> Iterator[str]:
    """The fields of a configuration that only a later version of the interface knows."""
    for place, message in (("config", config), ("config.params", config.params)):
        unknown = UnknownFieldSet(message)
        for number in range(len(unknown)):
            yield f"field {unknown[number].field_number} of {place}"


def digest(messages: Iterable[Message]) -> str:
    """A checksum of messages that is equal where they are."""
    checksum = hashlib.sha256()
    for message in messages:
        data = message.SerializeToString(deterministic=True)
        checksum.update(len(data).to_bytes(8, "little") + data)
    return checksum.hexdigest()


def configuration_digest(info: collections_pb2.CollectionInfo) -> str:
    """The digest of what is configured for a collection, payload indexes included."""
    return digest([info.config, *index_requests("", info)])


def differences(wanted: Message, found: Message, path: str = "") -> Iterator[str]:
    """The fields that are set in `wanted` and otherwise in `found`, by their paths."""
    for field, value in wanted.ListFields():
        name = f"{path}{field.name}"
        other = getattr(found, field.name)
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            for key in value:
                if key not in other:
                    yield f"{name}.{key}"
                elif isinstance(value[key], Message):
                    yield from differences(value[key], other[key], f"{name}.{key}.")
                elif value[key] != other[key]:
                    yield f"{name}.{key}"
        elif field.message_type is not None and not field.is_repeated:
            yield from differences(value, other, f"{name}.")
        elif value != other:
            yield name


def vector_differences(
    wanted: collections_pb2.CreateCollection, found: collections_pb2.CreateCollection
) -> list[str]:
    """What keeps points of one collection out of the other, or has them compared otherwise."""
    lines = []
    ours, theirs = dense_params(wanted.vectors_config), dense_params(found.vectors_config)
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            lines.append(f"vector `{name}` is on one side only")
            continue
        for field in ("size", "distance"):
            if getattr(ours[name], field) != getattr(theirs[name], field):
                lines.append(f"the {field} of vector `{name}` is another")
        if ours[name].HasField("multivector_config") != theirs[name].HasField("multivector_config"):
            lines.append(f"vector `{name}` is a multivector on one side only")
    sparse = set(wanted.sparse_vectors_config.map) ^ set(found.sparse_vectors_config.map)
    return lines + [f"sparse vector `{name}` is on one side only" for name in sorted(sparse)]
