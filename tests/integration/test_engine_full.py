"""A device without room: the write is refused, and nothing of it is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import SkipTest

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import EVERYTHING, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import DeletePoints

SIZE = 256


class FullDeviceTests(SynchronousTestCase):
    """A small file system in memory. Mounting one takes a privileged user on Linux."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.path)
        command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", os.fspath(self.path)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise SkipTest("needs the right to mount a file system") from None
        self.addCleanup(subprocess.run, ["umount", "--lazy", os.fspath(self.path)], check=True)
        self.catalog = Catalog(self.path / "data")
        self.catalog.open()
        self.addCleanup(lambda: self.catalog.close())

    def fill(self, payload: str) -> int:
        """Upsert a hundred points at a time until there is no room; how many went in."""
        collection = self.catalog.get("a")
        generator = np.random.default_rng(1)
        for start in range(0, 100_000, 100):
            ids = range(start, start + 100)
            vectors = generator.random((100, SIZE), dtype=np.float32)
            (outcome,) = collection.apply([upsert(ids, vectors, [{"text": payload}] * 100)])
            if isinstance(outcome, StorageFull):
                return start
            self.assertIsInstance(outcome, int)
        raise AssertionError("the device never became full")

    def check(self, payload: str) -> None:
        collection = self.catalog.create("a", unnamed(SIZE))
        stored = self.fill(payload)
        self.assertGreater(stored, 0)
        for _ in range(2):
            self.assertEqual(collection.count(Count()), stored)
            page = collection.scroll(Scroll(limit=10_000, selection=EVERYTHING))
            self.assertEqual([record.id for record in page.records], list(range(stored)))
            expected = np.random.default_rng(1).random((stored, SIZE), dtype=np.float32)
            found = np.array([(record.vectors or {})[""] for record in page.records])
            np.testing.assert_array_equal(found, expected)
            self.catalog.close()
            self.catalog = Catalog(self.path / "data")
            self.catalog.open()
            collection = self.catalog.get("a")

    def test_when_vectors_find_no_room(self) -> None:
        self.check("")

    def test_when_payloads_find_no_room(self) -> None:
        self.check("x" * 5000)

    def test_a_collection_that_finds_no_room_is_not_made(self) -> None:
        self.catalog.create("a", unnamed(SIZE))
        self.fill("")
        filler = self.path / "filler"
        with self.assertRaises(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with self.assertRaises(StorageFull):
            self.catalog.create("b", unnamed(SIZE))
        self.assertEqual(self.catalog.names(), ["a"])
        self.assertEqual(len(list((self.path / "data" / "collections").iterdir())), 1)
        filler.unlink()
        self.catalog.delete("a")
        write(self.catalog.create("b", unnamed(SIZE)), upsert([1]), DeletePoints([1]))
