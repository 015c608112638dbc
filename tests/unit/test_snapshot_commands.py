"""The commands `vexfs-qdrant snapshot` and `restore`: their words and their exit status."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.command_logs import CommandLogs, LogLimits
from vexfs_twisted.model.collection import CreateAlias
from vexfs_twisted.model.queries import Count
from vexfs_twisted.snapshot_commands import run_restore, run_snapshot


class Commands(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        for count, name in enumerate("ab", 1):
            collection = self.catalog.create(name, unnamed())
            write(collection, upsert(range(count), floats(*[[1, 2, 3, 4]] * count)))
        self.catalog.update_aliases([CreateAlias("b", "other")])
        self.catalog.close()

    def ask(
        self, run: Callable[[Sequence[str]], int], *arguments: str
    ) -> tuple[int, list[str], str]:
        """The exit status, the lines on standard output, and what went to standard error."""
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            status = run([f"--storage-path={self.path}", *arguments])
        return status, output.getvalue().splitlines(), errors.getvalue()

    def counts(self) -> dict[str, int]:
        catalog = self.reopen()
        found = {name: catalog.get(name).read(Count()) for name in catalog.names()}
        catalog.close()
        return found

    def taken(self, *arguments: str) -> str:
        """The path of a new snapshot."""
        status, (line,), errors = self.ask(run_snapshot, *arguments)
        self.assertEqual((status, errors), (0, ""))
        path = line.removeprefix("snapshot   ")
        self.assertTrue(Path(path).is_file())
        return path

    def test_a_collection(self) -> None:
        file = self.taken("other")
        self.assertEqual(self.ask(run_restore, file, "c"), (0, ["restored   `c`"], ""))
        self.assertEqual(self.counts(), {"a": 1, "b": 2, "c": 2})
        status, lines, errors = self.ask(run_restore, file)
        self.assertEqual((status, lines), (1, []))
        self.assertIn("Collection `b` is there already", errors)
        self.assertEqual(self.ask(run_restore, "--force", file, "a")[0], 0)
        self.assertEqual(self.counts(), {"a": 2, "b": 2, "c": 2})

    def test_everything(self) -> None:
        file = self.taken(f"--snapshots-path={self.path / 'elsewhere'}")
        self.assertEqual(Path(file).parent, self.path / "elsewhere")
        self.reopen().delete("b")
        self.catalog.close()
        self.assertEqual(self.ask(run_restore, file)[0], 1)
        self.assertEqual(self.ask(run_restore, file, "c")[0], 1)
        lines = ["restored   `a`", "restored   `b`"]
        self.assertEqual(self.ask(run_restore, "--force", file), (0, lines, ""))
        self.assertEqual(self.counts(), {"a": 1, "b": 2})
        self.assertEqual(self.reopen().resolve("other"), "b")

    def test_everything_in_parts(self) -> None:
        self.patch(os, "environ", {"VEXFS_INCREMENTAL_SNAPSHOTS": "true"})
        status, (line,), _ = self.ask(run_snapshot)
        path = line.removeprefix("snapshot   ")
        self.assertEqual((status, Path(f"{path}.parts").is_file()), (0, True))
        self.assertEqual(self.ask(run_restore, "--force", path)[0], 0)
        self.assertEqual(self.counts(), {"a": 1, "b": 2})

    def test_what_cannot_be_done(self) -> None:
        self.assertEqual(self.ask(run_snapshot, "nowhere")[0], 1)
        self.assertEqual(self.ask(run_restore, "/nowhere")[0], 2)
        self.assertEqual(self.ask(run_restore)[0], 2)
        self.assertEqual(self.ask(run_restore, __file__)[0], 1)
        self.assertEqual(self.ask(run_snapshot, "--url=http://127.0.0.1:1", "a")[0], 1)
        self.assertEqual(self.ask(run_snapshot, "--url=nothing", "a")[0], 1)
        self.reopen()
        status, _, errors = self.ask(run_snapshot, "a")
        self.assertEqual(status, 2)
        self.assertIn("in use", errors)

    def test_a_log_of_commands(self) -> None:
        """What was done after the snapshot is done again, as far as it is wanted."""
        logs = CommandLogs(self.path.parent / f"{self.path.name}-logs", LogLimits(1 << 20, 1e9))
        self.addCleanup(shutil.rmtree, logs.path)
        catalog = Catalog(self.path, log_of=logs.of)
        catalog.open()
        directory = catalog.get("a").directory
        write(catalog.get("a"), upsert([5], floats([1, 2, 3, 4])))
        catalog.close()
        file = self.taken("a")
        catalog.open()
        for number in (6, 7):
            write(catalog.get("a"), upsert([number], floats([1, 2, 3, 4])))
        last = catalog.get("a").next_operation - 1
        catalog.close()
        log = f"--command-log={logs.path / directory}"
        status, lines, _ = self.ask(run_restore, log, file, "c")
        self.assertEqual((status, lines[1]), (0, f"applied    commands up to operation {last}"))
        some = f"--to-operation={last - 1}"
        self.assertEqual(self.ask(run_restore, log, some, file, "d")[0], 0)
        self.assertEqual(self.counts(), {"a": 4, "b": 2, "c": 4, "d": 3})
        for wrong in ((some,), (log, "--to-operation=x"), (log, "--url=http://localhost:1")):
            self.assertEqual(self.ask(run_restore, *wrong, file, "e")[0], 2)
        self.assertEqual(self.ask(run_restore, log, "--to-operation=99", file, "e")[0], 1)
