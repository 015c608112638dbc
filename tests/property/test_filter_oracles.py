"""Every kind of filter: the engine, its definition, and two engines of Qdrant's own.

VEXFS_FILTER_ROUNDS sets the number of rounds of 200 filters on 12 points; the long profile is 500
rounds, 100,000 evaluations.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.engine_support import unnamed, upsert, write
from tests.filters.cases import POINT_IDS, Cases, Json
from tests.filters.naive import passes
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
    "a": FieldType.KEYWORD,
    "b": FieldType.INTEGER,
    "n": FieldType.FLOAT,
    "place": FieldType.GEO,
    "when": FieldType.DATETIME,
    "list": FieldType.KEYWORD,
    "objects[].a": FieldType.INTEGER,
}


def expected(payloads: list[dict[str, Json]], filter_: Json) -> list[int]:
    """The ids of the points that pass by the definition."""
    return [n for n in POINT_IDS if passes(n, payloads[n], filter_)]


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
        page = self.collection.scroll(Scroll(limit=100, filter=parsed))
        ids = [record.id for record in page.records]
        self.assertEqual(self.collection.count(Count(parsed)), len(ids), filter_)
        return ids

    def check(self, seed: int) -> None:
        cases = Cases(seed)
        payloads = [cases.payload() for _ in POINT_IDS]
        write(self.collection, DeletePoints(filter=Filter()), upsert(POINT_IDS, None, payloads))
        for _ in range(FILTERS):
            filter_ = cases.filter()
            self.assertEqual(self.found(filter_), expected(payloads, filter_), filter_)

    def test_without_indexes(self) -> None:
        for seed in range(ROUNDS):
            self.check(seed)

    def test_with_indexes(self) -> None:
        creations = [
            CreateFieldIndex(PayloadPath.parse(path), FieldSchema(kind))
            for path, kind in INDEXES.items()
        ]
        write(self.collection, *creations)
        for seed in range(ROUNDS):
            self.check(seed)


class OracleTests(SynchronousTestCase):
    """The definition agrees with Qdrant's own evaluators, but for what is written down below."""

    def check(self, found: Evaluator, but: Excluded) -> None:
        compared = 0
        for seed in range(ROUNDS):
            cases = Cases(seed)
            payloads = [cases.payload() for _ in POINT_IDS]
            for _ in range(FILTERS):
                filter_ = cases.filter()
                if any(map(but, matches_in(filter_))):
                    continue
                compared += 1
                self.assertEqual(found(payloads, filter_), expected(payloads, filter_), filter_)
        self.assertGreater(compared, ROUNDS * FILTERS / 2)

    def test_local_mode_of_the_client(self) -> None:
        try:
            from qdrant_client import models
            from qdrant_client.local.payload_filters import check_filter
        except ImportError:
            raise SkipTest("qdrant-client is not installed") from None

        def found(payloads: list[dict[str, Json]], filter_: Json) -> list[int]:
            wanted = models.Filter(**filter_)
            return [n for n in POINT_IDS if check_filter(wanted, payloads[n], n, {})]

        self.check(found, is_text)

    def test_edge(self) -> None:
        try:
            from tests.filters.edge import EdgeShard
        except ImportError:
            raise SkipTest("qdrant-edge-py is not installed") from None
        path = tempfile.mkdtemp(prefix="vexfs-edge-")
        self.addCleanup(shutil.rmtree, path)
        shard = EdgeShard(f"{path}/shard")
        self.addCleanup(shard.close)
        stored: list[Any] = []

        def found(payloads: list[dict[str, Json]], filter_: Json) -> list[int]:
            if stored != [payloads]:
                shard.store(payloads)
                stored[:] = [payloads]
            return shard.find(filter_)

        self.check(found, lambda match: is_text(match) or is_boolean(match))


Evaluator = Callable[[list[dict[str, Json]], Json], list[int]]
Excluded = Callable[[Mapping[str, Json]], bool]


def is_text(match: Mapping[str, Json]) -> bool:
    """Text without an index: the releases tried here cut it into tokens, 1.19 seeks a substring."""
    return "text" in match


def is_boolean(match: Mapping[str, Json]) -> bool:
    """The Python binding of edge hands a boolean on as an integer, so that False finds 0."""
    return isinstance(match.get("value"), bool)


def matches_in(filter_: Json) -> Iterator[Mapping[str, Json]]:
    """Every match condition anywhere in a filter."""
    if isinstance(filter_, dict):
        if "match" in filter_:
            yield filter_["match"]
        for inner in filter_.values():
            yield from matches_in(inner)
    elif isinstance(filter_, list):
        for inner in filter_:
            yield from matches_in(inner)
