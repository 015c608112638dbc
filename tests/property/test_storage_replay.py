"""A log of all that changed one server, replayed with duplicates and restarts, makes an equal one.

Both are storage services with their threads, under the reactor. Hypothesis runs in a thread of its
own, and has the reactor do each step.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import attrs
import hypothesis.strategies as st
from hypothesis import example, given, settings
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import TestCase

from tests.command_histories import FIRST, REQUEST, batches, contents, shown
from vexfs_twisted.commandcodec.batches import (
    decode_batch,
    decode_change,
    encode_batch,
    encode_change,
)
from vexfs_twisted.engine import catalog_outcomes
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.storage import outcomes as outcomes_module
from vexfs_twisted.model.collection import (
    CollectionConfig,
    CreateAlias,
    DeleteAlias,
    RenameAlias,
    new_config,
)
from vexfs_twisted.model.commands import (
    AddCollection,
    AlreadyApplied,
    CatalogChange,
    CatalogCommand,
    CommandBatch,
    DropCollection,
    Origin,
    UpdateAliases,
)
from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.storage.service import StorageService

KEPT = 6
KEPT_OF_CATALOG = 4
"""So few outcomes are kept in this test that some are forgotten."""

NAMES = ["one", "two"]
ALIASES = ["first", "second", "one"]


@attrs.frozen
class Entry:
    """An entry of a log: what was applied to a collection or to the catalog, and what came of it.

    `name` is that of the collection, and `uid` its uid; None for a change of the catalog.
    """

    counter: int
    name: str | None
    uid: str | None
    data: bytes
    outcomes: list[Any]


def _in_reactor(function: Callable[..., Any], *args: Any) -> Any:
    """What comes of a call in the reactor thread, in this one."""
    running: Any = reactor
    return blockingCallFromThread(running, function, *args)


class Server:
    """A storage service that is started on a folder, again and again. Used in a thread."""

    def __init__(self) -> None:
        self.homes: list[Path] = []
        self.catalog: Catalog
        self.storage: StorageService
        self._stopped: list[StorageService] = []
        self.start_in_a_copy()

    def start_in_a_copy(self) -> None:
        """Go on with what is on disk, as after a crash; the old service never closes before."""
        home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        if self.homes:
            # Files that upkeep writes meanwhile would be copied at different times.
            _in_reactor(self.storage._optimizer.stop)
            shutil.copytree(self.homes[-1], home, dirs_exist_ok=True)
            self._stopped.append(self.storage)
        self.homes.append(home)
        self.start()

    def start(self) -> None:
        self.catalog = Catalog(self.homes[-1])
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        self.storage = StorageService(self.catalog, in_reactor, reactor)
        _in_reactor(self.storage.startService)

    def restart(self) -> None:
        _in_reactor(self.storage.stopService)
        self.start()

    def remove(self) -> None:
        for storage in (*self._stopped, self.storage):
            _in_reactor(storage.stopService)
        for home in self.homes:
            shutil.rmtree(home)

    def apply(self, entries: Sequence[tuple[str | None, bytes]]) -> list[list[Any]]:
        """Have entries of a log applied, those of collections all at once; what came of each."""
        found: list[list[Any]] = _in_reactor(self._apply, entries)
        return found

    def _apply(self, entries: Sequence[tuple[str | None, bytes]]) -> Deferred[list[list[Any]]]:
        async def apply() -> list[list[Any]]:
            found: list[list[Any]] = []
            for _, group in groupby(entries, lambda entry: entry[0] is None):
                waiting = [self._submit(name, data) for name, data in group]
                found += await gatherResults(waiting)
            return found

        return Deferred.fromCoroutine(apply())

    def _submit(self, name: str | None, data: bytes) -> Deferred[list[Any]]:
        async def submit() -> list[Any]:
            try:
                if name is None:
                    return [await self.storage.change_catalog(decode_change(data))]
                return shown(await self.storage.apply(name, decode_batch(data)))
            except Exception as error:
                return shown([error])

        return Deferred.fromCoroutine(submit())

    def uid(self, name: str) -> str | None:
        collection = self.catalog.find(name)
        return None if collection is None else collection.directory

    def contents(self) -> Any:
        """All that the server holds."""
        names = self.storage.collection_names()
        found = [(name, self.uid(name), contents(self.catalog.get(name))) for name in names]
        return found, self.storage.aliases(), self.catalog.last_counter("log")


names = st.sampled_from(NAMES)
aliases = st.sampled_from(ALIASES)
actions = st.one_of(
    st.builds(CreateAlias, names, aliases),
    st.builds(DeleteAlias, aliases),
    st.builds(RenameAlias, aliases, aliases),
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "update": st.tuples(st.just("update"), names, batches),
    "add": st.tuples(st.just("add"), names),
    "drop": st.tuples(st.just("drop"), names, st.booleans()),
    "aliases": st.tuples(st.just("aliases"), st.lists(actions, min_size=1, max_size=2)),
}
events = st.sampled_from([*["update"] * 6, "add", "drop", "aliases"]).flatmap(KINDS.__getitem__)
histories = st.lists(events, min_size=4, max_size=24).map(
    lambda found: [("add", "one"), ("update", "one", [FIRST]), *found]
)
REPLACED: list[Any] = [
    ("add", "one"),
    ("update", "one", [FIRST]),
    ("drop", "one", False),
    ("add", "one"),
    ("drop", "two", False),
    ("update", "one", [DeletePoints(ids=[99]), FIRST]),
]
"""A collection in place of another, for which nothing of the first one is meant."""

steps = st.lists(
    st.tuples(
        st.sampled_from(["on", "on", "on", "again", "twice", "restart", "crash"]),
        st.integers(1, 8),
    ),
    max_size=10,
)


class Log:
    """The log of a server: each thing that is applied to it is encoded, and the result kept."""

    def __init__(self, server: Server) -> None:
        self.entries: list[Entry] = []
        self._server = server
        self._uids = 0

    def carry_out(self, event: Any) -> None:
        """Apply what an event says, as it comes out of its encoding."""
        origin = Origin("log", len(self.entries))
        name: str | None = None
        uid: str | None = None
        if event[0] == "update":
            name, uid = event[1], self._server.uid(event[1])
            if uid is None:
                return
            data = encode_batch(CommandBatch(event[2], origin, uid))
        else:
            data = encode_change(CatalogChange(self._catalog_command(event), origin))
        (outcomes,) = self._server.apply([(name, data)])
        self.entries.append(Entry(origin.counter, name, uid, data, outcomes))

    def _catalog_command(self, event: Any) -> CatalogCommand:
        if event[0] == "add":
            self._uids += 1
            config = new_config(REQUEST, CollectionConfig())
            return AddCollection(event[1], config, f"{self._uids:032x}", 1e9 + self._uids)
        if event[0] == "drop":
            return DropCollection(event[1], self._server.uid(event[1]) if event[2] else None)
        return UpdateAliases(event[1])


class ReplayTests(TestCase):
    """One server carries out a history, another one its encoded log."""

    timeout = 900

    def setUp(self) -> None:
        self.patch(outcomes_module, "KEPT_OUTCOMES", KEPT)
        self.patch(catalog_outcomes, "KEPT_OUTCOMES", KEPT_OF_CATALOG)

    def test_the_replica_is_equal(self) -> Deferred[None]:
        @settings(max_examples=60, deadline=None)
        @given(history=histories, steps=steps)
        @example(history=REPLACED, steps=[("on", 9), ("again", 9), ("crash", 1), ("again", 9)])
        def the_replica_is_equal(history: list[Any], steps: list[tuple[str, int]]) -> None:
            self.check(history, steps)

        return deferToThread(the_replica_is_equal)

    def check(self, history: list[Any], steps: list[tuple[str, int]]) -> None:
        source, replica = Server(), Server()
        try:
            log = Log(source)
            for event in history:
                log.carry_out(event)
            self.replay(replica, log.entries, steps)
            self.assertEqual(replica.contents(), source.contents())
            replica.restart()
            source.restart()
            self.assertEqual(replica.contents(), source.contents())
        finally:
            source.remove()
            replica.remove()

    def replay(self, replica: Server, log: list[Entry], steps: list[tuple[str, int]]) -> None:
        """Replay a log up to its end, in steps of all kinds."""
        done = 0
        for kind, number in [*steps, ("on", len(log))]:
            if kind == "restart":
                replica.restart()
            elif kind == "crash":
                replica.start_in_a_copy()
            elif kind == "again":
                before = replica.contents()
                self.apply_again(replica, log, range(max(0, done - number), done))
                self.assertEqual(replica.contents(), before)
            else:
                new = log[done : done + number]
                done += len(new)
                self.apply(replica, new, 1 + (kind == "twice"))

    def apply(self, replica: Server, entries: list[Entry], times: int) -> None:
        """Apply entries that are new, each so many times, those of collections in a few commits."""
        sent = [entry for entry in entries for _ in range(times)]
        answers = replica.apply([(entry.name, entry.data) for entry in sent])
        for entry, outcomes in zip(sent, answers, strict=True):
            self.assertEqual(outcomes, entry.outcomes)

    def apply_again(self, replica: Server, log: list[Entry], which: range) -> None:
        """Apply entries that have been applied before."""
        answers = replica.apply([(log[n].name, log[n].data) for n in which])
        for entry, outcomes in zip(log[which.start : which.stop], answers, strict=True):
            if self.is_gone(replica, entry):
                self.assertEqual([outcome[0] for outcome in outcomes], [NotFound.__name__])
            elif self.is_kept(log[: which.stop], entry):
                self.assertEqual(outcomes, entry.outcomes)
            else:
                self.assertEqual([outcome[0] for outcome in outcomes], [AlreadyApplied.__name__])

    def is_gone(self, replica: Server, entry: Entry) -> bool:
        """Whether it is for a collection that has been deleted since."""
        return entry.name is not None and replica.uid(entry.name) != entry.uid

    def is_kept(self, applied: list[Entry], entry: Entry) -> bool:
        """Whether its outcomes are still recorded."""
        own = [other.counter for other in applied if other.uid == entry.uid]
        if entry.name is None:
            return entry.counter in own[-KEPT_OF_CATALOG:]
        return entry.counter > own[-1] - KEPT
