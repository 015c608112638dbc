"""Searches of multivectors by graphs and by codes, under every metric, beside exact ones.

    python -m benchmarks.multivector_codes DATA_FOLDER [POINTS]

The rows are those of `benchmarks.multivectors`, with lengths between 0.5 and 1.5. Printed are, for
each metric and kind of codes, the size of the codes, the processor time of a query, how many times
as long an exact one takes, which takes turns with it, and the recall of the nearest 10. Searches
use graphs where these are cheaper, and rescore by default.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

import attrs
import numpy as np

from benchmarks.multivectors import BATCH, LIMIT, POINTS, ROWS, SIZE, Floats, rows_about, unit
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    CompressionRatio,
    Disabled,
    Distance,
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
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

QUERIES = 100
EXACT = SearchParams(exact=True)
DEFAULT = SearchParams()
KINDS = {
    "plain": Disabled.DISABLED,
    "int8": QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
    "binary": QuantizationConfig(binary=BinaryQuantization()),
    "product x16": QuantizationConfig(product=ProductQuantization(CompressionRatio.X16)),
}


def collection_of(catalog: Catalog, distance: Distance, stored: Floats) -> Collection:
    """A collection of the points, without a graph."""
    config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
    params = attrs.evolve(VectorParams(distance, SIZE), multivector_config=config)
    collection = catalog.create(distance.value, CreateCollection({UNNAMED: params}))
    for start in range(0, len(stored), BATCH):
        lines = stored[start : start + BATCH]
        vectors = MultiVectors.from_arrays(np.full(len(lines), ROWS), lines.reshape(-1, SIZE))
        ids = list(range(start, start + len(lines)))
        collection.apply([Upsert(ids, {UNNAMED: VectorColumn(vectors)}, [b"{}"] * len(ids))])
    return collection


def found(collection: Collection, query: Floats, params: SearchParams) -> tuple[set[object], float]:
    """The ids that a query finds, and its processor time."""
    asked = Query(VectorExample(MultiVector(query)), limit=LIMIT, params=params)
    started = process_time()
    (answer,) = collection.read(QueryBatch([asked]))
    return {point.id for point in answer}, process_time() - started


def compare(collection: Collection, label: str, codes: int, queries: Floats) -> None:
    """Print a line: default searches and exact ones, taking turns."""
    hits, ours, theirs = 0, [], []
    for query in queries:
        ids, taken = found(collection, query, DEFAULT)
        ours.append(taken)
        truth, taken = found(collection, query, EXACT)
        theirs.append(taken)
        hits += len(ids & truth)
    own, exact = median(ours), median(theirs)
    rates = f"{own * 1e3:.2f} ms, {exact / own:.1f} times as fast as exact"
    print(f"{label}: codes of {codes >> 20} MB, {rates}, recall {hits / LIMIT / len(queries):.3f}")


def main(data: Path, points: int) -> None:
    """Print a line for each metric and kind of codes."""
    optimizer.QUIET_SECONDS = 0
    vectors = np.load(data / "vectors.f16.npy", mmap_mode="r")[: 2 * POINTS]
    packages = unit(vectors.astype(np.float32))
    asked = unit(np.load(data / "queries.f16.npy")[:QUERIES].astype(np.float32))
    stored = rows_about(packages[:points], packages[POINTS:], 1)
    queries = rows_about(asked, packages[POINTS:], 2)
    random = np.random.default_rng(3)
    for lines in (stored, queries):
        lines *= random.uniform(0.5, 1.5, (*lines.shape[:2], 1)).astype(np.float32)
    for distance in Distance:
        with tempfile.TemporaryDirectory() as folder:
            catalog = Catalog(Path(folder))
            catalog.open()
            collection = collection_of(catalog, distance, stored)
            started = process_time()
            collection.optimize()
            print(f"{distance.value}: graph built in {process_time() - started:.1f} s", flush=True)
            for name, config in KINDS.items():
                collection.apply([UpdateCollection(quantization_config=config)])
                collection.optimize()
                files = Path(folder).rglob("codes-*")
                codes = sum(path.stat().st_size for path in files)
                compare(collection, f"{distance.value}, {name}", codes, queries)
            catalog.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else POINTS)
