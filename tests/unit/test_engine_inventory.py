"""Catalogs that are lost, older or damaged, and directories that nobody knows: nothing is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import orjson

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from tests.former_folder import make_former
from vexfs_twisted.engine.adoption import Adoption, CannotAdopt
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.catalog_files import CatalogFiles
from vexfs_twisted.engine.errors import EngineStartError, UndecidedCollections, UnknownFormat
from vexfs_twisted.engine.former_catalog import read_former
from vexfs_twisted.engine.storage.checksummed import seal
from vexfs_twisted.model.collection import Alias, CreateAlias
from vexfs_twisted.model.queries import Count

LOG = "vexfs.catalog"


class FolderCase(EngineTestCase):
    """A folder with the collections a, b and c, of one, two and three points, and an alias."""

    def setUp(self) -> None:
        super().setUp()
        self.directories: dict[str, Path] = {}
        for count, name in enumerate("abc", 1):
            self.make(name, count)
        self.catalog.update_aliases([CreateAlias("a", "other")])
        self.collections = self.path / "collections"

    def make(self, name: str, count: int) -> None:
        """Create a collection with so many points."""
        collection = self.catalog.create(name, unnamed())
        write(collection, upsert(range(count), floats(*[[1, 2, 3, 4]] * count)))
        self.directories[name] = self.path / "collections" / collection.directory

    def counts(self) -> dict[str, int]:
        """The collections with their numbers of points, after another start."""
        catalog = self.reopen()
        return {name: catalog.get(name).read(Count()) for name in catalog.names()}

    def logged(self) -> tuple[dict[str, int], str]:
        """The same, and what the start told."""
        self.catalog.close()
        with self.assertLogs(LOG, "WARNING") as caught:
            counts = self.counts()
        return counts, "\n".join(caught.output)

    def refused(self, *texts: str, kind: type[EngineStartError] = UndecidedCollections) -> str:
        """What a start is refused with, which says all of `texts` and removes nothing."""
        self.catalog.close()
        before = sorted(os.listdir(self.collections))
        error = self.assertRaises(kind, Catalog(self.path).open)
        for text in texts:
            self.assertIn(text, str(error))
        self.assertNotIn("\n", str(error))
        self.assertEqual(sorted(os.listdir(self.collections)), before)
        return str(error)

    def adopt(self, directory: str, name: str | None = None) -> str:
        """Take a directory in by hand."""
        adoption = Adoption(self.path)
        try:
            return adoption.adopt(directory, name)
        finally:
            adoption.close()


WHOLE = {"a": 1, "b": 2, "c": 3}


class CatalogTests(FolderCase):
    """What may happen to the catalog."""

    def test_a_catalog_that_is_gone_is_made_again(self) -> None:
        def remove() -> None:
            shutil.rmtree(self.path / "catalog")

        def empty() -> None:
            for file in (self.path / "catalog").iterdir():
                file.unlink()

        def blank() -> None:
            for file in (self.path / "catalog").iterdir():
                file.write_bytes(b"")

        for damage in (remove, empty, blank):
            self.catalog.close()
            damage()
            counts, log = self.logged()
            self.assertEqual(counts, WHOLE)
            self.assertIn("is lost", log)
            self.assertIn("no alias is left", log)
            for name, directory in self.directories.items():
                self.assertIn(f"collection `{name}` is adopted from {directory}", log)
            self.assertEqual(self.catalog.aliases(), [])
            self.catalog.close()
            with self.assertNoLogs(LOG):
                self.assertEqual(self.counts(), WHOLE)

    def test_a_flipped_bit_loses_nothing(self) -> None:
        self.catalog.close()
        for file in (self.path / "catalog").iterdir():
            whole = file.read_bytes()
            for place in (*range(0, 400, 7), 4096, 16402, len(whole) - 1):
                changed = bytearray(whole)
                changed[place] ^= 0x10
                file.write_bytes(changed)
                self.assertEqual(self.counts(), WHOLE)
                self.assertEqual(self.catalog.aliases(), [Alias("other", "a")])
                self.catalog.close()

    def test_an_older_catalog_takes_in_what_is_newer(self) -> None:
        self.catalog.close()
        shutil.copytree(self.path / "catalog", self.path / "kept")
        self.reopen()
        self.make("d", 4)
        self.catalog.delete("b")
        self.make("b", 5)
        self.catalog.close()
        shutil.rmtree(self.path / "catalog")
        os.rename(self.path / "kept", self.path / "catalog")
        counts, log = self.logged()
        self.assertEqual(counts, {"a": 1, "b": 5, "c": 3, "d": 4})
        self.assertIn("is older than the collections", log)
        self.assertEqual(self.catalog.aliases(), [Alias("other", "a")])

    def test_an_older_catalog_does_not_bring_back_what_is_deleted(self) -> None:
        self.catalog.close()
        shutil.copytree(self.path / "catalog", self.path / "kept")
        self.reopen().delete("b")
        self.catalog.close()
        shutil.rmtree(self.path / "catalog")
        os.rename(self.path / "kept", self.path / "catalog")
        self.refused(f"there is no {self.directories['b'].name} `b`", "adopt --storage-path")
        adoption = Adoption(self.path)
        adoption.forget("b")
        adoption.close()
        self.assertEqual(self.counts(), {"a": 1, "c": 3})

    def test_a_catalog_without_the_collections(self) -> None:
        self.catalog.close()
        os.rename(self.collections, self.path / "kept")
        self.collections.mkdir()
        self.refused("`a`", "`b`", "`c`")
        self.collections.rmdir()
        os.rename(self.path / "kept", self.collections)
        self.assertEqual(self.counts(), WHOLE)

    def test_a_backup_of_which_half_is_restored(self) -> None:
        self.catalog.close()
        os.rename(self.directories["c"], self.path / "kept")
        self.refused("`c`", self.directories["c"].name)
        (self.path / "kept" / "data.mdb").replace(self.path / "tables")
        os.rename(self.path / "kept", self.directories["c"])
        self.quarantined("c", self.directories["c"].name)
        (self.path / "tables").replace(self.directories["c"] / "data.mdb")
        self.assertEqual(self.counts(), WHOLE)


class DirectoryTests(FolderCase):
    """What may happen to the directories."""

    def test_a_copy_by_hand_is_left_alone_and_told_of(self) -> None:
        copy = self.collections / "copy of a"
        shutil.copytree(self.directories["a"], copy)
        for _ in range(2):
            counts, log = self.logged()
            self.assertEqual(counts, WHOLE)
            self.assertIn(f"{copy} is ignored", log)
            self.assertTrue(copy.exists())
        self.catalog.close()
        self.assertRaises(CannotAdopt, self.adopt, copy.name)
        self.adopt(copy.name, "d")
        self.assertEqual(self.counts(), {**WHOLE, "d": 1})
        self.assertNotEqual(self.catalog.get("a").directory, self.catalog.get("d").directory)
        write(self.catalog.get("d"), upsert([7], floats([1, 2, 3, 4])))
        self.assertEqual(self.counts(), {**WHOLE, "d": 2})

    def test_a_copy_beside_a_lost_catalog_is_still_a_copy(self) -> None:
        shutil.copytree(self.directories["a"], self.collections / ("0" * 32))
        self.catalog.close()
        shutil.rmtree(self.path / "catalog")
        counts, log = self.logged()
        self.assertEqual(counts, WHOLE)
        self.assertIn("it is a copy of the collection `a`", log)

    def test_two_copies_without_the_original_are_for_the_user(self) -> None:
        self.catalog.close()
        shutil.copytree(self.directories["a"], self.collections / "one")
        os.rename(self.directories["a"], self.collections / "two")
        message = self.refused("one `a` (its name is taken)", "two `a` (its name is taken)")
        self.assertIn("there is no", message)
        self.adopt("two", "a")
        self.adopt("one", "d")
        self.assertEqual(self.counts(), {**WHOLE, "d": 1})
        self.assertEqual(self.catalog.aliases(), [Alias("other", "a")])

    def test_a_directory_that_was_renamed_is_found(self) -> None:
        self.catalog.close()
        os.rename(self.directories["b"], self.collections / "renamed")
        counts, log = self.logged()
        self.assertEqual(counts, WHOLE)
        self.assertIn("collection `b` is adopted", log)

    def test_a_damaged_identity_is_made_again_from_the_catalog(self) -> None:
        file = self.directories["a"] / "identity"
        whole = file.read_bytes()
        for content in (b"", whole[:-9], whole.replace(b"a", b"b"), bytes(100)):
            file.write_bytes(content)
            counts, log = self.logged()
            self.assertEqual(counts, WHOLE)
            self.assertIn(f"the identity of {self.directories['a']} is rewritten", log)
            self.assertEqual(file.read_bytes(), whole)

    def test_a_damaged_identity_without_a_catalog_is_for_the_user(self) -> None:
        self.catalog.close()
        (self.directories["a"] / "identity").write_bytes(b"damaged")
        (self.directories["b"] / "identity").unlink()
        shutil.rmtree(self.path / "catalog")
        lost = f"{self.directories['a'].name} (its name cannot be read)"
        self.refused(lost, self.directories["b"].name, "vexfs-qdrant adopt --storage-path")
        self.refused(lost)
        self.assertRaises(CannotAdopt, self.adopt, self.directories["a"].name)
        self.assertRaises(CannotAdopt, self.adopt, self.directories["a"].name, "c")
        self.assertRaises(CannotAdopt, self.adopt, self.directories["a"].name, "a/b")
        self.adopt(self.directories["a"].name, "a")
        self.adopt(self.directories["b"].name, "new")
        self.assertEqual(self.counts(), {"a": 1, "new": 2, "c": 3})

    def test_an_identity_of_another_version_is_refused(self) -> None:
        self.catalog.close()
        identity = seal("vexfs-collection", 99, {})
        (self.directories["a"] / "identity").write_bytes(identity)
        self.refused("identity", "version 99", kind=UnknownFormat)

    def test_a_directory_whose_name_is_taken_is_for_the_user(self) -> None:
        other = Catalog(self.path / "elsewhere")
        other.open()
        for name in ("a", "other"):
            write(other.create(name, unnamed()), upsert([8, 9], floats(*[[1, 2, 3, 4]] * 2)))
        taken = [other.get(name).directory for name in ("a", "other")]
        other.close()
        for directory in taken:
            os.rename(self.path / "elsewhere" / "collections" / directory, self.path / "moved")
            os.rename(self.path / "moved", self.collections / directory)
            self.refused(directory, "its name is taken")
            error = self.assertRaises(CannotAdopt, self.adopt, directory)
            self.assertIn("needs another", str(error))
            self.adopt(directory, f"from-{directory}")
        expected = {**WHOLE, f"from-{taken[0]}": 2, f"from-{taken[1]}": 2}
        self.assertEqual(self.counts(), expected)

    def test_a_collection_of_another_server_is_taken_in(self) -> None:
        other = Catalog(self.path / "elsewhere")
        other.open()
        write(other.create("d", unnamed()), upsert([8, 9], floats(*[[1, 2, 3, 4]] * 2)))
        directory = other.get("d").directory
        other.close()
        self.catalog.close()
        shutil.copytree(
            self.path / "elsewhere" / "collections" / directory, self.collections / directory
        )
        counts, log = self.logged()
        self.assertEqual(counts, {**WHOLE, "d": 2})
        self.assertIn("collection `d` is adopted", log)

    def test_what_holds_no_collection_is_left_alone(self) -> None:
        (self.collections / "lost+found").mkdir()
        (self.collections / "notes").mkdir()
        (self.collections / "notes" / "text").write_text("x")
        (self.collections / "file").write_text("x")
        counts, log = self.logged()
        self.assertEqual(counts, WHOLE)
        self.assertIn("it has no collection", log)
        self.assertTrue((self.collections / "notes" / "text").exists())

    def test_a_collection_that_is_served_already_is_not_unknown(self) -> None:
        self.catalog.close()
        error = self.assertRaises(CannotAdopt, self.adopt, self.directories["a"].name)
        self.assertIn("no directory of a collection that the catalog does not know", str(error))


class MarkTests(FolderCase):
    """What is removed, and by what."""

    def test_an_unfinished_creation_is_removed_by_its_mark(self) -> None:
        self.catalog.close()
        shutil.copytree(self.directories["a"], self.collections / f"{'0' * 32}.creating")
        with self.assertNoLogs(LOG):
            self.assertEqual(self.counts(), WHOLE)
        self.assertEqual(len(os.listdir(self.collections)), 3)

    def test_a_creation_that_is_registered_is_finished(self) -> None:
        self.catalog.close()
        os.rename(self.directories["a"], f"{self.directories['a']}.creating")
        with self.assertNoLogs(LOG):
            self.assertEqual(self.counts(), WHOLE)

    def test_an_unfinished_deletion_is_finished_by_its_mark(self) -> None:
        self.catalog.close()
        os.rename(self.directories["a"], f"{self.directories['a']}.deleting")
        with self.assertNoLogs(LOG):
            self.assertEqual(self.counts(), {"b": 2, "c": 3})
        self.assertEqual(self.catalog.aliases(), [])
        self.assertEqual(len(os.listdir(self.collections)), 2)

    def test_what_is_marked_as_deleted_is_not_taken_in(self) -> None:
        self.catalog.close()
        os.rename(self.directories["a"], f"{self.directories['a']}.deleting")
        shutil.rmtree(self.path / "catalog")
        self.assertEqual(self.counts(), {"b": 2, "c": 3})

    def test_a_backup_put_over_an_unfinished_deletion_is_kept(self) -> None:
        self.catalog.close()
        shutil.copytree(self.directories["a"], f"{self.directories['a']}.deleting")
        with self.assertNoLogs(LOG):
            self.assertEqual(self.counts(), WHOLE)
        self.assertEqual(len(os.listdir(self.collections)), 3)


class FormerTests(FolderCase):
    """Folders of the first format."""

    def test_all_of_it_is_kept(self) -> None:
        self.catalog.close()
        make_former(self.path)
        with self.assertNoLogs(LOG):
            self.assertEqual(self.counts(), WHOLE)
        self.assertEqual(self.catalog.aliases(), [Alias("other", "a")])
        self.assertEqual(orjson.loads((self.path / "FORMAT").read_bytes())["version"], 2)
        self.assertEqual(sorted(os.listdir(self.path / "catalog")), ["register-1", "register-2"])
        for directory in self.directories.values():
            self.assertTrue((directory / "identity").exists())

    def test_a_lost_register_of_it_is_for_the_user(self) -> None:
        self.catalog.close()
        make_former(self.path)
        (self.path / "catalog" / "data.mdb").write_bytes(bytes(65536))
        self.refused(*(directory.name for directory in self.directories.values()))
        self.refused("cannot be read")
        for name, directory in self.directories.items():
            self.adopt(directory.name, name)
        self.assertEqual(self.counts(), WHOLE)

    def test_a_lost_register_of_it_may_be_put_back(self) -> None:
        self.catalog.close()
        make_former(self.path)
        file = self.path / "catalog" / "data.mdb"
        sound = file.read_bytes()
        file.unlink()
        self.refused("cannot be read")
        file.write_bytes(sound)
        self.assertEqual(self.counts(), WHOLE)
        self.assertEqual(self.catalog.aliases(), [Alias("other", "a")])
        self.assertFalse(file.exists())

    def test_a_register_of_it_that_is_cut_off_is_lost(self) -> None:
        self.catalog.close()
        make_former(self.path)
        catalog = self.path / "catalog"
        whole = (catalog / "data.mdb").stat().st_size
        for size in range(0, whole, 4096):
            os.truncate(catalog / "data.mdb", whole - size)
            self.assertEqual(read_former(catalog) is None, size > 0, size)

    def test_no_flipped_bit_in_it_gives_a_collection_another_name(self) -> None:
        self.catalog.close()
        make_former(self.path)
        catalog = self.path / "catalog"
        data = bytearray((catalog / "data.mdb").read_bytes())
        data[data.index(b'"name":"a"') + 8] ^= 4
        (catalog / "data.mdb").write_bytes(data)
        self.assertIsNone(read_former(catalog))
        self.refused("cannot be read")

    def test_what_its_register_does_not_name_is_for_the_user(self) -> None:
        self.catalog.close()
        register = CatalogFiles(self.path / "catalog")
        register.write(register.contents.without("b"))
        make_former(self.path)
        self.refused(self.directories["b"].name)
        self.adopt(self.directories["b"].name, "b")
        self.assertEqual(self.counts(), WHOLE)
