"""Kill the engine while it takes and restores snapshots: a collection is whole, and one of two."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.server_process import clean_environment
from tests.support import ROOT
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.snapshot_archives import FileRange, SnapshotFolder, restore_collection
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.snapshots import SnapshotOwner

KILLS = examples(5)
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

    folder = archives.SnapshotFolder(Path(sys.argv[1]) / "snapshots")
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
        file, _ = folder.open(owner, taken.name)
        with file:
            archive = archives.FileRange(file.fileno(), taken.size)
            archives.restore_collection(catalog, "kept", archive, lambda: None)
            if count % 2:
                archives.restore_collection(catalog, f"made-{count}", archive, lambda: None)
        count = catalog.get("kept").state.live.count
        tell("restored", count)
        write(catalog.get("kept"), upsert([count], floats([9] * 4)))
        tell("wrote", count + 1)
        for name in catalog.names():
            if name != "kept":
                catalog.delete(name)
    """
)


class Kill(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.folder = SnapshotFolder(self.home / "snapshots")

    def run_until_killed(self, lines: int, delay: float) -> list[list[str]]:
        """What the writer told until it was killed, `delay` seconds after so many lines."""
        told: list[list[str]] = []
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.home)],
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
        for _ in range(KILLS):
            told = self.run_until_killed(generator.randint(2, 24), generator.random() * 0.03)
            totals |= {line[1]: int(line[2]) for line in told if line[0] == "taken"}
            self.assert_whole(told, totals)

    def assert_whole(self, told: list[list[str]], totals: dict[str, int]) -> None:
        counts = [int(line[1]) for line in told if line[0] in ("wrote", "restored")]
        self.folder.sweep()
        self.assertEqual(list(self.home.rglob("*.vexfs-partial")), [])
        catalog = Catalog(self.home)
        catalog.open()
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
            newest = max(listed.values(), key=lambda one: one.created)
            file, _ = self.folder.open(OWNER, newest.name)
            with file:
                archive = FileRange(file.fileno(), newest.size)
                again = restore_collection(catalog, "again", archive, lambda: None).collection
            if newest.name in totals:
                self.assertEqual(again.read(Count()), totals[newest.name])
            catalog.delete("again")
        finally:
            catalog.close()
