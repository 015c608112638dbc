"""Searches of multivectors by codes against max_sim of the vectors and of what codes decode to."""

from __future__ import annotations

from math import ceil

import attrs
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.engine_support import EngineTestCase, Floats, write
from tests.property.test_engine_multi_search import Doubles, pair_scores
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.engine.vector_index.multi import estimates
from vexfs_twisted.engine.vector_index.space import MultiSpace
from vexfs_twisted.engine.vectors.norms import normalised
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    CompressionRatio,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboQuantization,
    VectorParams,
)
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.ragged import Offsets, offsets_of
from vexfs_twisted.model.search_params import Quantization, SearchParams
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 20
CODED = 300
POINTS = 330
MAX_SIM = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
DECODED = {
    "int8": QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
    "product": QuantizationConfig(product=ProductQuantization(CompressionRatio.X16)),
    "turbo": QuantizationConfig(turbo=TurboQuantization()),
}
"""Codes that decode to vectors whose scores are those of the codes."""

KINDS = {**DECODED, "binary": QuantizationConfig(binary=BinaryQuantization())}
RELATIVE = 1e-4
ABSOLUTE = 1e-3

Answer = list[tuple[int, float]]


def max_sims(distance: Distance, query: Floats, offsets: Offsets, lines: Floats) -> Doubles:
    """The definition, in double precision, for each multivector."""
    if distance is Distance.COSINE:
        query = normalised(query)
    pairs = pair_scores(distance, query.astype(np.float64), lines.astype(np.float64))
    if distance is Distance.EUCLID:
        return np.sqrt(np.minimum.reduceat(np.square(pairs), offsets[:-1], axis=1).sum(axis=0))
    reduce = np.maximum if distance.larger_is_nearer else np.minimum
    return np.asarray(reduce.reduceat(pairs, offsets[:-1], axis=1).sum(axis=0))


