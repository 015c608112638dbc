"""Codes in the place of vectors: made, saved, mapped, searched, and refused when damaged."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import Floats
from vexfs_twisted.engine.vector_index.graph import Graph, GraphBuilder, GraphOptions
from vexfs_twisted.engine.vector_index.quantization import (
    CodedGraph,
    Codes,
    CodesFacts,
    CodesOptions,
    DamagedCodes,
    Encoder,
    code_kind_of,
    codes_options,
)
from vexfs_twisted.engine.vectors.norms import normalised
from vexfs_twisted.model.collection_params import (
    BinaryEncoding,
    BinaryQuantization,
    BinaryQueryEncoding,
    CompressionRatio,
    Datatype,
    Distance,
    Memory,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboBits,
    TurboQuantization,
    VectorParams,
)

DIMENSION = 64
ROWS = 2048
QUERIES = 50
LIMIT = 10
METRICS = (Distance.COSINE, Distance.DOT, Distance.EUCLID)


def scalar(quantile: float | None = None) -> QuantizationConfig:
    return QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8, quantile=quantile))


def product(compression: CompressionRatio) -> QuantizationConfig:
    return QuantizationConfig(product=ProductQuantization(compression))


def binary(
    encoding: BinaryEncoding | None = None, query_encoding: BinaryQueryEncoding | None = None
) -> QuantizationConfig:
    chosen = BinaryQuantization(encoding=encoding, query_encoding=query_encoding)
    return QuantizationConfig(binary=chosen)


def turbo(bits: TurboBits | None = None) -> QuantizationConfig:
    return QuantizationConfig(turbo=TurboQuantization(bits=bits))


# What each configuration takes for a vector of 64 components, and the share of the true nearest
# ten that is found at least: by its codes alone, and among its candidates.
EVERY_KIND = (
    (scalar(), 64, 0.8, 0.95),
    (scalar(quantile=0.5), 64, 0.4, 0.6),
    (product(CompressionRatio.X4), 64, 0.9, 0.98),
    (product(CompressionRatio.X8), 32, 0.75, 0.98),
    (product(CompressionRatio.X16), 16, 0.5, 0.98),
    (product(CompressionRatio.X32), 8, 0.4, 0.97),
    (product(CompressionRatio.X64), 4, 0.25, 0.95),
    (binary(), 16, 0.3, 0.9),
    (binary(BinaryEncoding.ONE_BIT), 16, 0.3, 0.9),
    (binary(BinaryEncoding.ONE_AND_HALF_BITS), 36, 0.55, 0.9),
    (binary(BinaryEncoding.TWO_BITS), 36, 0.55, 0.9),
    (turbo(), 32, 0.75, 0.98),
    (turbo(TurboBits.BITS_1), 16, 0.3, 0.9),
    (turbo(TurboBits.BITS_1_5), 36, 0.55, 0.9),
    (turbo(TurboBits.BITS_2), 36, 0.55, 0.9),
    (turbo(TurboBits.BITS_4), 32, 0.75, 0.98),
)


def clustered(rows: int, dimension: int, seed: int) -> Floats:
    """Vectors around common centres, as embeddings lie."""
    centres = np.random.default_rng(0).standard_normal((20, dimension))
    source = np.random.default_rng(seed)
    near = centres[source.integers(20, size=rows)]
    return (near + 0.7 * source.standard_normal((rows, dimension))).astype(np.float32)


def true_badness(distance: Distance, queries: Floats, vectors: Floats) -> NDArray[np.float64]:
    """Smaller is nearer, shape [q, n]."""
    own, theirs = queries.astype(np.float64), vectors.astype(np.float64)
    if distance is Distance.EUCLID:
        return np.asarray(np.linalg.norm(own[:, np.newaxis] - theirs, axis=2))
    return -(own @ theirs.T)


def recall(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    shares = [np.isin(own, mine).mean() for own, mine in zip(true, found, strict=True)]
    return float(np.mean(shares))


class CodesTestCase(SynchronousTestCase):
    """Graphs over all vectors but every fifth, for each metric, and codes for their nodes."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "codes-1"

    def vectors(self, distance: Distance, dimension: int = DIMENSION) -> Floats:
        data = clustered(ROWS, dimension, seed=1)
        return normalised(data) if distance is Distance.COSINE else data

    def write(
        self,
        params: VectorParams,
        config: QuantizationConfig,
        data: Floats,
        start: int = 0,
        earlier: Codes | None = None,
    ) -> CodesFacts:
        kind = code_kind_of(params, config)
        assert kind is not None
        is_coded = np.arange(start, len(data)) % 5 > 0
        encoder = Encoder(kind, params, data.__getitem__, 1, lambda: False)
        facts = encoder.write(self.path, start, is_coded, earlier)
        assert facts is not None
        return facts

    def open(
        self, params: VectorParams, config: QuantizationConfig, facts: CodesFacts | None = None
    ) -> Codes:
        kind = code_kind_of(params, config)
        assert kind is not None
        return Codes.open(self.path, facts, params, kind, codes_options(config))

    def graph(self, distance: Distance, data: Floats, start: int = 0) -> Graph:
        options = GraphOptions(m=16, ef_construct=100)
        builder = GraphBuilder(distance, data.__getitem__, options)
        rows = np.arange(start, len(data))
        builder.add(rows[(rows - start) % 5 > 0])
        path = self.folder / f"graph-{distance.value}-{data.shape[1]}-{start}"
        facts = builder.save(path, start, len(data))
        return Graph.open(path, facts, distance, data)


