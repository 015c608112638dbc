"""Collections that cannot be opened, or are found damaged while they are used."""

from __future__ import annotations

import os
from pathlib import Path

import lmdb

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.damage_file import DAMAGE_FILE, read_damage
from vexfs_twisted.engine.errors import DamagedRows, UnusableDataFolder
from vexfs_twisted.model.collection import (
    Alias,
    CollectionInfoRequest,
    CollectionStatus,
    CreateAlias,
)
from vexfs_twisted.model.damage import Damage
from vexfs_twisted.model.errors import AlreadyExists, DataDamaged, as_value
from vexfs_twisted.model.queries import Count

DAMAGE = Damage("vectors-1.f32", 4096, "it was found so")


class QuarantineTests(EngineTestCase):
    """A catalog of two collections, of which `a` is damaged on disk."""

    def setUp(self) -> None:
        super().setUp()
        self.homes: dict[str, Path] = {}
        for name in ("a", "b"):
            collection = self.catalog.create(name, unnamed())
            write(collection, upsert([1, 2], floats([1, 2, 3, 4], [4, 3, 2, 1])))
            self.homes[name] = collection.path
        self.catalog.update_aliases([CreateAlias("a", "alias")])

    def damage(self) -> None:
        self.catalog.close()
        os.truncate(self.homes["a"] / "vectors-1.f32", 4096 + 16)

    def test_others_serve_and_names_stay(self) -> None:
        self.damage()
        catalog = self.reopen()
        self.assertEqual(catalog.names(), ["a", "b"])
        self.assertEqual(catalog.aliases(), [Alias("alias", "a")])
        self.assertEqual(catalog.resolve("alias"), "a")
        self.assertEqual(catalog.get("b").read(Count()), 2)
        self.assertIsNone(catalog.find("a"))
        error = self.assertRaises(DataDamaged, catalog.get, "a")
        self.assertIn(f"{self.homes['a'].name}/vectors-1.f32 at byte 4112", str(error))
        self.assertRaises(AlreadyExists, catalog.create, "a", unnamed())
        catalog.update_aliases([CreateAlias("a", "second")])
        self.assertEqual(len(catalog.aliases()), 2)

    def test_it_can_be_deleted(self) -> None:
        self.damage()
        catalog = self.reopen()
        self.assertTrue(catalog.delete("a"))
        self.assertFalse(self.homes["a"].exists())
        self.assertEqual(catalog.names(), ["b"])
        self.assertEqual(catalog.aliases(), [])
        catalog.create("a", unnamed())
        self.assertEqual(self.reopen().get("a").read(Count()), 0)

    def test_files_put_back_end_it(self) -> None:
        whole = (self.homes["a"] / "vectors-1.f32").read_bytes()
        self.damage()
        self.quarantined("a", "vectors-1.f32")
        self.assertTrue((self.homes["a"] / DAMAGE_FILE).exists())
        (self.homes["a"] / "vectors-1.f32").write_bytes(whole)
        collection = self.reopen().get("a")
        self.assertEqual(collection.read(CollectionInfoRequest()).status, CollectionStatus.GREEN)
        collection.optimize()
        self.assertFalse((self.homes["a"] / DAMAGE_FILE).exists())

    def test_while_it_is_used(self) -> None:
        collection = self.catalog.get("b")
        self.catalog.quarantine(collection, [DAMAGE])
        self.assertFalse(self.catalog.has(collection))
        self.assertIn("found so", str(self.assertRaises(DataDamaged, self.catalog.get, "b")))
        self.assertTrue(read_damage(collection.path).closed)
        self.catalog.quarantine(collection, [DAMAGE])
        self.assertEqual(self.reopen().get("b").read(Count()), 2)

    def test_descriptors_that_run_out_are_no_damage(self) -> None:
        self.catalog.close()
        catalog = Catalog(self.path)
        self.patch(Catalog, "_open", _without_descriptors)
        self.assertRaises(UnusableDataFolder, catalog.open)
        self.assertFalse((self.homes["a"] / DAMAGE_FILE).exists())

    def test_what_a_read_finds_is_told_and_kept(self) -> None:
        collection = self.catalog.get("b")
        for error in (DamagedRows(DAMAGE), lmdb.CorruptedError("mdb_get")):
            with self.assertRaises(DataDamaged), collection.snapshot():
                raise as_value(error)
        self.assertEqual(len(collection.damages.all), 2)
        self.assertTrue(collection.is_optimizer_due())
        collection.optimizer_step()
        info = self.reopen().get("b").read(CollectionInfoRequest())
        self.assertEqual(info.status, CollectionStatus.RED)
        self.assertIn("vectors-1.f32 at byte 4096", str(info.optimizer_error))
        self.assertIn("1 more", str(info.optimizer_error))


def _without_descriptors(*_: object) -> None:
    raise OSError(24, "too many open files")
