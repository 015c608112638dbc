"""A catalog whose collections are opened one by one, in threads."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.data_folder import DataFolder
from vexfs_twisted.engine.errors import UnusableDataFolder
from vexfs_twisted.engine.inventory import Inventory
from vexfs_twisted.engine.snapshot_archives import restore_file, write_storage
from vexfs_twisted.engine.snapshots.folder import SnapshotFolder
from vexfs_twisted.model.collection import Alias, CreateAlias
from vexfs_twisted.model.commands import AddCollection, DropCollection
from vexfs_twisted.model.errors import AlreadyExists, BadRequest, NotFound, Starting
from vexfs_twisted.model.queries import Count

NAMES = ["a", "b", "c"]
WAIT_S = 60


def exhausted(*_: object) -> None:
    """What fails for want of descriptors."""
    raise OSError(errno.EMFILE, "too many")


class UnopenedCollectionTests(EngineTestCase):
    """Three collections of one point, of which none is open at first."""

    def setUp(self) -> None:
        super().setUp()
        for name in NAMES:
            write(self.catalog.create(name, unnamed()), upsert([1], floats([1, 2, 3, 4])))
        self.catalog.update_aliases([CreateAlias("a", "other")])
        self.openings = 0
        self.begin()

    def begin(self) -> None:
        """Close the catalog, and open it without its collections."""
        self.catalog.close()
        self.catalog = Catalog(self.path)
        self.catalog.begin()

    def in_thread(self, function: Callable[[], Any]) -> tuple[Thread, list[Any]]:
        """Call a function in a thread; the thread, and what the call has returned or raised."""
        results: list[Any] = []

        def call() -> None:
            try:
                results.append(function())
            except Exception as error:
                results.append(error)

        thread = Thread(target=call, daemon=True)
        thread.start()
        return thread, results

    def held_openings(self) -> tuple[Event, Event]:
        """Let openings begin, which sets the first event, and wait for the second."""
        begun, goes_on = Event(), Event()
        self.addCleanup(goes_on.set)
        opened = Collection.open

        def waiting(*args: Any) -> Collection:
            self.openings += 1
            begun.set()
            goes_on.wait(WAIT_S)
            return opened(*args)

        self.patch(Collection, "open", waiting)
        return begun, goes_on

    def test_it_is_listed_and_resolved(self) -> None:
        self.assertEqual(self.catalog.names(), NAMES)
        self.assertEqual(self.catalog.aliases(), [Alias("other", "a")])
        self.assertEqual(self.catalog.resolve("other"), "a")
        self.assertEqual(len(self.catalog.directories()), len(NAMES))
        self.assertTrue(self.catalog.is_unopened("a"))
        self.assertIsNone(self.catalog.find("a"))
        self.assertRaises(Starting, self.catalog.get, "a")

    def test_it_is_opened_alone_and_once(self) -> None:
        self.catalog.open_collection("b")
        collection = self.catalog.get("b")
        self.assertEqual(collection.read(Count()), 1)
        self.catalog.open_collection("b")
        self.assertIs(self.catalog.opened("b"), collection)
        self.assertEqual(list(map(self.catalog.is_unopened, NAMES)), [True, False, True])

    def test_one_that_is_not_there_is_not_opened(self) -> None:
        self.catalog.open_collection("x")
        self.assertRaises(NotFound, self.catalog.opened, "x")

    def test_two_threads_open_it_once(self) -> None:
        begun, goes_on = self.held_openings()
        first, _ = self.in_thread(lambda: self.catalog.opened("a"))
        self.assertTrue(begun.wait(WAIT_S))
        second, found = self.in_thread(lambda: self.catalog.opened("a"))
        goes_on.set()
        first.join(WAIT_S)
        second.join(WAIT_S)
        self.assertEqual(found, [self.catalog.get("a")])
        self.assertEqual(self.openings, 1)

    def test_it_is_deleted_without_being_opened(self) -> None:
        self.assertTrue(self.catalog.delete("a"))
        self.assertEqual(self.catalog.names(), ["b", "c"])
        self.assertEqual(self.catalog.aliases(), [])
        self.assertEqual(len(list((self.path / "collections").iterdir())), 2)
        self.catalog.open_collection("a")
        self.assertFalse(self.catalog.delete("a"))

    def test_it_is_deleted_while_it_is_opened(self) -> None:
        begun, goes_on = self.held_openings()
        opening, _ = self.in_thread(lambda: self.catalog.opened("a"))
        self.assertTrue(begun.wait(WAIT_S))
        held = self.catalog.find_any("a")
        assert held is not None
        command = DropCollection("a", held.directory)
        deletion, done = self.in_thread(lambda: self.catalog.apply(command))
        goes_on.set()
        opening.join(WAIT_S)
        deletion.join(WAIT_S)
        self.assertEqual(done, [True])
        self.assertEqual(self.catalog.names(), ["b", "c"])

    def test_a_deletion_that_fails_leaves_it_to_be_opened(self) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "full")

        patched = self.patch(Inventory, "delete", full)
        self.assertRaises(OSError, self.catalog.delete, "a")
        patched.restore()
        self.assertEqual(self.catalog.opened("a").read(Count()), 1)

    def test_its_name_is_taken(self) -> None:
        self.assertRaises(AlreadyExists, self.catalog.create, "a", unnamed())
        self.assertRaises(AlreadyExists, self.catalog.update_aliases, [CreateAlias("b", "a")])
        self.assertTrue(self.catalog.is_unopened("a"))

    def test_another_one_is_created(self) -> None:
        self.assertIsInstance(self.catalog.addition("d", unnamed()), AddCollection)
        self.catalog.create("d", unnamed())
        self.assertEqual(self.catalog.get("d").read(Count()), 0)
        self.assertTrue(self.catalog.is_unopened("a"))

    def test_a_damaged_one_is_quarantined_when_it_is_opened(self) -> None:
        path = self.catalog.opened("a").path
        self.begin()
        os.truncate(path / "vectors-1.f32", 0)
        self.catalog.open_collection("a")
        self.assertIsNotNone(self.catalog.find_quarantined("a"))
        self.assertEqual(self.catalog.opened("b").read(Count()), 1)

    def test_one_that_cannot_be_opened_is_tried_again(self) -> None:
        patched = self.patch(Collection, "open", exhausted)
        self.assertRaises(OSError, self.catalog.open_collection, "a")
        self.assertTrue(self.catalog.is_unopened("a"))
        patched.restore()
        self.assertEqual(self.catalog.opened("a").read(Count()), 1)

    def test_a_catalog_of_which_one_cannot_be_opened(self) -> None:
        self.catalog.close()

        patched = self.patch(Collection, "open", exhausted)
        # An error of another kind would be none of the documented ones.
        self.assertRaises(UnusableDataFolder, Catalog(self.path).open)
        patched.restore()
        self.reopen()

    def was_stopped(self) -> bool:
        """Whether the folder counts as closed by the one who used it last."""
        folder = DataFolder(self.path)
        folder.open()
        found = folder.was_stopped
        # It is left as it was found.
        if found:
            folder.settled()
        folder.close()
        return found

    def test_only_a_catalog_that_has_opened_all_counts_as_closed(self) -> None:
        self.catalog.close()
        self.assertFalse(self.was_stopped())
        self.reopen().close()
        self.assertTrue(self.was_stopped())
        self.begin()
        self.catalog.opened("a")
        self.catalog.close()
        self.assertFalse(self.was_stopped())

    def test_a_catalog_that_is_closed_meanwhile_keeps_nothing_open(self) -> None:
        begun, goes_on = self.held_openings()
        closed: list[Collection] = []
        close = Collection.close

        def closing(collection: Collection) -> None:
            closed.append(collection)
            close(collection)

        self.patch(Collection, "close", closing)
        opening, _ = self.in_thread(lambda: self.catalog.open_collection("a"))
        self.assertTrue(begun.wait(WAIT_S))
        self.catalog.close()
        goes_on.set()
        opening.join(WAIT_S)
        self.assertEqual([own.name for own in closed], ["a"])
        self.assertEqual(self.catalog.names(), [])

    def test_snapshots_open_what_they_need(self) -> None:
        folder = SnapshotFolder(self.path.with_suffix(".snapshots"))
        self.addCleanup(shutil.rmtree, folder.path, ignore_errors=True)
        taken = write_storage(folder, self.catalog)
        self.assertEqual(list(map(self.catalog.is_unopened, NAMES)), [False] * len(NAMES))
        self.begin()
        file = folder.path / taken.name
        self.assertRaises(BadRequest, restore_file, self.catalog, file, replace=False)
        self.assertEqual(restore_file(self.catalog, file, replace=True), NAMES)
        self.assertEqual([self.catalog.get(name).read(Count()) for name in NAMES], [1, 1, 1])