class SearchTests(CodesTestCase):
    """What is found by codes."""

    def test_every_kind_finds_what_is_near_under_every_metric(self) -> None:
        for distance in METRICS:
            data = self.vectors(distance)
            queries = clustered(QUERIES, DIMENSION, seed=2)
            badness = true_badness(distance, queries, data)
            badness[:, ::5] = np.inf
            true = np.argsort(badness, axis=1)[:, :LIMIT]
            graph = self.graph(distance, data)
            params = VectorParams(distance, DIMENSION)
            for config, size, alone, rescored in EVERY_KIND:
                facts = self.write(params, config, data)
                self.assertEqual(facts.code_size, size)
                coded = CodedGraph(graph, self.open(params, config, facts))
                taken = ceil(LIMIT * coded.codes.oversampling) + 8
                distances, rows = coded.search(queries, taken, 200)
                self.assertGreater(recall(rows[:, :LIMIT], true), alone, (distance, config))
                order = np.argsort(np.take_along_axis(badness, rows, axis=1), axis=1)[:, :LIMIT]
                best = np.take_along_axis(rows, order, axis=1)
                self.assertGreater(recall(best, true), rescored, (distance, config))
                self.check_scores(distance, coded.scores(distances), badness, rows)

    def check_scores(
        self,
        distance: Distance,
        scores: Floats,
        badness: NDArray[np.float64],
        rows: NDArray[np.int64],
    ) -> None:
        """They tell roughly what the true ones are."""
        true = np.take_along_axis(badness, rows, axis=1)
        told = -scores if distance.larger_is_nearer else scores
        self.assertTrue(np.isfinite(told).all())
        self.assertLess(np.abs(told - true).mean(), np.ptp(badness[np.isfinite(badness)]) / 4)

    def test_a_range_that_does_not_begin_with_the_first_row(self) -> None:
        data = self.vectors(Distance.EUCLID)
        params = VectorParams(Distance.EUCLID, DIMENSION)
        start = 640
        graph = self.graph(Distance.EUCLID, data, start)
        facts = self.write(params, scalar(), data, start)
        self.assertEqual((facts.start, facts.stop), (start, ROWS))
        coded = CodedGraph(graph, self.open(params, scalar(), facts))
        _, rows = coded.search(data[701:703], 1, 100)
        self.assertEqual(rows.ravel().tolist(), [701, 702])

    def test_dimensions_that_no_product_divides(self) -> None:
        for dimension in (33, 70):
            data = self.vectors(Distance.DOT, dimension)
            params = VectorParams(Distance.DOT, dimension)
            graph = self.graph(Distance.DOT, data)
            for config in (product(CompressionRatio.X8), product(CompressionRatio.X32)):
                facts = self.write(params, config, data)
                coded = CodedGraph(graph, self.open(params, config, facts))
                distances, rows = coded.search(data[1:4], 5, 100)
                true = np.einsum("ij,ikj->ik", data[1:4], data[rows])
                np.testing.assert_allclose(coded.scores(distances), true, rtol=0.3, atol=15)

    def test_fewer_rows_than_centroids(self) -> None:
        data = self.vectors(Distance.DOT)[:64]
        params = VectorParams(Distance.DOT, DIMENSION)
        config = product(CompressionRatio.X16)
        graph = self.graph(Distance.DOT, data)
        coded = CodedGraph(graph, self.open(params, config, self.write(params, config, data)))
        distances, rows = coded.search(data[1:2], 3, 64)
        # With a centroid for each of them nothing is lost.
        np.testing.assert_allclose(distances[0], data[rows[0]] @ data[1], rtol=1e-5)

    def test_vectors_that_are_all_the_same(self) -> None:
        data = np.full((128, DIMENSION), 0.5, dtype=np.float32)
        params = VectorParams(Distance.EUCLID, DIMENSION)
        graph = self.graph(Distance.EUCLID, data)
        for config, _, _, _ in EVERY_KIND:
            coded = CodedGraph(graph, self.open(params, config, self.write(params, config, data)))
            distances, _ = coded.search(data[:1], 5, 64)
            np.testing.assert_allclose(coded.scores(distances), 0, atol=1e-3)

    def test_a_query_may_be_rounded_to_fewer_bits(self) -> None:
        data = self.vectors(Distance.COSINE)
        params = VectorParams(Distance.COSINE, DIMENSION)
        graph = self.graph(Distance.COSINE, data)
        off = []
        for encoding in (BinaryQueryEncoding.BINARY, BinaryQueryEncoding.SCALAR_8_BITS):
            config = binary(query_encoding=encoding)
            coded = CodedGraph(graph, self.open(params, config, self.write(params, config, data)))
            distances, rows = coded.search(data[1:30], 20, 100)
            true = np.einsum("ij,ikj->ik", data[1:30], data[rows])
            off.append(float(np.abs(distances - true).mean()))
        self.assertGreater(off[0], 1.5 * off[1])


