"""A query equals the same query over a prefetch of more points, to the last bit of each score."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests import examples
from tests.engine_support import EngineTestCase, to_vector, upsert, write
from tests.property.test_query_oracle import COUNT, GROUND, NAMES, in_collection, random_points
from tests.query_trees import Ground, vector_forms
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    CompressionRatio,
    Datatype,
    Distance,
    HnswConfigDiff,
    OptimizersConfigDiff,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboQuantization,
    VectorParams,
)
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import Mmr, QueryForm
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

_PREFETCHED = 1000


@cache
def _filters() -> st.SearchStrategy[Filter | None]:
    def of(number: int) -> Filter:
        return Filter(must_not=(FieldCondition(PayloadPath.parse("k"), MatchValue(number)),))

    return st.none() | st.integers(0, 3).map(of)


@cache
@st.composite
def _queries(draw: st.DrawFn, ground: Ground, name: str, most: int) -> Query:
    return Query(
        draw(vector_forms(ground.examples(name))),
        name,
        draw(_filters()),
        limit=draw(st.integers(1, most)),
        offset=draw(st.integers(0, 3)),
        score_threshold=draw(st.none() | st.sampled_from([-1.0, 0.25, 100.0])),
    )


def _rescored(query: Query, form: QueryForm | None) -> Query:
    """The query over a prefetch of a thousand points, by a form or in the order of ids.

    Of more, if it selects from more candidates.
    """
    candidates = query.form.candidates_limit if isinstance(query.form, Mmr) else None
    limit = max(_PREFETCHED, candidates or 0)
    prefetch = Prefetch(form, query.using, params=query.params, limit=limit)
    return evolve(query, prefetch=(prefetch,))


class EveryKindOfVector(EngineTestCase):
    """Forty points with vectors of every kind, of each metric, stored as each datatype."""

    def compare(self, datatype: Datatype) -> None:
        for distance in Distance:
            collection = self.catalog.create(distance.value, in_collection(distance, datatype))
            columns = random_points(distance)
            if datatype is Datatype.UINT8:
                columns = dict(map(_stretched, columns.items()))
            write(collection, upsert(range(COUNT), columns, [{"k": n % 4} for n in range(COUNT)]))
            for name in NAMES:
                self.check(collection, name)

    def check(self, collection: Collection, name: str) -> None:
        @settings(max_examples=examples(7))
        @given(_queries(GROUND, name, COUNT))
        def check(query: Query) -> None:
            found = list(collection.read(query))
            for form in (query.form, None):
                self.assertEqual(list(collection.read(_rescored(query, form))), found, query)

        check()

    def test_float32(self) -> None:
        self.compare(Datatype.FLOAT32)

    def test_float16(self) -> None:
        self.compare(Datatype.FLOAT16)

    def test_uint8(self) -> None:
        self.compare(Datatype.UINT8)


def _stretched(named: tuple[str, VectorColumn]) -> tuple[str, VectorColumn]:
    """The vectors with components between 0 and 255, most of them no integers."""
    name, column = named
    vectors: Any = column.vectors
    part = "values" if name == "sparse" else "data"
    return name, VectorColumn(evolve(vectors, **{part: 100 + 40 * getattr(vectors, part)}))


_MANY = 2000
_SIZE = 64
_NARROW = SearchParams(hnsw_ef=12)
_CODES = (
    (Distance.COSINE, QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8))),
    (Distance.EUCLID, QuantizationConfig(product=ProductQuantization(CompressionRatio.X8))),
    (Distance.DOT, QuantizationConfig(binary=BinaryQuantization())),
    (Distance.EUCLID, QuantizationConfig(turbo=TurboQuantization())),
)


@cache
def _many(datatype: Datatype) -> NDArray[np.float32]:
    """Vectors around common centres."""
    source = np.random.default_rng(1)
    centres = source.standard_normal((20, _SIZE))
    data = centres[source.integers(20, size=_MANY)] + 0.5 * source.standard_normal((_MANY, _SIZE))
    return (100 + 40 * data if datatype is Datatype.UINT8 else data).astype(np.float32)


def _near() -> st.SearchStrategy[Any]:
    """Vectors near to one of many points."""

    def of(place: int) -> NDArray[np.float32]:
        noise = np.random.default_rng(place).standard_normal(_SIZE)
        return (_many(Datatype.FLOAT32)[place] + 0.1 * noise).astype(np.float32)

    return st.integers(0, _MANY - 1).map(of)


_GROUND_OF_MANY = Ground(vectors={UNNAMED: _near()}, ids=st.integers(0, _MANY - 1))


class Graphs(EngineTestCase):
    """Many points in a graph, maybe with codes, which a search with a narrow beam goes by."""

    def compare(
        self,
        distance: Distance,
        datatype: Datatype = Datatype.FLOAT32,
        codes: QuantizationConfig | None = None,
    ) -> None:
        request = CreateCollection(
            vectors={UNNAMED: VectorParams(distance, _SIZE, datatype=datatype)},
            optimizers_config=OptimizersConfigDiff(indexing_threshold=8),
            hnsw_config=HnswConfigDiff(m=8, ef_construct=16, full_scan_threshold=10),
            quantization_config=codes,
        )
        collection = self.catalog.create("c", request)
        payloads = [{"k": n % 4} for n in range(_MANY)]
        write(collection, upsert(range(_MANY), _many(datatype), payloads))
        collection.optimize()
        (segment,) = collection._store.state.spaces[UNNAMED].segments
        self.assertEqual(segment.nodes, _MANY)
        self.assertEqual(segment.codes is not None, codes is not None)
        self.check(collection)
        self.check_recall(collection, datatype)
        self.catalog.delete("c")

    def check(self, collection: Collection) -> None:
        @settings(max_examples=examples(20))
        @given(_queries(_GROUND_OF_MANY, UNNAMED, 4))
        def check(query: Query) -> None:
            exact = evolve(query, params=SearchParams(exact=True))
            expected = list(collection.read(exact))
            self.assertEqual(list(collection.read(_rescored(exact, query.form))), expected, query)
            if isinstance(query.form, Mmr):
                # One candidate that a graph misses changes what is selected.
                return
            found = list(collection.read(evolve(query, params=_NARROW)))
            every = collection.read(evolve(exact, limit=_MANY, offset=0))
            places = {point: place for place, point in enumerate(every)}
            order = [places[point] for point in found]
            self.assertEqual(order, sorted(order), query)

        check()

    def check_recall(self, collection: Collection, datatype: Datatype) -> None:
        """Of the same 50 queries each time: how much is found of a generated few says nothing."""
        wanted = found_of_them = 0
        for vector in _many(datatype)[:: _MANY // 50] + np.float32(0.01):
            query = to_vector(vector, limit=10)
            expected = collection.read(evolve(query, params=SearchParams(exact=True)))
            found = collection.read(evolve(query, params=_NARROW))
            wanted += len(expected)
            found_of_them += len(set(found) & set(expected))
        self.assertGreater(found_of_them, 0.7 * wanted)

    def test_metrics(self) -> None:
        for distance in Distance:
            self.compare(distance)

    def test_datatypes(self) -> None:
        self.compare(Distance.EUCLID, Datatype.UINT8)
        self.compare(Distance.COSINE, Datatype.FLOAT16)

    def test_codes(self) -> None:
        for distance, codes in _CODES:
            self.compare(distance, codes=codes)
