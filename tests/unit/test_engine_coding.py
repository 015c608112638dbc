"""Codes of collections: made behind the writes, kept as they are wanted, and searched by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.engine_support import EngineTestCase, Floats, to_vector, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_index.quantization import CodedGraph
from vexfs_twisted.engine.vector_index.segments import Segment
from vexfs_twisted.engine.vectors.norms import normalised
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CollectionStatus,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    Datatype,
    Disabled,
    Distance,
    HnswConfigDiff,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboQuantization,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.queries import QueryBatch
from vexfs_twisted.model.search_params import Quantization, SearchParams
from vexfs_twisted.model.vectors import UNNAMED

SIZE = 64
COUNT = 1000
EAGER = OptimizersConfigDiff(indexing_threshold=8)
SCALAR = QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8))
BINARY = QuantizationConfig(binary=BinaryQuantization())
TURBO = QuantizationConfig(turbo=TurboQuantization())


def clustered(count: int, seed: int) -> Floats:
    """Vectors around common centres, as embeddings lie."""
    centres = np.random.default_rng(0).standard_normal((20, SIZE))
    source = np.random.default_rng(seed)
    near = centres[source.integers(20, size=count)]
    return (near + 0.7 * source.standard_normal((count, SIZE))).astype(np.float32)


class CodingTestCase(EngineTestCase):
    """A collection whose vectors are quantized."""

    def create(
        self,
        config: QuantizationConfig | None = SCALAR,
        distance: Distance = Distance.COSINE,
        datatype: Datatype | None = None,
        count: int = COUNT,
    ) -> Collection:
        self.data = clustered(count, seed=1)
        request = CreateCollection(
            vectors={UNNAMED: VectorParams(distance, SIZE, datatype=datatype)},
            optimizers_config=EAGER,
            hnsw_config=HnswConfigDiff(full_scan_threshold=10),
            quantization_config=config,
        )
        self.collection = self.catalog.create("things", request)
        write(self.collection, upsert(range(count), self.data))
        return self.collection

    def segment(self) -> Segment:
        (segment,) = self.collection._store.state.spaces[UNNAMED].segments
        return segment

    def coded(self) -> CodedGraph | None:
        opened = self.collection.indexes.graphs.get(self.segment().uuid)
        return None if opened is None else opened.coded

    def kind(self) -> str | None:
        codes = self.segment().codes
        return None if codes is None else codes.kind

    def files(self) -> list[Path]:
        return list(self.directory().glob("codes-*"))


class OptimizerTests(CodingTestCase):
    """Codes are made, renewed and removed."""

    def test_a_new_graph_gets_codes(self) -> None:
        self.create().optimize()
        segment = self.segment()
        self.assertEqual(self.kind(), "int8-0.99")
        self.assertIsNotNone(self.coded())
        self.assertEqual([file.name for file in self.files()], [segment.files[1]])
        self.assertEqual(
            self.collection.read(CollectionInfoRequest()).status, CollectionStatus.GREEN
        )

    def test_a_grown_graph_keeps_the_codes_there_are(self) -> None:
        self.create().optimize()
        coded = self.coded()
        assert coded is not None
        earlier = coded.codes
        write(self.collection, upsert(range(COUNT, COUNT + 300), clustered(300, seed=4)))
        self.collection.optimize()
        segment = self.segment()
        grown = self.coded()
        assert grown is not None
        codes = grown.codes
        self.assertGreater(segment.stop, COUNT)
        self.assertEqual(codes.rows[: len(earlier.rows)].tobytes(), earlier.rows.tobytes())
        self.assertEqual(len(self.files()), 1)

    def test_what_is_asked_for_one_vector_counts(self) -> None:
        request = CreateCollection(
            vectors={UNNAMED: VectorParams(Distance.DOT, SIZE, quantization_config=TURBO)},
            optimizers_config=EAGER,
            quantization_config=SCALAR,
        )
        self.collection = self.catalog.create("things", request)
        write(self.collection, upsert(range(COUNT), clustered(COUNT, seed=1)))
        self.collection.optimize()
        self.assertEqual(self.kind(), "steps-4")

    def test_other_codes_are_made_when_others_are_wanted(self) -> None:
        self.create().optimize()
        graph = self.segment().facts
        write(self.collection, UpdateCollection(quantization_config=BINARY))
        self.assertEqual(
            self.collection.read(CollectionInfoRequest()).status, CollectionStatus.YELLOW
        )
        self.collection.optimize()
        self.assertEqual(self.kind(), "rabit-1")
        self.assertEqual(len(self.files()), 1)
        self.assertEqual(self.segment().facts, graph)

    def test_none_are_kept_when_none_are_wanted(self) -> None:
        self.create().optimize()
        disabled = UpdateCollection(quantization_config=Disabled.DISABLED)
        write(self.collection, disabled)
        self.collection.optimize()
        self.assertIsNone(self.kind())
        self.assertEqual(self.files(), [])

    def test_codes_are_made_when_they_are_first_wanted(self) -> None:
        self.create(None).optimize()
        self.assertIsNone(self.kind())
        diff = VectorParamsDiff(quantization_config=TURBO)
        write(self.collection, UpdateCollection(vectors={UNNAMED: diff}))
        self.collection.optimize()
        self.assertEqual(self.kind(), "steps-4")

    def test_there_are_none_for_manhattan(self) -> None:
        self.create(distance=Distance.MANHATTAN).optimize()
        self.assertIsNone(self.kind())
        self.assertEqual(
            self.collection.read(CollectionInfoRequest()).status, CollectionStatus.GREEN
        )

    def test_float16_vectors_have_codes_too(self) -> None:
        self.create(datatype=Datatype.FLOAT16).optimize()
        self.assertEqual(self.kind(), "int8-0.99")

    def test_codes_are_there_after_opening_again(self) -> None:
        self.create().optimize()
        facts = self.segment().codes
        self.collection = self.reopen().get("things")
        self.assertIsNone(self.coded())
        self.collection.optimize()
        self.assertEqual(self.segment().codes, facts)
        self.assertIsNotNone(self.coded())

    def test_damaged_codes_are_made_again(self) -> None:
        self.create().optimize()
        (path,) = self.files()
        self.catalog.close()
        content = bytearray(path.read_bytes())
        content[-50] ^= 1
        path.write_bytes(content)
        self.collection = self.reopen().get("things")
        self.collection.optimize()
        self.assertIsNotNone(self.coded())
        self.assertNotEqual((path.read_bytes()), bytes(content))

    def test_codes_that_are_missing_are_made_again(self) -> None:
        self.create().optimize()
        (path,) = self.files()
        self.catalog.close()
        path.unlink()
        self.collection = self.reopen().get("things")
        self.collection.optimize()
        self.assertIsNotNone(self.coded())
        self.assertTrue(path.exists())

    def test_codes_of_no_segment_are_removed_at_opening(self) -> None:
        self.create().optimize()
        stray = self.directory() / "codes-of-nobody"
        self.catalog.close()
        stray.write_bytes(b"half")
        self.reopen()
        self.assertFalse(stray.exists())
        self.assertEqual(len(self.files()), 1)


class SearchTests(CodingTestCase):
    """How a search uses codes, where there are too many vectors to scan them."""

    def make(self, config: QuantizationConfig) -> None:
        self.create(config, count=10_000).optimize()
        self.asked = normalised(clustered(50, seed=2))

    def found(self, **params: Any) -> tuple[NDArray[np.int64], Floats]:
        """The ids and scores of the nearest ten of each query, shape [50, 10]."""
        chosen = SearchParams(hnsw_ef=64, **params)
        points = [
            self.collection.read(QueryBatch([to_vector(query, limit=10, params=chosen)]))[0]
            for query in self.asked
        ]
        ids = np.array([[int(point.id) for point in own] for own in points])
        return ids, np.array([[point.score for point in own] for own in points], np.float32)

    def recall(self, ids: NDArray[np.int64]) -> float:
        true, _ = self.found(exact=True)
        shares = [np.isin(own, other).mean() for own, other in zip(true, ids, strict=True)]
        return float(np.mean(shares))

    def true_scores(self, ids: NDArray[np.int64]) -> Floats:
        data = normalised(self.data)
        scores: Floats = np.einsum("ij,ikj->ik", self.asked, data[ids])
        return scores

    def test_candidates_are_compared_by_their_vectors(self) -> None:
        for config, least in ((SCALAR, 0.9), (BINARY, 0.4), (TURBO, 0.9)):
            self.make(config)
            ids, scores = self.found()
            self.assertGreater(self.recall(ids), least)
            np.testing.assert_allclose(scores, self.true_scores(ids), rtol=1e-5)
            self.catalog.delete("things")

    def test_a_score_does_not_depend_on_the_way(self) -> None:
        self.make(SCALAR)
        ids, scores = self.found()
        true_ids, true_scores = self.found(exact=True)
        same = ids == true_ids
        self.assertGreater(same.mean(), 0.5)
        self.assertEqual(scores[same].tolist(), true_scores[same].tolist())

    def test_more_oversampling_finds_more(self) -> None:
        self.make(BINARY)
        narrow, _ = self.found(quantization=Quantization(oversampling=1.0))
        wide, _ = self.found(quantization=Quantization(oversampling=20.0))
        self.assertGreater(self.recall(wide), self.recall(narrow) + 0.1)

    def test_without_rescoring_the_codes_tell_the_scores(self) -> None:
        self.make(BINARY)
        ids, scores = self.found(quantization=Quantization(rescore=False))
        self.assertTrue((np.diff(scores, axis=1) <= 0).all())
        off = np.abs(scores - self.true_scores(ids))
        self.assertGreater(off.mean(), 0.001)
        self.assertLess(off.mean(), 0.2)

    def test_codes_may_be_ignored(self) -> None:
        self.make(BINARY)
        by_codes, _ = self.found(quantization=Quantization(oversampling=1.0))
        ids, _ = self.found(quantization=Quantization(ignore=True))
        self.assertGreater(self.recall(ids), 0.9)
        self.assertGreater(self.recall(ids), self.recall(by_codes))

    def test_under_a_filter_only_what_passes_is_found(self) -> None:
        self.make(BINARY)
        even = Filter(must=(HasId(frozenset(range(0, 10_000, 2))),))
        for query in self.asked[:10]:
            asked = to_vector(query, limit=20, filter=even, params=SearchParams(hnsw_ef=16))
            (points,) = self.collection.read(QueryBatch([asked]))
            self.assertEqual(len(points), 20)
            self.assertTrue(all(int(point.id) % 2 == 0 for point in points))
