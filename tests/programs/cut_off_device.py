"""Cuts changes of the vector files of the device off, as `cut_off` does those of collections.

`python -m tests.programs.cut_off_device SCENARIO FOLDER` prints how many steps the change has.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.device_calls import vectors
from tests.programs.cut_off import cuts
from vexfs_device import store
from vexfs_device.directory import Directory
from vexfs_device.inserts import Insert
from vexfs_device.registry import RegistryEntry
from vexfs_twisted.device.uapi import InsertFlag

# Else it takes 16 MiB of overwritten vectors to have them moved.
store._SPARED_BYTES = 0

ENTRY = RegistryEntry(0o600, 1, 2)
Found = dict[str, bytes]


def opened(path: Path) -> Directory:
    """The directory of a folder, open."""
    directory = Directory(path)
    directory.open()
    return directory


def put(directory: Directory, name: str, count: int, seed: int) -> None:
    """Insert vectors under the ids from 0 on, over those that are there."""
    ids = np.arange(count, dtype=np.uint64)
    data = vectors(count, 4, seed=seed)
    directory.find(name).insert(Insert(ids, data, InsertFlag.OVERWRITE))


def found(path: Path) -> Found:
    """The vectors of each file, after a start."""
    directory = opened(path)
    try:
        return {name: directory.find(name).read(0, 1 << 20) for name in directory.names()}
    finally:
        directory.close()


def run(home: Path, change: Callable[[Directory], object]) -> None:
    """Cut a change off before each step: all is as it was then, or as it is after the change."""
    directory = opened(home / "whole")
    for name, count in (("a", 3), ("b", 5)):
        directory.create(name, ENTRY)
        put(directory, name, count, seed=count)
    directory.close()
    before = found(home / "whole")
    states: list[Found] = []

    def begin(path: Path) -> Callable[[], object]:
        own = opened(path)
        return lambda: change(own)

    for path in cuts(home, begin):
        states.append(found(path))
        stores = len([data for data in states[-1].values() if data])
        assert len(os.listdir(path / "stores")) == stores, os.listdir(path / "stores")
        assert not os.listdir(path / "drafts")
    after = states[-1]
    assert after != before
    assert all(state in (before, after) for state in states), states


def emptying(home: Path) -> None:
    """A file that is emptied."""
    run(home, lambda directory: directory.find("a").empty())


def removal(home: Path) -> None:
    """A file that is deleted."""
    run(home, lambda directory: directory.delete("a"))


def replacement(home: Path) -> None:
    """A file that is renamed onto another one."""
    run(home, lambda directory: directory.rename("a", "b", replace=True))


def tightening(home: Path) -> None:
    """A file whose vectors are overwritten, and moved into a store without the old ones."""

    def change(directory: Directory) -> None:
        former = directory.find("a").entry.store
        # One more than there are, so that fewer than half of all are still in use.
        put(directory, "a", 4, seed=9)
        put(directory, "a", 4, seed=9)
        assert directory.find("a").entry.store != former

    run(home, change)


if __name__ == "__main__":
    scenario = {one.__name__: one for one in (emptying, removal, replacement, tightening)}
    scenario[sys.argv[1]](Path(sys.argv[2]))
