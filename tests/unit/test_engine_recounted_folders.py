"""Folders and archives of collections whose rows are counted from a later one, and older ones."""

from __future__ import annotations

import os
from functools import partial
from tempfile import TemporaryFile
from typing import BinaryIO
from unittest.mock import patch

from tests.former_tables import change_counters, to_format_4
from tests.rewritten import Rewritten
from tests.small_chunks import ROWS, eager_moves, patch_small_chunks
from vexfs_twisted.engine import snapshot_archives as archives
from vexfs_twisted.engine.snapshots.archive import read_manifest
from vexfs_twisted.engine.snapshots.byte_ranges import FileRange
from vexfs_twisted.engine.snapshots.manifest import Manifest
from vexfs_twisted.engine.storage import counters, hole_punching
from vexfs_twisted.engine.vectors import vector_file
from vexfs_twisted.model.snapshots import SnapshotOwner


class RecountedFolders(Rewritten):
    def eagerly(self) -> None:
        patch_small_chunks(self.patch)
        for patched in eager_moves():
            self.patch(*patched)
        self.patch(vector_file, "LEAST_GAP", 4096)

    def use_up(self) -> None:
        """Use up rows, and let rows be counted from a later one."""
        self.rewrite(40)
        self.collection.optimize()

    def archive(self, file: BinaryIO) -> Manifest:
        """Write an archive of the collection into a file; returns its manifest."""
        with self.collection.hold() as held:
            for piece in held.pieces():
                file.write(piece)
        file.flush()
        return Manifest.unsealed(read_manifest(self.range(file)))

    def range(self, file: BinaryIO) -> FileRange:
        return FileRange(file.fileno(), os.fstat(file.fileno()).st_size)

    def restore(self, file: BinaryIO, name: str) -> None:
        """Restore it from a file, and go on with it."""
        found = archives.restore_collection(self.catalog, name, self.range(file), lambda: None)
        self.collection = found.collection

    def test_tables_of_the_format_before(self) -> None:
        self.rewrite(20)
        before = self.told()
        self.catalog.close()
        to_format_4(self.collection.path)
        self.collection = self.reopen().get("a")
        self.assertEqual((self.told(), self.collection.state.base), (before, 0))
        self.use_up()
        self.assertGreater(self.collection.state.base, 0)
        self.assertEqual(self.told()[0], before[0])
        self.collection = self.reopen().get("a")
        self.assertEqual(self.told()[0], before[0])

    def test_archives_of_the_format_before(self) -> None:
        with TemporaryFile() as file:
            with patch.object(counters, "FORMAT_VERSION", 4):
                self.collection = self.catalog.create("b", self.request)
                self.put(range(100))
                before = self.told()
                manifest = self.archive(file)
            self.assertEqual(
                [member.gap.size for member in manifest.members if member.gap.size], []
            )
            self.restore(file, "c")
        self.assertEqual(self.told(), before)
        self.use_up()
        self.assertGreater(self.collection.state.base, 0)

    def test_archives_have_no_rows_before_the_first(self) -> None:
        with TemporaryFile() as file:
            self.archive(file)
            self.assertIn(b"vexfs-snapshot 1 ", read_manifest(self.range(file)))
        self.use_up()
        self.use_up()
        before, base = self.told(), self.collection.state.base
        with TemporaryFile() as file:
            manifest = self.archive(file)
            self.assertIn(b"vexfs-snapshot 2 ", read_manifest(self.range(file)))
            gaps = {own.name: own.gap.size for own in manifest.members}
            space = self.collection.state.dense[""]
            self.assertEqual(gaps[f"vectors-{space.slot}.f32"], base * 16 // 4096 * 4096)
            self.assertEqual(sum(size > 0 for size in gaps.values()), 6)
            self.restore(file, "b")
            self.assertEqual((self.told(), self.collection.state.base), (before, base))
            for _ in range(2):
                self.use_up()
                self.assertEqual(self.told()[0], before[0])
            self.collection = self.reopen().get("b")
            self.assertEqual(self.told()[0], before[0])
            # Parts of files that a new folder has no use for take no space in it.
            self.restore(file, "c")
        if hole_punching.may_have_holes(self.path):
            path = self.collection.path / f"vectors-{space.slot}.f32"
            used = path.stat().st_blocks * 512
            self.assertLess(used, path.stat().st_size - gaps[path.name] // 2)

    def test_a_snapshot_that_is_held_meanwhile(self) -> None:
        before = self.told()
        with self.collection.hold() as held, TemporaryFile() as file:
            for _ in range(2):
                self.use_up()
            self.assertGreater(self.collection.state.base, 0)
            for piece in held.pieces():
                file.write(piece)
            file.flush()
            self.restore(file, "b")
        self.assertEqual((self.told(), self.collection.state.base), (before, 0))

    def test_snapshots_in_parts(self) -> None:
        folder = archives.SnapshotFolder(self.path / "snapshots", is_incremental=True)
        owner, taken = SnapshotOwner("a"), []
        for number in range(3):
            taken.append((archives.write_collection(folder, owner, self.collection), self.told()))
            self.put(range(number, number + 5))
            self.use_up()
        for own, told in taken:
            archives.restore_file(self.catalog, folder.path / "a" / own.name, "b", replace=True)
            self.collection = self.catalog.get("b")
            self.assertEqual(self.told(), told)

    def test_counters_that_cannot_be(self) -> None:
        """Tables that were made to be restored may say anything."""
        self.use_up()
        base, end = self.collection.state.base, self.collection.state.end
        self.catalog.close()
        path = self.collection.path
        # The last is past chunks of bitmaps that are there.
        for wrong in (base + 1, -ROWS, end // ROWS * ROWS + ROWS, end // ROWS * ROWS):
            change_counters(path, partial(dict.update, base=wrong))
            self.quarantined("a", "data.mdb")
        (path / "damage").unlink()
        change_counters(path, partial(dict.update, base=base))
        self.assertEqual(self.reopen().get("a").state.base, base)
