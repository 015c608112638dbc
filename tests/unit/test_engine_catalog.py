"""The collections and aliases of a data folder."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import lmdb

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.commandcodec.catalog import decode_catalog, encode_catalog
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import (
    DataFolderInUse,
    EngineStartError,
    UnknownFormat,
    UnusableDataFolder,
)
from vexfs_twisted.model.collection import (
    Alias,
    CollectionConfig,
    CollectionParams,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    RenameAlias,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfig,
    HnswConfigDiff,
    SparseVectorParams,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.commands import CatalogCommand, DropCollection, UpdateAliases
from vexfs_twisted.model.errors import (
    AlreadyExists,
    BadInput,
    NotFound,
    Unavailable,
    ValidationError,
)
from vexfs_twisted.model.queries import Count


class CollectionRuleTests(EngineTestCase):
    """Creating, finding and deleting."""

    def test_a_created_collection_is_found_and_listed(self) -> None:
        created = self.catalog.create("b", unnamed())
        self.catalog.create("a", unnamed())
        self.assertIs(self.catalog.get("b"), created)
        self.assertEqual(self.catalog.names(), ["a", "b"])

    def test_a_name_is_taken_once(self) -> None:
        self.catalog.create("a", unnamed())
        with self.assertRaises(AlreadyExists) as caught:
            self.catalog.create("a", unnamed())
        expected = "Wrong input: Collection `a` already exists!"
        self.assertEqual(caught.exception.message, expected)

    def test_the_name_of_an_alias_is_taken(self) -> None:
        self.catalog.create("a", unnamed())
        self.catalog.update_aliases([CreateAlias("a", "other")])
        with self.assertRaises(BadInput):
            self.catalog.create("other", unnamed())

    def test_the_form_of_an_unnamed_vector_outlives_a_restart(self) -> None:
        for name, in_map in (("alone", False), ("mapped", True)):
            self.catalog.create(name, attrs.evolve(unnamed(), unnamed_in_map=in_map))
        catalog = self.reopen()
        for name, in_map in (("alone", False), ("mapped", True)):
            self.assertIs(catalog.get(name).config.params.unnamed_in_map, in_map)

    def test_a_missing_collection_is_not_found(self) -> None:
        with self.assertRaises(NotFound) as caught:
            self.catalog.get("x")
        expected = "Not found: Collection `x` doesn't exist!"
        self.assertEqual(caught.exception.message, expected)

    def test_deleting_removes_collection_files_and_its_aliases_only(self) -> None:
        self.catalog.create("a", unnamed())
        self.catalog.create("b", unnamed())
        self.catalog.update_aliases([CreateAlias("a", "to-a"), CreateAlias("b", "to-b")])
        self.assertTrue(self.catalog.delete("a"))
        self.assertEqual(self.catalog.names(), ["b"])
        self.assertEqual(self.catalog.aliases(), [Alias("to-b", "b")])
        self.assertEqual(len(list((self.path / "collections").iterdir())), 1)
        self.assertEqual(self.reopen().names(), ["b"])

    def test_deleting_what_is_not_there_tells_so(self) -> None:
        self.assertFalse(self.catalog.delete("a"))

    def test_deleting_takes_no_alias(self) -> None:
        self.catalog.create("a", unnamed())
        self.catalog.update_aliases([CreateAlias("a", "to-a")])
        self.assertFalse(self.catalog.delete("to-a"))
        self.assertEqual(self.catalog.aliases(), [Alias("to-a", "a")])

    def test_a_deleted_collection_answers_not_found(self) -> None:
        collection = self.catalog.create("a", unnamed())
        self.catalog.delete("a")
        with self.assertRaises(NotFound):
            collection.read(Count())
        (outcome,) = collection.apply([upsert([1], floats([1, 2, 3, 4]))])
        self.assertIsInstance(outcome, NotFound)
        with self.assertRaises(NotFound):
            write(collection, UpdateCollection())

    def test_a_closed_collection_is_unavailable(self) -> None:
        collection = self.catalog.create("a", unnamed())
        self.catalog.close()
        with self.assertRaises(Unavailable):
            collection.read(Count())
        (outcome,) = collection.apply([upsert([1], floats([1, 2, 3, 4]))])
        self.assertIsInstance(outcome, Unavailable)

    def test_a_name_may_be_used_again(self) -> None:
        write(self.catalog.create("a", unnamed()), upsert([1], floats([1, 2, 3, 4])))
        self.catalog.delete("a")
        again = self.catalog.create("a", unnamed(size=2))
        self.assertEqual(again.read(Count()), 0)
        self.assertEqual(again.config.params.vectors[""].size, 2)

    def test_a_refused_request_leaves_nothing(self) -> None:
        with self.assertRaises(ValidationError):
            self.catalog.create("a", unnamed(size=0))
        clash = CreateCollection(
            vectors={"v": VectorParams(Distance.DOT, 4)}, sparse_vectors={"v": SparseVectorParams()}
        )
        with self.assertRaises(BadInput):
            self.catalog.create("a", clash)
        self.assertEqual(self.catalog.names(), [])
        self.assertEqual(list((self.path / "collections").iterdir()), [])

    def test_names_may_be_long_and_odd(self) -> None:
        names = sorted(["..", "日本" * 100, "a b", "x" * 255])
        for name in names:
            self.catalog.create(name, unnamed())
        self.assertEqual(self.reopen().names(), names)


class CommandTests(EngineTestCase):
    """Commands of the catalog carry all that a collection is made of."""

    def test_another_catalog_makes_an_equal_collection_of_them(self) -> None:
        self.catalog = self.with_defaults(HnswConfig(m=7))
        commands: list[CatalogCommand] = [
            self.catalog.addition("a", unnamed()),
            self.catalog.addition("b", unnamed()),
            UpdateAliases([CreateAlias("a", "x"), CreateAlias("b", "y")]),
            DropCollection("b"),
        ]
        for command in commands:
            self.assertTrue(self.catalog.apply(command))
        other = Catalog(self.path / "other", CollectionConfig(hnsw_config=HnswConfig(m=9)))
        other.open()
        self.addCleanup(other.close)
        for command in commands:
            self.assertTrue(other.apply(decode_catalog(encode_catalog(command))))
        self.assertFalse(other.apply(DropCollection("b")))
        self.assertEqual(other.names(), ["a"])
        self.assertEqual(other.aliases(), [Alias("x", "a")])
        mine, theirs = self.catalog.get("a"), other.get("a")
        self.assertEqual(theirs.config, mine.config)
        self.assertEqual(theirs.config.hnsw_config.m, 7)
        self.assertEqual(theirs.directory, mine.directory)

    def test_a_uid_is_one_and_used_once(self) -> None:
        addition = self.catalog.addition("a", unnamed())
        self.catalog.apply(addition)
        for uid in (addition.uid, "", "../x", addition.uid.upper(), addition.uid[1:]):
            other = attrs.evolve(addition, name="b", uid=uid)
            self.assertRaises(BadInput, self.catalog.apply, other)
        self.assertEqual(self.catalog.names(), ["a"])
        self.assertRaises(AlreadyExists, self.catalog.apply, addition)

    def with_defaults(self, graphs: HnswConfig) -> Catalog:
        """The catalog opened again with other defaults."""
        self.catalog.close()
        catalog = Catalog(self.path, CollectionConfig(hnsw_config=graphs))
        catalog.open()
        return catalog


class ConfigTests(EngineTestCase):
    """The configuration is stored, merged and kept."""

    def test_the_defaults_of_the_server_fill_in(self) -> None:
        self.catalog.close()
        params = CollectionParams(on_disk_payload=False)
        self.catalog = Catalog(self.path, attrs.evolve(CollectionConfig(), params=params))
        self.catalog.open()
        config = self.catalog.create("a", unnamed()).config
        self.assertFalse(config.params.on_disk_payload)
        self.assertEqual(config.params.vectors[""].size, 4)

    def test_a_change_is_kept(self) -> None:
        collection = self.catalog.create("a", unnamed())
        write(collection, upsert([1], floats([1, 2, 3, 4])))
        change = UpdateCollection(
            vectors={"": VectorParamsDiff(on_disk=True)},
            hnsw_config=HnswConfigDiff(ef_construct=55),
        )
        write(collection, change)
        for is_kept in (False, True):
            found = self.reopen().get("a") if is_kept else collection
            self.assertEqual(found.config.hnsw_config.ef_construct, 55)
            self.assertEqual(found.config.hnsw_config.m, 16)
            self.assertTrue(found.config.params.vectors[""].on_disk)
            self.assertEqual(found.read(Count()), 1)

    def test_a_refused_change_changes_nothing(self) -> None:
        collection = self.catalog.create("a", unnamed())
        before = collection.config
        with self.assertRaises(BadInput):
            write(collection, UpdateCollection(vectors={"x": VectorParamsDiff()}))
        self.assertEqual(collection.config, before)


class AliasTests(EngineTestCase):
    """Other names of collections."""

    def setUp(self) -> None:
        super().setUp()
        self.catalog.create("a", unnamed())
        self.catalog.create("b", unnamed())

    def test_aliases_are_listed_by_name_and_kept(self) -> None:
        self.catalog.update_aliases([CreateAlias("b", "z"), CreateAlias("a", "y")])
        expected = [Alias("y", "a"), Alias("z", "b")]
        self.assertEqual(self.catalog.aliases(), expected)
        self.assertEqual(self.reopen().aliases(), expected)

    def test_creating_an_existing_alias_points_it_elsewhere(self) -> None:
        self.catalog.update_aliases([CreateAlias("a", "x")])
        self.catalog.update_aliases([CreateAlias("b", "x")])
        self.assertEqual(self.catalog.aliases(), [Alias("x", "b")])

    def test_renaming(self) -> None:
        self.catalog.update_aliases([CreateAlias("a", "x"), RenameAlias("x", "y")])
        self.assertEqual(self.catalog.aliases(), [Alias("y", "a")])

    def test_deleting_a_missing_alias_is_no_error(self) -> None:
        self.catalog.update_aliases([DeleteAlias("nothing")])
        self.assertEqual(self.catalog.aliases(), [])

    def test_refusals(self) -> None:
        with self.assertRaises(AlreadyExists):
            self.catalog.update_aliases([CreateAlias("a", "b")])
        with self.assertRaises(NotFound) as caught:
            self.catalog.update_aliases([CreateAlias("missing", "x")])
        self.assertIn("`missing`", caught.exception.message)
        with self.assertRaises(NotFound) as caught:
            self.catalog.update_aliases([RenameAlias("x", "y")])
        self.assertEqual(caught.exception.message, "Not found: Alias x does not exists!")
        self.catalog.update_aliases([CreateAlias("a", "x")])
        with self.assertRaises(AlreadyExists):
            self.catalog.update_aliases([RenameAlias("x", "b")])

    def test_nothing_takes_effect_when_one_action_fails(self) -> None:
        with self.assertRaises(NotFound):
            self.catalog.update_aliases([CreateAlias("a", "x"), RenameAlias("no", "y")])
        self.assertEqual(self.catalog.aliases(), [])
        self.assertEqual(self.reopen().aliases(), [])


class FolderTests(EngineTestCase):
    """What may be opened, by whom."""

    def refused(self, kind: type[EngineStartError], *texts: str, path: Path | None = None) -> None:
        with self.assertRaises(kind) as caught:
            Catalog(path or self.path).open()
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for text in texts:
            self.assertIn(text, message)

    def test_one_process_at_a_time(self) -> None:
        self.refused(DataFolderInUse, str(self.path), f"process {os.getpid()}")
        self.catalog.close()
        other = Catalog(self.path)
        other.open()
        other.close()

    def test_closing_twice_is_harmless(self) -> None:
        self.catalog.close()
        self.catalog.close()

    def test_a_folder_is_made_with_its_parents(self) -> None:
        deep = self.path / "one" / "two"
        catalog = Catalog(deep)
        catalog.open()
        catalog.close()
        self.assertTrue((deep / "FORMAT").exists())

    def test_a_file_is_no_folder(self) -> None:
        path = self.path / "file"
        path.write_text("x")
        self.refused(UnusableDataFolder, str(path), path=path)

    def test_an_unknown_format_is_refused_and_left_alone(self) -> None:
        self.catalog.close()
        format_path = self.path / "FORMAT"
        for content, text in (
            (b'{"format":"vexfs-qdrant","version":99}', "version 99"),
            (b'{"format":"else","version":1}', "not a data folder"),
            (b"[]", "not a data folder"),
            (b"\x00", "not JSON"),
        ):
            format_path.write_bytes(content)
            self.refused(UnknownFormat, str(format_path), text)
            self.assertEqual(format_path.read_bytes(), content)

    def test_a_folder_of_something_else_is_left_as_it_is(self) -> None:
        for name in ("notes.txt", ".hidden", "raft_state.json", "CATALOG", "format"):
            path = Path(self.mktemp())
            path.mkdir()
            (path / name).write_text("precious")
            error = self.assertRaises(UnusableDataFolder, Catalog(path).open)
            self.assertIn(f"not empty: it holds {name}", str(error))
            self.assertEqual([entry.name for entry in path.iterdir()], [name])

    def test_a_new_folder_may_hold_what_file_systems_and_first_starts_leave(self) -> None:
        path = Path(self.mktemp())
        (path / "lost+found").mkdir(parents=True)
        (path / "LOCK").touch()
        (path / "FORMAT.new").write_text("{")
        catalog = Catalog(path)
        catalog.open()
        catalog.close()
        self.assertTrue((path / "lost+found").exists())

    def test_a_lost_format_file_is_not_made_up(self) -> None:
        self.catalog.close()
        (self.path / "FORMAT").unlink()
        self.refused(UnusableDataFolder, "FORMAT is missing")

    def test_what_belongs_to_no_collection_is_left_alone(self) -> None:
        self.catalog.create("a", unnamed())
        stray = self.path / "collections" / "0123"
        stray.mkdir()
        (stray / "vectors-1.f32").write_bytes(b"half")
        self.assertEqual(self.reopen().names(), ["a"])
        self.assertTrue((stray / "vectors-1.f32").exists())

    def test_a_collection_of_a_later_format_is_quarantined(self) -> None:
        self.catalog.create("a", unnamed())
        directory = self.directory()
        self.catalog.close()
        self.patch_version(directory)
        self.quarantined("a", directory.name, "version 77")

    def patch_version(self, directory: Path) -> None:
        with lmdb.open(str(directory), max_dbs=4) as environment:
            meta = environment.open_db(b"meta", create=False)
            with environment.begin(write=True) as transaction:
                transaction.put(b"format", b"77", db=meta)

    def test_damaged_tables_are_named(self) -> None:
        collection = self.catalog.create("a", unnamed())
        write(collection, upsert(list(range(500)), floats([1, 2, 3, 4]).repeat(500, axis=0)))
        path = self.directory() / "data.mdb"
        self.catalog.close()
        whole = path.read_bytes()
        os.truncate(path, 3 * 4096)
        self.quarantined("a", f"{path.parent.name}/data.mdb")
        path.write_bytes(b"nonsense" * 2000)
        self.quarantined("a", f"{path.parent.name}/data.mdb")
        path.unlink()
        self.quarantined("a", f"{path.parent.name}/data.mdb")
        path.write_bytes(whole)
        self.assertEqual(self.reopen().get("a").read(Count()), 500)

    def test_a_vector_file_cut_off_is_named(self) -> None:
        collection = self.catalog.create("a", unnamed())
        write(collection, upsert([1, 2], floats([1, 2, 3, 4], [1, 2, 3, 4])))
        path = self.directory() / "vectors-1.f32"
        self.catalog.close()
        os.truncate(path, 4096 + 16)
        self.quarantined("a", "vectors-1.f32 at byte 4112", "1 of 2 rows are left")

    def test_what_is_put_back_is_opened_again(self) -> None:
        collection = self.catalog.create("a", unnamed())
        write(collection, upsert([1], floats([1, 2, 3, 4])))
        path = self.directory() / "vectors-1.f32"
        self.catalog.close()
        content = path.read_bytes()
        path.unlink()
        self.quarantined("a", "vectors-1.f32")
        path.write_bytes(content)
        self.assertEqual(self.reopen().get("a").read(Count()), 1)
