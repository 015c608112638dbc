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
import sys
from pathlib import Path

import lmdb

from tests.programs.fixed_workload import (
    STEPS,
    Step,
    difference,
    everything,
    expected,
    in_child,
    opened,
    prepare,
)
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import EngineStartError
from vexfs_twisted.engine.native_library import load_faiss
from vexfs_twisted.model.errors import DataDamaged, StorageFull
from vexfs_twisted.model.system_limits import is_exhausted

SHORT = 0
"""Instead of an error: half of what is to be written is written."""

ALWAYS = 1 << 30

FAILURES = [
    (errno.ENOSPC, 1),
    (errno.ENOSPC, ALWAYS),
    (errno.EIO, 1),
    (errno.EIO, ALWAYS),
    (errno.EMFILE, 1),
    (errno.ENOMEM, 1),
    (SHORT, 1),
]
"""Which error, and of how many calls one after the other."""

_library = ctypes.CDLL(None)
_library.failed_call.restype = _library.calls_made.restype = ctypes.c_long


def counted(path: Path, steps: int | None) -> list[str]:
    """How many calls there are without a failure, and what `expected` tells."""
    catalog = opened(path) if steps is not None else None
    _library.watch(os.fsencode(path))
    catalog = catalog or opened(path)
    found = expected(catalog, STEPS[:steps])
    catalog.close()
    return [str(_library.calls_made()), *found]


def _is_any_quarantined(catalog: Catalog) -> bool:
    try:
        for name in catalog.names():
            catalog.get(name)
    except DataDamaged:
        return True
    return False


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
            catalog = opened(self._path)
        except EngineStartError:
            self._mend()
        else:
            if not _is_any_quarantined(catalog):
                return catalog
            # A file that cannot be read keeps its collection closed, until the next start.
            assert self._failure[1] == errno.EIO
            catalog.close()
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
            raise AssertionError(f"{when}: {difference(found, self._known[place])}")


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
        assert in_child(lambda: known.write_text("\0".join(counted(sound, self._steps)))) == 0
        calls, *self._known = known.read_text().split("\0")
        for place, (error, times) in enumerate(FAILURES):
            # Runs of different kinds fail different calls.
            number = 0 if error == errno.ENOMEM else place * self._stride // len(FAILURES)
            while 0 <= number < int(calls):
                failed = self._one(number, error, times)
                # Few calls make maps: of a few steps, each of them fails.
                is_each = error == errno.ENOMEM and self._steps is not None
                number = -1 if failed < 0 else failed + (1 if is_each else self._stride)

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
