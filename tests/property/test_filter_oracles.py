"""Every kind of filter: the engine, its definition, and two engines of Qdrant's own.

VEXFS_FILTER_ROUNDS sets the number of rounds of 200 filters on 12 points; the long profile is 500
rounds, 100,000 evaluations.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.engine_support import unnamed, upsert, write
from tests.filters.cases import DATES, LAX_DATES, POINT_IDS, Cases, Json
from tests.filters.naive import Indexes, passes
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.rest.codecs.filters import read_filter

ROUNDS = int(os.environ.get("VEXFS_FILTER_ROUNDS", "4"))
FILTERS = 200

INDEXES = {
    "a": "keyword",
    "b": "integer",
    "n": "float",
    "place": "geo",
    "when": "datetime",
    "list": "integer",
    "objects[].a": "integer",
}


def expected(payloads: list[dict[str, Json]], filter_: Json, indexes: Indexes) -> list[int]:
    """The ids of the points that pass by the definition."""
    return [n for n in POINT_IDS if passes(n, payloads[n], filter_, indexes)]


class EngineTests(SynchronousTestCase):
    """The engine agrees with the definition, with payload indexes and without."""

    def setUp(self) -> None:
        path = Path(tempfile.mkdtemp(prefix="vexfs-filters-"))
        self.addCleanup(shutil.rmtree, path)
        self.catalog = Catalog(path)
        self.catalog.open()
        self.addCleanup(lambda: self.catalog.close())
        self.collection = self.catalog.create("a", unnamed())

    def found(self, filter_: Json) -> list[Any]:
        parsed = read_filter(filter_)
        page = self.collection.read(Scroll(limit=100, filter=parsed))
        ids = [record.id for record in page.records]
        self.assertEqual(self.collection.read(Count(parsed)), len(ids), filter_)
        return ids

    def check(self, seed: int, indexes: Indexes) -> None:
        cases = Cases(seed)
        payloads = [cases.payload() for _ in POINT_IDS]
        write(self.collection, DeletePoints(filter=Filter()), upsert(POINT_IDS, None, payloads))
        for _ in range(FILTERS):
            filter_ = cases.filter()
            wanted = expected(payloads, filter_, indexes)
            self.assertEqual(self.found(filter_), wanted, filter_)

    def test_without_indexes(self) -> None:
        for seed in range(ROUNDS):
            self.check(seed, {})

    def test_with_indexes(self) -> None:
        creations = [
            CreateFieldIndex(PayloadPath.parse(path), FieldSchema(FieldType(kind)))
            for path, kind in INDEXES.items()
        ]
        write(self.collection, *creations)
        for seed in range(ROUNDS):
            self.check(seed, INDEXES)


class OracleTests(SynchronousTestCase):
    """The definition agrees with Qdrant's own evaluators, but for what is written down below."""

    def check(
        self,
        found: Evaluator,
        but: Excluded,
        dates: Iterable[str] = (*DATES, *LAX_DATES),
        indexes: Indexes = MappingProxyType({}),
    ) -> None:
        compared = 0
        for seed in range(ROUNDS):
            cases = Cases(seed, dates)
            payloads = [cases.payload() for _ in POINT_IDS]
            for _ in range(FILTERS):
                filter_ = cases.filter()
                if any(map(but, conditions_in(filter_))):
                    continue
                compared += 1
                wanted = expected(payloads, filter_, indexes)
                self.assertEqual(found(payloads, filter_), wanted, filter_)
        self.assertGreater(compared, ROUNDS * FILTERS / 6)

    def test_local_mode_of_the_client(self) -> None:
        try:
            from qdrant_client import models
            from qdrant_client.local.payload_filters import check_filter
        except ImportError:
            raise SkipTest("qdrant-client is not installed") from None

        def found(payloads: list[dict[str, Json]], filter_: Json) -> list[int]:
            wanted = models.Filter(**filter_)
            return [n for n in POINT_IDS if check_filter(wanted, payloads[n], n, {})]

        self.check(found, lambda c: is_text(c) or is_null_itself(c) or is_past_doubles(c), DATES)

    def check_edge(self, but: Excluded, indexes: Indexes) -> None:
        try:
            from tests.filters.edge import EdgeShard
        except ImportError:
            raise SkipTest("qdrant-edge-py is not installed") from None
        path = tempfile.mkdtemp(prefix="vexfs-edge-")
        self.addCleanup(shutil.rmtree, path)
        shard = EdgeShard(f"{path}/shard", indexes)
        self.addCleanup(shard.close)
        stored: list[Any] = []

        def found(payloads: list[dict[str, Json]], filter_: Json) -> list[int]:
            if stored != [payloads]:
                shard.store(payloads)
                stored[:] = [payloads]
            return shard.find(filter_)

        always = (is_text, is_boolean, is_past_doubles, is_of_one_of_several, is_null_itself)
        self.check(found, lambda c: but(c) or any(test(c) for test in always), indexes=indexes)

    def test_edge(self) -> None:
        self.check_edge(lambda condition: False, {})

    def test_edge_with_indexes(self) -> None:
        indexes = {path: kind for path, kind in INDEXES.items() if kind in ("integer", "float")}
        but = (is_except, is_nested, is_of_dates, is_of_elements, is_bounded_twice)
        self.check_edge(lambda condition: any(test(condition) for test in but), indexes)


