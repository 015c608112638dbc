"""Search of sparse vectors, against the definition: by postings, pruned or not, and by scans."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.engine_support import EngineTestCase, field, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_index.sparse import cache, term_at_a_time
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import SparseVectorParams
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Query
from vexfs_twisted.model.query_forms import VectorExample
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
_vectors = st.dictionaries(_terms, _weights, max_size=6)

Vector = dict[int, float]


def _sparse(vector: Vector) -> SparseVector:
    ordered = sorted(vector.items())
    indices = np.array([term for term, _ in ordered], dtype=np.uint32)
    return SparseVector(indices, np.array([value for _, value in ordered], dtype=np.float32))


def _single(value: float) -> float:
    return float(np.float32(value))


class SparseSearch(EngineTestCase):
    """Random vectors written in parts, some deleted; random queries with filters and limits."""

    def expected(
        self, points: dict[int, Vector], query: Vector, group: int | None, limit: int
    ) -> list[tuple[int, float]]:
        """The ids and scores of the best points."""
        found = []
        for number, vector in points.items():
            shared = sorted(vector.keys() & query.keys())
            if shared and (group is None or number % 3 == group):
                total = sum(_single(vector[term]) * _single(query[term]) for term in shared)
                found.append((number, float(np.float32(min(max(total, -_LARGEST), _LARGEST)))))
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def fill(self, name: str, parts: list[list[Vector]]) -> tuple[Collection, dict[int, Vector]]:
        params = {"s": SparseVectorParams()}
        collection = self.catalog.create(name, CreateCollection(sparse_vectors=params))
        points: dict[int, Vector] = {}
        for part in parts:
            ids = range(len(points), len(points) + len(part))
            points.update(zip(ids, part, strict=True))
            vectors = list(map(_sparse, part))
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
        parts = st.lists(st.lists(_vectors, min_size=1, max_size=30), min_size=1, max_size=3)
        queries = st.lists(
            st.tuples(_vectors, st.none() | st.integers(0, 2), st.integers(1, 40)), min_size=1
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
            left = {number: own for number, own in points.items() if number not in dead}
            for query, group, limit in queries:
                passing = None if group is None else Filter(must=(field("k", MatchValue(group)),))
                request = Query(VectorExample(_sparse(query)), "s", passing, limit=limit)
                found = [(point.id, point.score) for point in collection.read(request)]
                self.assertEqual(found, self.expected(left, query, group, limit), query)
            self.catalog.delete(name)

        run()

    def test_all_terms_at_once(self) -> None:
        self.check(least_elements=20, least_saved=10**6)

    def test_terms_one_at_a_time(self) -> None:
        self.check(least_elements=20, least_saved=2)

    def test_few_rows(self) -> None:
        self.check(least_elements=10**6, least_saved=10**6)
