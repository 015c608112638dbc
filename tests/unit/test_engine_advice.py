"""Where maps of files are kept, as the kernel tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.engine_support import EngineTestCase, upsert, write
from vexfs_twisted.engine.storage.file_map import FileMap
from vexfs_twisted.engine.storage.map_advice import advise, memory_placement
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    Memory,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    VectorParams,
)
from vexfs_twisted.model.vectors import UNNAMED

RANDOM = "rr"
"""How the kernel shows that no pages are read ahead."""


def flags(path: Path) -> set[str]:
    """What the kernel says of the maps of a file in this process."""
    found: set[str] = set()
    is_ours = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            is_ours = line.endswith(path.name)
        elif is_ours and line.startswith("VmFlags:"):
            found.update(line.split()[1:])
    return found


class AdviceTests(EngineTestCase):
    """Advice follows what is configured."""

    def test_what_is_set_for_memory_counts_before_on_disk(self) -> None:
        self.assertIs(memory_placement(Memory.CACHED, on_disk=True), Memory.CACHED)
        self.assertIs(memory_placement(None, on_disk=True), Memory.COLD)
        self.assertIsNone(memory_placement(None, on_disk=False))
        self.assertIsNone(memory_placement(None, on_disk=None))

    def test_every_array_on_a_map_will_do(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(bytes(3 * 4096))
        with path.open("rb") as file:
            mapped = FileMap(file.fileno(), 3 * 4096)
        array = mapped.array(np.uint8, offset=4096).reshape(2, -1)[1:]
        advise(array, None)
        self.assertNotIn(RANDOM, flags(path))
        advise(array, Memory.COLD)
        self.assertIn(RANDOM, flags(path))

    def test_arrays_that_are_on_no_map_are_left_alone(self) -> None:
        for memory in Memory:
            advise(np.zeros(10), memory)

    def test_vectors_on_disk_are_not_read_ahead(self) -> None:
        for number, on_disk in enumerate((True, False, None)):
            params = VectorParams(Distance.DOT, 4, on_disk=on_disk)
            request = CreateCollection(vectors={UNNAMED: params})
            collection = self.catalog.create(f"{number}", request)
            write(collection, upsert([1], np.ones((1, 4), np.float32)))
            (path,) = collection._store.path.glob("vectors-*")
            self.assertEqual(RANDOM in flags(path), on_disk is True)
            self.catalog.delete(f"{number}")

    def test_vectors_stay_cold_when_their_file_grows(self) -> None:
        params = VectorParams(Distance.DOT, 256, memory=Memory.COLD)
        collection = self.catalog.create("cold", CreateCollection(vectors={UNNAMED: params}))
        write(collection, upsert(range(3000), np.ones((3000, 256), np.float32)))
        (path,) = collection._store.path.glob("vectors-*")
        self.assertIn(RANDOM, flags(path))

    def test_graphs_and_codes_follow_settings_of_their_own(self) -> None:
        cold = ScalarQuantization(ScalarType.INT8, memory=Memory.COLD)
        request = CreateCollection(
            vectors={UNNAMED: VectorParams(Distance.DOT, 32)},
            hnsw_config=HnswConfigDiff(on_disk=True),
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
            quantization_config=QuantizationConfig(scalar=cold),
        )
        collection = self.catalog.create("both", request)
        data = np.random.default_rng(1).standard_normal((640, 32), dtype=np.float32)
        write(collection, upsert(range(640), data))
        for _ in range(2):
            collection.optimize()
            directory = collection._store.path
            (vectors,) = directory.glob("vectors-*")
            self.assertNotIn(RANDOM, flags(vectors))
            for path in (*directory.glob("graph-*"), *directory.glob("codes-*")):
                self.assertIn(RANDOM, flags(path))
            self.assertEqual(len(list(directory.glob("*-*-*"))), 2)
            collection = self.reopen().get("both")
