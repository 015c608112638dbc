"""Codes of the lines of multivectors: made, used, verified and removed."""

from __future__ import annotations

import attrs
import numpy as np

from tests.engine_support import EngineTestCase, write
from tests.unit.test_engine_multi_graphs import EAGER, POINTS, SIZE, topics
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.engine.vector_index.multi import products, search
from vexfs_twisted.engine.vector_index.quantization import Codes
from vexfs_twisted.engine.vector_index.segments import Segment
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    BinaryEncoding,
    BinaryQuantization,
    BinaryQueryEncoding,
    CompressionRatio,
    Datatype,
    Disabled,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboBits,
    TurboQuantization,
    VectorParams,
)
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.search_params import Quantization, SearchParams
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

SCALAR = QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8))
BINARY = QuantizationConfig(binary=BinaryQuantization())
TWO_BITS = BinaryQuantization(
    encoding=BinaryEncoding.TWO_BITS, query_encoding=BinaryQueryEncoding.SCALAR_8_BITS
)
KINDS = [
    SCALAR,
    BINARY,
    QuantizationConfig(binary=TWO_BITS),
    QuantizationConfig(product=ProductQuantization(CompressionRatio.X16)),
    QuantizationConfig(turbo=TurboQuantization(bits=TurboBits.BITS_4)),
]
EXACT = SearchParams(exact=True)
COVERING = SearchParams(quantization=Quantization(oversampling=float(POINTS)))

Answer = list[tuple[object, float]]


