"""Search of sparse vectors, against the definition: by postings, pruned or not, and by scans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.engine_support import EngineTestCase, field, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_index.space import SparseSpace
from vexfs_twisted.engine.vector_index.sparse import cache, contenders, postings, term_at_a_time
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Datatype,
    Modifier,
    SparseIndexParams,
    SparseVectorParams,
)
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.search_params import Idf, SearchParams
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vector_kinds import SparseVector, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

TERMS = [0, 1, 2, 3, 5, 8, 13, 4_000_000_000, 2**32 - 1]
"""The first ones are more common."""

_terms = (
    st.integers(0, len(TERMS) - 1).flatmap(lambda top: st.integers(0, top)).map(TERMS.__getitem__)
)
_usual = st.integers(-6, 12).map(lambda number: number / 4)
_extreme = st.sampled_from([1e-30, -1e-30, 1e20, -1e20, 3e38])
"""Products of these are rounded to 0, or beyond the range of float32."""
_weights = st.one_of(*[_usual] * 9, _extreme)
_LARGEST = float(np.finfo(np.float32).max)
SPARSE_VECTORS = st.dictionaries(_terms, _weights, max_size=6)

Vector = dict[int, float]


def sparse_of(vector: Vector) -> SparseVector:
    """The vector as a query has it."""
    ordered = sorted(vector.items())
    indices = np.array([term for term, _ in ordered], dtype=np.uint32)
    return SparseVector(indices, np.array([value for _, value in ordered], dtype=np.float32))


def _single(value: float) -> float:
    return float(np.float32(value))


def _levelled(value: float, least: float, largest: float) -> float:
    """The level of uint8 nearest to a value, of those between two bounds."""
    low, high = np.float32(least), np.float32(largest)
    step = (high - low) / np.float32(255)
    if not step:
        return float(low)
    code = np.floor(np.float64((np.float32(value) - low) / step) + 0.5)
    return float(min(low + np.float32(code) * step, high))


def weighed(
    datatype: Datatype | None, points: dict[int, Vector], ranges: Sequence[tuple[int, int]]
) -> dict[int, Vector]:
    """The points, as ranges of their numbers store their values."""
    found = dict(points)
    for start, stop in ranges if datatype else ():
        own = {number: points[number] for number in range(start, stop)}
        values: dict[int, list[float]] = {}
        for term, value in (pair for vector in own.values() for pair in vector.items()):
            values.setdefault(term, []).append(_single(value))
        for number, vector in own.items():
            found[number] = {
                term: float(np.float16(np.clip(value, -65504, 65504)))
                if datatype is Datatype.FLOAT16
                else _levelled(value, min(values[term]), max(values[term]))
                for term, value in vector.items()
            }
    return found


def best_points(
    points: dict[int, Vector], query: Vector, group: int | None, limit: int
) -> list[tuple[int, float]]:
    """The numbers and scores of the best points, of all or of those of one group, by definition."""
    found = []
    for number, vector in points.items():
        shared = sorted(vector.keys() & query.keys())
        if shared and (group is None or number % 3 == group):
            total = sum(_single(vector[term]) * _single(query[term]) for term in shared)
            found.append((number, float(np.float32(min(max(total, -_LARGEST), _LARGEST)))))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]


class SparseSearch(EngineTestCase):
    """Random vectors written in parts, some deleted; random queries with filters and limits."""

    datatype: Datatype | None = None

    def weighed(self, collection: Collection, points: dict[int, Vector]) -> dict[int, Vector]:
        """The points as they are stored by the index: their numbers are those of their rows."""
        space = collection.state.spaces["s"]
        assert isinstance(space, SparseSpace)
        ranges = collection.indexes.postings.ranges(space)
        return weighed(self.datatype, points, [(own.start, own.stop) for own in ranges])

    def query(self, vector: Vector, group: int | None, limit: int) -> Query:
        """A query for the points of one group, or of all."""
        passing = None if group is None else Filter(must=(field("k", MatchValue(group)),))
        return Query(VectorExample(sparse_of(vector)), "s", passing, limit=limit)

    def found(
        self, collection: Collection, query: Vector, group: int | None, limit: int
    ) -> list[tuple[int, float]]:
        """The ids and scores of an answer."""
        answer = collection.read(self.query(query, group, limit))
        return [(int(point.id), point.score) for point in answer]

    def fill(
        self, name: str, parts: list[list[Vector]], modifier: Modifier | None = None
    ) -> tuple[Collection, dict[int, Vector]]:
        index = SparseIndexParams(datatype=self.datatype)
        params = {"s": SparseVectorParams(index, modifier)}
        collection = self.catalog.create(name, CreateCollection(sparse_vectors=params))
        points: dict[int, Vector] = {}
        for part in parts:
            ids = range(len(points), len(points) + len(part))
            points.update(zip(ids, part, strict=True))
            vectors = list(map(sparse_of, part))
            column = SparseVectors.of(
                [v.indices for v in vectors], [v.values for v in vectors], str
            )
            payloads = [{"k": number % 3} for number in ids]
            write(collection, upsert(ids, {"s": VectorColumn(column)}, payloads))
            collection.optimize()
        return collection, points

    def check(self, least_elements: int, least_saved: int) -> None:
        self.patch(cache, "_LEAST_ELEMENTS", least_elements)
        self.patch(term_at_a_time, "_LEAST_SAVED", least_saved)
        numbers = iter(range(10**6))
        parts = st.lists(st.lists(SPARSE_VECTORS, min_size=1, max_size=30), min_size=1, max_size=3)
        queries = st.lists(
            st.tuples(SPARSE_VECTORS, st.none() | st.integers(0, 2), st.integers(1, 40)), min_size=1
        )

        @settings(max_examples=60)
        @given(parts, st.sets(st.integers(0, 60), max_size=20), queries)
        @example([[{1: 1.0}, {2: 1e-30}]], set(), [({2: 1e-30}, None, 1)])
        @example([[{1: 1e20}, {1: 1e30}]], set(), [({1: 1e20}, None, 1)])
        def run(
            parts: list[list[Vector]],
            dead: set[int],
            queries: list[tuple[Vector, int | None, int]],
        ) -> None:
            name = str(next(numbers))
            collection, points = self.fill(name, parts)
            gone = [number for number in dead if number in points]
            if gone:
                write(collection, DeletePoints(ids=gone))
            points = self.weighed(collection, points)
            left = {number: own for number, own in points.items() if number not in dead}
            for query, group, limit in queries:
                found = self.found(collection, query, group, limit)
                self.assertEqual(found, best_points(left, query, group, limit), query)
            batch = QueryBatch([self.query(*own) for own in queries])
            for own, answer in zip(queries, collection.read(batch), strict=True):
                pairs = [(int(point.id), point.score) for point in answer]
                self.assertEqual(pairs, best_points(left, *own), own)
            self.catalog.delete(name)

        run()

    def test_all_terms_at_once(self) -> None:
        self.check(least_elements=20, least_saved=10**6)

    def test_terms_one_at_a_time(self) -> None:
        self.check(least_elements=20, least_saved=2)

    def test_contenders(self) -> None:
        for module in (contenders, postings):
            self.patch(module, "COLUMN", 2)
        self.patch(postings, "_LEAST_ROWS", 8)
        self.patch(contenders, "_CROWDED", 1)
        self.patch(contenders, "_MANY_CONTENDERS", 0)
        self.check(least_elements=20, least_saved=10**6)

    def test_contenders_of_many_rows(self) -> None:
        random = np.random.default_rng(5)

        def vector(most: int) -> Vector:
            terms = np.unique(random.zipf(1.4, most) % 300).tolist()
            values = random.choice([0.25, 0.5, 1.0, 1.5, 1.75, 2.0, -1.0], len(terms))
            values[random.random(len(terms)) < 0.5] += random.random()
            return dict(zip(terms, values.tolist(), strict=True))

        answered: list[int] = []
        find = contenders.ContenderSearch.find

        def recorded(*arguments: Any) -> Any:
            found = find(*arguments)
            answered.append(0 if found is None else len(found[0]))
            return found

        self.patch(contenders.ContenderSearch, "find", recorded)
        parts = [[vector(12) for _ in range(count)] for count in (2500, 1100, 30)]
        collection, points = self.fill("many", parts)
        points = self.weighed(collection, points)
        for _ in range(2):
            for turn in range(40):
                query, limit = vector(8), (1, 3, 10)[turn % 3]
                group = turn % 3 if turn % 2 else None
                found = self.found(collection, query, group, limit)
                self.assertEqual(found, best_points(points, query, group, limit), query)
            gone = random.permutation(len(points))[:500].tolist()
            write(collection, DeletePoints(ids=gone))
            points = {number: own for number, own in points.items() if number not in set(gone)}
        self.assertGreater(np.count_nonzero(answered), 60)

    def test_idf_counts_live_points_of_the_corpus(self) -> None:
        random = np.random.default_rng(9)
        self.patch(cache, "_LEAST_ELEMENTS", 100)
        parts = [
            [{int(term): 1.0 for term in np.unique(random.zipf(1.5, 6) % 12)} for _ in range(count)]
            for count in (150, 60, 5)
        ]
        collection, points = self.fill("idf", parts, Modifier.IDF)
        points = self.weighed(collection, points)
        query = dict.fromkeys([1, 2, 3, 5, 50], 1.0)
        for turn in range(3):
            for group in (None, 1):
                # Twice, as what was counted is kept.
                for _ in range(2):
                    self.check_idf(collection, points, query, group)
            gone = [number for number in points if number % 7 == turn]
            write(collection, DeletePoints(ids=gone))
            points = {number: own for number, own in points.items() if number not in gone}
            if turn:
                collection.optimize()

    def check_idf(
        self, collection: Collection, points: dict[int, Vector], query: Vector, group: int | None
    ) -> None:
        counted = [own for number, own in points.items() if group in (None, number % 3)]
        weighted = {}
        for term in query:
            had = sum(term in own for own in counted)
            weighted[term] = np.log((len(counted) - had + 0.5) / (had + 0.5) + 1)
        corpus = None if group is None else Filter(must=(field("k", MatchValue(group)),))
        params = SearchParams(idf=Idf(corpus))
        request = Query(VectorExample(sparse_of(query)), "s", params=params, limit=300)
        expected = dict(best_points(points, weighted, None, 300))
        requests = [request]
        if group is None:
            # Of all points without a corpus, too.
            requests.append(attrs.evolve(request, params=SearchParams()))
        # Alone and beside others, of which terms are shared and not.
        others = [Query(VectorExample(sparse_of(own)), "s") for own in ({}, {3: 0.5, 60: 1.0})]
        batch = collection.read(QueryBatch([*others, *requests]))[len(others) :]
        for answer in (*map(collection.read, requests), *batch):
            found = {int(point.id): point.score for point in answer}
            self.assertEqual(found.keys(), expected.keys())
            for number, score in found.items():
                self.assertAlmostEqual(score, expected[number], delta=1e-5 * abs(score))

    def test_empty_queries_and_huge_limits(self) -> None:
        self.patch(cache, "_LEAST_ELEMENTS", 20)
        parts: list[list[Vector]] = [
            [{1: 1.0, 2: 0.5 * number, number + 3: 1.0} for number in range(1100)],
            [{}],
        ]
        collection, points = self.fill("limits", parts)
        points = self.weighed(collection, points)
        self.assertEqual(self.found(collection, {}, None, 2**64 - 1), [])
        for query in ({1: 1.0}, {2: 1.0, 5: 2.0}, {2: -1.0}, {9: 1.0}, {4_000_000: 1.0}):
            for group in (None, 0):
                found = self.found(collection, query, group, 2**64 - 1)
                self.assertEqual(found, best_points(points, query, group, len(points)))

    def test_few_rows(self) -> None:
        self.check(least_elements=10**6, least_saved=10**6)


class SearchOfHalves(SparseSearch):
    """The same with weights in half precision."""

    datatype = Datatype.FLOAT16


class SearchOfLevels(SparseSearch):
    """The same with weights of 256 levels."""

    datatype = Datatype.UINT8
