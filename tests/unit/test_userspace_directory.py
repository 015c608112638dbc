"""Vector files of the userspace device in the data folder, without a mount."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.device_calls import vectors
from vexfs_device.directory import Directory
from vexfs_device.errors import Refusal
from vexfs_device.file import DeviceFile
from vexfs_device.inserts import Insert
from vexfs_device.registry import FileInfo, RegistryEntry
from vexfs_twisted.device.uapi import InsertFlag
from vexfs_twisted.engine.errors import DataFolderInUse, UnusableDataFolder
from vexfs_twisted.model.device import DeviceMetric

ENTRY = RegistryEntry(0o600, 1, 2)


def insert(file: DeviceFile, count: int, start: int | None = None, flags: int = 1) -> None:
    ids = None if start is None else np.arange(start, start + count, dtype=np.uint64)
    file.insert(Insert(ids, vectors(count, 4, seed=start or 0), InsertFlag(flags)))


class Shelves(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp()) / "data"
        self.shelf = self.opened()

    def opened(self) -> Directory:
        shelf = Directory(self.path)
        shelf.open()
        self.addCleanup(shelf.close)
        return shelf

    def reopened(self) -> Directory:
        self.shelf.close()
        self.shelf = self.opened()
        return self.shelf

    def refused(self, number: int, call: Callable[..., object], *arguments: object) -> None:
        error = self.assertRaises(Refusal, call, *arguments)
        self.assertEqual(error.errno, number)

    def test_one_process_at_a_time(self) -> None:
        self.assertRaises(DataFolderInUse, Directory(self.path).open)

    def test_names_of_any_kind_are_kept(self) -> None:
        names = sorted(["a", "é" * 127, "x" * 255, ".new", "a b\n", "名前"])
        for name in names:
            self.shelf.create(name, ENTRY)
        self.assertEqual(self.reopened().names(), names)

    def test_names_that_cannot_be(self) -> None:
        self.refused(errno.ENAMETOOLONG, self.shelf.create, "é" * 128, ENTRY)
        self.refused(errno.EILSEQ, self.shelf.create, "\udcff", ENTRY)
        self.shelf.create("taken", ENTRY)
        self.refused(errno.EEXIST, self.shelf.create, "taken", ENTRY)
        self.refused(errno.ENOENT, self.shelf.find, "nothing")
        self.assertEqual(self.shelf.names(), ["taken"])

    def test_what_was_set_is_kept(self) -> None:
        file = self.shelf.create("a", ENTRY)
        file.set_info(FileInfo(9, 8, 7, 6))
        file.set_owner(0o644, 5, 4)
        again = self.reopened().find("a")
        self.assertEqual(again.entry, RegistryEntry(0o644, 5, 4, FileInfo(9, 8, 7, 6)))

    def test_a_rename_onto_another_drops_that_one(self) -> None:
        insert(self.shelf.create("a", ENTRY), 3)
        insert(self.shelf.create("b", ENTRY), 5)
        self.shelf.rename("a", "a", replace=False)
        self.refused(errno.EEXIST, lambda: self.shelf.rename("a", "b", replace=False))
        self.shelf.rename("a", "b", replace=True)
        self.assertEqual(len(list((self.path / "stores").iterdir())), 1)
        shelf = self.reopened()
        self.assertEqual((shelf.names(), shelf.find("b").count), (["b"], 3))

    def test_a_file_may_be_emptied_while_others_insert_and_search(self) -> None:
        file = self.shelf.create("a", ENTRY)
        failures: list[Exception] = []

        def work(number: int) -> None:
            try:
                for turn in range(30):
                    insert(file, 5, number * 1000 + turn * 5)
                    file.search(vectors(1, 4), 3, DeviceMetric.COSINE)
            except Exception as error:
                failures.append(error)

        threads = [Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            file.empty()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.reopened().find("a").count, file.count)

    def test_inserts_that_wait_together_each_keep_their_own_rules(self) -> None:
        file = self.shelf.create("a", ENTRY)
        insert(file, 10, 100)
        refusals: list[int | None] = []

        def work(start: int | None, flags: int) -> None:
            try:
                for _ in range(20):
                    insert(file, 10, start, flags)
            except Refusal as refusal:
                refusals.append(refusal.errno)

        append, overwrite = InsertFlag.APPEND, InsertFlag.OVERWRITE
        threads = [
            Thread(target=work, args=arguments)
            for arguments in ((100, append), (105, append), (50, overwrite), (None, overwrite))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(refusals, [errno.EEXIST] * 2)
        self.assertEqual(file.count, 10 + 10 + 200)

    def test_numbering_goes_on_after_a_restart(self) -> None:
        insert(self.shelf.create("a", ENTRY), 3, 2**40)
        file = self.reopened().find("a")
        insert(file, 2)
        found = file.search(vectors(1, 4), 5, DeviceMetric.EUCLIDEAN)
        self.assertEqual(sorted(found.ids.tolist()), list(range(2**40, 2**40 + 5)))

    def test_overwritten_vectors_give_back_their_room(self) -> None:
        # LMDB lets go of the interpreter at each put, and would wait a whole turn of the thread
        # that searches to get it back.
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0001)
        file = self.shelf.create("a", ENTRY)
        data = vectors(3000, 256)
        ids = np.arange(3000, dtype=np.uint64) + 2**63
        mistakes: list[object] = []
        is_over = Event()

        def search() -> None:
            while not is_over.is_set():
                found = file.search(data[:1], 3000, DeviceMetric.EUCLIDEAN)
                if len(np.unique(found.ids)) not in (0, 3000):
                    mistakes.append(found)

        searching = Thread(target=search)
        searching.start()
        for turn in range(20):
            file.insert(Insert(ids, data + np.float32(19 - turn), InsertFlag.OVERWRITE))
        is_over.set()
        searching.join()
        self.assertEqual(mistakes, [])
        (store,) = (self.path / "stores").iterdir()
        rows = (store / "vectors-1.f32").stat().st_blocks * 512 / (256 * 4)
        # Twice those that there are, and what is spared; all there ever were are 60,000.
        self.assertLess(rows, 3 * 3000 + 16384 + 1000)
        for _ in range(2):
            self.assertEqual(file.read(0, file.size), data.tobytes())
            found = file.search(data[5:6], 1, DeviceMetric.EUCLIDEAN)
            self.assertEqual((found.ids.tolist(), found.scores.tolist()), ([2**63 + 5], [0]))
            file = self.reopened().find("a")

    def test_inserts_from_several_threads_survive_that_room_is_given_back(self) -> None:
        file = self.shelf.create("a", ENTRY)
        failures: list[Exception] = []

        def work(first: int) -> None:
            ids = np.arange(first, first + 200, dtype=np.uint64)
            try:
                for turn in range(40):
                    batch = np.full((200, 512), first + turn, dtype=np.float32)
                    file.insert(Insert(ids, batch, InsertFlag.OVERWRITE))
            except Exception as error:
                failures.append(error)

        threads = [Thread(target=work, args=(number * 1000,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(file.count, 600)
        for first in (0, 1000, 2000):
            query = np.full((1, 512), first + 39, dtype=np.float32)
            found = file.search(query, 200, DeviceMetric.EUCLIDEAN)
            self.assertEqual(sorted(found.ids.tolist()), list(range(first, first + 200)))
            self.assertEqual(set(found.scores.tolist()), {0})

    def test_a_closed_device_answers_no_more(self) -> None:
        file = self.shelf.create("a", ENTRY)
        insert(file, 3)
        self.shelf.close()
        self.refused(errno.ESTALE, insert, file, 3)
        self.refused(errno.ESTALE, lambda: file.search(vectors(1, 4), 1, DeviceMetric.EUCLIDEAN))

    def test_vectors_whose_names_are_lost_get_new_ones(self) -> None:
        insert(self.shelf.create("a", ENTRY), 3)
        insert(self.shelf.create("b", ENTRY), 5, 100)
        stores = {name: str(self.shelf.find(name).entry.store) for name in "ab"}
        before = self.shelf.find("a").read(0, 1000)
        self.shelf.close()
        shutil.rmtree(self.path / "names")
        for _ in range(2):
            shelf = self.reopened()
            self.assertEqual(shelf.names(), sorted(f"recovered-{one}" for one in stores.values()))
            file = shelf.find(f"recovered-{stores['a']}")
            self.assertEqual(file.read(0, 1000), before)
            entry = file.entry
            self.assertEqual(
                (entry.mode, entry.uid, entry.info.dimensions), (0o600, os.getuid(), 4)
            )
        file = shelf.find(f"recovered-{stores['b']}")
        insert(file, 1)
        self.assertEqual(self.reopened().find(f"recovered-{stores['b']}").count, 6)
        self.shelf.rename(f"recovered-{stores['b']}", "b", replace=False)
        self.assertEqual(self.reopened().find("b").count, 6)

    def test_only_marked_stores_are_removed(self) -> None:
        insert(self.shelf.create("a", ENTRY), 3)
        store = self.path / "stores" / str(self.shelf.find("a").entry.store)
        self.shelf.close()
        for mark in ("creating", "deleting"):
            shutil.copytree(store, store.with_name(f"{'0' * 32}.{mark}"))
        shutil.copytree(store, store.with_name("copy"))
        (self.path / "stores" / "notes").mkdir()
        self.assertEqual(self.reopened().names(), ["a", "recovered-copy"])
        self.assertEqual(
            sorted(path.name for path in store.parent.iterdir()),
            sorted([store.name, "copy", "notes"]),
        )

    def test_a_missing_store_is_told_of(self) -> None:
        insert(self.shelf.create("a", ENTRY), 3)
        store = self.path / "stores" / str(self.shelf.find("a").entry.store)
        self.shelf.close()
        os.rename(store, self.path / "kept")
        error = self.assertRaises(UnusableDataFolder, Directory(self.path).open)
        self.assertIn(store.name, str(error))
        os.rename(self.path / "kept", store)
        self.assertEqual(self.reopened().find("a").count, 3)
