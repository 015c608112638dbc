"""A workload of all kinds of commands, the same each time, for programs that interfere with it."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from tests.command_histories import contents
from tests.engine_support import upsert, write
from tests.small_chunks import eager_moves, small_chunks
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.optimizer import moves
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.model.collection import (
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import Command, CreateVectorName, DeleteVectorName
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import DeletePoints, SetPayload, UpdateVectors
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 128
# So that the maps of tables have to grow, and rows are counted from a later one.
tables.FIRST_MAP_SIZE = 1 << 17
for patched in (*small_chunks(), *eager_moves()):
    setattr(*patched)
moves.ROWS_AT_ONCE = 200

MANY = 600
"""Rows that take more than a file of vectors has room for at first."""

MAIN = CreateCollection(
    {
        "a": VectorParams(Distance.EUCLID, SIZE),
        "m": VectorParams(
            Distance.DOT, 3, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        ),
    },
    sparse_vectors={"s": SparseVectorParams()},
    optimizers_config=OptimizersConfigDiff(indexing_threshold=1, vacuum_min_vector_number=100),
)
SMALL = CreateCollection({"": VectorParams(Distance.DOT, 4)})
N, X = PayloadPath.parse("n"), PayloadPath.parse("x.y")


@frozen
class Step:
    """One step of the workload. A background step changes nothing that can be read."""

    name: str
    run: Callable[[Catalog], object]
    is_background: bool = False


def columns(count: int, seed: int) -> dict[str, VectorColumn]:
    """Vectors of all kinds."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 4, count)
    lines = generator.random((int(lengths.sum()), 3), dtype=np.float32)
    indices = np.concatenate([np.arange(length, dtype=np.uint32) for length in lengths])
    return {
        "a": VectorColumn.of(generator.random((count, SIZE), dtype=np.float32)),
        "m": VectorColumn(MultiVectors.from_arrays(lengths, lines)),
        "s": VectorColumn(SparseVectors.from_arrays(lengths, indices, lines[:, 0].copy())),
    }


def points(first: int, count: int, seed: int) -> Command:
    """An upsert of points with all kinds of vectors and payloads."""
    own = [{"n": number % 5, "x": {"y": number % 3}} for number in range(count)]
    payloads = [{**payload, "text": "x" * 80} for payload in own]
    return upsert(range(first, first + count), columns(count, seed), payloads)


def to_main(name: str, *commands: Command) -> Step:
    """A step that applies commands to the collection `main`, in one group."""
    return Step(name, lambda catalog: write(catalog.get("main"), *commands))


STEPS = [
    to_main("a small upsert", points(5, 2, 1)),
    to_main("a large upsert", points(100, MANY, 2)),
    Step("graphs", lambda catalog: optimize(catalog), is_background=True),
    to_main("an index", CreateFieldIndex(X, FieldSchema(FieldType.INTEGER))),
    to_main("payloads", SetPayload(b'{"n":4}', ids=[5, 101, 102])),
    Step("columns", lambda catalog: catalog.get("main").checkpoint(), is_background=True),
    to_main("vectors", UpdateVectors([6, 103], columns(2, 3))),
    to_main("deletions", DeletePoints(list(range(110, 400)))),
    Step("fewer graphs", lambda catalog: optimize(catalog), is_background=True),
    to_main("a vector name", CreateVectorName("b", VectorParams(Distance.DOT, 8))),
    to_main("points with it", upsert([7], {"b": VectorColumn.of(np.ones((1, 8), np.float32))})),
    Step("a collection", lambda catalog: catalog.create("more", SMALL)),
    Step("a point in it", lambda catalog: write(catalog.get("more"), upsert([1]))),
    Step("an alias", lambda catalog: catalog.update_aliases([CreateAlias("more", "it")])),
    Step(
        "aliases",
        lambda catalog: catalog.update_aliases([DeleteAlias("it"), CreateAlias("main", "that")]),
    ),
    to_main("no vector name", DeleteVectorName("b")),
    to_main("settings", UpdateCollection(hnsw_config=HnswConfigDiff(m=20))),
    to_main("no index", DeleteFieldIndex(N)),
    Step("no collection", lambda catalog: catalog.delete("more")),
    *[to_main(f"the same points for the {n}th time", points(401, 100, n)) for n in range(5, 10)],
    Step("fewer rows", lambda catalog: optimize(catalog), is_background=True),
    to_main("the last upsert", points(1, 9, 4)),
]


def optimize(catalog: Catalog) -> None:
    """Build what is due, also after a failure."""
    catalog.get("main")._optimizer.wake()
    catalog.get("main").optimize()


def everything(catalog: Catalog) -> str:
    """All that can be read; of operation ids, of which moves of points take some, their order."""
    found: dict[str, Any] = {name: contents(catalog.get(name)) for name in catalog.names()}
    for own in found.values():
        own["numbers"] = own["numbers"][1:]
        order = sorted({version for _, version in own["versions"]})
        own["versions"] = [(number, order.index(version)) for number, version in own["versions"]]
    return repr((found, catalog.aliases()))


def opened(path: Path) -> Catalog:
    """The catalog in a folder, open."""
    catalog = Catalog(path)
    catalog.open()
    return catalog


def prepare(path: Path) -> None:
    """Make the folder that each run begins with a copy of."""
    catalog = opened(path)
    main = catalog.create("main", MAIN)
    write(main, CreateFieldIndex(N, FieldSchema(FieldType.INTEGER)), points(1, 40, 0))
    catalog.close()


def expected(catalog: Catalog, steps: Sequence[Step] = ()) -> list[str]:
    """All that can be read before the first step, and after each, all of them by default."""
    found = [everything(catalog)]
    for step in steps or STEPS:
        step.run(catalog)
        found.append(everything(catalog))
        assert not step.is_background or found[-1] == found[-2], step.name
    return found


def difference(found: str, wanted: str) -> str:
    pairs = enumerate(zip(found, wanted, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), 0)
    first, last = max(0, place - 60), place + 100
    return f"{found[first:last]!r} instead of {wanted[first:last]!r}"


def in_child(work: Callable[[], object]) -> int:
    """Run a function in a process of its own; its exit status, not 0 after an exception.

    Raises AssertionError if a signal has ended it.
    """
    pid = os.fork()
    if pid:
        status = os.waitpid(pid, 0)[1]
        if os.WIFSIGNALED(status):
            raise AssertionError(f"ended by {signal.Signals(os.WTERMSIG(status)).name}")
        return os.waitstatus_to_exitcode(status)
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc(limit=-5)
        os._exit(1)
