"""Cuts the power at many instants of a fixed workload, and sees what a start brings.

`python -m tests.programs.power_loss FOLDER STRIDE`, with the library of fail_calls.c preloaded,
does the workload once. Then it makes what a power loss leaves on the disk after each acknowledged
step and after every STRIDE-th call, with nothing that was not synced and with some of it, and
prints how often. What is acknowledged must be there, and the step under way wholly or not at all.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.programs.fixed_workload import (
    STEPS,
    everything,
    expected,
    in_child,
    opened,
    prepare,
)
from tests.traced_files import TracedFiles, read_directory, records
from vexfs_twisted.engine.native_library import load_faiss

_library = ctypes.CDLL(None)


def work(path: Path, trace: Path) -> None:
    """Do the workload, and have it traced."""
    with trace.open("wb") as file:
        _library.watch(os.fsencode(path))
        _library.trace(file.fileno())
        catalog = opened(path)
        for number, step in enumerate(STEPS):
            _library.mark(ctypes.c_long(number))
            step.run(catalog)
        _library.mark(ctypes.c_long(len(STEPS)))
        catalog.close()
        _library.trace(-1)


def losses(home: Path, stride: int) -> Iterator[tuple[int, int]]:
    """Make a folder as a power loss leaves it, time and again; the step begun, and the call."""
    files = TracedFiles(home / "run", read_directory(home / "first"))
    path, step, seeds = home / "left", 0, Random(1)
    for place, record in enumerate(records(home / "trace")):
        is_mark = record.kind == "k"
        if is_mark:
            # The step before this one is acknowledged.
            step = record.offset
        else:
            files.do(record)
        if is_mark or place % stride == 0:
            for chance in (None, Random(seeds.random())):
                shutil.rmtree(path, ignore_errors=True)
                files.root.write(path, chance)
                yield step, place


def check(home: Path, known: list[str], stride: int) -> int:
    """Start after each power loss; how many there were. Raises AssertionError."""
    made = 0
    for step, place in losses(home, stride):
        catalog = opened(home / "left")
        found = everything(catalog)
        catalog.close()
        assert found in known[step : step + 2], (place, step, found)
        made += 1
    return made


def main(home: Path, stride: int) -> None:
    """All of it."""
    load_faiss()
    assert in_child(lambda: prepare(home / "first")) == 0
    shutil.copytree(home / "first", home / "sound")
    catalog = opened(home / "sound")
    known = expected(catalog)
    catalog.close()
    shutil.copytree(home / "first", home / "run")
    work(home / "run", home / "trace")
    print(check(home, known, stride))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
