"""The register of collections, and what becomes of it when a bit of it flips."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.catalog_files import (
    CATALOG_FILES,
    CatalogContents,
    CatalogEntry,
    CatalogFiles,
)
from vexfs_twisted.engine.errors import UnknownFormat, UnusableDataFolder
from vexfs_twisted.engine.followed_register import FollowedRegister
from vexfs_twisted.engine.storage.checksummed import Damaged, OtherVersion, seal, unseal

LOG = "vexfs.catalog"
logging.getLogger(LOG).addHandler(logging.NullHandler())

CONTENTS = CatalogContents(
    {"a": CatalogEntry("1" * 32, 1.5), "日本 \n": CatalogEntry("2" * 32, 2.0)}, {"x": "a"}
)


class SealedTests(SynchronousTestCase):
    """Values that tell whether they are what was written."""

    def test_what_was_sealed_is_found_whatever_follows(self) -> None:
        values: list[Any] = [{"a": [1, "é\n", None]}, [], "", 0]
        for value in values:
            data = seal("vexfs-kind", 3, value)
            self.assertEqual(unseal("vexfs-kind", 3, data), value)
            self.assertEqual(unseal("vexfs-kind", 3, data + b"\0more"), value)

    def test_every_flipped_bit_and_every_missing_end_is_seen(self) -> None:
        data = seal("vexfs-kind", 3, {"name": "abc", "number": 12})
        for place in range(len(data) - 1):
            for bit in range(8):
                changed = bytearray(data)
                changed[place] ^= 1 << bit
                if changed.lower() != data:
                    self.assertRaises(Damaged, unseal, "vexfs-kind", 3, bytes(changed))
            self.assertRaises(Damaged, unseal, "vexfs-kind", 3, data[:place])

    def test_another_version_and_another_kind(self) -> None:
        data = seal("vexfs-kind", 3, 1)
        self.assertRaises(OtherVersion, unseal, "vexfs-kind", 4, data)
        self.assertRaises(Damaged, unseal, "vexfs-other", 3, data)


class FollowedTests(SynchronousTestCase):
    """The register as another process sees it, which may look in the middle of a write."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.files = CatalogFiles(self.path)
        self.files.write(CONTENTS)
        self.followed = FollowedRegister(self.path)
        self.addCleanup(self.followed.close)
        self.first, self.second = (self.path / name for name in CATALOG_FILES)

    def test_a_write_is_noticed_and_read_once(self) -> None:
        for aliases in ({"x": "a"}, {"y": "a"}, {}):
            self.files.write(evolve(CONTENTS, aliases=aliases))
            self.assertFalse(self.followed.is_current)
            self.assertEqual(self.followed.read().aliases, aliases)
            self.assertFalse(self.followed.is_current, "what was read is not known yet")
            self.followed.settle()
            self.assertTrue(self.followed.is_current)

    def test_in_the_middle_of_a_write_the_one_before_is_read(self) -> None:
        """Cut anywhere, in the first file or in the second."""
        before = [self.first.read_bytes(), self.second.read_bytes()]
        self.files.write(evolve(CONTENTS, aliases={"new": "a"}))
        after = [self.first.read_bytes(), self.second.read_bytes()]
        end = len(after[0].rstrip(b"\0"))
        for cut in range(1, end):
            torn = after[0][:cut] + before[0][cut:]
            self.first.write_bytes(torn)
            self.second.write_bytes(before[1])
            # The value ends in a line break, which does not count.
            is_new = torn[: end - 1] == after[0][: end - 1]
            self.assertEqual(self.followed.read().aliases, {"new": "a"} if is_new else {"x": "a"})
            self.first.write_bytes(after[0])
            self.second.write_bytes(after[1][:cut] + before[1][cut:])
            self.assertEqual(self.followed.read().aliases, {"new": "a"})
            self.followed.settle()
            self.assertTrue(self.followed.is_current)

    def test_both_damaged(self) -> None:
        for file in (self.first, self.second):
            file.write_bytes(b"?" * 1000)
        self.assertRaises(UnusableDataFolder, self.followed.read)

    def test_none_there(self) -> None:
        self.assertRaises(UnusableDataFolder, FollowedRegister, self.path / "elsewhere")


