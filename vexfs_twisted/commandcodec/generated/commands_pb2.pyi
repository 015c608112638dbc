"""vexfs/commands.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

# ruff: noqa: F401
from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Iterable, Mapping
from typing import Literal, type_check_only

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
)
from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

DESCRIPTOR: FileDescriptor

@type_check_only
class _UpdateMode(_EnumTypeWrapper[_int]):
    UPDATE_MODE_UPSERT: _int
    UPDATE_MODE_INSERT_ONLY: _int
    UPDATE_MODE_UPDATE_ONLY: _int

UpdateMode: _UpdateMode
UPDATE_MODE_UPSERT: _int
UPDATE_MODE_INSERT_ONLY: _int
UPDATE_MODE_UPDATE_ONLY: _int

class Command(Message):
    version: _int
    upsert: Upsert
    delete_points: DeletePoints
    set_payload: SetPayload
    overwrite_payload: OverwritePayload
    delete_payload: DeletePayload
    clear_payload: ClearPayload
    update_vectors: UpdateVectors
    delete_vectors: DeleteVectors
    create_field_index: CreateFieldIndex
    delete_field_index: DeleteFieldIndex
    update_collection: UpdateCollection
    create_vector_name: CreateVectorName
    delete_vector_name: DeleteVectorName
    def __init__(
        self,
        *,
        version: _int | None = None,
        upsert: Upsert | None = None,
        delete_points: DeletePoints | None = None,
        set_payload: SetPayload | None = None,
        overwrite_payload: OverwritePayload | None = None,
        delete_payload: DeletePayload | None = None,
        clear_payload: ClearPayload | None = None,
        update_vectors: UpdateVectors | None = None,
        delete_vectors: DeleteVectors | None = None,
        create_field_index: CreateFieldIndex | None = None,
        delete_field_index: DeleteFieldIndex | None = None,
        update_collection: UpdateCollection | None = None,
        create_vector_name: CreateVectorName | None = None,
        delete_vector_name: DeleteVectorName | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "upsert",
            "delete_points",
            "set_payload",
            "overwrite_payload",
            "delete_payload",
            "clear_payload",
            "update_vectors",
            "delete_vectors",
            "create_field_index",
            "delete_field_index",
            "update_collection",
            "create_vector_name",
            "delete_vector_name",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "upsert",
        "delete_points",
        "set_payload",
        "overwrite_payload",
        "delete_payload",
        "clear_payload",
        "update_vectors",
        "delete_vectors",
        "create_field_index",
        "delete_field_index",
        "update_collection",
        "create_vector_name",
        "delete_vector_name",
    ] | None: ...

class CommandBatch(Message):
    version: _int
    origin: Origin
    commands: RepeatedCompositeFieldContainer[Command]
    uid: _str
    def __init__(
        self,
        *,
        version: _int | None = None,
        origin: Origin | None = None,
        commands: Iterable[Command] | None = None,
        uid: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "origin",
            "uid",
        ],
    ) -> _bool: ...

class Origin(Message):
    source: _str
    counter: _int
    def __init__(
        self,
        *,
        source: _str | None = None,
        counter: _int | None = None,
    ) -> None: ...

class CatalogChange(Message):
    version: _int
    origin: Origin
    command: CatalogCommand
    def __init__(
        self,
        *,
        version: _int | None = None,
        origin: Origin | None = None,
        command: CatalogCommand | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "origin",
            "command",
        ],
    ) -> _bool: ...

class CatalogCommand(Message):
    version: _int
    add_collection: AddCollection
    drop_collection: DropCollection
    update_aliases: UpdateAliases
    def __init__(
        self,
        *,
        version: _int | None = None,
        add_collection: AddCollection | None = None,
        drop_collection: DropCollection | None = None,
        update_aliases: UpdateAliases | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "add_collection",
            "drop_collection",
            "update_aliases",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "add_collection",
        "drop_collection",
        "update_aliases",
    ] | None: ...

class Upsert(Message):
    ids: PointIds
    vectors: RepeatedCompositeFieldContainer[VectorColumn]
    payloads: RepeatedScalarFieldContainer[_bytes]
    update_filter: Filter
    mode: _int
    def __init__(
        self,
        *,
        ids: PointIds | None = None,
        vectors: Iterable[VectorColumn] | None = None,
        payloads: Iterable[_bytes] | None = None,
        update_filter: Filter | None = None,
        mode: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "ids",
            "update_filter",
        ],
    ) -> _bool: ...

class DeletePoints(Message):
    points: Choice
    def __init__(
        self,
        *,
        points: Choice | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
        ],
    ) -> _bool: ...

class SetPayload(Message):
    points: Choice
    payload: _bytes
    key: _str
    def __init__(
        self,
        *,
        points: Choice | None = None,
        payload: _bytes | None = None,
        key: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
            "key",
        ],
    ) -> _bool: ...

class OverwritePayload(Message):
    points: Choice
    payload: _bytes
    def __init__(
        self,
        *,
        points: Choice | None = None,
        payload: _bytes | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
        ],
    ) -> _bool: ...

class DeletePayload(Message):
    points: Choice
    keys: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        points: Choice | None = None,
        keys: Iterable[_str] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
        ],
    ) -> _bool: ...

class ClearPayload(Message):
    points: Choice
    def __init__(
        self,
        *,
        points: Choice | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
        ],
    ) -> _bool: ...

class UpdateVectors(Message):
    ids: PointIds
    vectors: RepeatedCompositeFieldContainer[VectorColumn]
    update_filter: Filter
    def __init__(
        self,
        *,
        ids: PointIds | None = None,
        vectors: Iterable[VectorColumn] | None = None,
        update_filter: Filter | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "ids",
            "update_filter",
        ],
    ) -> _bool: ...

class DeleteVectors(Message):
    points: Choice
    names: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        points: Choice | None = None,
        names: Iterable[_str] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
        ],
    ) -> _bool: ...

class CreateFieldIndex(Message):
    field: _str
    schema: _bytes
    def __init__(
        self,
        *,
        field: _str | None = None,
        schema: _bytes | None = None,
    ) -> None: ...

class DeleteFieldIndex(Message):
    field: _str
    def __init__(
        self,
        *,
        field: _str | None = None,
    ) -> None: ...

class UpdateCollection(Message):
    change: _bytes
    def __init__(
        self,
        *,
        change: _bytes | None = None,
    ) -> None: ...

class CreateVectorName(Message):
    name: _str
    dense: _bytes
    sparse: _bytes
    def __init__(
        self,
        *,
        name: _str | None = None,
        dense: _bytes | None = None,
        sparse: _bytes | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "dense",
            "sparse",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["params"],
    ) -> Literal[
        "dense",
        "sparse",
    ] | None: ...

class DeleteVectorName(Message):
    name: _str
    def __init__(
        self,
        *,
        name: _str | None = None,
    ) -> None: ...

class AddCollection(Message):
    name: _str
    config: _bytes
    uid: _str
    created: _float
    def __init__(
        self,
        *,
        name: _str | None = None,
        config: _bytes | None = None,
        uid: _str | None = None,
        created: _float | None = None,
    ) -> None: ...

class DropCollection(Message):
    name: _str
    uid: _str
    def __init__(
        self,
        *,
        name: _str | None = None,
        uid: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "uid",
        ],
    ) -> _bool: ...

class UpdateAliases(Message):
    actions: RepeatedCompositeFieldContainer[AliasAction]
    def __init__(
        self,
        *,
        actions: Iterable[AliasAction] | None = None,
    ) -> None: ...

class AliasAction(Message):
    create: CreateAlias
    delete: DeleteAlias
    rename: RenameAlias
    def __init__(
        self,
        *,
        create: CreateAlias | None = None,
        delete: DeleteAlias | None = None,
        rename: RenameAlias | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "create",
            "delete",
            "rename",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "create",
        "delete",
        "rename",
    ] | None: ...

class CreateAlias(Message):
    collection_name: _str
    alias_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        alias_name: _str | None = None,
    ) -> None: ...

class DeleteAlias(Message):
    alias_name: _str
    def __init__(
        self,
        *,
        alias_name: _str | None = None,
    ) -> None: ...

class RenameAlias(Message):
    old_alias_name: _str
    new_alias_name: _str
    def __init__(
        self,
        *,
        old_alias_name: _str | None = None,
        new_alias_name: _str | None = None,
    ) -> None: ...

class Choice(Message):
    ids: PointIds
    filter: Filter
    def __init__(
        self,
        *,
        ids: PointIds | None = None,
        filter: Filter | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "ids",
            "filter",
        ],
    ) -> _bool: ...

class PointIds(Message):
    integers: _bytes
    uuids: _bytes
    kinds: _bytes
    def __init__(
        self,
        *,
        integers: _bytes | None = None,
        uuids: _bytes | None = None,
        kinds: _bytes | None = None,
    ) -> None: ...

class VectorColumn(Message):
    name: _str
    dense: DenseColumn
    multi: MultiColumn
    sparse: SparseColumn
    positions: _bytes
    dimensions: RepeatedScalarFieldContainer[_int]
    def __init__(
        self,
        *,
        name: _str | None = None,
        dense: DenseColumn | None = None,
        multi: MultiColumn | None = None,
        sparse: SparseColumn | None = None,
        positions: _bytes | None = None,
        dimensions: Iterable[_int] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "dense",
            "multi",
            "sparse",
            "positions",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "dense",
        "multi",
        "sparse",
    ] | None: ...

class DenseColumn(Message):
    rows: _int
    width: _int
    data: _bytes
    def __init__(
        self,
        *,
        rows: _int | None = None,
        width: _int | None = None,
        data: _bytes | None = None,
    ) -> None: ...

class MultiColumn(Message):
    lengths: _bytes
    width: _int
    data: _bytes
    def __init__(
        self,
        *,
        lengths: _bytes | None = None,
        width: _int | None = None,
        data: _bytes | None = None,
    ) -> None: ...

class SparseColumn(Message):
    lengths: _bytes
    indices: _bytes
    values: _bytes
    def __init__(
        self,
        *,
        lengths: _bytes | None = None,
        indices: _bytes | None = None,
        values: _bytes | None = None,
    ) -> None: ...

class Filter(Message):
    must: RepeatedCompositeFieldContainer[Condition]
    should: RepeatedCompositeFieldContainer[Condition]
    must_not: RepeatedCompositeFieldContainer[Condition]
    min_should: MinShould
    def __init__(
        self,
        *,
        must: Iterable[Condition] | None = None,
        should: Iterable[Condition] | None = None,
        must_not: Iterable[Condition] | None = None,
        min_should: MinShould | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "min_should",
        ],
    ) -> _bool: ...

class MinShould(Message):
    conditions: RepeatedCompositeFieldContainer[Condition]
    min_count: _int
    def __init__(
        self,
        *,
        conditions: Iterable[Condition] | None = None,
        min_count: _int | None = None,
    ) -> None: ...

class Condition(Message):
    field: FieldCondition
    has_id: PointIds
    has_vector: _str
    nested: Nested
    slice: Slice
    filter: _bytes
    def __init__(
        self,
        *,
        field: FieldCondition | None = None,
        has_id: PointIds | None = None,
        has_vector: _str | None = None,
        nested: Nested | None = None,
        slice: Slice | None = None,
        filter: _bytes | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "field",
            "has_id",
            "has_vector",
            "nested",
            "slice",
            "filter",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "field",
        "has_id",
        "has_vector",
        "nested",
        "slice",
        "filter",
    ] | None: ...

class Nested(Message):
    key: _str
    filter: _bytes
    def __init__(
        self,
        *,
        key: _str | None = None,
        filter: _bytes | None = None,
    ) -> None: ...

class Slice(Message):
    total: _int
    index: _int
    def __init__(
        self,
        *,
        total: _int | None = None,
        index: _int | None = None,
    ) -> None: ...

class FieldCondition(Message):
    key: _str
    match_value: Scalar
    match_any: Scalars
    match_except: Scalars
    match_text: _str
    match_text_any: _str
    match_phrase: _str
    match_prefix: _str
    range: Range
    datetime_range: Range
    values_count: Range
    geo_bounding_box: GeoBoundingBox
    geo_radius: GeoRadius
    geo_polygon: GeoPolygon
    is_empty: Nothing
    is_null: Nothing
    holds_null: Nothing
    def __init__(
        self,
        *,
        key: _str | None = None,
        match_value: Scalar | None = None,
        match_any: Scalars | None = None,
        match_except: Scalars | None = None,
        match_text: _str | None = None,
        match_text_any: _str | None = None,
        match_phrase: _str | None = None,
        match_prefix: _str | None = None,
        range: Range | None = None,
        datetime_range: Range | None = None,
        values_count: Range | None = None,
        geo_bounding_box: GeoBoundingBox | None = None,
        geo_radius: GeoRadius | None = None,
        geo_polygon: GeoPolygon | None = None,
        is_empty: Nothing | None = None,
        is_null: Nothing | None = None,
        holds_null: Nothing | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "match_value",
            "match_any",
            "match_except",
            "match_text",
            "match_text_any",
            "match_phrase",
            "match_prefix",
            "range",
            "datetime_range",
            "values_count",
            "geo_bounding_box",
            "geo_radius",
            "geo_polygon",
            "is_empty",
            "is_null",
            "holds_null",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["predicate"],
    ) -> Literal[
        "match_value",
        "match_any",
        "match_except",
        "match_text",
        "match_text_any",
        "match_phrase",
        "match_prefix",
        "range",
        "datetime_range",
        "values_count",
        "geo_bounding_box",
        "geo_radius",
        "geo_polygon",
        "is_empty",
        "is_null",
        "holds_null",
    ] | None: ...

class Nothing(Message):
    def __init__(
        self,
    ) -> None: ...

class Scalar(Message):
    text: _str
    flag: _bool
    integer: _int
    digits: _str
    real: _float
    def __init__(
        self,
        *,
        text: _str | None = None,
        flag: _bool | None = None,
        integer: _int | None = None,
        digits: _str | None = None,
        real: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "text",
            "flag",
            "integer",
            "digits",
            "real",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "text",
        "flag",
        "integer",
        "digits",
        "real",
    ] | None: ...

class Scalars(Message):
    values: RepeatedCompositeFieldContainer[Scalar]
    def __init__(
        self,
        *,
        values: Iterable[Scalar] | None = None,
    ) -> None: ...

class Range(Message):
    lt: Scalar
    gt: Scalar
    gte: Scalar
    lte: Scalar
    def __init__(
        self,
        *,
        lt: Scalar | None = None,
        gt: Scalar | None = None,
        gte: Scalar | None = None,
        lte: Scalar | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "lt",
            "gt",
            "gte",
            "lte",
        ],
    ) -> _bool: ...

class GeoPoint(Message):
    lon: _float
    lat: _float
    def __init__(
        self,
        *,
        lon: _float | None = None,
        lat: _float | None = None,
    ) -> None: ...

class GeoBoundingBox(Message):
    top_left: GeoPoint
    bottom_right: GeoPoint
    def __init__(
        self,
        *,
        top_left: GeoPoint | None = None,
        bottom_right: GeoPoint | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "top_left",
            "bottom_right",
        ],
    ) -> _bool: ...

class GeoRadius(Message):
    center: GeoPoint
    radius: _float
    def __init__(
        self,
        *,
        center: GeoPoint | None = None,
        radius: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "center",
        ],
    ) -> _bool: ...

class GeoRing(Message):
    points: RepeatedCompositeFieldContainer[GeoPoint]
    def __init__(
        self,
        *,
        points: Iterable[GeoPoint] | None = None,
    ) -> None: ...

class GeoPolygon(Message):
    exterior: GeoRing
    interiors: RepeatedCompositeFieldContainer[GeoRing]
    def __init__(
        self,
        *,
        exterior: GeoRing | None = None,
        interiors: Iterable[GeoRing] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "exterior",
        ],
    ) -> _bool: ...