class MultiCodesTests(EngineTestCase):
    """A collection of multivectors whose segment has codes."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(optimizer, "QUIET_SECONDS", 0)
        self.stored, self.queries = topics(POINTS, 5)

    def create(
        self,
        config: QuantizationConfig = SCALAR,
        distance: Distance = Distance.COSINE,
        datatype: Datatype | None = None,
    ) -> None:
        params = attrs.evolve(
            VectorParams(distance, SIZE),
            multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM),
            datatype=datatype,
        )
        request = CreateCollection(
            {UNNAMED: params}, optimizers_config=EAGER, quantization_config=config
        )
        name = f"m{len(self.catalog.names())}"
        self.collection = self.catalog.create(name, request)
        self.name = name
        self.fill(range(POINTS))
        self.collection.optimize()

    def fill(self, ids: range) -> None:
        column = VectorColumn(self.stored.take(np.array(ids) % POINTS))
        write(self.collection, Upsert(list(ids), {UNNAMED: column}, [b"{}"] * len(ids)))

    def segment(self) -> Segment:
        (segment,) = self.collection._store.state.spaces[UNNAMED].segments
        return segment

    def codes(self) -> Codes | None:
        opened = self.collection.indexes.graphs.get(self.segment().uuid)
        return None if opened is None else opened.line_codes

    def reopened(self) -> None:
        self.collection = self.reopen().get(self.name)
        self.collection.optimize()

    def ask(self, params: SearchParams, limit: int = 5) -> list[Answer]:
        queries = [
            Query(VectorExample(own), limit=limit, params=params)
            for own in self.queries
            if isinstance(own, MultiVector)
        ]
        answers = self.collection.read(QueryBatch(queries))
        return [[(found.id, found.score) for found in answer] for answer in answers]

    def recall(self, params: SearchParams) -> float:
        pairs = list(zip(self.ask(params), self.ask(EXACT), strict=True))
        hits = sum(len({id_ for id_, _ in own} & {id_ for id_, _ in true}) for own, true in pairs)
        return hits / sum(len(true) for _, true in pairs)

    def assertUsed(self) -> None:
        """Scores by codes differ from those of vectors; those after rescoring do not."""
        by_codes = self.ask(SearchParams(quantization=Quantization(rescore=False)))
        self.assertNotEqual(by_codes, self.ask(EXACT))
        self.assertEqual(self.ask(COVERING), self.ask(EXACT))

    def test_every_kind_metric_and_datatype(self) -> None:
        for distance in Distance:
            for config in KINDS:
                self.create(config, distance)
                codes = self.codes()
                assert codes is not None
                self.assertEqual(len(codes.rows), len(self.stored.data))
                self.assertUsed()
                # Bits of components say less about sums of absolute differences.
                least = 0.85 if distance is Distance.MANHATTAN and config is BINARY else 0.9
                self.assertGreater(self.recall(SearchParams()), least)
        for datatype in (Datatype.FLOAT16, Datatype.UINT8):
            self.stored = attrs.evolve(
                self.stored, data=np.abs(np.rint(self.stored.data * 100)).astype(np.float32)
            )
            for distance in (Distance.DOT, Distance.EUCLID, Distance.MANHATTAN):
                self.create(BINARY, distance, datatype)
                self.assertUsed()

    def test_scores_by_codes_are_near_those_of_vectors(self) -> None:
        for distance in Distance:
            for config, share in ((SCALAR, 0.05), (KINDS[2], 0.25)):
                self.create(config, distance)
                scores: dict[object, float] = dict(self.ask(EXACT, POINTS)[0])
                found = self.ask(SearchParams(quantization=Quantization(rescore=False)))[0]
                for id_, score in found:
                    self.assertApproximates(score, scores[id_], share * abs(scores[id_]))

    def test_scores_by_codes_are_those_of_the_lines_they_decode_to(self) -> None:
        by_codes = SearchParams(quantization=Quantization(rescore=False))
        for distance in (Distance.EUCLID, Distance.MANHATTAN):
            for config in (KINDS[0], KINDS[3], KINDS[4]):
                self.create(config, distance)
                codes = self.codes()
                assert codes is not None
                lines = codes.storage.sa_decode(np.ascontiguousarray(codes.rows))[:, :SIZE]
                answers = self.ask(by_codes, POINTS)
                for query, answer in zip(self.queries, answers, strict=True):
                    assert isinstance(query, MultiVector)
                    between = np.abs(query.rows[:, np.newaxis].astype(np.float64) - lines)
                    if distance is Distance.EUCLID:
                        pairs = np.square(between).sum(axis=2)
                    else:
                        pairs = between.sum(axis=2)
                    best = np.minimum.reduceat(pairs, self.stored.offsets[:-1], axis=1)
                    scores = best.sum(axis=0)
                    true = np.sqrt(scores) if distance is Distance.EUCLID else scores
                    found = dict(answer)
                    self.assertEqual(len(found), POINTS)
                    own = np.array([found[id_] for id_ in range(POINTS)])
                    np.testing.assert_allclose(own, true, rtol=1e-4)

    def test_estimates_of_vectors_far_from_zero(self) -> None:
        far = np.float32(1000)
        self.stored = attrs.evolve(self.stored, data=self.stored.data + far)
        self.queries = attrs.evolve(self.queries, data=self.queries.data + far)
        for distance in (Distance.EUCLID, Distance.MANHATTAN):
            self.create(SCALAR, distance)
            scores: dict[object, float] = dict(self.ask(EXACT, POINTS)[0])
            found = self.ask(SearchParams(quantization=Quantization(rescore=False)))[0]
            for id_, score in found:
                self.assertApproximates(score, scores[id_], 0.05 * scores[id_])

    def test_lines_that_are_equal_zero_or_of_very_different_lengths(self) -> None:
        lengths = np.diff(self.stored.offsets)
        count = int(lengths.sum())
        apart = np.where(np.arange(count) % 50, np.float32(1), np.float32(1e11))
        normal = np.random.default_rng(1).standard_normal((count, SIZE)).astype(np.float32)
        by_codes = SearchParams(quantization=Quantization(rescore=False))
        for lines in (np.zeros_like(normal), np.ones_like(normal), normal * apart[:, np.newaxis]):
            self.stored = MultiVectors.from_arrays(lengths, lines)
            for distance in (Distance.DOT, Distance.EUCLID, Distance.MANHATTAN):
                for config in (SCALAR, BINARY):
                    self.create(config, distance)
                    self.assertEqual(self.ask(COVERING), self.ask(EXACT))
                    for answer in self.ask(by_codes):
                        self.assertEqual(len(answer), 5)
                        self.assertTrue(np.isfinite([score for _, score in answer]).all())

    def test_codes_are_ignored_where_that_is_asked(self) -> None:
        self.create(BINARY)
        ignoring = SearchParams(quantization=Quantization(ignore=True, rescore=False))
        self.assertEqual(self.ask(ignoring), self.ask(EXACT))
        both = SearchParams(exact=True, quantization=Quantization(rescore=False))
        self.assertEqual(self.ask(both), self.ask(EXACT))

    def test_fewer_vectors_are_compared(self) -> None:
        self.create(BINARY)
        compared: list[int] = []
        real = products.may_be_nearest

        def counted(space: object, rows: object, *rest: object) -> object:
            compared.append(len(rows))  # type: ignore[arg-type]
            return real(space, rows, *rest)  # type: ignore[arg-type]

        self.patch(search, "may_be_nearest", counted)
        self.ask(SearchParams(quantization=Quantization(oversampling=3.0)))
        self.assertEqual(set(compared), {5 * 3 + 8})

    def test_writes_and_deletes_are_followed(self) -> None:
        self.create()
        write(self.collection, DeletePoints(list(range(0, POINTS, 7))))
        self.fill(range(POINTS, POINTS + 40))
        self.assertUsed()
        self.collection.optimize()
        self.assertUsed()
        found = self.ask(SearchParams(quantization=Quantization(rescore=False)), 2 * POINTS)
        ids = {id_ for id_, _ in found[0]}
        self.assertEqual(ids, set(range(POINTS + 40)) - set(range(0, POINTS, 7)))

    def test_a_grown_graph_keeps_the_codes_there_are(self) -> None:
        self.create()
        before = self.codes()
        assert before is not None
        self.fill(range(POINTS, POINTS + 200))
        self.collection.optimize()
        after = self.codes()
        assert after is not None
        self.assertGreater(len(after.rows), len(before.rows))
        self.assertEqual(after.rows[: len(before.rows)].tobytes(), before.rows.tobytes())

    def test_codes_of_deleted_points_are_not_those_of_later_ones(self) -> None:
        self.create()
        write(self.collection, DeletePoints(list(range(POINTS - 90, POINTS))))
        self.reopened()
        self.fill(range(POINTS, POINTS + 90))
        self.collection.optimize()
        self.assertEqual(self.segment().stop, POINTS + 90)
        self.assertUsed()
        found = self.ask(SearchParams(quantization=Quantization(rescore=False)), POINTS)
        exact = [dict(answer) for answer in self.ask(EXACT, POINTS)]
        for answer, true in zip(found, exact, strict=True):
            for id_, score in answer:
                self.assertApproximates(score, true[id_], 0.3)

    def test_codes_are_there_after_opening_again(self) -> None:
        self.create()
        facts = self.segment().codes
        self.reopened()
        self.assertEqual(self.segment().codes, facts)
        self.assertUsed()

    def test_damaged_and_missing_codes_are_made_again(self) -> None:
        self.create()
        (path,) = self.directory().glob("codes-*")
        self.catalog.close()
        content = bytearray(path.read_bytes())
        content[-50] ^= 1
        path.write_bytes(content)
        self.reopened()
        self.assertNotEqual(path.read_bytes(), bytes(content))
        self.assertUsed()
        self.catalog.close()
        path.unlink()
        self.reopened()
        self.assertUsed()

    def test_other_codes_and_none(self) -> None:
        self.create()
        write(self.collection, UpdateCollection(quantization_config=BINARY))
        self.collection.optimize()
        codes = self.codes()
        assert codes is not None
        self.assertEqual(codes.facts.kind, "rabit-1")
        write(self.collection, UpdateCollection(quantization_config=Disabled.DISABLED))
        self.collection.optimize()
        self.assertIsNone(self.codes())
        self.assertEqual(list(self.directory().glob("codes-*")), [])
