"""A snapshot and the log of commands make the collection as it was after any operation."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.command_histories import REQUEST, contents, histories
from vexfs_twisted.engine import command_logs
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.command_logs import CommandLogs, LogLimits
from vexfs_twisted.engine.replay import replay
from vexfs_twisted.engine.snapshot_archives import SnapshotFolder, restore_file, write_collection
from vexfs_twisted.model.commands import Command, CommandBatch, Origin
from vexfs_twisted.model.snapshots import SnapshotOwner

NAME = "logged"
_BYTES = 1 << 30

events = st.lists(st.sampled_from(["", "", "reopen", "crash", "torn"]), max_size=12)


class Logged:
    """A collection with a log, and its contents after each of its commits."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.logs = CommandLogs(self.home / "logs", LogLimits(_BYTES, 1e9))
        self.number = 0
        self.opened: list[Catalog] = []
        self.open()
        self.catalog.create(NAME, REQUEST)
        self.moments: dict[int, Any] = {}

    @property
    def catalog(self) -> Catalog:
        return self.opened[-1]

    @property
    def directory(self) -> Path:
        """That of the log."""
        return self.logs.path / self.catalog.get(NAME).directory

    def open(self) -> None:
        catalog = Catalog(self.home / str(self.number), log_of=self.logs.of)
        catalog.open()
        self.opened.append(catalog)

    def apply(self, commands: list[Command], counter: int) -> None:
        collection = self.catalog.get(NAME)
        origin = Origin("test", counter) if counter % 2 else None
        collection.apply_each([CommandBatch(commands, origin), CommandBatch(commands[:1])])
        self.note()

    def note(self) -> None:
        collection = self.catalog.get(NAME)
        self.moments[collection.next_operation - 1] = contents(collection)

    def happen(self, event: str) -> None:
        if event == "reopen":
            self.catalog.close()
            self.open()
        elif event in ("crash", "torn"):
            before, self.number = self.home / str(self.number), self.number + 1
            shutil.copytree(before, self.home / str(self.number))
            if event == "torn" and self.directory.exists():
                # A record whose batch was not committed, and half of one.
                last = max(self.directory.glob("*.commands"))
                data = last.read_bytes()
                last.write_bytes(data + data[16:][:100])
            self.open()

    def remove(self) -> None:
        for catalog in self.opened:
            catalog.close()
        shutil.rmtree(self.home)


class CommandLogTests(SynchronousTestCase):
    """Random histories with stops, crashes and torn records between their commits."""

    @settings(max_examples=25, deadline=None)
    @given(
        histories, events, st.integers(0, 5), st.integers(0, 10), st.sampled_from([1, 300, 1 << 20])
    )
    def test_any_operation_after_a_snapshot_is_reached(
        self,
        history: list[list[Command]],
        happening: list[str],
        taken: int,
        aim: int,
        segment: int,
    ) -> None:
        self.patch(command_logs, "_SEGMENTS", _BYTES // segment)
        logged = Logged()
        folder = SnapshotFolder(logged.home / "snapshots")
        try:
            logged.note()
            file, begin = None, 0
            for place, commands in enumerate(history):
                if place == min(taken, len(history) - 1):
                    collection = logged.catalog.get(NAME)
                    owner = SnapshotOwner(NAME)
                    file = folder.path_of(owner, write_collection(folder, owner, collection).name)
                    begin = collection.next_operation - 1
                logged.apply(commands, place)
                logged.happen(happening[place] if place < len(happening) else "")
            if file is None:
                return
            moments = [number for number in logged.moments if number >= begin]
            operation = moments[aim % len(moments)]
            catalog = Catalog(logged.home / "restored")
            catalog.open()
            try:
                restore_file(catalog, file, "other", replace=False)
                done = replay(catalog.get("other"), logged.directory, operation)
                self.assertEqual(done.operation, operation)
                self.assertEqual(contents(catalog.get("other")), logged.moments[operation])
            finally:
                catalog.close()
        finally:
            logged.remove()
