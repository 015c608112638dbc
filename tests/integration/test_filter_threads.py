"""Filters in several threads while points are written and indexes come and go.

Points that nobody writes are found exactly, whatever happens to the others; and of points that are
always written together a read finds all or none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    column,
    payload_of,
    unnamed,
    upsert,
    write,
)
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.payload_index import cache
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.ids import PointId, sort_key
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import ClearPayload, DeletePoints, SetPayload, Update, Upsert
from vexfs_twisted.rest.codecs.filters import read_filter

STEADY: tuple[PointId, ...] = (
    *range(0, 80, 2),
    *(f"00000000-0000-0000-0000-{number:012}" for number in range(1, 40, 2)),
)
"""Points that are written once. Others have their ids between these."""

MOVING: tuple[PointId, ...] = (
    *range(1, 80, 2),
    *(f"00000000-0000-0000-0000-{number:012}" for number in range(0, 40, 2)),
)
GROUP = tuple(range(1000, 1012))
"""Points that are always written together."""

ROUNDS = 36
PATIENCE = 300
CITIES: Sequence[Any] = ("Berlin", "London", ["Berlin", "Moscow", "Rome"], None, [], "Lome", 5)
PLACES = ((13.4, 52.5), (-0.1, 51.5), (179.5, -16.0), (2.3, 48.8))
RING = ((-5, 45), (5, 45), (5, 55), (-5, 55), (-5, 45))

CONDITIONS: Sequence[dict[str, Any]] = (
    {"key": "city", "match": {"value": "Berlin"}},
    {"key": "city", "match": {"any": ["London", "Moscow"]}},
    {"key": "city", "match": {"except": ["Berlin"]}},
    {"key": "city", "match": {"prefix": "Lo"}},
    {"key": "city[0]", "match": {"value": "Berlin"}},
    {"key": "n", "match": {"value": 3}},
    {"key": "n", "match": {"any": [1, 2]}},
    {"key": "ok", "match": {"value": True}},
    {"key": "text", "match": {"text": "red"}},
    {"key": "text", "match": {"text_any": "fox sea"}},
    {"key": "text", "match": {"phrase": "red fox"}},
    {"key": "n", "range": {"gte": 2, "lt": 5}},
    {"key": "deep.x", "range": {"gt": 0.3}},
    {"key": "when", "range": {"gte": "2024-03-01T00:00:00Z"}},
    {"key": "place", "geo_radius": {"center": {"lon": 0, "lat": 50}, "radius": 400_000}},
    {
        "key": "place",
        "geo_bounding_box": {
            "top_left": {"lon": 170, "lat": 0},
            "bottom_right": {"lon": 10, "lat": -20},
        },
    },
    {
        "key": "place",
        "geo_polygon": {"exterior": {"points": [{"lon": x, "lat": y} for x, y in RING]}},
    },
    {"key": "city", "values_count": {"gte": 2}},
    {"is_empty": {"key": "city"}},
    {"is_null": {"key": "city"}},
    {"has_id": [*STEADY[:9], *STEADY[-9:], *MOVING[:9]]},
    {"has_vector": ""},
    {"slice": {"total": 3, "index": 1}},
    {
        "nested": {
            "key": "parts",
            "filter": {
                "must": {"key": "a", "match": {"value": 1}},
                "must_not": {"key": "b", "range": {"lt": 2}},
            },
        }
    },
    {
        "must": [{"key": "n", "range": {"lt": 6}}],
        "should": [{"is_empty": {"key": "city"}}, {"key": "ok", "match": {"value": False}}],
        "must_not": [{"key": "deep.x", "range": {"gt": 0.6}}],
    },
    {
        "min_should": {
            "conditions": [
                {"key": "n", "match": {"any": [0, 1, 2]}},
                {"key": "ok", "match": {"value": True}},
                {"key": "city", "match": {"value": "Berlin"}},
            ],
            "min_count": 2,
        }
    },
)

INDEXES = {
    "city": FieldType.KEYWORD,
    "n": FieldType.INTEGER,
    "deep.x": FieldType.FLOAT,
    "ok": FieldType.BOOL,
    "when": FieldType.DATETIME,
    "place": FieldType.GEO,
    "parts[].a": FieldType.INTEGER,
    "half": FieldType.INTEGER,
}


def payload(number: int) -> dict[str, Any]:
    """A payload that some of the conditions are true of."""
    lon, lat = PLACES[number % 4]
    return {
        "city": CITIES[number % 7],
        "n": number % 9,
        "ok": number % 3 == 0,
        "text": ("a red fox", "the red sea", "fox", "nothing")[number % 4],
        "deep": {"x": number % 10 / 10},
        "when": f"2024-0{number % 6 + 1}-15",
        "place": {"lon": lon, "lat": lat} if number % 5 else "nowhere",
        "parts": [{"a": number % 2, "b": number % 4}, {"a": 1, "b": number % 3}],
    }


def points(ids: Sequence[PointId], salt: int) -> Upsert:
    """Points of which every third has no vector."""
    having = [place for place in range(len(ids)) if place % 3]
    vectors = column(*([1.0] * 4 for _ in having), positions=having)
    payloads = [payload(salt + place) for place in range(len(ids))]
    return upsert(ids, {"": vectors}, payloads)


def index(path: str) -> CreateFieldIndex:
    return CreateFieldIndex(PayloadPath.parse(path), FieldSchema(INDEXES[path]))


class FilterThreadTests(EngineTestCase):
    """Four threads read, two write, and one may declare and drop indexes."""

    def setUp(self) -> None:
        super().setUp()
        # Short turns mix the threads more, and let a writer through among busy readers.
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0001)
        self.collection = self.catalog.create("a", unnamed())
        write(self.collection, points(STEADY, 0))
        self.filters = [read_filter({"must": condition}) for condition in CONDITIONS]
        self.patch(row_filter, "FEW_ROWS", 10**6)
        self.expected = [self.find(filter_) for filter_ in self.filters]
        for condition, found in zip(CONDITIONS, self.expected, strict=True):
            self.assertTrue(0 < len(found) < len(STEADY), condition)
        write(self.collection, points(MOVING, 1))
        # Filters go by columns from here on, and columns are folded at most writes.
        self.patch(row_filter, "FEW_ROWS", -1)
        self.patch(cache, "FEW_FRESH", 8)
        self.pool = ThreadPoolExecutor(7)
        self.addCleanup(self.pool.shutdown)
        self.stop = Event()
        self.addCleanup(self.stop.set)

    def find(self, filter_: Filter) -> list[PointId]:
        page = self.collection.read(Scroll(limit=10_000, filter=filter_))
        return [record.id for record in page.records]

    def check_steady(self) -> None:
        steady = frozenset(STEADY)
        for filter_, expected in zip(self.filters, self.expected, strict=True):
            found = self.find(filter_)
            self.assertEqual(found, sorted(found, key=sort_key))
            self.assertEqual([i for i in found if i in steady], expected, filter_)
            few = Filter(must=(HasId(steady), filter_))
            self.assertEqual(self.collection.read(Count(few)), len(expected), filter_)
            self.check_group()

    def check_group(self) -> None:
        for half in (0, 1):
            wanted = read_filter({"must": [{"key": "half", "match": {"value": half}}]})
            page = self.collection.read(Scroll(100, filter=wanted, selection=EVERYTHING))
            numbers = {payload_of(record)["round"] for record in page.records}
            self.assertTrue(all(number % 2 == half for number in numbers), numbers)
            self.assertLessEqual(len(numbers), 1)
            self.assertIn(len(page.records), (0, len(GROUP)))
            self.assertIn(self.collection.read(Count(wanted)), (0, len(GROUP)))

    def move_points(self) -> None:
        movers = HasId(frozenset(MOVING))
        for number in range(ROUNDS):
            city = read_filter({"must": {"key": "city", "match": {"value": "Berlin"}}})
            whole = number * 5 % len(MOVING)
            changes: tuple[Update, ...] = (
                points(MOVING[whole:] + MOVING[:whole], number),
                SetPayload(b'{"n":3,"city":"London"}', filter=Filter(must=(movers, city))),
                DeletePoints(filter=Filter(must=(movers, self.filters[number % 20]))),
                ClearPayload(filter=Filter(must=(movers, self.filters[number % 7]))),
            )
            write(self.collection, changes[number % 4])

    def write_group(self) -> None:
        group = Filter(must=(HasId(frozenset(GROUP)),))
        for number in range(ROUNDS):
            marks = {"round": number, "half": number % 2}
            if number % 3:
                text = b'{"round":%d,"half":%d}' % (number, number % 2)
                write(self.collection, SetPayload(text, filter=group))
            else:
                everything = DeletePoints(filter=group)
                write(self.collection, everything, upsert(GROUP, None, [marks] * len(GROUP)))

    def move_indexes(self) -> None:
        for path in (*INDEXES, *INDEXES):
            write(self.collection, index(path))
            self.assertIn(path, self.collection.read(CollectionInfoRequest()).payload_schema)
            write(self.collection, DeleteFieldIndex(PayloadPath.parse(path)))

    def repeat(self, read: Callable[[], None]) -> Future[None]:
        """Read over and over, once at least, until the stop."""

        def run() -> None:
            read()
            while not self.stop.is_set():
                read()

        return self.pool.submit(run)

    def run_threads(self, *writers: Callable[[], None]) -> None:
        """Read until all writers are done with their rounds, and see that all is sound then."""
        reads = [self.repeat(self.check_steady) for _ in range(2)]
        reads += [self.repeat(self.check_group) for _ in range(2)]
        done = [self.pool.submit(writer) for writer in writers]
        try:
            for each in done:
                each.result(PATIENCE)
        finally:
            self.stop.set()
        for read in reads:
            read.result(PATIENCE)
        self.check_at_rest()

    def check_at_rest(self) -> None:
        """By columns and by payloads, before and after a restart, the same points pass."""
        self.check_steady()
        answers = [self.find(filter_) for filter_ in self.filters]
        self.collection = self.reopen().get("a")
        for few_rows in (10**6, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            self.assertEqual([self.find(filter_) for filter_ in self.filters], answers)

    def test_without_indexes(self) -> None:
        self.run_threads(self.move_points, self.write_group)

    def test_with_indexes(self) -> None:
        write(self.collection, *map(index, INDEXES))
        self.run_threads(self.move_points, self.write_group)
        self.assertEqual(
            set(self.collection.read(CollectionInfoRequest()).payload_schema), set(INDEXES)
        )

    def test_while_indexes_come_and_go(self) -> None:
        self.run_threads(self.move_points, self.write_group, self.move_indexes)
        self.assertEqual(self.collection.read(CollectionInfoRequest()).payload_schema, {})
