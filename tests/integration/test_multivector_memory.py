"""Codes of multivectors take private memory for a few blocks of lines, and not for all."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import textwrap

from twisted.trial.unittest import SynchronousTestCase

from tests.server_process import clean_environment
from tests.support import ROOT

MEASURE = textwrap.dedent(
    """
    import ctypes
    import json
    import sys
    from pathlib import Path
    from threading import Event, Thread

    import attrs
    import numpy as np

    from vexfs_twisted.engine.catalog import Catalog
    from vexfs_twisted.engine.optimizer import optimizer
    from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
    from vexfs_twisted.model.collection_params import (
        BinaryQuantization,
        CompressionRatio,
        Distance,
        HnswConfigDiff,
        MultiVectorComparator,
        MultiVectorConfig,
        ProductQuantization,
        QuantizationConfig,
        ScalarQuantization,
        ScalarType,
        VectorParams,
    )
    from vexfs_twisted.model.queries import Query, QueryBatch
    from vexfs_twisted.model.query_forms import VectorExample
    from vexfs_twisted.model.search_params import Quantization, SearchParams
    from vexfs_twisted.model.updates import Upsert
    from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
    from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

    POINTS, ROWS, SIZE = 2000, 32, 128
    CODES = {
        "int8": QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
        "binary": QuantizationConfig(binary=BinaryQuantization()),
        "product": QuantizationConfig(product=ProductQuantization(CompressionRatio.X16)),
    }
    optimizer.QUIET_SECONDS = 0


    def private():
        # Freed memory that the allocator keeps would hide what is allocated next.
        ctypes.CDLL(None).malloc_trim(0)
        return resident()


    def resident():
        with open("/proc/self/status") as status:
            (line,) = [line for line in status if line.startswith("RssAnon:")]
        return int(line.split()[1]) << 10


    def peak_of(work):
        peaks, is_done = [resident()], Event()

        def watch():
            while not is_done.wait(0.001):
                peaks.append(resident())

        watcher = Thread(target=watch)
        watcher.start()
        work()
        peaks.append(resident())
        is_done.set()
        watcher.join()
        return max(peaks)


    random = np.random.default_rng(1)
    catalog = Catalog(Path(sys.argv[1]))
    catalog.open()
    config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
    params = attrs.evolve(VectorParams(Distance(sys.argv[2]), SIZE), multivector_config=config)
    # Few links, as the graph is no subject here.
    links = HnswConfigDiff(m=2, ef_construct=4)
    collection = catalog.create("m", CreateCollection({UNNAMED: params}, hnsw_config=links))
    for start in range(0, POINTS, 250):
        lines = random.standard_normal((250 * ROWS, SIZE), dtype=np.float32)
        column = VectorColumn(MultiVectors.from_arrays(np.full(250, ROWS), lines))
        upsert = Upsert(list(range(start, start + 250)), {UNNAMED: column}, [b"{}"] * 250)
        collection.apply([upsert])
    collection.optimize()
    queries = random.standard_normal((10, ROWS, SIZE), dtype=np.float32)


    def search():
        for quantization in (Quantization(), Quantization(rescore=False)):
            asked = SearchParams(quantization=quantization)
            batch = [
                Query(VectorExample(MultiVector(own)), limit=10, params=asked) for own in queries
            ]
            collection.read(QueryBatch(batch))


    search()
    found = {}
    for kind, codes in CODES.items():
        before = private()
        collection.apply([UpdateCollection(quantization_config=codes)])
        coding = peak_of(collection.optimize) - before
        (segment,) = collection._store.state.spaces[UNNAMED].segments
        opened = collection.indexes.graphs[segment.uuid].line_codes
        assert len(opened.rows) == POINTS * ROWS, opened
        coded = private()
        searching = peak_of(search) - coded
        found[kind] = {
            "coding": coding,
            "searching": searching,
            "kept": private() - before,
        }
    print(json.dumps(found))
    catalog.close()
    """
)
KINDS = {"int8", "binary", "product"}


class MemoryTests(SynchronousTestCase):
    """A process of its own that makes codes of 64,000 lines and searches by them."""

    def measured(self, distance: str) -> dict[str, dict[str, int]]:
        with tempfile.TemporaryDirectory(prefix="vexfs-memory-") as folder:
            told = subprocess.run(
                [sys.executable, "-c", MEASURE, folder, distance],
                cwd=ROOT,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                check=True,
            )
        found: dict[str, dict[str, int]] = json.loads(told.stdout)
        self.assertEqual(set(found), KINDS)
        return found

    def check(self, distance: str) -> None:
        """The vectors are 31 MB, their codes 1.5 to 8 MB; one block of them is what is needed."""
        for taken in self.measured(distance).values():
            self.assertLess(taken["coding"], 16 << 20)
            self.assertLess(taken["searching"], 16 << 20)
            self.assertLess(taken["kept"], 1 << 20)

    def test_products(self) -> None:
        self.check("Cosine")

    def test_distances(self) -> None:
        self.check("Manhattan")
