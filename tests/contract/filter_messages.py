"""Filters and ids as a gRPC client spells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import asdict

from vexfs_twisted.model.filters import (
    Condition,
    DatetimeRange,
    FieldCondition,
    Filter,
    HasId,
    HasVector,
    HoldsNull,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPhrase,
    MatchPrefix,
    MatchText,
    MatchTextAny,
    MatchValue,
    Nested,
    Range,
    Slice,
    ValuesCount,
)
from vexfs_twisted.model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common


def point_id(value: PointId) -> Any:
    """An id as a message."""
    return common.PointId(num=value) if isinstance(value, int) else common.PointId(uuid=value)


def filter_message(filter: Filter) -> Any:
    """A filter as a message."""
    message = common.Filter(
        must=map(_condition, filter.must),
        should=map(_condition, filter.should),
        must_not=map(_condition, filter.must_not),
    )
    if filter.min_should is not None:
        message.min_should.min_count = filter.min_should.min_count
        message.min_should.conditions.extend(map(_condition, filter.min_should.conditions))
    return message


def _condition(condition: Condition) -> Any:
    match condition:
        case Filter():
            return common.Condition(filter=filter_message(condition))
        case HasId(ids):
            return common.Condition(has_id=common.HasIdCondition(has_id=map(point_id, ids)))
        case HasVector(name):
            return common.Condition(has_vector=common.HasVectorCondition(has_vector=name))
        case Nested(key, inner):
            nested = common.NestedCondition(key=key.text, filter=filter_message(inner))
            return common.Condition(nested=nested)
        case Slice():
            return common.Condition(slice=common.SliceCondition(**asdict(condition)))
        case FieldCondition(key, IsNull()):
            return common.Condition(is_null=common.IsNullCondition(key=key.text))
        case FieldCondition(key, predicate):
            parts = _PREDICATES[type(predicate)](predicate)
            return common.Condition(field=common.FieldCondition(key=key.text, **parts))


def _match(**kind: Any) -> dict[str, Any]:
    return {"match": common.Match(**kind)}


def _match_value(found: MatchValue) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "integer", str: "keyword"}
    return _match(**{kinds[type(found.value)]: found.value})


def _match_list(prefix: str, values: Iterable[Any]) -> dict[str, Any]:
    items = list(values)
    if items and isinstance(items[0], int):
        return _match(**{f"{prefix}integers": common.RepeatedIntegers(integers=items)})
    return _match(**{f"{prefix}keywords": common.RepeatedStrings(strings=items)})


def _datetime_range(found: DatetimeRange) -> dict[str, Any]:
    message = common.DatetimeRange()
    for name, microseconds in asdict(found).items():
        if microseconds is not None:
            bound = getattr(message, name)
            bound.SetInParent()
            bound.seconds, rest = divmod(microseconds, 1_000_000)
            bound.nanos = 1000 * rest
    return {"datetime_range": message}


def _place(point: GeoPoint) -> Any:
    return common.GeoPoint(lon=point.lon, lat=point.lat)


def _ring(points: Iterable[GeoPoint]) -> Any:
    return common.GeoLineString(points=map(_place, points))


def _box(area: GeoBoundingBox) -> dict[str, Any]:
    corners = {"top_left": _place(area.top_left), "bottom_right": _place(area.bottom_right)}
    return {"geo_bounding_box": common.GeoBoundingBox(**corners)}


def _radius(area: GeoRadius) -> dict[str, Any]:
    return {"geo_radius": common.GeoRadius(center=_place(area.center), radius=area.radius)}


def _polygon(area: GeoPolygon) -> dict[str, Any]:
    rings = map(_ring, area.interiors)
    return {"geo_polygon": common.GeoPolygon(exterior=_ring(area.exterior), interiors=rings)}


_PREDICATES: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    MatchValue: _match_value,
    MatchAny: lambda found: _match_list("", found.values),
    MatchExcept: lambda found: _match_list("except_", found.values),
    MatchText: lambda found: _match(text=found.text),
    MatchTextAny: lambda found: _match(text_any=found.text),
    MatchPhrase: lambda found: _match(phrase=found.text),
    MatchPrefix: lambda found: _match(prefix=found.prefix),
    Range: lambda found: {"range": common.Range(**asdict(found))},
    DatetimeRange: _datetime_range,
    ValuesCount: lambda found: {"values_count": common.ValuesCount(**asdict(found))},
    GeoBoundingBox: _box,
    GeoRadius: _radius,
    GeoPolygon: _polygon,
    IsEmpty: lambda _: {"is_empty": True},
    HoldsNull: lambda _: {"is_null": True},
}
