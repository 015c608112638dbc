"""The check of the pages of LMDB files: silent about sound ones, and never fooled into a crash."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import lmdb
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.storage.page_check import check_pages
from vexfs_twisted.engine.storage.page_nodes import LEAF, nodes_of
from vexfs_twisted.engine.storage.table_check import check_tables, failure_elsewhere
from vexfs_twisted.model.queries import Count

PAGE = 4096
LAST_PAGE = 136
"""Bytes from the begin of a meta page to the number of the last page."""
LONG = bool(os.environ.get("VEXFS_LONG_DAMAGE"))


class SoundFileTests(SynchronousTestCase):
    """Files that LMDB writes, of every shape."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-pages-"))
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        self.random = random.Random(7)
        self.environment = lmdb.open(str(self.path), max_dbs=4, map_size=1 << 28, sync=False)
        self.addCleanup(self.environment.close)
        self.tables = [self.environment.open_db(name) for name in (b"a", b"b", b"c")]
        self.file = self.path / "data.mdb"

    def check(self) -> None:
        for every in (False, True):
            self.assertEqual(check_pages(self.file, every=every), [])

    def key(self) -> bytes:
        """A number, or bytes of some length that begin like others and end in zeros."""
        if self.random.random() < 0.5:
            return self.random.randrange(9000).to_bytes(8, "big")
        begin = b"begin" * self.random.randrange(8)
        return begin + self.random.randbytes(1) + bytes(self.random.randrange(4))

    def change(self, count: int) -> None:
        chosen = self.random
        with self.environment.begin(write=True) as transaction:
            for _ in range(count):
                key = self.key()
                table = chosen.choice(self.tables)
                if chosen.random() < 0.3:
                    transaction.delete(key, db=table)
                else:
                    size = chosen.choice([0, 8, 50, 700, 3000, 9000])
                    transaction.put(key, chosen.randbytes(size), db=table)

    def test_nothing_is_found_in_them(self) -> None:
        self.check()
        for _ in range(200 if LONG else 25):
            self.change(self.random.choice([1, 3, 100, 1000]))
            self.check()
        for table in self.tables:
            with self.environment.begin(write=True) as transaction:
                transaction.drop(table, delete=False)
            self.check()

    def test_keys_are_compared_as_bytes(self) -> None:
        with self.environment.begin(write=True) as transaction:
            for _ in range(2000):
                transaction.put(self.key(), b"x", db=self.tables[0])
        pages = np.fromfile(self.file, dtype=np.uint8).reshape(-1, PAGE)
        # LMDB writes the kind of a page and its number into its head.
        numbers = np.flatnonzero(pages[:, 10:12].view("<u2")[:, 0] == LEAF)
        numbers = numbers[pages[numbers, :8].copy().view("<u8")[:, 0] == numbers]
        sound = nodes_of(pages[numbers], numbers, LEAF)
        self.assertGreater(len(sound.starts), 1000)
        is_alike = sound.key_sizes[1:] == sound.key_sizes[:-1]
        alike = np.flatnonzero(is_alike & (sound.pages[1:] == sound.pages[:-1])).tolist()
        for _ in range(100):
            hurt = pages[numbers]
            for index in self.random.sample(range(len(sound.starts)), 3):
                byte = self.random.randrange(int(sound.key_sizes[index]))
                hurt.reshape(-1)[sound.starts[index] + 8 + byte] ^= 1 << self.random.randrange(8)
            before = self.random.choice(alike)
            start = int(sound.starts[before + 1]) + 8
            key = np.frombuffer(sound.key(before), dtype=np.uint8)
            hurt.reshape(-1)[start : start + len(key)] = key
            nodes = nodes_of(hurt, numbers, LEAF)
            wrong = set()
            for page in range(len(numbers)):
                own = nodes.of(page)
                keys = [nodes.key(index) for index in range(own.start, own.stop)]
                if any(after <= own_key for own_key, after in pairwise(keys)):
                    wrong.add(page)
            self.assertEqual(set(nodes.out_of_order().tolist()), wrong)

    def test_the_snapshot_of_a_reader(self) -> None:
        self.change(2000)
        with self.environment.begin() as reader:
            number = reader.id()
            self.change(1000)
            self.assertEqual(check_pages(self.file, every=True, wanted=number), [])


