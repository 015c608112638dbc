"""Random payloads and random filters, both as JSON, of every kind the interface knows."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

Json = Any

WORDS = ("red", "green", "Blue", "deep blue sea", "", "x", "a red fox", "0", "ürün")
UUIDS = ("550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440001")
DATES = {
    "2024-02-29": 1_709_164_800_000_000,
    "2024-02-29T12:30:00Z": 1_709_209_800_000_000,
    "2024-02-29 12:30": 1_709_209_800_000_000,
    "2024-03-01T00:00:00+02:00": 1_709_244_000_000_000,
    "1969-12-31T23:59:59.5Z": -500_000,
    "2030-01-01 00:00:00": 1_893_456_000_000_000,
}
"""Datetimes that everyone reads, with what they spell in microseconds since 1970."""

LAX_DATES = {
    "2024-2-29 12:30": 1_709_209_800_000_000,
    "2024-02-29  12:30:00": 1_709_209_800_000_000,
    "2024-03-31T23:59:60Z": 1_711_929_600_000_000,
    "2024-02-29T22:00:00\u221202:00": 1_709_251_200_000_000,
    "24-02-29": -61_404_739_200_000_000,
    "-0001-01-01T00:00:00Z": -62_198_755_200_000_000,
    "+10000-01-01T00:00:00Z": 253_402_300_800_000_000,
}
"""Datetimes that Qdrant reads. Without an index second 60 comes before the midnight it is there."""

INTEGERS = (0, 1, 2, 3, -5, 7, 2**40, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
NUMBERS = (0.0, -0.0, 0.5, 1.0, 2.0, 2.5, -5.0, 7.25, 2.0**53, 1e300)
PLACES = ((0.0, 0.0), (13.4, 52.5), (2.35, 48.85), (179.5, -16.0), (-179.5, -17.0), (-0.1, 51.5))
KEYS = ("a", "b", "n", "t", "place", "when", "list", "objects")
PATHS = (
    *KEYS,
    "a.b",
    "objects[].a",
    "objects[].b",
    "objects[0].a",
    "list[]",
    "list[1]",
    "objects[].list[]",
    "missing",
    "a.missing",
    "objects[].place",
)
POINT_IDS = range(12)


class Cases:
    """A stream of random JSON, the same for the same seed; datetimes are of those given."""

    def __init__(self, seed: int, dates: Iterable[str] = (*DATES, *LAX_DATES)) -> None:
        self.random = Random(seed)
        self._dates = tuple(dates)

    def payload(self) -> dict[str, Json]:
        """A payload with values that filters of this module often meet."""
        return {key: self._value(key, 0) for key in KEYS if self.random.random() < 0.7}

    def filter(self, depth: int = 0) -> dict[str, Json]:
        """A filter of one to three clauses."""
        found: dict[str, Json] = {}
        clauses = ("must", "should", "must_not", "min_should")
        for clause in self.random.sample(clauses, self.random.choice((1, 1, 1, 2, 3))):
            conditions = [self._condition(depth) for _ in range(self.random.randint(1, 3))]
            if clause == "min_should":
                count = self.random.randint(1, 3)
                found[clause] = {"conditions": conditions, "min_count": count}
            else:
                found[clause] = conditions
        return found

    def _value(self, key: str, depth: int) -> Json:
        pick = self.random
        if key == "objects" and depth < 2:
            return [self._object(depth + 1) for _ in range(pick.randint(0, 3))]
        if key == "place":
            lon, lat = pick.choice(PLACES)
            place = {"lon": lon, "lat": lat}
            return pick.choice((place, place, [place, {"lon": 1.0, "lat": 1.0}], None, "nowhere"))
        if key == "when":
            date = pick.choice(self._dates)
            return pick.choice((date, [pick.choice(self._dates), "no date"], None))
        if key == "list" or pick.random() < 0.1:
            return [self._scalar() for _ in range(pick.randint(0, 3))]
        return self._object(depth + 1) if depth < 2 and pick.random() < 0.15 else self._scalar()

    def _object(self, depth: int) -> dict[str, Json]:
        keys = ("a", "b", "list", "place")
        return {key: self._value(key, depth) for key in keys if self.random.random() < 0.6}

    def _scalar(self) -> Json:
        kinds: tuple[Json, ...] = (
            WORDS,
            WORDS,
            INTEGERS,
            INTEGERS,
            NUMBERS,
            (True, False),
            UUIDS,
            (None, []),
        )
        return self.random.choice(self.random.choice(kinds))

    def _condition(self, depth: int) -> dict[str, Json]:
        pick = self.random
        kind = pick.random()
        if kind < 0.12 and depth < 2:
            return self.filter(depth + 1)
        if kind < 0.2 and depth < 2:
            key = pick.choice(("objects", "objects[]", "a"))
            return {"nested": {"key": key, "filter": self._inner_filter()}}
        if kind < 0.26:
            return {"has_id": pick.sample(POINT_IDS, pick.randint(0, 6))}
        if kind < 0.34:
            absence, key = pick.choice(("is_empty", "is_null")), pick.choice(PATHS)
            of_field = {"key": key, absence: pick.random() < 0.7}
            return pick.choice(({absence: {"key": key}}, of_field))
        return {"key": pick.choice(PATHS), **self._predicate()}

    def _inner_filter(self) -> dict[str, Json]:
        """A filter on the elements of an array: it knows no ids."""
        clause = self.random.choice(("must", "should", "must_not"))
        key = self.random.choice(("a", "b", "list", "place"))
        return {clause: [{"key": key, **self._predicate()}]}

    def _predicate(self) -> dict[str, Json]:
        pick = self.random
        kind = pick.randrange(12)
        if kind < 3:
            choices = (*WORDS, *INTEGERS, True, False)
            return {"match": {"value": pick.choice(choices)}}
        if kind < 5:
            several = pick.sample(pick.choice((WORDS, INTEGERS)), pick.randint(1, 3))
            return {"match": {pick.choice(("any", "except")): several}}
        if kind == 5:
            word = pick.choice(("re", "red", "e", "Blue", "deep", "zzz", "fox a"))
            return {"match": {pick.choice(("text", "prefix")): word}}
        if kind < 8:
            return {"range": self._bounds(pick.choice((NUMBERS, INTEGERS)))}
        if kind == 8:
            return {"range": self._bounds(self._dates)}
        if kind == 9:
            return {"values_count": self._bounds((0, 1, 2, 3))}
        return self._area()

    def _bounds(self, choices: tuple[Json, ...]) -> dict[str, Json]:
        names = self.random.sample(("lt", "gt", "lte", "gte"), self.random.choice((1, 1, 2)))
        return {name: self.random.choice(choices) for name in names}

    def _area(self) -> dict[str, Json]:
        pick = self.random
        lon, lat = pick.choice(PLACES)
        kind = pick.randrange(3)
        if kind == 0:
            radius = pick.choice((1.0, 50_000.0, 900_000.0, 2.0e7))
            return {"geo_radius": {"center": {"lon": lon, "lat": lat}, "radius": radius}}
        if kind == 1:
            west, east = pick.choice(((-10.0, 20.0), (170.0, -170.0), (-180.0, 180.0)))
            corners = {"lon": west, "lat": 60.0}, {"lon": east, "lat": -20.0}
            return {"geo_bounding_box": {"top_left": corners[0], "bottom_right": corners[1]}}
        ring = ((-10.0, 40.0), (20.0, 40.0), (20.0, 60.0), (-10.0, 60.0), (-10.0, 40.0))
        hole = ((1.0, 47.0), (4.0, 47.0), (4.0, 50.0), (1.0, 50.0), (1.0, 47.0))
        polygon: dict[str, Json] = {"exterior": _ring(ring)}
        if pick.random() < 0.5:
            polygon["interiors"] = [_ring(hole)]
        return {"geo_polygon": polygon}


def _ring(points: tuple[tuple[float, float], ...]) -> dict[str, Json]:
    return {"points": [{"lon": lon, "lat": lat} for lon, lat in points]}
