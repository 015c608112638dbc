"""Directories whose names cannot be made durable, and what crashes leave in them."""

from __future__ import annotations

import errno
import os

from tests.engine_support import EngineTestCase, unnamed, upsert, write
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.queries import Count


class UnsyncedTests(EngineTestCase):
    """A sync of the directory of all collections that finds no room."""

    def fail_syncs(self) -> None:
        """Fail every sync of that directory from now on."""
        sync = os.fsync

        def failing(descriptor: int) -> None:
            if os.readlink(f"/proc/self/fd/{descriptor}") == str(self.path / "collections"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(descriptor)

        self.patched = self.patch(os, "fsync", failing)

    def test_a_deletion_that_fails_leaves_the_collection(self) -> None:
        write(self.catalog.create("a", unnamed()), upsert([1]))
        self.fail_syncs()
        self.assertRaises(StorageFull, self.catalog.delete, "a")
        write(self.catalog.get("a"), upsert([2]))
        self.patched.restore()
        self.assertEqual(self.reopen().get("a").read(Count()), 2)
        self.assertTrue(self.catalog.delete("a"))
        self.assertEqual(self.reopen().names(), [])

    def test_a_creation_that_fails_leaves_nothing(self) -> None:
        self.fail_syncs()
        self.assertRaises(StorageFull, self.catalog.create, "a", unnamed())
        self.assertEqual(os.listdir(self.path / "collections"), [])
        self.patched.restore()
        self.assertEqual(self.reopen().names(), [])
        write(self.catalog.create("a", unnamed()), upsert([1]))


class LeftOverTests(EngineTestCase):
    """A file that a crash has left incomplete."""

    def test_it_is_gone_after_the_next_start(self) -> None:
        write(self.catalog.create("a", unnamed()), upsert([1]))
        draft = self.directory() / "column-0123.bin.new"
        draft.write_bytes(b"the beginning of a colu")
        self.assertEqual(self.reopen().get("a").read(Count()), 1)
        self.assertFalse(draft.exists())
