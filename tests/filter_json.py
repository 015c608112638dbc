"""Filters as REST clients spell them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CYCLE = 146_097 * 86_400 * 1_000_000
"""The microseconds of 400 years, after which the calendar repeats itself."""


def filter_to_json(condition: Filter) -> dict[str, Any]:
    """A filter, with every clause as a list."""
    value: dict[str, Any] = {
        name: list(map(condition_to_json, getattr(condition, name)))
        for name in ("must", "should", "must_not")
    }
    if condition.min_should is not None:
        value["min_should"] = {
            "conditions": list(map(condition_to_json, condition.min_should.conditions)),
            "min_count": condition.min_should.min_count,
        }
    return value


def condition_to_json(condition: Condition) -> dict[str, Any]:
    """A condition; field conditions say one thing each."""
    match condition:
        case Filter():
            return filter_to_json(condition)
        case HasId():
            return {"has_id": list(condition.ids)}
        case HasVector():
            return {"has_vector": condition.name}
        case Nested():
            inner = filter_to_json(condition.filter)
            return {"nested": {"key": condition.key.text, "filter": inner}}
        case Slice():
            return {"slice": asdict(condition)}
        case FieldCondition(key=key, predicate=IsNull()):
            return {"is_null": {"key": key.text}}
        case FieldCondition(key=key, predicate=predicate):
            return {"key": key.text, **_PREDICATES[type(predicate)](predicate)}


def spell_datetime(microseconds: int) -> str:
    """Microseconds since 1970 UTC in RFC 3339, with a sign for years of other than four digits."""
    cycles, rest = divmod(microseconds, _CYCLE)
    moment = (_EPOCH + timedelta(microseconds=rest)).isoformat()
    year = int(moment[:4]) + 400 * cycles
    return f"{year:{'04' if 0 <= year <= 9999 else '+05'}}{moment[4:]}"


def _datetime_range(found: DatetimeRange) -> dict[str, Any]:
    bounds = asdict(found).items()
    return {"range": {k: None if v is None else spell_datetime(v) for k, v in bounds}}


def _polygon(area: GeoPolygon) -> dict[str, Any]:
    interiors = list(map(_ring, area.interiors))
    return {"geo_polygon": {"exterior": _ring(area.exterior), "interiors": interiors}}


def _ring(points: tuple[GeoPoint, ...]) -> dict[str, Any]:
    return {"points": list(map(asdict, points))}


_PREDICATES: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    MatchValue: lambda found: {"match": {"value": found.value}},
    MatchAny: lambda found: {"match": {"any": list(found.values)}},
    MatchExcept: lambda found: {"match": {"except": list(found.values)}},
    MatchText: lambda found: {"match": {"text": found.text}},
    MatchTextAny: lambda found: {"match": {"text_any": found.text}},
    MatchPhrase: lambda found: {"match": {"phrase": found.text}},
    MatchPrefix: lambda found: {"match": {"prefix": found.prefix}},
    Range: lambda found: {"range": asdict(found)},
    DatetimeRange: _datetime_range,
    ValuesCount: lambda found: {"values_count": asdict(found)},
    GeoBoundingBox: lambda found: {"geo_bounding_box": asdict(found)},
    GeoRadius: lambda found: {"geo_radius": asdict(found)},
    GeoPolygon: _polygon,
    IsEmpty: lambda _: {"is_empty": True},
    HoldsNull: lambda _: {"is_null": True},
}
