"""qdrant_common.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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

class PointId(Message):
    num: _int
    uuid: _str
    def __init__(
        self,
        *,
        num: _int | None = None,
        uuid: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "num",
            "uuid",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["point_id_options"],
    ) -> Literal[
        "num",
        "uuid",
    ] | None: ...

class GeoPoint(Message):
    lon: _float
    lat: _float
    def __init__(
        self,
        *,
        lon: _float | None = None,
        lat: _float | None = None,
    ) -> None: ...

class Filter(Message):
    should: RepeatedCompositeFieldContainer[Condition]
    must: RepeatedCompositeFieldContainer[Condition]
    must_not: RepeatedCompositeFieldContainer[Condition]
    min_should: MinShould
    def __init__(
        self,
        *,
        should: Iterable[Condition] | None = None,
        must: Iterable[Condition] | None = None,
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
    is_empty: IsEmptyCondition
    has_id: HasIdCondition
    filter: Filter
    is_null: IsNullCondition
    nested: NestedCondition
    has_vector: HasVectorCondition
    slice: SliceCondition
    def __init__(
        self,
        *,
        field: FieldCondition | None = None,
        is_empty: IsEmptyCondition | None = None,
        has_id: HasIdCondition | None = None,
        filter: Filter | None = None,
        is_null: IsNullCondition | None = None,
        nested: NestedCondition | None = None,
        has_vector: HasVectorCondition | None = None,
        slice: SliceCondition | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "field",
            "is_empty",
            "has_id",
            "filter",
            "is_null",
            "nested",
            "has_vector",
            "slice",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["condition_one_of"],
    ) -> Literal[
        "field",
        "is_empty",
        "has_id",
        "filter",
        "is_null",
        "nested",
        "has_vector",
        "slice",
    ] | None: ...

class IsEmptyCondition(Message):
    key: _str
    def __init__(
        self,
        *,
        key: _str | None = None,
    ) -> None: ...

class IsNullCondition(Message):
    key: _str
    def __init__(
        self,
        *,
        key: _str | None = None,
    ) -> None: ...

class HasIdCondition(Message):
    has_id: RepeatedCompositeFieldContainer[PointId]
    def __init__(
        self,
        *,
        has_id: Iterable[PointId] | None = None,
    ) -> None: ...

class HasVectorCondition(Message):
    has_vector: _str
    def __init__(
        self,
        *,
        has_vector: _str | None = None,
    ) -> None: ...

class SliceCondition(Message):
    total: _int
    index: _int
    def __init__(
        self,
        *,
        total: _int | None = None,
        index: _int | None = None,
    ) -> None: ...

class NestedCondition(Message):
    key: _str
    filter: Filter
    def __init__(
        self,
        *,
        key: _str | None = None,
        filter: Filter | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
        ],
    ) -> _bool: ...

class FieldCondition(Message):
    key: _str
    match: Match
    range: Range
    geo_bounding_box: GeoBoundingBox
    geo_radius: GeoRadius
    values_count: ValuesCount
    geo_polygon: GeoPolygon
    datetime_range: DatetimeRange
    is_empty: _bool
    is_null: _bool
    def __init__(
        self,
        *,
        key: _str | None = None,
        match: Match | None = None,
        range: Range | None = None,
        geo_bounding_box: GeoBoundingBox | None = None,
        geo_radius: GeoRadius | None = None,
        values_count: ValuesCount | None = None,
        geo_polygon: GeoPolygon | None = None,
        datetime_range: DatetimeRange | None = None,
        is_empty: _bool | None = None,
        is_null: _bool | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "match",
            "range",
            "geo_bounding_box",
            "geo_radius",
            "values_count",
            "geo_polygon",
            "datetime_range",
            "is_empty",
            "is_null",
        ],
    ) -> _bool: ...

class Match(Message):
    keyword: _str
    integer: _int
    boolean: _bool
    text: _str
    keywords: RepeatedStrings
    integers: RepeatedIntegers
    except_integers: RepeatedIntegers
    except_keywords: RepeatedStrings
    phrase: _str
    text_any: _str
    prefix: _str
    substring: _str
    def __init__(
        self,
        *,
        keyword: _str | None = None,
        integer: _int | None = None,
        boolean: _bool | None = None,
        text: _str | None = None,
        keywords: RepeatedStrings | None = None,
        integers: RepeatedIntegers | None = None,
        except_integers: RepeatedIntegers | None = None,
        except_keywords: RepeatedStrings | None = None,
        phrase: _str | None = None,
        text_any: _str | None = None,
        prefix: _str | None = None,
        substring: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "keyword",
            "integer",
            "boolean",
            "text",
            "keywords",
            "integers",
            "except_integers",
            "except_keywords",
            "phrase",
            "text_any",
            "prefix",
            "substring",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["match_value"],
    ) -> Literal[
        "keyword",
        "integer",
        "boolean",
        "text",
        "keywords",
        "integers",
        "except_integers",
        "except_keywords",
        "phrase",
        "text_any",
        "prefix",
        "substring",
    ] | None: ...

class RepeatedStrings(Message):
    strings: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        strings: Iterable[_str] | None = None,
    ) -> None: ...

class RepeatedIntegers(Message):
    integers: RepeatedScalarFieldContainer[_int]
    def __init__(
        self,
        *,
        integers: Iterable[_int] | None = None,
    ) -> None: ...

class Range(Message):
    lt: _float
    gt: _float
    gte: _float
    lte: _float
    def __init__(
        self,
        *,
        lt: _float | None = None,
        gt: _float | None = None,
        gte: _float | None = None,
        lte: _float | None = None,
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

class DatetimeRange(Message):
    lt: Timestamp
    gt: Timestamp
    gte: Timestamp
    lte: Timestamp
    def __init__(
        self,
        *,
        lt: Timestamp | None = None,
        gt: Timestamp | None = None,
        gte: Timestamp | None = None,
        lte: Timestamp | None = None,
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

class GeoLineString(Message):
    points: RepeatedCompositeFieldContainer[GeoPoint]
    def __init__(
        self,
        *,
        points: Iterable[GeoPoint] | None = None,
    ) -> None: ...

class GeoPolygon(Message):
    exterior: GeoLineString
    interiors: RepeatedCompositeFieldContainer[GeoLineString]
    def __init__(
        self,
        *,
        exterior: GeoLineString | None = None,
        interiors: Iterable[GeoLineString] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "exterior",
        ],
    ) -> _bool: ...

class ValuesCount(Message):
    lt: _int
    gt: _int
    gte: _int
    lte: _int
    def __init__(
        self,
        *,
        lt: _int | None = None,
        gt: _int | None = None,
        gte: _int | None = None,
        lte: _int | None = None,
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
