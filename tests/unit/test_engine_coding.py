"""Codes of collections: made behind the writes, kept as they are wanted, and searched by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.engine_support import EngineTestCase, Floats, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.store.segments import Segment
from vexfs_twisted.model.collection import CollectionStatus, CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    Datatype,
    Disabled,
    Distance,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboQuantization,
    VectorParams,
    VectorParamsDiff,
)
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
    ) -> Collection:
        self.data = clustered(COUNT, seed=1)
        request = CreateCollection(
            vectors={UNNAMED: VectorParams(distance, SIZE, datatype=datatype)},
            optimizers_config=EAGER,
            quantization_config=config,
        )
        self.collection = self.catalog.create("things", request)
        write(self.collection, upsert(range(COUNT), self.data))
        return self.collection

    def segment(self) -> Segment:
        (segment,) = self.collection._store.view.spaces[UNNAMED].segments
        return segment

    def kind(self) -> str | None:
        codes = self.segment().codes
        return None if codes is None else codes.kind

    def files(self) -> list[Path]:
        return list(self.directory().glob("codes-*"))


class UpkeepTests(CodingTestCase):
    """Codes are made, renewed and removed."""

    def test_a_new_graph_gets_codes(self) -> None:
        self.create().upkeep()
        segment = self.segment()
        self.assertEqual(self.kind(), "int8-0.99")
        self.assertIsNotNone(segment.coded)
        self.assertEqual([file.name for file in self.files()], [segment.files[1]])
        self.assertEqual(self.collection.info().status, CollectionStatus.GREEN)

    def test_what_is_asked_for_one_vector_counts(self) -> None:
        request = CreateCollection(
            vectors={UNNAMED: VectorParams(Distance.DOT, SIZE, quantization_config=TURBO)},
            optimizers_config=EAGER,
            quantization_config=SCALAR,
        )
        self.collection = self.catalog.create("things", request)
        write(self.collection, upsert(range(COUNT), clustered(COUNT, seed=1)))
        self.collection.upkeep()
        self.assertEqual(self.kind(), "steps-4")

    def test_other_codes_are_made_when_others_are_wanted(self) -> None:
        self.create().upkeep()
        graph = self.segment().facts
        self.collection.update_config(UpdateCollection(quantization_config=BINARY))
        self.assertEqual(self.collection.info().status, CollectionStatus.YELLOW)
        self.collection.upkeep()
        self.assertEqual(self.kind(), "rabit-1")
        self.assertEqual(len(self.files()), 1)
        self.assertEqual(self.segment().facts, graph)

    def test_none_are_kept_when_none_are_wanted(self) -> None:
        self.create().upkeep()
        disabled = UpdateCollection(quantization_config=Disabled.DISABLED)
        self.collection.update_config(disabled)
        self.collection.upkeep()
        self.assertIsNone(self.kind())
        self.assertEqual(self.files(), [])

    def test_codes_are_made_when_they_are_first_wanted(self) -> None:
        self.create(None).upkeep()
        self.assertIsNone(self.kind())
        diff = VectorParamsDiff(quantization_config=TURBO)
        self.collection.update_config(UpdateCollection(vectors={UNNAMED: diff}))
        self.collection.upkeep()
        self.assertEqual(self.kind(), "steps-4")

    def test_there_are_none_for_manhattan(self) -> None:
        self.create(distance=Distance.MANHATTAN).upkeep()
        self.assertIsNone(self.kind())
        self.assertEqual(self.collection.info().status, CollectionStatus.GREEN)

    def test_float16_vectors_have_codes_too(self) -> None:
        self.create(datatype=Datatype.FLOAT16).upkeep()
        self.assertEqual(self.kind(), "int8-0.99")

    def test_codes_are_there_after_opening_again(self) -> None:
        self.create().upkeep()
        facts = self.segment().codes
        self.collection = self.reopen().get("things")
        self.assertIsNone(self.segment().coded)
        self.collection.upkeep()
        self.assertEqual(self.segment().codes, facts)
        self.assertIsNotNone(self.segment().coded)

    def test_damaged_codes_are_made_again(self) -> None:
        self.create().upkeep()
        (path,) = self.files()
        self.catalog.close()
        content = bytearray(path.read_bytes())
        content[-50] ^= 1
        path.write_bytes(content)
        self.collection = self.reopen().get("things")
        self.collection.upkeep()
        self.assertIsNotNone(self.segment().coded)
        self.assertNotEqual((path.read_bytes()), bytes(content))

    def test_codes_that_are_missing_are_made_again(self) -> None:
        self.create().upkeep()
        (path,) = self.files()
        self.catalog.close()
        path.unlink()
        self.collection = self.reopen().get("things")
        self.collection.upkeep()
        self.assertIsNotNone(self.segment().coded)
        self.assertTrue(path.exists())

    def test_codes_of_no_segment_are_removed_at_opening(self) -> None:
        self.create().upkeep()
        stray = self.directory() / "codes-of-nobody"
        self.catalog.close()
        stray.write_bytes(b"half")
        self.reopen()
        self.assertFalse(stray.exists())
        self.assertEqual(len(self.files()), 1)
