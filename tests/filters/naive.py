"""Filters by their definition, on JSON, one payload at a time. Shares nothing with the engine."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from tests.filters.cases import DATES, LAX_DATES

Json = Any

EARTH_RADIUS = 6_371_008.8
"""Metres, as Qdrant's own engine has it: a quarter of a great circle is 10,007,557.22 m there."""

_STEP = re.compile(r'"([^"]*)"|([\w-]+)|\[(\d*)\]')


Indexes = Mapping[str, str]
"""The types of payload indexes, under the paths of their fields."""


def passes(
    point_id: int,
    payload: Mapping[str, Json],
    filter_: Mapping[str, Json],
    indexes: Indexes = MappingProxyType({}),
) -> bool:
    """Whether a point passes a filter, given what is indexed."""

    def holds(condition: Json) -> bool:
        return _condition(point_id, payload, condition, indexes)

    should = filter_.get("should") or []
    at_least = filter_.get("min_should")
    return (
        all(map(holds, filter_.get("must") or []))
        and not any(map(holds, filter_.get("must_not") or []))
        and (not should or any(map(holds, should)))
        and (at_least is None or sum(map(holds, at_least["conditions"])) >= at_least["min_count"])
    )


def _condition(
    point_id: int, payload: Mapping[str, Json], condition: Mapping[str, Json], indexes: Indexes
) -> bool:
    if "has_id" in condition:
        return point_id in condition["has_id"]
    if "nested" in condition:
        return _nested(point_id, payload, condition["nested"], indexes)
    for absence in ("is_empty", "is_null"):
        if absence in condition:
            return _absence(payload, absence, condition, indexes)
    if "key" not in condition:
        return passes(point_id, payload, condition, indexes)
    return _field(payload, condition, _index_of(condition["key"], indexes))


def _index_of(path: str, indexes: Indexes) -> str | None:
    """The type of the index of a field, `a[]` being the same as `a`."""
    return indexes.get(path.removesuffix("[]"))


def _absence(
    payload: Mapping[str, Json], absence: str, condition: Mapping[str, Json], indexes: Indexes
) -> bool:
    """Null or empty, as a condition of its own or as part of one on a field."""
    if "key" in condition:
        key, wanted, looks_into_arrays = condition["key"], condition[absence], True
    else:
        key, wanted = condition[absence]["key"], True
        looks_into_arrays = _index_of(key, indexes) is not None
    found = _reached(payload, key)
    if absence == "is_empty":
        holds = all(value in (None, []) for value in found)
    else:
        arrays = [value for value in found if isinstance(value, list)] if looks_into_arrays else []
        holds = None in found or any(None in array for array in arrays)
    return holds is wanted


def _nested(
    point_id: int, payload: Mapping[str, Json], nested: Mapping[str, Json], indexes: Indexes
) -> bool:
    key = nested["key"].removesuffix("[]")
    # An object that stands alone is no element: so say both of Qdrant's own evaluators.
    arrays = [found for found in _reached(payload, key) if isinstance(found, list)]
    elements = [element for array in arrays for element in array]
    base = f"{key}[]."
    inner = {p.removeprefix(base): kind for p, kind in indexes.items() if p.startswith(base)}
    return any(
        passes(point_id, element, nested["filter"], inner)
        for element in elements
        if isinstance(element, dict)
    )


def _field(payload: Mapping[str, Json], condition: Mapping[str, Json], index: str | None) -> bool:
    found = _reached(payload, condition["key"])
    if "values_count" in condition:
        counts = [_count(value) for value in found] or [0]
        return any(_within(count, condition["values_count"]) for count in counts)
    values: list[Json] = []
    for value in found:
        values += value if isinstance(value, list) else [value]
    if index == "integer" and _is_of_numbers(condition):
        values = [_as_integer(value) for value in values if _is_integral(value)]
    for name, test in _TESTS.items():
        if name in condition:
            return any(test(value, condition[name]) for value in values)
    raise AssertionError(condition)


def _is_of_numbers(condition: Mapping[str, Json]) -> bool:
    """Whether a condition is a match of integers or a range of numbers."""
    wanted = condition.get("match", {}).values() or condition.get("range", {}).values()
    flat = [item for value in wanted for item in (value if isinstance(value, list) else [value])]
    return bool(flat) and all(type(item) in (int, float) for item in flat)


def _is_integral(value: Json) -> bool:
    """Whether an index of integers has the value, if it is a number."""
    if type(value) not in (int, float):
        return True
    return value % 1 == 0 and -(2**63) <= value < 2**63


def _as_integer(value: Json) -> Json:
    return int(value) if type(value) is float else value


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


def _moment(text: str) -> int | None:
    return DATES.get(text, LAX_DATES.get(text))


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