Evaluator = Callable[[list[dict[str, Json]], Json], list[int]]
Excluded = Callable[[Mapping[str, Json]], bool]


def is_text(condition: Mapping[str, Json]) -> bool:
    """Text without an index: the releases tried here cut it into tokens, 1.19 seeks a substring."""
    return "text" in condition.get("match", {})


def is_boolean(condition: Mapping[str, Json]) -> bool:
    """The Python binding of edge hands a boolean on as an integer, so that False finds 0."""
    return isinstance(condition.get("match", {}).get("value"), bool)


def is_past_doubles(condition: Mapping[str, Json]) -> bool:
    """Ranges are of doubles in both, and so are the numbers that they are held against."""
    bounds = condition.get("range", {}).values()
    return any(type(bound) is not str and abs(bound) >= 2**53 for bound in bounds)


def is_null_itself(condition: Mapping[str, Json]) -> bool:
    """Without an index the releases tried here look for nulls in arrays too; 1.19 does not."""
    return "is_null" in condition and "key" not in condition


def is_of_one_of_several(condition: Mapping[str, Json]) -> bool:
    """Of a field that is reached several times edge asks each whether it is empty, or null."""
    is_absence = "is_null" in condition or "is_empty" in condition
    return is_absence and "[" in condition.get("key", "")


def is_except(condition: Mapping[str, Json]) -> bool:
    """With an index edge looks for other values of its type only, here for any others."""
    return "except" in condition.get("match", {})


def is_nested(condition: Mapping[str, Json]) -> bool:
    """Within nested conditions edge uses indexes for some kinds of conditions only."""
    return "nested" in condition


def is_of_dates(condition: Mapping[str, Json]) -> bool:
    """With an index of numbers edge compares datetimes with them, as microseconds."""
    return any(type(bound) is str for bound in condition.get("range", {}).values())


def is_of_elements(condition: Mapping[str, Json]) -> bool:
    """To edge `list[]` is another field than `list`, without its index."""
    return condition.get("key", "").endswith("[]")


def is_bounded_twice(condition: Mapping[str, Json]) -> bool:
    """An index of edge looks at `gt` alone where there is `gte` too, and so with `lt`."""
    bounds = condition.get("range", {}).keys()
    return bounds >= {"gt", "gte"} or bounds >= {"lt", "lte"}


def conditions_in(filter_: Json) -> Iterator[Mapping[str, Json]]:
    """Every object anywhere in a filter, conditions among them."""
    if isinstance(filter_, dict):
        yield filter_
        for inner in filter_.values():
            yield from conditions_in(inner)
    elif isinstance(filter_, list):
        for inner in filter_:
            yield from conditions_in(inner)