class KindTests(SynchronousTestCase):
    """Which codes are made."""

    def test_none_where_none_are_configured(self) -> None:
        self.assertIsNone(code_kind_of(VectorParams(Distance.DOT, 64), None))

    def test_none_for_manhattan(self) -> None:
        self.assertIsNone(code_kind_of(VectorParams(Distance.MANHATTAN, 64), scalar()))

    def test_none_that_would_be_no_shorter_than_the_vectors(self) -> None:
        params = VectorParams(Distance.DOT, 64, datatype=Datatype.UINT8)
        self.assertIsNone(code_kind_of(params, scalar()))
        self.assertIsNotNone(code_kind_of(params, turbo()))
        self.assertIsNone(code_kind_of(VectorParams(Distance.DOT, 2), binary()))

    def test_names_tell_codes_apart(self) -> None:
        params = VectorParams(Distance.DOT, 64)
        kinds = [code_kind_of(params, config) for config, _, _, _ in EVERY_KIND]
        names = {kind.name for kind in kinds if kind is not None}
        self.assertEqual(len(names), 2 + 5 + 2 + 1)

    def test_memory_is_no_reason_to_make_other_codes(self) -> None:
        params = VectorParams(Distance.DOT, 64)
        pinned = ScalarQuantization(ScalarType.INT8, always_ram=True)
        config = QuantizationConfig(scalar=pinned)
        self.assertEqual(code_kind_of(params, config), code_kind_of(params, scalar()))
        self.assertEqual(codes_options(config), CodesOptions(Memory.PINNED))


