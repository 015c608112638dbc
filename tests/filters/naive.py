"""Filters by their definition, on JSON, one payload at a time. Shares nothing with the engine."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

Json = Any

EARTH_RADIUS = 6_371_008.8
"""Metres, as Qdrant's own engine has it: a quarter of a great circle is 10,007,557.22 m there."""

_STEP = re.compile(r'"([^"]*)"|([\w-]+)|\[(\d*)\]')


def passes(point_id: int, payload: Mapping[str, Json], filter_: Mapping[str, Json]) -> bool:
    """Whether a point passes a filter."""

    def holds(condition: Json) -> bool:
        return _condition(point_id, payload, condition)

    should = filter_.get("should") or []
    at_least = filter_.get("min_should")
    return (
        all(map(holds, filter_.get("must") or []))
        and not any(map(holds, filter_.get("must_not") or []))
        and (not should or any(map(holds, should)))
        and (at_least is None or sum(map(holds, at_least["conditions"])) >= at_least["min_count"])
    )


def _condition(point_id: int, payload: Mapping[str, Json], condition: Mapping[str, Json]) -> bool:
    if "has_id" in condition:
        return point_id in condition["has_id"]
    if "is_empty" in condition:
        return all(found in (None, []) for found in _reached(payload, condition["is_empty"]["key"]))
    if "is_null" in condition:
        found = _reached(payload, condition["is_null"]["key"])
        return any(value is None or (isinstance(value, list) and None in value) for value in found)
    if "nested" in condition:
        return _nested(point_id, payload, condition["nested"])
    if "key" not in condition:
        return passes(point_id, payload, condition)
    return _field(payload, condition)


def _nested(point_id: int, payload: Mapping[str, Json], nested: Mapping[str, Json]) -> bool:
    key = nested["key"].removesuffix("[]")
    # An object that stands alone is no element: so say both of Qdrant's own evaluators.
    arrays = [found for found in _reached(payload, key) if isinstance(found, list)]
    elements = [element for array in arrays for element in array]
    return any(
        passes(point_id, element, nested["filter"])
        for element in elements
        if isinstance(element, dict)
    )


def _field(payload: Mapping[str, Json], condition: Mapping[str, Json]) -> bool:
    found = _reached(payload, condition["key"])
    if "values_count" in condition:
        counts = [_count(value) for value in found] or [0]
        return any(_within(count, condition["values_count"]) for count in counts)
    values: list[Json] = []
    for value in found:
        values += value if isinstance(value, list) else [value]
    for name, test in _TESTS.items():
        if name in condition:
            return any(test(value, condition[name]) for value in values)
    raise AssertionError(condition)


def _reached(payload: Json, path: str) -> list[Json]:
    found = [payload]
    for quoted, raw, index in (match.groups() for match in _STEP.finditer(path)):
        if index is None:
            name = quoted if raw is None else raw
            found = [v[name] for v in found if isinstance(v, dict) and name in v]
        elif index:
            place = int(index)
            found = [v[place] for v in found if isinstance(v, list) and place < len(v)]
        else:
            found = [element for v in found if isinstance(v, list) for element in v]
    return found


def _count(value: Json) -> int:
    if value is None:
        return 0
    return len(value) if isinstance(value, list) else 1


def _within(value: Any, bounds: Mapping[str, Any]) -> bool:
    return (
        (bounds.get("lt") is None or value < bounds["lt"])
        and (bounds.get("gt") is None or value > bounds["gt"])
        and (bounds.get("lte") is None or value <= bounds["lte"])
        and (bounds.get("gte") is None or value >= bounds["gte"])
    )


def _match(value: Json, match: Mapping[str, Json]) -> bool:
    if "value" in match:
        return _same(value, match["value"])
    if "any" in match:
        return any(_same(value, wanted) for wanted in match["any"])
    if "except" in match:
        return value is not None and not any(_same(value, other) for other in match["except"])
    if not isinstance(value, str):
        return False
    return value.startswith(match["prefix"]) if "prefix" in match else match["text"] in value


def _same(value: Json, wanted: Json) -> bool:
    return type(value) is type(wanted) and value == wanted


def _range(value: Json, bounds: Mapping[str, Json]) -> bool:
    if any(isinstance(bound, str) for bound in bounds.values()):
        moment = _moment(value) if isinstance(value, str) else None
        return moment is not None and _within(moment, {k: _moment(b) for k, b in bounds.items()})
    return type(value) in (int, float) and _within(value, bounds)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _on_place(test: Callable[[float, float, Any], bool]) -> Callable[[Json, Any], bool]:
    def on_value(value: Json, area: Any) -> bool:
        if not isinstance(value, dict) or not {"lon", "lat"} <= value.keys():
            return False
        return test(value["lon"], value["lat"], area)

    return on_value


def _in_box(lon: float, lat: float, box: Mapping[str, Json]) -> bool:
    west, east = box["top_left"]["lon"], box["bottom_right"]["lon"]
    is_between = west <= lon <= east if west <= east else lon >= west or lon <= east
    return is_between and box["bottom_right"]["lat"] <= lat <= box["top_left"]["lat"]


def _in_circle(lon: float, lat: float, circle: Mapping[str, Json]) -> bool:
    center = circle["center"]
    one, other = math.radians(lat), math.radians(center["lat"])
    half = math.sin((other - one) / 2) ** 2
    half += math.cos(one) * math.cos(other) * math.sin(math.radians(center["lon"] - lon) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(half)) <= circle["radius"]


def _in_polygon(lon: float, lat: float, polygon: Mapping[str, Json]) -> bool:
    interiors = polygon.get("interiors") or []
    is_inside = _in_ring(lon, lat, polygon["exterior"])
    return is_inside and not any(_in_ring(lon, lat, hole) for hole in interiors)


def _in_ring(lon: float, lat: float, ring: Mapping[str, Json]) -> bool:
    """Whether a ray to the east crosses the ring an odd number of times. No case lies on it."""
    corners = [(point["lon"], point["lat"]) for point in ring["points"]]
    crossings = 0
    for (x1, y1), (x2, y2) in pairwise(corners):
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            crossings += 1
    return crossings % 2 == 1


_TESTS: Mapping[str, Callable[[Json, Any], bool]] = {
    "match": _match,
    "range": _range,
    "geo_bounding_box": _on_place(_in_box),
    "geo_radius": _on_place(_in_circle),
    "geo_polygon": _on_place(_in_polygon),
}
