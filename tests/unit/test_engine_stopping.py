"""Every read can be stopped wherever it is; what columns cost; and how long native calls are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from tests.engine_support import EVERYTHING, EngineTestCase, field, to_vector, unnamed, upsert
from tests.stopping import CountedContext
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.payload_index import builder, cache
from vexfs_twisted.engine.payload_index.column import ColumnBuilder
from vexfs_twisted.engine.read_bounds import ReadBounds
from vexfs_twisted.engine.storage.table_reader import TableReader
from vexfs_twisted.engine.vector_index import pairs, products, scan
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.filters import (
    Condition,
    DatetimeRange,
    Filter,
    HasId,
    IsEmpty,
    MatchText,
    MatchValue,
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)
from vexfs_twisted.model.geo import GeoPoint, GeoPolygon
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Facet, Query, QueryBatch, Retrieve, Scroll
from vexfs_twisted.model.query_forms import Direction, OrderBy
from vexfs_twisted.model.read_context import Cancelled
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

POINTS = 1200
KEYS = 120


def conditions(make: Callable[[int], Condition], count: int = KEYS) -> tuple[Condition, ...]:
    """So many conditions."""
    return tuple(map(make, range(count)))


def is_one(key: str) -> Condition:
    """A condition on one key."""
    return field(key, MatchValue(1))


def ring(corners: int) -> tuple[GeoPoint, ...]:
    """A closed ring of so many corners around the origin."""
    angles = np.linspace(0, 2 * np.pi, corners)
    points = [GeoPoint(lon=50 * np.cos(a), lat=50 * np.sin(a)) for a in angles.tolist()]
    return (*points[:-1], points[0])


FILTERS: dict[str, Filter] = {
    "unknown keys": Filter(should=conditions(lambda n: is_one(f"u{n}"))),
    "known keys": Filter(should=conditions(lambda n: is_one(f"k{n % 4}.v"))),
    "deep paths": Filter(should=conditions(lambda n: is_one(f"list[].w{n}[].c"), 20)),
    "ranges": Filter(should=conditions(lambda n: field("n", Range(gt=n, lt=n + 0.5)))),
    "nested": Filter(
        must=(Nested(PayloadPath.parse("list"), Filter(must_not=(is_one("v"), is_one("w")))),)
    ),
    "at least": Filter(
        min_should=MinShould(conditions(lambda n: field("n", Range(gt=n - 0.5))), 60)
    ),
    "text": Filter(should=conditions(lambda n: field("word", MatchText(f"{n} {n}")), 30)),
    "dates": Filter(must=(field("day", DatetimeRange(gt=0)),)),  # type: ignore[arg-type]
    "polygon": Filter(
        must=(field("place", GeoPolygon(ring(200))),)  # type: ignore[arg-type]
    ),
    "counts": Filter(
        must=(field("list", ValuesCount(gt=1)),),  # type: ignore[arg-type]
        must_not=(field("none", IsEmpty()),),  # type: ignore[arg-type]
    ),
    "ids": Filter(must=(HasId(frozenset(range(POINTS))),)),
    "some ids": Filter(must=(HasId(frozenset(range(1100))), is_one("n"))),
    "slices": Filter(must=(Slice(3, 1), field("n", Range(gt=0.5)))),
}

Read = Callable[[Collection], Any]

READS: dict[str, Read] = {
    "scroll": lambda own: own.read(Scroll(limit=POINTS, selection=EVERYTHING)),
    "ordered": lambda own: own.read(
        Scroll(limit=5, order_by=OrderBy(PayloadPath.parse("same"), Direction.DESC))
    ),
    "facet": lambda own: own.read(Facet(PayloadPath.parse("n"), limit=7)),
    "filtered facet": lambda own: own.read(
        Facet(PayloadPath.parse("n"), limit=7, filter=FILTERS["text"])
    ),
    "retrieve": lambda own: own.read(Retrieve(list(range(POINTS)), EVERYTHING)),
    "unranked": lambda own: own.read(QueryBatch([Query(limit=POINTS, selection=EVERYTHING)])),
    "ranked": lambda own: own.read(QueryBatch([to_vector([1.0] * 16, limit=POINTS)])),
    "fetched": lambda own: own.read(
        QueryBatch([to_vector([1.0] * 16, limit=POINTS, selection=EVERYTHING)])
    ),
    "exact": lambda own: own.read(
        QueryBatch([to_vector([1.0] * 16, params=SearchParams(exact=True))])
    ),
    "batch": lambda own: own.read(QueryBatch([to_vector([float(n)] * 16) for n in range(40)])),
    "filtered": lambda own: own.read(
        QueryBatch([to_vector([1.0] * 16, filter=FILTERS["ranges"]), to_vector([2.0] * 16)])
    ),
    "info": lambda own: own.read(CollectionInfoRequest()),
}


def count_of(own: Filter) -> Read:
    """A count of what passes a filter."""
    return lambda held: held.read(Count(own))


def _scrolled(own: Scroll, held: Collection) -> Any:
    return held.read(own)


def shown(answer: Any) -> str:
    """An answer in a form that can be compared. Arrays are shown in full, with all their digits."""
    with np.printoptions(override_repr=lambda array: repr(array.tolist())):
        return repr(_listed(answer))


def _listed(answer: Any) -> Any:
    is_list = isinstance(answer, Sequence) and not isinstance(answer, tuple | str | bytes)
    return [_listed(each) for each in answer] if is_list else answer


def payload(number: int) -> dict[str, Any]:
    """What point `number` has."""
    return {
        "n": number,
        "same": 1,
        "word": f"word {number}",
        "day": f"2020-01-{number % 28 + 1:02}",
        "place": {"lon": number % 100, "lat": number % 60},
        "list": [{"v": number % 3, "w1": [{"c": number % 5}]}, {"w": 1}],
        **{f"k{n}": {"v": number % (n + 2)} for n in range(4)},
    }


class Filled(EngineTestCase):
    """A collection of points with payloads of every kind, two fields of which are indexed."""

    distance = Distance.DOT

    def setUp(self) -> None:
        super().setUp()
        self.catalog.create("a", unnamed(16, self.distance))
        self.collection = self.catalog.get("a")
        self.fill(self.collection)
        for text, kind in (("n", FieldType.INTEGER), ("same", FieldType.INTEGER)):
            index = CreateFieldIndex(PayloadPath.parse(text), FieldSchema(kind))
            self.collection.apply([index])

    def fill(self, collection: Collection) -> None:
        vectors = np.random.default_rng(1).random((POINTS, 16), dtype=np.float32)
        collection.apply([upsert(range(POINTS), vectors, [payload(n) for n in range(POINTS)])])

    def reopened(self) -> Collection:
        """The collection with nothing made of its payloads but what it has on disk."""
        self.collection = self.reopen().get("a")
        for path in self.directory().glob("column-*"):
            path.unlink()
        self.collection = self.reopen().get("a")
        return self.collection

    def looks(self, read: Read) -> tuple[int, Any]:
        """How many times a read looks whether it should go on, and its answer."""
        context = CountedContext()
        with ReadBounds([context], is_short=False):
            answer = read(self.collection)
        return context.looks, answer


class EveryReadStops(Filled):
    """Reads are stopped wherever they are, and leave nothing behind that is wrong."""

    def assert_stops(self, name: str, read: Read) -> None:
        """The read stops at the first look at which it should, and is right afterwards."""
        self.reopened()
        count, answer = self.looks(read)
        expected = shown(answer)
        self.assertGreater(count, 2, f"{name} cannot be stopped")
        for share in (0.0, 0.5, 0.99):
            self.reopened()
            context = CountedContext(int(share * count))
            with self.assertRaises(Cancelled, msg=name), ReadBounds([context], is_short=False):
                read(self.collection)
            # Each group of a batch is asked once by itself.
            self.assertLessEqual(context.looks, int(share * count) + 2, name)
            self.assertEqual(shown(read(self.collection)), expected, name)

    def test_filters_that_are_counted(self) -> None:
        for name, own in FILTERS.items():
            self.assert_stops(name, count_of(own))

    def test_filters_that_are_scrolled(self) -> None:
        for name in ("unknown keys", "nested", "ids"):
            own = Scroll(filter=FILTERS[name], limit=20)
            self.assert_stops(name, partial(_scrolled, own))

    def test_other_reads(self) -> None:
        for name, read in READS.items():
            self.assert_stops(name, read)

    def test_filters_by_payloads_alone(self) -> None:
        self.patch(cache, "BYTES_A_ROW", 0)
        self.patch(cache.ColumnCache.__init__, "__defaults__", (0,))
        for name in ("known keys", "deep paths", "nested", "text", "some ids"):
            own = FILTERS[name]
            self.assert_stops(name, count_of(own))

    def test_rows_are_looked_at_with_a_look_for_each(self) -> None:
        self.reopened()
        count, _ = self.looks(lambda own: own.read(Count(FILTERS["unknown keys"])))
        self.assertGreater(count, POINTS + KEYS)
        self.reopened()
        with patch.object(row_filter, "FEW_ROWS", POINTS + 1):
            count, _ = self.looks(lambda own: own.read(Count(FILTERS["nested"])))
        self.assertGreater(count, 2 * POINTS)


class ColumnsInOnePass(Filled):
    """What it costs to make many columns, and how much is kept of them."""

    def test_payloads_are_read_once_however_many_keys_are_new(self) -> None:
        self.reopened()
        read = 0
        values = TableReader.values

        def counted(reader: TableReader, wanted: Any) -> list[bytes]:
            nonlocal read
            read += len(wanted)
            return values(reader, wanted)

        with patch.object(TableReader, "values", counted):
            self.assertEqual(self.collection.read(Count(FILTERS["unknown keys"])), 0)
        self.assertEqual(read, POINTS)

    def test_keys_that_no_payload_has_cost_nothing_at_a_payload(self) -> None:
        self.reopened()
        with patch.object(ColumnBuilder, "reach", side_effect=AssertionError) as reach:
            self.collection.read(Count(FILTERS["unknown keys"]))
        self.assertEqual(reach.call_count, 0)

    def test_one_pass_reaches_what_one_path_after_the_other_does(self) -> None:
        texts = ("list", "list[]", "list[].v", "list[0].w1[].c", "list[1]", "k1.v", "k1", "n.x")
        paths = [PayloadPath.parse(text).steps for text in texts]
        with self.collection.snapshot() as snapshot:
            live = snapshot.state.live.rows()
            together = builder.build_columns(paths, snapshot.rows, live)
            for path in paths:
                alone = builder.build_columns([path], snapshot.rows, live)[path]
                for part, held in alone.parts.items():
                    found = together[path].parts[part]
                    self.assertEqual(held.values.tolist(), found.values.tolist(), (path, part))
                    self.assertEqual(held.rows.tolist(), found.rows.tolist(), (path, part))

    def test_paths_and_payloads_may_be_deep(self) -> None:
        deep = b'{"a":' * 900 + b"1" + b"}" * 900
        vectors = VectorColumn.of(np.ones((1, 16), np.float32))
        self.collection.apply([Upsert([1], {UNNAMED: vectors}, [deep])])
        key = ".".join("a" * 900)
        wide = Filter(should=(is_one(key), is_one(key + ".a"), is_one(key + "[]")))
        self.assertEqual(self.collection.read(Count(wide)), 1)

    def test_packing_changes_nothing(self) -> None:
        expected = {}
        for name in ("known keys", "text", "counts"):
            expected[name] = self.collection.read(Count(FILTERS[name]))
        self.patch(builder, "_MOST_LOOSE", 50)
        self.reopened()
        for name, count in expected.items():
            self.assertEqual(self.collection.read(Count(FILTERS[name])), count)

    def test_columns_that_are_too_large_are_not_made(self) -> None:
        expected = self.collection.read(Count(FILTERS["known keys"]))
        self.assertGreater(expected, 0)
        self.reopened()
        columns = self.collection.indexes.columns
        columns._budget = 10_000
        with patch.object(cache, "BYTES_A_ROW", 1):
            self.assertEqual(self.collection.read(Count(FILTERS["known keys"])), expected)
            self.assertEqual(len(columns._columns), 0)

    def test_few_columns_are_kept_of_many(self) -> None:
        self.patch(cache, "MOST_COLUMNS", 20)
        for start in range(0, 100, 10):
            keys = conditions(lambda n, start=start: is_one(f"x{start + n}"), 10)  # type: ignore[misc]
            self.collection.read(Count(Filter(should=keys)))
        kept = self.collection.indexes.columns._columns
        own = [path for path in kept if path not in self.collection.indexes.columns._pinned]
        self.assertEqual(len(own), 20)

    def test_what_is_made_of_a_column_counts(self) -> None:
        self.collection.read(Count(FILTERS["text"]))
        (column,) = (
            column for path, column in self.collection.indexes.columns._columns.items()
            if path == PayloadPath.parse("word").steps
        )  # fmt: skip
        before = column.nbytes
        self.assertEqual(len(column.datetimes.rows), 0)
        self.assertEqual(len(column.numbers.rows), 0)
        self.assertEqual(column.nbytes, before)
        days = self.collection.read(Count(FILTERS["dates"]))
        self.assertEqual(days, POINTS)
        held = self.collection.indexes.columns._columns[PayloadPath.parse("day").steps]
        own = held.nbytes - held._own_bytes
        self.assertEqual(own, held.datetimes.nbytes)


class NativeScans(Filled):
    """Native calls are short, and answers are the same bit for bit however they are cut."""

    def answers(self, count: int, **options: Any) -> Any:
        generator = np.random.default_rng(7)
        queries = generator.random((count, 16), dtype=np.float32)
        exact = SearchParams(exact=True)
        batch = [to_vector(query, params=exact, **options) for query in queries]
        return [
            [(hit.id, hit.score) for hit in hits]
            for hits in self.collection.read(QueryBatch(batch))
        ]

    def assert_calls(self, count: int, module: Any, name: str, most: int, **options: Any) -> None:
        """The answers do not change when calls of the kernel are cut to `most` components."""
        expected = self.answers(count, **options)
        kernel, sizes = getattr(module, name), []

        def spied(distance: Distance, queries: Any, block: Any, *more: Any) -> Any:
            pairs_ = more[0].size if name == "score_rows" else len(queries) * len(block)
            sizes.append(pairs_ * queries.shape[1])
            return kernel(distance, queries, block, *more)

        self.patch(module, name, spied)
        self.assertEqual(self.answers(count, **options), expected)
        self.assertGreater(len(sizes), 1)
        self.assertLessEqual(max(sizes), most)

    def test_one_query_over_all_rows(self) -> None:
        self.patch(scan, "_CACHED_BYTES", 64 * 64)
        self.assert_calls(1, scan, "score_block", 16 * 64 * 16)

    def test_a_few_queries_over_all_rows(self) -> None:
        self.patch(scan, "_CACHED_BYTES", 64 * 100)
        self.assert_calls(5, scan, "score_block", 5 * 1600)


class NativeCalls(NativeScans):
    """The same of products and of pairs."""

    def test_many_queries_over_all_rows(self) -> None:
        self.patch(products, "_PRODUCTS", 16 * 10 * 500)
        self.patch(products, "_LEAST_RUN", 500)
        self.patch(products, "_LONG_RUN", 600)
        self.patch(products, "_QUERIES", 10)
        self.assert_calls(40, products, "approximate_nearest", 16 * 10 * 500 * 4)

    def test_candidates_of_many_queries(self) -> None:
        self.patch(pairs, "_COMPONENTS", 16 * 30)
        self.assert_calls(40, pairs, "score_rows", 16 * 30)

    def test_scattered_rows(self) -> None:
        self.patch(pairs, "_COMPONENTS", 16 * 30)
        self.patch(scan, "_CACHED_BYTES", 0)
        some = Filter(must=(HasId(frozenset(range(0, POINTS, 5))),))
        self.assert_calls(3, pairs, "score_rows", 16 * 30, filter=some)


class NativeCallsByEuclid(NativeCalls):
    distance = Distance.EUCLID


class NativeScansByManhattan(NativeScans):
    distance = Distance.MANHATTAN