class RegisterTests(SynchronousTestCase):
    """One register, opened again and again."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-register-"))
        self.files = [self.path / "register-1", self.path / "register-2"]
        CatalogFiles(self.path).write(CONTENTS)

    def test_a_new_one_is_lost_until_it_is_written(self) -> None:
        path = Path(tempfile.mkdtemp(prefix="vexfs-register-"))
        register = CatalogFiles(path)
        self.assertTrue(register.is_lost)
        register.write(CatalogContents())
        self.assertFalse(register.is_lost)
        self.assertFalse(CatalogFiles(path).is_lost)

    def test_what_was_written_is_found(self) -> None:
        register = CatalogFiles(self.path)
        self.assertEqual(register.contents, CONTENTS)
        register.write(register.contents.without("a"))
        self.assertEqual(CatalogFiles(self.path).contents.collections.keys(), {"日本 \n"})
        self.assertEqual(CatalogFiles(self.path).contents.aliases, {})

    def test_one_flipped_bit_anywhere_loses_nothing(self) -> None:
        for file in self.files:
            whole = file.read_bytes()
            used = len(whole.rstrip(b"\0"))
            for place in [*range(used), *range(used, len(whole), 4093)]:
                changed = bytearray(whole)
                changed[place] ^= 1 << place % 8
                file.write_bytes(changed)
                register = CatalogFiles(self.path)
                self.assertEqual(register.contents, CONTENTS)
                self.assertFalse(register.is_lost)
            file.write_bytes(whole)

    def test_a_damaged_file_is_told_of_once_and_made_again(self) -> None:
        for file in self.files:
            file.write_bytes(b"x" + file.read_bytes()[1:])
            with self.assertLogs(LOG) as caught:
                CatalogFiles(self.path)
            self.assertIn(f"{file} is damaged", caught.output[0])
            with self.assertNoLogs(LOG):
                self.assertEqual(CatalogFiles(self.path).contents, CONTENTS)
        self.assertEqual(*[file.read_bytes() for file in self.files])

    def test_the_newer_of_two_counts(self) -> None:
        for file in self.files:
            whole = file.read_bytes()
            CatalogFiles(self.path).write(CONTENTS.without("a"))
            file.write_bytes(whole)
            self.assertEqual(CatalogFiles(self.path).contents, CONTENTS.without("a"))
            CatalogFiles(self.path).write(CONTENTS)

    def test_both_damaged_are_lost(self) -> None:
        for file in self.files:
            file.write_bytes(b"x" + file.read_bytes()[1:])
        register = CatalogFiles(self.path)
        self.assertTrue(register.is_lost)
        self.assertEqual(register.contents, CatalogContents())

    def test_another_version_is_refused(self) -> None:
        self.files[0].write_bytes(seal("vexfs-register", 3, {}))
        error = self.assertRaises(UnknownFormat, CatalogFiles, self.path)
        self.assertIn("version 3", str(error))

    def test_a_write_that_fails_changes_nothing(self) -> None:
        register = CatalogFiles(self.path)
        self.files[1].unlink()
        self.files[1].mkdir()
        self.assertRaises(OSError, register.write, CatalogContents())
        self.assertEqual(register.contents, CONTENTS)
        self.files[1].rmdir()
        self.assertEqual(CatalogFiles(self.path).contents, CONTENTS)

    def test_it_has_room_in_advance_and_grows(self) -> None:
        self.assertGreaterEqual(self.files[0].stat().st_blocks * 512, 1 << 16)
        many = {
            f"collection {number}": CatalogEntry(f"{number:032x}", 1.0) for number in range(2000)
        }
        register = CatalogFiles(self.path)
        register.write(CatalogContents(many, {}))
        room = self.files[0].stat().st_size
        self.assertEqual(CatalogFiles(self.path).contents.collections, many)
        register.write(CatalogContents())
        self.assertEqual(CatalogFiles(self.path).contents, CatalogContents())
        self.assertEqual(self.files[0].stat().st_size, room)
