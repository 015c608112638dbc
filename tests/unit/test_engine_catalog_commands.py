"""Commands of the catalog that come with an origin: each takes effect once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import orjson

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine import catalog_files, catalog_outcomes
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.catalog_files import CatalogFiles
from vexfs_twisted.engine.storage.checksummed import seal, unseal
from vexfs_twisted.model.collection import Alias, CreateAlias, DeleteAlias, RenameAlias
from vexfs_twisted.model.commands import (
    AddCollection,
    AlreadyApplied,
    CatalogCommand,
    DropCollection,
    Origin,
    UpdateAliases,
)
from vexfs_twisted.model.errors import AlreadyExists, BadInput, NotFound, StorageFull
from vexfs_twisted.model.queries import Count

UIDS = ["0" * 31 + digit for digit in "123456"]


def outcome_of(catalog: Catalog, command: CatalogCommand, counter: int, source: str = "log") -> Any:
    """What comes of a command, as a value that compares."""
    try:
        return catalog.apply(command, Origin(source, counter))
    except Exception as error:
        return type(error).__name__, str(error)


def contents(catalog: Catalog) -> Any:
    """The collections, their directories and sizes, and the aliases."""
    collections = [
        (name, catalog.get(name).directory, catalog.get(name).read(Count()))
        for name in catalog.names()
    ]
    return collections, catalog.aliases()


class CatalogCommandCase(EngineTestCase):
    """A catalog with the collection a, of one point, and an alias of it."""

    def setUp(self) -> None:
        super().setUp()
        self.assertIs(self.send(self.addition("a", 0), 1), True)
        write(self.catalog.get("a"), upsert([1], floats([1, 2, 3, 4])))
        self.assertIs(self.send(UpdateAliases([CreateAlias("a", "other")]), 2), True)

    def addition(self, name: str, uid: int) -> AddCollection:
        command = self.catalog.addition(name, unnamed())
        return attrs.evolve(command, uid=UIDS[uid])

    def send(self, command: CatalogCommand, counter: int, source: str = "log") -> Any:
        return outcome_of(self.catalog, command, counter, source)


class OnceTests(CatalogCommandCase):
    """A command that comes again is answered by what is recorded, and changes nothing."""

    def test_none_is_carried_out_again(self) -> None:
        drop = DropCollection("a")
        rename = UpdateAliases([RenameAlias("other", "third")])
        add = self.addition("b", 1)
        commands: list[tuple[CatalogCommand, bool]] = [
            (rename, True), (drop, True), (drop, False), (add, True)
        ]  # fmt: skip
        for counter, (command, outcome) in enumerate(commands, 3):
            self.assertIs(self.send(command, counter), outcome)
        self.catalog.create("a", unnamed())
        self.catalog.update_aliases([CreateAlias("a", "third"), DeleteAlias("none")])
        before = contents(self.catalog)
        for _ in range(2):
            for counter, (command, outcome) in enumerate(commands, 3):
                self.assertIs(self.send(command, counter), outcome)
            self.assertEqual(contents(self.catalog), before)
            self.assertEqual(self.catalog.last_counter("log"), 6)
            self.assertIsNone(self.catalog.last_counter("other"))
            self.reopen()

    def test_refusals_are_outcomes_too(self) -> None:
        refused: list[tuple[CatalogCommand, type[Exception]]] = [
            (self.addition("a", 1), AlreadyExists),
            (self.addition("other", 1), BadInput),
            (self.addition("b", 0), BadInput),
            (UpdateAliases([DeleteAlias("other"), CreateAlias("none", "x")]), NotFound),
            (UpdateAliases([RenameAlias("none", "x")]), NotFound),
        ]
        first = [self.send(command, n) for n, (command, _) in enumerate(refused, 3)]
        self.assertEqual([name for name, _ in first], [kind.__name__ for _, kind in refused])
        # By now each of them could be carried out.
        self.catalog.delete("a")
        self.catalog.create("none", unnamed())
        self.catalog.update_aliases([CreateAlias("none", "none 2")])
        before = contents(self.catalog)
        for _ in range(2):
            again = [self.send(command, n) for n, (command, _) in enumerate(refused, 3)]
            self.assertEqual(again, first)
            self.assertEqual(contents(self.catalog), before)
            self.reopen()

    def test_a_deletion_by_uid_spares_a_later_collection(self) -> None:
        self.assertIs(self.send(DropCollection("a", UIDS[1]), 3), False)
        self.assertIs(self.catalog.apply(DropCollection("a", UIDS[1])), False)
        self.assertEqual(self.catalog.names(), ["a"])
        self.assertIs(self.send(DropCollection("a", UIDS[0]), 4), True)
        self.assertEqual(self.catalog.names(), [])

    def test_what_is_not_kept_has_been_applied(self) -> None:
        self.patch(catalog_outcomes, "KEPT_OUTCOMES", 2)
        aliases = UpdateAliases([DeleteAlias("other")])
        for counter in (5, 7, 2**64 - 1):
            self.assertIs(self.send(aliases, counter), True)
        self.reopen()
        for counter, is_kept in ((1, False), (5, False), (6, False), (7, True)):
            found = self.send(DropCollection("a"), counter)
            if is_kept:
                self.assertIs(found, True)
            else:
                self.assertEqual(found[0], AlreadyApplied.__name__)
        self.assertEqual(self.catalog.names(), ["a"])

    def test_sources_that_come_last_are_kept(self) -> None:
        self.patch(catalog_outcomes, "MOST_SOURCES", 3)
        for source in ("a", "b", "log", "c"):
            self.send(UpdateAliases([]), 9, source)
        self.reopen()
        found = {source: self.catalog.last_counter(source) for source in ("a", "b", "log", "c")}
        self.assertEqual(found, {"a": None, "b": 9, "log": 9, "c": 9})

    def test_what_breaks_is_not_recorded(self) -> None:
        before = contents(self.catalog)
        commands: list[CatalogCommand] = [
            self.addition("b", 1),
            DropCollection("a"),
            UpdateAliases([DeleteAlias("other")]),
            self.addition("a", 2),
        ]
        for counter, command in enumerate(commands, 3):
            with patch.object(CatalogFiles, "write", side_effect=StorageFull("no room")):
                self.assertEqual(self.send(command, counter)[0], "StorageFull")
            self.assertEqual(contents(self.catalog), before)
            self.assertEqual(self.catalog.last_counter("log"), 2)
        self.reopen()
        self.assertEqual(contents(self.catalog), before)
        self.assertIs(self.send(commands[1], 4), True)

    def test_a_collection_that_cannot_be_opened_is_not_recorded(self) -> None:
        before = contents(self.catalog)
        with patch.object(Catalog, "_open", side_effect=OSError("broken")):
            self.assertEqual(self.send(self.addition("b", 1), 3)[0], "OSError")
        for _ in range(2):
            self.assertEqual(contents(self.catalog), before)
            self.assertEqual(self.catalog.last_counter("log"), 2)
            self.assertEqual(os.listdir(self.path / "collections"), [UIDS[0]])
            self.reopen()
        self.assertIs(self.send(self.addition("b", 1), 3), True)


class CrashTests(CatalogCommandCase):
    """Wherever a command is cut off, it has been carried out and recorded, or neither."""

    def test_a_creation(self) -> None:
        self.check([self.addition("b", 1)])

    def test_a_deletion(self) -> None:
        self.check([DropCollection("a")])

    def test_a_change_of_aliases(self) -> None:
        self.check([UpdateAliases([RenameAlias("other", "third")])])

    def test_a_refusal(self) -> None:
        self.check([self.addition("a", 1)])

    def test_a_collection_in_place_of_another(self) -> None:
        self.check([DropCollection("a"), self.addition("a", 1), DropCollection("a")])

    def check(self, commands: Sequence[CatalogCommand]) -> None:
        """Carry commands out, with the folder as a crash would leave it at each step."""
        states = [contents(self.catalog)]
        outcomes: list[Any] = []
        crashes = Crashes(self.path)
        self.addCleanup(crashes.remove)
        for counter, command in enumerate(commands, 3):
            with crashes.at_each_step():
                outcomes.append(self.send(command, counter))
            states.append(contents(self.catalog))
        self.assertGreater(len(crashes.folders), 3)
        done = [self.check_crash(folder, commands, outcomes, states) for folder in crashes.folders]
        self.assertEqual(set(done), set(range(len(commands) + 1)))
        self.assertEqual(done, sorted(done))

    def check_crash(
        self,
        folder: Path,
        commands: Sequence[CatalogCommand],
        outcomes: list[Any],
        states: list[Any],
    ) -> int:
        """Go on from what a crash left; how many commands had been carried out."""
        catalog = Catalog(folder)
        catalog.open()
        try:
            last = catalog.last_counter("log")
            assert last is not None
            done = last - 2
            self.assertEqual(contents(catalog), states[done])
            # The command that was cut off, and all before it, come again.
            for counter, command in enumerate(commands, 3):
                self.assertEqual(outcome_of(catalog, command, counter), outcomes[counter - 3])
            self.assertEqual(contents(catalog), states[-1])
            return done
        finally:
            catalog.close()

    def test_a_deletion_that_was_announced_only(self) -> None:
        """It may be done by another command after that, and then is not taken for the first."""
        crashes = Crashes(self.path)
        self.addCleanup(crashes.remove)
        with crashes.at_each_step():
            self.send(DropCollection("a"), 3)
        announced = [
            folder for folder in crashes.folders
            if CatalogFiles(folder / "catalog").contents.deletion is not None
            and (folder / "collections" / UIDS[0]).exists()
        ]  # fmt: skip
        self.assertGreater(len(announced), 0)
        for folder in announced:
            catalog = Catalog(folder)
            catalog.open()
            self.assertIs(catalog.delete("a"), True)
            catalog.close()
            catalog.open()
            self.assertIs(outcome_of(catalog, DropCollection("a"), 3), False)
            catalog.close()


class FormerFormatTests(CatalogCommandCase):
    """Catalogs of the version before, which recorded no outcomes."""

    def test_one_opens_with_all_it_holds(self) -> None:
        before = contents(self.catalog)
        self.catalog.close()
        files = sorted((self.path / "catalog").iterdir())
        for file in files:
            value = unseal("vexfs-register", 2, file.read_bytes())
            del value["outcomes"], value["deletion"]
            file.write_bytes(seal("vexfs-register", 1, value).ljust(1 << 16, b"\0"))
        self.reopen()
        for file in files:
            unseal("vexfs-register", 2, file.read_bytes())
        self.assertEqual(contents(self.catalog), before)
        self.assertIsNone(self.catalog.last_counter("log"))
        self.assertIs(self.send(DropCollection("a"), 1), True)
        self.reopen()
        self.assertIs(self.send(DropCollection("a"), 1), True)
        self.assertEqual(self.catalog.aliases(), [])

    def test_the_outcomes_are_in_the_file(self) -> None:
        """So that another version can be written for them."""
        self.catalog.close()
        value = unseal("vexfs-register", 2, (self.path / "catalog" / "register-1").read_bytes())
        expected = {"sources": {"log": [[1, True], [2, True]]}}
        self.assertEqual(orjson.loads(orjson.dumps(value["outcomes"])), expected)
        self.assertEqual(value["aliases"], {Alias("other", "a").alias_name: "a"})


class Crashes:
    """Copies of a data folder as it is before and after each step that makes something durable."""

    def __init__(self, path: Path) -> None:
        self.folders: list[Path] = []
        self._path = path

    @contextmanager
    def at_each_step(self) -> Iterator[None]:
        """A context in which the folder is copied at each step."""
        steps = [(os, "rename"), (os, "fsync"), (os, "fdatasync"), (catalog_files, "_overwrite")]
        with ExitStack() as patches:
            for module, name in steps:
                step = self._copying(getattr(module, name))
                patches.enter_context(patch.object(module, name, step))
            yield

    def remove(self) -> None:
        for folder in self.folders:
            shutil.rmtree(folder)

    def _copying(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._copy()
            result = function(*args, **kwargs)
            self._copy()
            return result

        return call

    def _copy(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        shutil.copytree(self._path, folder, dirs_exist_ok=True)
        self.folders.append(folder)
