"""The command `vexfs-qdrant adopt`: its words and its exit status."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from tests.support import SCRIPTS, run_command
from vexfs_twisted.adopt_command import run_adopt
from vexfs_twisted.model.queries import Count


class Command(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.collections = self.path / "collections"
        self.made: dict[str, str] = {}
        for count, name in enumerate("ab", 1):
            collection = self.catalog.create(name, unnamed())
            write(collection, upsert(range(count), floats(*[[1, 2, 3, 4]] * count)))
            self.made[name] = collection.directory

    def ask(self, *arguments: str) -> tuple[int, list[str], str]:
        """The exit status, the lines on standard output, and what went to standard error."""
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            status = run_adopt([f"--storage-path={self.path}", *arguments])
        return status, output.getvalue().splitlines(), errors.getvalue()

    def counts(self) -> dict[str, int]:
        catalog = self.reopen()
        return {name: catalog.get(name).read(Count()) for name in catalog.names()}

    def test_a_folder_that_is_whole(self) -> None:
        self.catalog.close()
        self.assertEqual(self.ask(), (0, ["known      2 collections"], ""))

    def test_what_is_unknown_is_listed_and_taken_in(self) -> None:
        self.catalog.close()
        shutil.copytree(self.collections / self.made["b"], self.collections / "copy")
        (self.collections / "notes").mkdir()
        unknown = "unknown    copy `b` (it is a copy of another one)"
        foreign = "foreign    notes (it holds no collection)"
        known = "known      2 collections"
        self.assertEqual(self.ask(), (1, [known, unknown, foreign], ""))
        status, lines, errors = self.ask("copy")
        self.assertEqual((status, lines), (2, []))
        self.assertIn("the name `b` is taken, so copy needs another one", errors)
        lines = ["taken in   copy as `c`", "known      3 collections", foreign]
        self.assertEqual(self.ask("copy", "c"), (0, lines, ""))
        self.assertEqual(self.counts(), {"a": 1, "b": 2, "c": 2})

    def test_all_of_a_lost_catalog(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.path / "catalog")
        status, lines, errors = self.ask("--all")
        self.assertEqual((status, errors), (0, ""))
        expected = {f"taken in   {made} as `{name}`" for name, made in self.made.items()}
        self.assertEqual(set(lines), {*expected, "known      2 collections"})
        self.assertEqual(self.counts(), {"a": 1, "b": 2})

    def test_a_collection_that_is_missing_is_given_up(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.collections / self.made["a"])
        status, lines, _ = self.ask()
        self.assertEqual(status, 1)
        text = f"missing    {self.made['a']} `a`: put it back, or give it up with --forget"
        self.assertEqual(lines[-1], text)
        status, _, errors = self.ask("--forget=b")
        self.assertEqual(status, 2)
        self.assertIn("no collection `b` whose directory is missing", errors)
        status, lines, _ = self.ask("--forget=a")
        self.assertEqual((status, lines), (0, ["given up   `a`", "known      1 collections"]))
        self.assertEqual(self.counts(), {"b": 2})

    def test_what_cannot_be_done(self) -> None:
        status, _, errors = self.ask()
        self.assertEqual(status, 2)
        self.assertIn(f"is in use by process {os.getpid()}", errors)
        self.catalog.close()
        for arguments, text in (
            (("nothing",), "is no directory of a collection that the catalog does not know"),
            ((self.made["a"], "c"), "that the catalog does not know"),
            (("a", "b", "c"), "Wrong number of arguments"),
            (("--storage-path=/nowhere",), "it is no data folder"),
            ((f"--storage-path={self.collections}",), "it is no data folder"),
        ):
            status, lines, errors = self.ask(*arguments)
            self.assertEqual((status, lines), (2, []))
            self.assertIn(text, errors)
            self.assertEqual(errors.count("\n"), 1)
        self.assertEqual(sorted(os.listdir(self.collections)), sorted(self.made.values()))

    def test_tables_that_do_not_open_are_not_taken_in(self) -> None:
        self.catalog.close()
        broken = self.collections / "broken"
        shutil.copytree(self.collections / self.made["b"], broken)
        (broken / "data.mdb").write_bytes(bytes(100))
        status, _, errors = self.ask("broken", "c")
        self.assertEqual(status, 2)
        self.assertIn("tables", errors)
        self.assertEqual(self.counts(), {"a": 1, "b": 2})

    def test_from_the_shell(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.path / "catalog")
        command = [str(SCRIPTS / "vexfs-qdrant"), "adopt"]
        environment = {"QDRANT__STORAGE__STORAGE_PATH": str(self.path)}
        done = run_command(command, environment=environment)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("`a` (it can be taken in under its own name)", done.stdout)
        for option in ("--help", "-h"):
            done = run_command([*command, option])
            self.assertEqual(done.returncode, 0)
            self.assertIn("Usage: vexfs-qdrant adopt [options] [DIRECTORY [NAME]]", done.stdout)
