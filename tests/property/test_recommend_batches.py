"""Recommendations by the best score: in batches, each alone, and by comparing all points."""

from __future__ import annotations

import numpy as np
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_support import EngineTestCase, field, floats, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.query import recommending
from vexfs_twisted.engine.read_bounds import ReadBoundsOfEach
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    VectorParams,
)
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import (
    Example,
    PointExample,
    Recommend,
    RecommendStrategy,
    VectorExample,
)
from vexfs_twisted.model.read_context import ReadContext
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
from vexfs_twisted.model.vectors import VectorColumn

COUNT = 700
SIZES = {"short": 3, "long": 20, "multi": 3}
"""Many of the short vectors are equal, so that scores are, too."""

MANY = COUNT // 2


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


def _examples(name: str) -> st.SearchStrategy[Example]:
    stored = st.integers(0, COUNT - 1).map(PointExample)
    given_ = st.integers(0, 1 << 20).map(lambda seed: VectorExample(_random((SIZES[name],), seed)))
    return stored | given_


@st.composite
def _queries(draw: st.DrawFn) -> Query:
    name = draw(st.sampled_from(list(SIZES)))
    form = Recommend(
        tuple(draw(st.lists(_examples(name), min_size=1, max_size=4))),
        tuple(draw(st.lists(_examples(name), max_size=3))),
        RecommendStrategy.BEST_SCORE,
    )
    only = draw(st.sampled_from([None, Filter(must=(field("k", MatchValue(0)),))]))
    limit = draw(st.integers(1, 12) | st.sampled_from([60, 10 * COUNT]))
    threshold = draw(st.sampled_from([None, 0.5, 0.9]))
    offset = draw(st.integers(0, 3))
    return Query(form, name, only, limit=limit, offset=offset, score_threshold=threshold)


class Batches(EngineTestCase):
    """Seven hundred points with vectors of small integers."""

    def prepare(self, distance: Distance) -> Collection:
        config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        vectors = {
            name: VectorParams(
                distance, size, multivector_config=config if name == "multi" else None
            )
            for name, size in SIZES.items()
        }
        collection = self.catalog.create(distance.value, CreateCollection(vectors=vectors))
        rows = [MultiVector(_random((1 + n % 3, SIZES["multi"]), n)) for n in range(COUNT)]
        columns = {
            "short": VectorColumn.of(_random((COUNT, SIZES["short"]), 1)),
            "long": VectorColumn.of(_random((COUNT, SIZES["long"]), 2)),
            "multi": VectorColumn(MultiVectors.of(rows)),
        }
        payloads = [{"k": int(n >= MANY)} for n in range(COUNT)]
        write(collection, upsert(range(COUNT), columns, payloads))
        return collection

    def compare(self, distance: Distance) -> None:
        collection = self.prepare(distance)

        @settings(max_examples=25)
        @given(st.lists(_queries(), min_size=1, max_size=6))
        def check(queries: list[Query]) -> None:
            together = list(map(list, collection.read(QueryBatch(queries))))
            self.assertEqual(together, [list(collection.read(query)) for query in queries])
            params = SearchParams(exact=True)
            exact = [list(collection.read(evolve(query, params=params))) for query in queries]
            self.assertEqual(together, exact)

        check()

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)

    def test_in_several_parts(self) -> None:
        # Each recommendation has a bound of its own, and all together exceed it.
        self.patch(recommending, "_MOST_SCORES", 200)
        self.compare(Distance.DOT)

    def test_an_error_ends_its_own_query_only(self) -> None:
        collection = self.prepare(Distance.DOT)
        best = RecommendStrategy.BEST_SCORE
        sound = Query(Recommend((PointExample(1),), (), best), "long")
        wrong = Query(Recommend((VectorExample(floats([1, 2])[0]),), (), best), "long")
        first, second, third = collection.query_each([sound, wrong, sound])
        self.assertIsInstance(second, Exception)
        assert not isinstance(first, Exception)
        assert not isinstance(third, Exception)
        self.assertEqual((len(first), list(first)), (10, list(third)))
        each = [ReadContext() for _ in range(2)]
        for outcome in collection.query_each([wrong, wrong], ReadBoundsOfEach(each)):
            self.assertIsInstance(outcome, DomainError)
