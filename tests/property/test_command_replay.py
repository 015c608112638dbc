"""A log of commands, replayed with duplicates and restarts, makes an equal collection."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.command_histories import REQUEST, contents, histories, shown
from vexfs_twisted.commandcodec.catalog import decode_catalog, encode_catalog
from vexfs_twisted.commandcodec.codec import decode, encode
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.filtering import row_filter as filtering
from vexfs_twisted.engine.storage import outcomes as outcomes_module
from vexfs_twisted.model.commands import AlreadyApplied, Command, CommandBatch, Origin

KEPT = 6
"""So few outcomes are kept in this test that some are forgotten."""

NAME = "replayed"


class Entry:
    """An entry of a log: a batch of encoded commands, and what came of it."""

    def __init__(self, counter: int, commands: Sequence[bytes], outcomes: list[Any]) -> None:
        self.counter = counter
        self.commands = commands
        self.outcomes = outcomes

    @property
    def batch(self) -> CommandBatch:
        return CommandBatch(list(map(decode, self.commands)), Origin("log", self.counter))


class Replica:
    """A collection that a log is replayed into."""

    def __init__(self) -> None:
        self.homes: list[Path] = []
        self.catalogs: list[Catalog] = []
        self.open_in_a_new_home()

    @property
    def collection(self) -> Collection:
        return self.catalogs[-1].get(NAME)

    def open_in_a_new_home(self) -> None:
        home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        if self.homes:
            shutil.copytree(self.homes[-1], home, dirs_exist_ok=True)
        self.homes.append(home)
        self.open()

    def open(self) -> None:
        self.catalogs.append(Catalog(self.homes[-1]))
        self.catalogs[-1].open()

    def reopen(self) -> None:
        self.catalogs[-1].close()
        self.open()

    def crash(self) -> None:
        """Go on with what is on disk, as after a power cut; the old process never closes."""
        self.open_in_a_new_home()

    def remove(self) -> None:
        for catalog in self.catalogs:
            catalog.close()
        for home in self.homes:
            shutil.rmtree(home)


steps = st.lists(
    st.tuples(
        st.sampled_from(["on", "on", "on", "again", "reopen", "crash", "optimize"]),
        st.integers(1, 8),
    ),
    max_size=12,
)


class ReplayTests(SynchronousTestCase):
    """One collection carries out a history, another one its encoded log."""

    def setUp(self) -> None:
        self.patch(outcomes_module, "KEPT_OUTCOMES", KEPT)

    def test_with_filters_answered_by_payloads(self) -> None:
        self.check()

    def test_with_filters_answered_by_indexes(self) -> None:
        self.patch(filtering, "FEW_ROWS", 0)
        self.check()

    def check(self) -> None:
        @settings(max_examples=60, deadline=None)
        @given(history=histories, group=st.integers(1, 4), steps=steps)
        def the_replica_is_equal(
            history: list[list[Command]], group: int, steps: list[tuple[str, int]]
        ) -> None:
            self.check_one(history, group, steps)

        the_replica_is_equal()

    def check_one(
        self, history: list[list[Command]], group: int, steps: list[tuple[str, int]]
    ) -> None:
        source, replica = Replica(), Replica()
        try:
            creation = source.catalogs[-1].addition(NAME, REQUEST)
            source.catalogs[-1].apply(creation)
            replica.catalogs[-1].apply(decode_catalog(encode_catalog(creation)))
            log = self.carried_out(source.collection, history, group)
            self.replay(replica, log, steps)
            self.assertEqual(contents(replica.collection), contents(source.collection))
            replica.reopen()
            self.assertEqual(contents(replica.collection), contents(source.collection))
        finally:
            source.remove()
            replica.remove()

    def carried_out(
        self, collection: Collection, history: list[list[Command]], group: int
    ) -> list[Entry]:
        """Have a collection carry out the batches, so many in a commit; the log of it."""
        log: list[Entry] = []
        for start in range(0, len(history), group):
            part = history[start : start + group]
            batches = [CommandBatch(own, Origin("log", start + n)) for n, own in enumerate(part)]
            for batch, outcomes in zip(batches, collection.apply_each(batches), strict=True):
                assert batch.origin is not None
                encoded = list(map(encode, batch.commands))
                log.append(Entry(batch.origin.counter, encoded, shown(outcomes)))
        return log

    def replay(self, replica: Replica, log: list[Entry], steps: list[tuple[str, int]]) -> None:
        """Replay a log up to its end, in steps of all kinds."""
        done = 0
        for kind, number in [*steps, ("on", len(log))]:
            if kind == "on":
                self.apply(replica, log[done : done + number], done)
                done = min(done + number, len(log))
            elif kind == "again":
                self.apply(replica, log[max(0, done - number) : done + 1], done)
                done = min(done + 1, len(log))
            elif kind == "optimize":
                replica.collection.optimize()
            else:
                replica.reopen() if kind == "reopen" else replica.crash()
                expected = log[done - 1].counter if done else None
                self.assertEqual(replica.collection.last_counter("log"), expected)

    def apply(self, replica: Replica, entries: list[Entry], done: int) -> None:
        """Apply entries in one commit; those before number `done` have been applied before."""
        before = replica.collection.state
        answers = replica.collection.apply_each([entry.batch for entry in entries])
        for entry, outcomes in zip(entries, answers, strict=True):
            if entry.counter > done - 1 - KEPT:
                self.assertEqual(shown(outcomes), entry.outcomes)
            else:
                self.assertEqual(list(map(type, outcomes)), [AlreadyApplied])
        if entries and entries[-1].counter < done:
            self.assertIs(replica.collection.state, before)