class DamagedFileTests(EngineTestCase):
    """The tables of a collection with damage of every kind."""

    def setUp(self) -> None:
        super().setUp()
        collection = self.catalog.create("a", unnamed())
        ids, vectors = list(range(3000)), floats([1, 2, 3, 4]).repeat(3000, axis=0)
        payloads = [{"n": n, "text": "x" * (9000 if n % 100 == 0 else n % 90)} for n in ids]
        write(collection, upsert(ids, vectors, payloads))
        write(collection, upsert(ids[:500], vectors[:500], payloads[:500]))
        self.home = self.directory()
        self.file = self.home / "data.mdb"
        self.catalog.close()
        self.whole = self.file.read_bytes()

    def kinds(self) -> dict[int, int]:
        """The flags of each page."""
        pages = range(0, len(self.whole), PAGE)
        return {at // PAGE: int.from_bytes(self.whole[at + 10 : at + 12], "little") for at in pages}

    def with_damage(self, place: int, data: bytes) -> None:
        changed = bytearray(self.whole)
        changed[place : place + len(data)] = data
        self.file.write_bytes(changed)

    def test_cut_off_anywhere(self) -> None:
        for size in (0, 1, PAGE, 2 * PAGE, 3 * PAGE, len(self.whole) // 2, len(self.whole) - 9000):
            self.file.write_bytes(self.whole[:size])
            self.assertTrue(check_tables(self.home, every=False), size)

    def test_pages_of_zeros(self) -> None:
        kinds = self.kinds()
        for flags in (0x8, 0x1, 0x2, 0x4):
            for page in [page for page, own in kinds.items() if own == flags][:4]:
                self.with_damage(page * PAGE, bytes(PAGE))
                found = check_pages(self.file, every=True)
                # Pages that are free may be anything.
                if found and flags != 0x8:
                    self.assertEqual(found[0].offset, page * PAGE)
                self.assertTrue(found or flags != 0x8)

    def test_flipped_bits_never_end_the_process(self) -> None:
        chosen = random.Random(int.from_bytes(os.urandom(4), "big") if LONG else 5)
        found = 0
        for _ in range(3000 if LONG else 60):
            page = chosen.randrange(len(self.whole) // PAGE)
            # Heads and the numbers of nodes are what leads LMDB anywhere.
            place = page * PAGE + chosen.randrange(chosen.choice([16, 200, PAGE]))
            self.with_damage(place, bytes([self.whole[place] ^ 1 << chosen.randrange(8)]))
            if check_pages(self.file, every=True):
                found += 1
            elif chosen.random() < 0.2:
                self.assertIsNone(failure_elsewhere(self.home), place)
        self.assertGreater(found, 10)

    def test_a_last_page_that_is_not_there(self) -> None:
        numbers = [self.whole[at + LAST_PAGE + 8 :][:8] for at in (0, PAGE)]
        newest = max((0, 1), key=lambda page: int.from_bytes(numbers[page], "little"))
        for bit in range(12, 64):
            place = newest * PAGE + LAST_PAGE + bit // 8
            self.with_damage(place, bytes([self.whole[place] ^ 1 << bit % 8]))
            self.assertIn("last page should be", str(check_pages(self.file, every=False)[0]))
        self.quarantined("a", self.home.name, "data.mdb at byte 0", "last page should be")

    def test_a_signal_is_an_answer(self) -> None:
        # A key of which the size was changed: LMDB reads beyond its map.
        for page in (page for page, own in self.kinds().items() if own == 0x2):
            first = page * PAGE + int.from_bytes(
                self.whole[page * PAGE + 16 : page * PAGE + 18], "little"
            )
            self.with_damage(first + 2, b"\xff\x7f")
            told = failure_elsewhere(self.home) or ""
            if "SIG" in told:
                break
        else:
            self.fail("nothing ends the process")
        self.assertIn(told, str(check_tables(self.home, every=True)[0]))
        self.quarantined("a", self.home.name, "data.mdb at byte", told)
        self.file.write_bytes(self.whole)
        self.assertEqual(self.reopen().get("a").read(Count()), 3000)

    def test_the_reader_writes_nothing(self) -> None:
        before = sorted(os.listdir(self.home))
        command = [sys.executable, "-m", "vexfs_twisted.engine.storage.read_tables", str(self.home)]
        subprocess.run(command, check=True)
        self.assertEqual(sorted(os.listdir(self.home)), before)
        self.assertEqual(self.file.read_bytes(), self.whole)


class StopTests(EngineTestCase):
    """What the folder says of how it was left."""

    def test_whether_it_was_closed(self) -> None:
        folder = self.catalog._folder
        self.assertTrue(folder.was_stopped)
        self.assertTrue(self.reopen()._folder.was_stopped)
        held = (self.path / "LOCK").read_bytes()
        self.catalog.close()
        self.assertEqual((self.path / "LOCK").read_bytes().strip(), b"")
        (self.path / "LOCK").write_bytes(held)
        self.assertFalse(self.reopen()._folder.was_stopped)
        self.assertTrue(self.reopen()._folder.was_stopped)
