"""Fills a small device to the brim before each step of a workload, and makes room after it.

`python -m tests.programs.filled_device DEVICE FOLDER` prints how many steps found no room. All
reads as before such a step while there is no room, also after a start, and the step is done once
there is.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.programs.fixed_workload import STEPS, difference, everything, expected, opened, prepare
from tests.small_device import fill, make_room
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.errors import StorageFull


def same(catalog: Catalog, wanted: str) -> None:
    """Raise AssertionError unless all reads as wanted."""
    found = everything(catalog)
    assert found == wanted, difference(found, wanted)


def main(device: Path, home: Path) -> int:
    """All of it; how many steps found no room."""
    path, refused = device / "data", 0
    prepare(home / "first")
    shutil.copytree(home / "first", path)
    catalog = opened(home / "first")
    known = expected(catalog)
    catalog.close()
    catalog = opened(path)
    for place, step in enumerate(STEPS):
        fill(device)
        try:
            step.run(catalog)
        except (StorageFull, OSError) as error:
            # The background work of a server logs whatever it is.
            assert step.is_background or isinstance(error, StorageFull), repr(error)
            refused += 1
            same(catalog, known[place])
            catalog.close()
            catalog = opened(path)
            same(catalog, known[place])
            make_room(device)
            step.run(catalog)
        else:
            make_room(device)
        same(catalog, known[place + 1])
    catalog.close()
    catalog = opened(path)
    same(catalog, known[-1])
    catalog.close()
    return refused


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2])))
