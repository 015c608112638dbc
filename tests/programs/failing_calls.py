"""Fails each system call by which a fixed workload opens or changes files, one in each run.

`python -m tests.programs.failing_calls FOLDER STRIDE [STEPS]`, with the library of fail_calls.c
preloaded, runs the workload once for every STRIDE-th call and every kind of failure, in a process
each, and prints how many runs there were. With STEPS only so many steps are done, and the start
before them does not fail. After a failed command all reads as before it, and once the device
is sound again the command succeeds; in the end all is as after a run without failures, also after
one more start.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from attrs import frozen

from tests.command_histories import contents
from tests.engine_support import upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import EngineStartError
from vexfs_twisted.engine.native_library import load_faiss
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
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.system_limits import is_exhausted
from vexfs_twisted.model.updates import DeletePoints, SetPayload, UpdateVectors
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 128
MANY = 600
"""Rows that take more than a file of vectors has room for at first."""

SHORT = 0
"""Instead of an error: half of what is to be written is written."""

ALWAYS = 1 << 30

FAILURES = [
    (errno.ENOSPC, 1),
    (errno.ENOSPC, ALWAYS),
    (errno.EIO, 1),
    (errno.EIO, ALWAYS),
    (errno.EMFILE, 1),
    (SHORT, 1),
]
"""Which error, and of how many calls one after the other."""

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

_library = ctypes.CDLL(None)
_library.failed_call.restype = _library.calls_made.restype = ctypes.c_long


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
    payloads = [{"n": number % 5, "x": {"y": number % 3}} for number in range(count)]
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
    to_main("the last upsert", points(1, 9, 4)),
]


def optimize(catalog: Catalog) -> None:
    """Build what is due, also after a failure."""
    catalog.get("main")._optimizer.wake()
    catalog.get("main").optimize()


def everything(catalog: Catalog) -> str:
    """All that can be read."""
    found: dict[str, Any] = {name: contents(catalog.get(name)) for name in catalog.names()}
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


def expected(path: Path, steps: int | None) -> list[str]:
    """How many calls there are, and all that can be read before the first step and after each."""
    catalog = opened(path) if steps is not None else None
    _library.watch(os.fsencode(path))
    catalog = catalog or opened(path)
    found = [everything(catalog)]
    for step in STEPS[:steps]:
        step.run(catalog)
        found.append(everything(catalog))
        assert not step.is_background or found[-1] == found[-2], step.name
    catalog.close()
    return [str(_library.calls_made()), *found]


class Run:
    """One run, in which the calls from `number` on fail."""

    def __init__(
        self, path: Path, known: list[str], steps: int | None, failure: tuple[int, int, int]
    ) -> None:
        self._path = path
        self._known = known
        self._steps = STEPS[:steps]
        self._starts_well = steps is not None
        self._failure = failure
        self.failed = -1

    def run(self) -> None:
        """Raise AssertionError where anything is not as it must be."""
        number, error, times = self._failure
        catalog = opened(self._path) if self._starts_well else None
        _library.watch(os.fsencode(self._path))
        _library.fail_call(ctypes.c_long(number), error, times)
        catalog = catalog or self._opened()
        for place, step in enumerate(self._steps):
            self._step(catalog, step, place)
        catalog.close()
        self.failed = _library.failed_call()
        _library.stop_failing()
        for _ in range(2):
            catalog = opened(self._path)
            self._same(catalog, len(self._steps), "after one more start")
            catalog.close()
        marked = [path.name for path in (self._path / "collections").iterdir() if path.suffix]
        assert not marked, marked

    def _opened(self) -> Catalog:
        try:
            return opened(self._path)
        except EngineStartError:
            self._mend()
        catalog = opened(self._path)
        self._same(catalog, 0, "after a start that has failed")
        return catalog

    def _step(self, catalog: Catalog, step: Step, place: int) -> None:
        try:
            step.run(catalog)
        except Exception as error:
            self._check(catalog, error, place)
        else:
            return
        self._mend()
        step.run(catalog)
        self._same(catalog, place + 1, f"after {step.name}, repeated")

    def _mend(self) -> None:
        """From now on there is room, and the device is sound."""
        assert _library.failed_call() >= 0, "it failed by itself"
        _library.stop_failing()

    def _check(self, catalog: Catalog, error: Exception, place: int) -> None:
        """A failed command has the right error, and has changed nothing."""
        number, step = self._failure[1], STEPS[place]
        if number == errno.ENOSPC and not step.is_background:
            assert isinstance(error, StorageFull), repr(error)
        elif number == errno.EMFILE:
            assert is_exhausted(error), repr(error)
        else:
            known = OSError | lmdb.Error | StorageFull | EngineStartError
            assert step.is_background or isinstance(error, known), repr(error)
        self._same(catalog, place, f"after {step.name} has failed")

    def _same(self, catalog: Catalog, place: int, when: str) -> None:
        found = everything(catalog)
        if found != self._known[place]:
            raise AssertionError(f"{when}: {_difference(found, self._known[place])}")


def _difference(found: str, wanted: str) -> str:
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


class Runs:
    """All runs in a folder."""

    def __init__(self, home: Path, stride: int, steps: int | None) -> None:
        self._home = home
        self._stride = stride
        self._steps = steps
        self._known: list[str] = []
        # Shared with the processes of the runs.
        self._failed = mmap.mmap(-1, 8)
        self.made = self.wrong = 0

    def run(self) -> None:
        """Do them all."""
        known, sound = self._home / "known", self._home / "sound"
        assert in_child(lambda: prepare(self._home / "first")) == 0
        shutil.copytree(self._home / "first", sound)
        assert in_child(lambda: known.write_text("\0".join(expected(sound, self._steps)))) == 0
        calls, *self._known = known.read_text().split("\0")
        for place, (error, times) in enumerate(FAILURES):
            # Runs of different kinds fail different calls.
            number = place * self._stride // len(FAILURES)
            while 0 <= number < int(calls):
                failed = self._one(number, error, times)
                number = -1 if failed < 0 else failed + self._stride

    def _one(self, number: int, error: int, times: int) -> int:
        """One run, whose result is counted; the call that failed."""
        path = self._home / "run"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self._home / "first", path)
        self._failed[:] = (number).to_bytes(8, "little", signed=True)

        def work() -> None:
            run = Run(path, self._known, self._steps, (number, error, times))
            run.run()
            self._failed[:] = run.failed.to_bytes(8, "little", signed=True)

        try:
            is_right = in_child(work) == 0
        except AssertionError as problem:
            print(problem, file=sys.stderr)
            is_right = False
        self.made += 1
        if not is_right:
            self.wrong += 1
            name = errno.errorcode.get(error, "half a write")
            print(f"wrong: {name} from call {number}, times {times}", file=sys.stderr, flush=True)
        return int.from_bytes(self._failed[:], "little", signed=True)


if __name__ == "__main__":
    # Once, and not in every process.
    load_faiss()
    given = [int(number) for number in sys.argv[2:]]
    runs = Runs(Path(sys.argv[1]), given[0], given[1] if len(given) > 1 else None)
    runs.run()
    print(runs.made)
    sys.exit(bool(runs.wrong))