class FileTests(CodesTestCase):
    """What is saved comes back, or is refused by name."""

    def setUp(self) -> None:
        super().setUp()
        self.params = VectorParams(Distance.DOT, DIMENSION)
        self.facts = self.write(self.params, scalar(), self.vectors(Distance.DOT))

    def refused(self, text: str, facts: CodesFacts | None = None) -> None:
        with self.assertRaises(DamagedCodes) as caught:
            self.open(self.params, scalar(), facts).verify()
        self.assertIn(self.path.name, str(caught.exception))
        self.assertIn(text, str(caught.exception))

    def overwrite(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def test_facts_are_those_of_the_file(self) -> None:
        codes = self.open(self.params, scalar(), self.facts)
        codes.verify()
        self.assertEqual(codes.facts, self.facts)
        self.assertEqual(self.facts.nbytes, self.path.stat().st_size)
        self.assertEqual(self.facts.kind, "int8-0.99")

    def test_each_memory_setting_opens(self) -> None:
        for memory in Memory:
            config = QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8, memory=memory))
            self.open(self.params, config, self.facts).verify()

    def test_a_missing_file(self) -> None:
        self.path.unlink()
        self.refused("No such file")

    def test_a_file_of_something_else(self) -> None:
        self.overwrite(0, b"RIFFWAVE")
        self.refused("format is unknown")

    def test_a_head_that_was_changed(self) -> None:
        self.overwrite(30, b"7")
        self.refused("head is not what was written")

    def test_what_was_learned_was_changed(self) -> None:
        self.overwrite(4096, b"\1\1")
        self.refused("made with is not what was written")

    def test_codes_that_were_changed(self) -> None:
        at = self.facts.nbytes - 100
        old = self.path.read_bytes()[at]
        self.overwrite(at, bytes([old ^ 1]))
        self.refused("not what was written")

    def test_a_file_that_was_cut_off(self) -> None:
        with self.path.open("r+b") as file:
            file.truncate(self.facts.nbytes - 1)
        self.refused("size is not what was written")

    def test_other_codes_than_expected(self) -> None:
        other = self.facts
        self.write(self.params, scalar(), -self.vectors(Distance.DOT))
        self.refused("other codes", other)

    def test_codes_of_another_kind(self) -> None:
        self.write(self.params, scalar(quantile=0.5), self.vectors(Distance.DOT))
        self.refused("of kind int8-0.5")

    def test_encoding_stops_when_told_and_leaves_nothing(self) -> None:
        self.path.unlink()
        for config in (scalar(), product(CompressionRatio.X8)):
            kind = code_kind_of(self.params, config)
            assert kind is not None
            data = self.vectors(Distance.DOT)
            is_coded = np.ones(ROWS, dtype=bool)
            encoder = Encoder(kind, self.params, data.__getitem__, 1, lambda: True)
            self.assertIsNone(encoder.write(self.path, 0, is_coded))
            self.assertEqual(list(self.folder.iterdir()), [])


class TakingOverTests(CodesTestCase):
    """Codes of a range that has grown."""

    def setUp(self) -> None:
        super().setUp()
        self.params = VectorParams(Distance.EUCLID, DIMENSION)
        self.data = self.vectors(Distance.EUCLID)

    def codes_from(self, start: int, stop: int, config: QuantizationConfig) -> Codes:
        """Codes of the rows of that range, in a file that later ones do not replace."""
        facts = self.write(self.params, config, self.data[:stop], start)
        codes = self.open(self.params, config, facts)
        self.path = self.folder / "codes-2"
        return codes

    def test_most_are_taken_over_and_the_others_made_alike(self) -> None:
        for config in (scalar(), product(CompressionRatio.X16), binary()):
            earlier = self.codes_from(640, 1920, config)
            facts = self.write(self.params, config, self.data, 0, earlier)
            codes = self.open(self.params, config, facts)
            codes.verify()
            self.assertEqual(codes.learned.tobytes(), earlier.learned.tobytes())
            self.assertEqual(codes.rows[640:1920].tobytes(), earlier.rows.tobytes())
            kind = code_kind_of(self.params, config)
            assert kind is not None
            storage = kind.storage(self.params)
            kind.teach(storage, earlier.learned)
            for part in (slice(0, 640), slice(1920, ROWS)):
                expected = storage.sa_encode(self.data[part])
                expected[(np.arange(ROWS) % 5 == 0)[part]] = 0
                self.assertEqual(codes.rows[part].tobytes(), expected.tobytes())
            self.path = self.folder / "codes-1"

    def test_few_are_not(self) -> None:
        earlier = self.codes_from(0, 640, scalar())
        self.write(self.params, scalar(), 2 * self.data, 0, earlier)
        codes = self.open(self.params, scalar())
        self.assertNotEqual(codes.learned.tobytes(), earlier.learned.tobytes())

    def test_those_of_another_kind_are_not(self) -> None:
        earlier = self.codes_from(0, 1920, scalar(quantile=0.5))
        facts = self.write(self.params, scalar(), self.data, 0, earlier)
        self.assertEqual(facts.kind, "int8-0.99")
        self.assertNotEqual(
            self.open(self.params, scalar()).rows[:1920].tobytes(), earlier.rows.tobytes()
        )
