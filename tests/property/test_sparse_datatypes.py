"""The datatype of the index of sparse vectors, against Qdrant's own engine, qdrant-edge-py."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest

from tests.engine_support import EngineTestCase, field, upsert, write
from tests.property.test_query_oracle import check_points
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_index.space import SparseSpace
from vexfs_twisted.engine.vector_index.sparse import cache
from vexfs_twisted.engine.vector_index.sparse.weights import decoded, encoded
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Datatype, SparseIndexParams, SparseVectorParams
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import Recommend, RecommendStrategy, VectorExample
from vexfs_twisted.model.vector_kinds import SparseVector, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

edge: Any
try:
    edge = import_module("qdrant_edge")
except ImportError:
    edge = None

COUNT = 600
LATER = 20
TERMS = 60
TOLERANCE = 1e-5
LEAST = 2.0**-149
"""The least number above 0 of float32."""


def _random_vector(random: np.random.Generator, length: int) -> SparseVector:
    terms = np.sort(random.permutation(TERMS)[:length]).astype(np.uint32)
    return SparseVector(terms, random.standard_normal(length, dtype=np.float32))


class Codes(EngineTestCase):
    """Weights as they are stored."""

    @settings(max_examples=200)
    @example([3 * LEAST])
    @given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
    def test_the_nearest_of_256_levels(self, numbers: list[float]) -> None:
        values = np.array(numbers, dtype=np.float32)
        least, largest = (np.full(len(values), own) for own in (values.min(), values.max()))
        codes = encoded(Datatype.UINT8, values, least, largest)
        found = decoded(Datatype.UINT8, codes, least, largest).astype(np.float64)
        low, high, largest_number = float(values.min()), float(values.max()), max(map(abs, numbers))
        # Half of a step, and the rounding of what is added up.
        most = (high - low) / 255 / 2 * 1.0001 + 3e-7 * largest_number + 1e-42
        self.assertLessEqual(np.abs(found - values).max(), most)
        self.assertTrue(((found >= low - most) & (found <= high)).all())

    @settings(max_examples=200)
    @given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
    def test_the_nearest_half(self, numbers: list[float]) -> None:
        values = np.array(numbers, dtype=np.float32)
        codes = encoded(Datatype.FLOAT16, values, values, values)
        expected = np.clip(values, -65504, 65504).astype(np.float16)
        found = decoded(Datatype.FLOAT16, codes, values, values)
        np.testing.assert_array_equal(found, expected.astype(np.float32))


class Datatypes(EngineTestCase):
    """Points that an optimized index has, and a few that it has not."""

    def setUp(self) -> None:
        super().setUp()
        if edge is None:
            raise SkipTest("qdrant-edge-py is missing")
        self.patch(cache, "_LEAST_ELEMENTS", 1000)

    def prepared(self, datatype: Datatype) -> tuple[Collection, Any]:
        """The same points here and in edge."""
        random = np.random.default_rng(7)
        vectors = [_random_vector(random, length) for length in random.integers(1, 20, COUNT)]
        later = [_random_vector(random, 10) for _ in range(LATER)]
        index = SparseIndexParams(datatype=datatype)
        request = CreateCollection(sparse_vectors={"s": SparseVectorParams(index)})
        collection = self.catalog.create("c", request)
        kinds = edge.VectorStorageDatatype
        params = edge.EdgeSparseVectorParams(
            datatype=kinds.Uint8 if datatype is Datatype.UINT8 else kinds.Float16
        )
        optimizers = edge.EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1)
        config = edge.EdgeConfig(sparse_vectors={"s": params}, optimizers=optimizers)
        shard = edge.EdgeShard.create(self.mktemp(), config)
        self.addCleanup(shard.close)
        for first, added in ((0, vectors), (COUNT, later)):
            ids = range(first, first + len(added))
            column = SparseVectors.of([v.indices for v in added], [v.values for v in added], str)
            payloads = [{"k": number % 3} for number in ids]
            write(collection, upsert(ids, {"s": VectorColumn(column)}, payloads))
            collection.optimize()
            points = [
                edge.Point(number, {"s": _theirs(own)}, payload)
                for number, own, payload in zip(ids, added, payloads, strict=True)
            ]
            shard.update(edge.UpdateOperation.upsert_points(points))
            if not first:
                self.assertTrue(shard.optimize())
        space = collection.state.spaces["s"]
        assert isinstance(space, SparseSpace)
        (own,) = collection.indexes.postings.ranges(space)
        self.assertEqual((own.start, own.stop, own.datatype), (0, COUNT, datatype))
        return collection, shard

    def check(self, datatype: Datatype) -> None:
        collection, shard = self.prepared(datatype)
        everything = COUNT + LATER

        @settings(max_examples=60)
        @given(st.integers(0, 2**32 - 1), st.none() | st.integers(0, 2), st.integers(0, 2))
        def run(seed: int, group: int | None, way: int) -> None:
            random = np.random.default_rng(seed)
            vector, other = _random_vector(random, 5), _random_vector(random, 30)
            form: Any = VectorExample(vector)
            their_form = edge.Query.Nearest(_theirs(vector), "s")
            passing, options = None, {}
            if group is not None:
                passing = Filter(must=(field("k", MatchValue(group)),))
                condition = edge.FieldCondition(key="k", match=edge.MatchValue(group))
                options["filter"] = edge.Filter(must=[condition])
            prefetch: tuple[Prefetch, ...] = ()
            if way == 1:
                prefetch = (Prefetch(VectorExample(other), "s", limit=40),)
                below = edge.Query.Nearest(_theirs(other), "s")
                options["prefetches"] = [edge.Prefetch(40, query=below)]
            if way == 2:
                # What is compared with several examples are the vectors, not the index.
                form = Recommend((form,), (VectorExample(other),), RecommendStrategy.BEST_SCORE)
                examples = edge.RecommendQuery([_theirs(vector)], [_theirs(other)])
                their_form = edge.Query.RecommendBestScore(examples, "s")
            found = [
                collection.read(Query(form, "s", passing, limit=limit, prefetch=prefetch))
                for limit in (20, everything)
            ]
            expected = shard.query(edge.QueryRequest(20, query=their_form, **options))
            check_points(self, found[0], expected, found[1], (seed, group, way), TOLERANCE)

        run()

    def test_uint8(self) -> None:
        self.check(Datatype.UINT8)

    def test_float16(self) -> None:
        self.check(Datatype.FLOAT16)


def _theirs(vector: SparseVector) -> Any:
    return edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
