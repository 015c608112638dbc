"""Kill the engine while it takes and restores snapshots: a collection is whole, and one of two."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.server_process import clean_environment
from tests.support import ROOT
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import DataFolderInUse
from vexfs_twisted.engine.snapshot_archives import SnapshotFolder, restore_file
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.snapshots import SnapshotOwner

KILLS = examples(5)
PATIENCE_S = 30.0
OWNER = SnapshotOwner("kept")

WRITER = textwrap.dedent(
    """
    import os
    import sys
    from pathlib import Path

    from tests.engine_support import unnamed, upsert, write, floats
    from vexfs_twisted.engine import snapshot_archives as archives
    from vexfs_twisted.engine.catalog import Catalog
    from vexfs_twisted.model.commands import AddCollection
    from vexfs_twisted.model.snapshots import SnapshotOwner

    in_parts = sys.argv[2] == "parts"
    folder = archives.SnapshotFolder(Path(sys.argv[1]) / "snapshots", is_incremental=in_parts)
    catalog = Catalog(sys.argv[1])
    catalog.open()
    if catalog.find("kept") is None:
        write(catalog.create("kept", unnamed()), upsert([0], floats([0, 0, 0, 0])))
    owner = SnapshotOwner("kept")

    def tell(*words):
        print(*words, flush=True)

    while True:
        kept = catalog.get("kept")
        count = kept.state.live.count
        taken = archives.write_collection(folder, owner, kept, lambda: None)
        tell("taken", taken.name, count)
        for more in (1, 2, 3):
            write(kept, upsert([count], floats([more] * 4)))
            count += 1
            tell("wrote", count)
        tell("restoring", taken.name)
        path = folder.path_of(owner, taken.name)
        archives.restore_file(catalog, path, "kept", replace=True)
        if count % 2:
            archives.restore_file(catalog, path, f"made-{count}", replace=True)
        count = catalog.get("kept").state.live.count
        tell("restored", count)
        write(catalog.get("kept"), upsert([count], floats([9] * 4)))
        tell("wrote", count + 1)
        for name in catalog.names():
            if name != "kept":
                catalog.delete(name)
        if count % 4 == 0:
            tell("deleting", taken.name)
            folder.delete(owner, taken.name)
    """
)


class Kill(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.folder = SnapshotFolder(self.home / "snapshots")

    def run_until_killed(self, lines: int, delay: float, kind: str) -> list[list[str]]:
        """What the writer told until it was killed, `delay` seconds after so many lines."""
        told: list[list[str]] = []
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.home), kind],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                told.append(line.split())
                if len(told) == lines:
                    try:
                        process.wait(delay)
                    except subprocess.TimeoutExpired:
                        process.kill()
        self.assertEqual(process.returncode, -9, told[-3:])
        return told

    def test_at_any_moment(self) -> None:
        generator, totals = random.Random(7), dict[str, int]()
        for number in range(KILLS):
            lines, delay = generator.randint(2, 24), generator.random() * 0.03
            told = self.run_until_killed(lines, delay, "parts" if number % 2 else "whole")
            for line in told:
                # A name may be given again within its second.
                if line[0] == "deleting":
                    totals.pop(line[1], None)
                elif line[0] == "taken":
                    totals[line[1]] = int(line[2])
            self.assert_whole(told, totals)

    def opened(self) -> Catalog:
        """The catalog of the killed process.

        A process that it was about to start has its lock until it becomes another program.
        """
        due = time.monotonic() + PATIENCE_S
        while True:
            try:
                catalog = Catalog(self.home)
                catalog.open()
                return catalog
            except DataFolderInUse:
                if time.monotonic() > due:
                    raise
                time.sleep(0.01)

    def assert_whole(self, told: list[list[str]], totals: dict[str, int]) -> None:
        counts = [int(line[1]) for line in told if line[0] in ("wrote", "restored")]
        self.folder.sweep()
        self.assertEqual(list(self.home.rglob("*.vexfs-partial")), [])
        catalog = self.opened()
        try:
            found = catalog.get("kept").read(Count())
            allowed = {counts[-1], counts[-1] + 1} if counts else {found}
            if told[-1][0] == "restoring":
                allowed.add(totals[told[-1][1]])
            self.assertIn(found, allowed, told[-4:])
            directories = os.listdir(self.home / "collections")
            self.assertEqual(len(directories), len(catalog.names()), directories)
            listed = {one.name: one for one in self.folder.list(OWNER)}
            self.assertLessEqual(totals.keys(), listed.keys())
            for name in listed:
                path = self.folder.path_of(OWNER, name)
                restore_file(catalog, path, "again", replace=True)
                count = catalog.get("again").read(Count())
                self.assertEqual(count, totals.get(name, count), name)
            # What is left over of packs goes with the next deletion, and hurts none.
            for name in list(listed)[:-2]:
                self.folder.delete(OWNER, name)
                totals.pop(name, None)
            if listed:
                catalog.delete("again")
        finally:
            catalog.close()