class CodesTests(EngineTestCase):
    """A collection with every metric and kind of codes, with dead points and a tail without."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(optimizer, "QUIET_SECONDS", 0)
        random = np.random.default_rng(4)
        lengths = random.integers(1, 7, POINTS)
        self.offsets = offsets_of(lengths.tolist())
        self.lines: Floats = random.standard_normal((int(lengths.sum()), SIZE), dtype=np.float32)
        self.lines += random.standard_normal(SIZE, dtype=np.float32)
        vectors = {
            f"{distance.value}-{kind}": attrs.evolve(
                VectorParams(distance, SIZE), multivector_config=MAX_SIM, quantization_config=config
            )
            for distance in Distance
            for kind, config in KINDS.items()
        }
        eager = OptimizersConfigDiff(indexing_threshold=8)
        request = CreateCollection(vectors, optimizers_config=eager)
        self.collection = self.catalog.create("m", request)
        self.fill(range(CODED))
        self.collection.optimize()
        self.dead = frozenset(range(0, CODED, 11))
        write(self.collection, DeletePoints(list(self.dead)))
        self.fill(range(CODED, POINTS))

    def fill(self, ids: range) -> None:
        vectors = MultiVectors(self.offsets, self.lines).take(np.array(ids))
        names = self.collection._store.state.spaces
        columns = {name: VectorColumn(vectors) for name in names}
        write(self.collection, Upsert(list(ids), columns, [b"{}"] * len(ids)))

    def decoded(self, name: str) -> tuple[Offsets, Floats]:
        """What the codes of the points that have some decode to."""
        space = self.collection._store.state.spaces[name]
        assert isinstance(space, MultiSpace)
        (segment,) = space.segments
        self.assertEqual((segment.start, segment.stop), (0, CODED))
        codes = self.collection.indexes.graphs[segment.uuid].line_codes
        assert codes is not None
        lines = codes.storage.sa_decode(np.ascontiguousarray(codes.rows))[:, :SIZE]
        return self.offsets[: CODED + 1], lines

    def ask(
        self, name: str, query: Floats, limit: int, quantization: Quantization, passing: list[int]
    ) -> Answer:
        asked = Query(
            VectorExample(MultiVector(query)),
            name,
            limit=limit,
            params=SearchParams(quantization=quantization),
            filter=Filter(must=(HasId(frozenset(passing)),)),
        )
        (answer,) = self.collection.read(QueryBatch([asked]))
        return [(int(point.id), point.score) for point in answer]

    def true_scores(self, distance: Distance, query: Floats) -> Doubles:
        lines = normalised(self.lines) if distance is Distance.COSINE else self.lines
        return max_sims(distance, query, self.offsets, lines)

    def assert_nearest(
        self, distance: Distance, answer: Answer, scores: Doubles, candidates: list[int], limit: int
    ) -> None:
        """The answer has the nearest candidates by `scores`, in order, with these as scores."""
        own = np.array([score for _, score in answer])
        np.testing.assert_allclose(own, scores[[id_ for id_, _ in answer]], RELATIVE, ABSOLUTE)
        best = np.sort(scores[candidates])
        best = best[::-1] if distance.larger_is_nearer else best
        self.assertEqual(len({id_ for id_, _ in answer}), min(limit, len(candidates)))
        self.assertLessEqual({id_ for id_, _ in answer}, set(candidates))
        np.testing.assert_allclose(own, best[: len(own)], RELATIVE, ABSOLUTE)

    @settings(max_examples=150, deadline=None)
    @given(
        distance=st.sampled_from(Distance),
        kind=st.sampled_from(sorted(KINDS)),
        query_rows=st.integers(1, 9),
        seed=st.integers(0, 999),
        limit=st.integers(1, 40),
        oversampling=st.none() | st.floats(1, 8),
        share=st.sampled_from([1.0, 0.5, 0.1]),
    )
    def test_rescored_ignored_and_by_codes_alone(
        self,
        distance: Distance,
        kind: str,
        query_rows: int,
        seed: int,
        limit: int,
        oversampling: float | None,
        share: float,
    ) -> None:
        name = f"{distance.value}-{kind}"
        random = np.random.default_rng(seed)
        query: Floats = random.standard_normal((query_rows, SIZE), dtype=np.float32)
        passing = np.flatnonzero(random.random(POINTS) < share)
        candidates = [id_ for id_ in passing.tolist() if id_ not in self.dead]
        true = self.true_scores(distance, query)

        def ask(quantization: Quantization) -> Answer:
            return self.ask(name, query, limit, quantization, candidates)

        ignoring = ask(Quantization(ignore=True, rescore=False, oversampling=oversampling))
        self.assert_nearest(distance, ignoring, true, candidates, limit)
        self.assertEqual(ask(Quantization(oversampling=float(POINTS))), ignoring)

        rescored = ask(Quantization(oversampling=oversampling))
        explicit = Quantization(rescore=True, oversampling=oversampling)
        self.assertEqual(ask(explicit), rescored)
        if kind not in DECODED:
            found = [id_ for id_, _ in rescored]
            self.assert_nearest(distance, rescored, true, found, limit)
            return
        by_codes = true.copy()
        by_codes[:CODED] = max_sims(distance, query, *self.decoded(name))
        alone = ask(Quantization(rescore=False, oversampling=oversampling))
        self.assert_nearest(distance, alone, by_codes, candidates, limit)
        compared = self.compared(distance, by_codes, candidates, limit, oversampling, kind)
        self.assert_nearest(distance, rescored, true, compared, limit)

    def compared(
        self,
        distance: Distance,
        by_codes: Doubles,
        candidates: list[int],
        limit: int,
        oversampling: float | None,
        kind: str,
    ) -> list[int]:
        """The candidates whose vectors are compared: the best by codes, and all without codes."""
        coded = np.array([id_ for id_ in candidates if id_ < CODED], dtype=np.int64)
        factor = oversampling or {"int8": 1.0, "turbo": 2.0, "product": 4.0}[kind]
        least = ceil(min(limit, len(candidates)) * factor) + estimates._SPARE
        scores = by_codes[coded]
        order = np.argsort(-scores if distance.larger_is_nearer else scores, kind="stable")
        # Which of two equal ones is compared depends on rounding.
        around = scores[order[least - 1 : least + 1]]
        assume(len(around) < 2 or abs(around[1] - around[0]) > ABSOLUTE)
        return [*coded[order[:least]].tolist(), *(id_ for id_ in candidates if id_ >= CODED)]
