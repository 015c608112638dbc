"""Commands with an origin through the storage service: in one group, in order, and under kills."""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.command_histories import FIRST, REQUEST, contents
from tests.engine_support import upsert
from tests.support import run_or_kill
from vexfs_twisted.commandcodec.batches import (
    decode_batch,
    decode_change,
    encode_batch,
    encode_change,
)
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.collection import CollectionConfig, CreateAlias, new_config
from vexfs_twisted.model.commands import (
    AddCollection,
    AlreadyApplied,
    CatalogChange,
    CatalogCommand,
    Command,
    CommandBatch,
    DropCollection,
    Origin,
    UpdateAliases,
)
from vexfs_twisted.model.errors import AlreadyExists, NotFound
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.updates import ClearPayload, DeletePoints
from vexfs_twisted.storage.service import StorageService

ENTRIES = 240
KILLS = 6

REPLICA = textwrap.dedent(
    """
    import sys
    from tests.integration.test_command_origins import replay
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.task import react

    react(lambda reactor: ensureDeferred(replay(reactor, *sys.argv[1:])))
    """
)


def addition(name: str, number: int) -> AddCollection:
    """A collection whose uid is this number."""
    config = new_config(REQUEST, CollectionConfig())
    return AddCollection(name, config, f"{number:032x}", 1e9 + number)


def batch(counter: int, *commands: Any, uid: str | None = None) -> CommandBatch:
    return CommandBatch(commands, Origin("log", counter), uid)


class ServiceTests(TestCase):
    """One service, to which things are submitted without waiting."""

    async def started(self) -> StorageService:
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        self.catalog = Catalog(self.mktemp())
        storage = StorageService(self.catalog, in_reactor, reactor)
        await storage.startService()
        self.addCleanup(lambda: storage.stopService() if storage.running else None)
        return storage

    def change(self, counter: int, command: CatalogCommand) -> CatalogChange:
        return CatalogChange(command, Origin("log", counter))

    async def test_repeats_in_the_same_group_have_the_recorded_outcome(self) -> None:
        storage = await self.started()
        await storage.create_collection("one", REQUEST)
        refused = ClearPayload(ids=[77])
        # The first is a group of its own, the others wait for it and are the next.
        sent = [batch(0, FIRST), *(batch(1, DeletePoints(ids=[1]), refused) for _ in range(3))]
        sent += [batch(2, upsert([77])), batch(1, DeletePoints(ids=[2]), refused), batch(0, FIRST)]
        found = await gatherResults([storage.apply("one", own) for own in sent])
        self.assertEqual((found[0], found[6], found[4]), ([0], [0], [2]))
        for outcomes in (*found[1:4], found[5]):
            self.assertEqual([type(outcome) for outcome in outcomes], [int, NotFound])
            self.assertEqual((outcomes[0], str(outcomes[1])), (1, str(found[1][1])))
        self.assertEqual(await storage.read("one", Count()), 10)
        self.assertEqual(await storage.apply("one", batch(0, FIRST)), [0])

    async def test_a_batch_for_a_collection_that_was_replaced(self) -> None:
        storage = await self.started()
        for number in (1, 2):
            await storage.change_catalog(self.change(2 * number, addition("one", number)))
            uid = f"{number:032x}"
            self.assertEqual(await storage.apply("one", batch(9, FIRST, uid=uid)), [0])
            if number == 1:
                await storage.change_catalog(self.change(3, DropCollection("one", uid)))
        for uid in (f"{1:032x}", "none"):
            self.assertRaises(
                NotFound, storage.apply, "one", batch(10, DeletePoints(ids=[1]), uid=uid)
            )
        # The deletion comes again, and leaves the newer collection alone.
        self.assertIs(await storage.change_catalog(self.change(3, DropCollection("one"))), True)
        self.assertEqual(await storage.read("one", Count()), 10)

    async def test_changes_of_the_catalog_keep_their_order(self) -> None:
        storage = await self.started()
        sent = [self.change(n, addition("one", n) if n % 2 else DropCollection("one"))
                for n in range(1, 24)]  # fmt: skip
        waiting = [storage.change_catalog(change) for change in sent]
        # Nobody waits for it any more, but it is carried out.
        waiting[4].cancel()
        await self.assertFailure(waiting[4], CancelledError)
        stopped: Deferred[None] = storage.stopService()
        found = await gatherResults(waiting[:4] + waiting[5:])
        await stopped
        self.assertEqual(found, [True] * 22)
        await storage.startService()
        self.assertEqual(self.catalog.get("one").directory, f"{23:032x}")
        await self.assertFailure(storage.change_catalog(sent[0]), AlreadyApplied)
        self.assertIs(await storage.change_catalog(sent[-2]), True)
        self.assertEqual(storage.collection_names(), ["one"])

    async def test_the_command_for_a_request(self) -> None:
        storage = await self.started()
        command = storage.new_collection("one", REQUEST)
        self.assertEqual(storage.collection_names(), [])
        self.assertIs(await storage.change_catalog(CatalogChange(command)), True)
        self.assertEqual(self.catalog.get("one").directory, command.uid)


def history() -> Iterator[tuple[str, bytes]]:
    """The entries of a log: the name of a collection, or none for the catalog, and the encoding."""
    chance = random.Random(5)
    uids: dict[str, str] = {}
    for counter in range(ENTRIES):
        origin, name = Origin("log", counter), chance.choice(["one", "two"])
        kind = chance.choice(["update"] * 5 + ["replace", "alias"])
        if kind == "update" and name in uids:
            commands: list[Command] = [
                upsert(chance.sample(range(30), 3)),
                DeletePoints(ids=[counter % 30]),
            ]
            if chance.random() < 0.5:
                commands.append(ClearPayload(ids=[99]))
            yield name, encode_batch(CommandBatch(commands, origin, uids[name]))
            continue
        change: CatalogCommand = UpdateAliases([CreateAlias(name, chance.choice(["x", "y"]))])
        if kind == "replace" and name in uids:
            change = DropCollection(name, uids.pop(name))
        elif kind != "alias":
            change = addition(name, counter)
            # One that is refused leaves the collection that there is.
            uids.setdefault(name, change.uid)
        yield "", encode_change(CatalogChange(change, origin))


async def apply(storage: StorageService, name: str, data: bytes) -> None:
    """Apply an entry, whatever its outcome; of a collection that is gone there is none."""
    with contextlib.suppress(AlreadyApplied, AlreadyExists, NotFound):
        if name:
            await storage.apply(name, decode_batch(data))
        else:
            await storage.change_catalog(decode_change(data))


async def replay(clock: Any, home: str, log: str) -> None:
    """Replay a log from the start, as a server that has forgotten how far it was."""
    storage = StorageService(Catalog(home), clock.callFromThread, clock)
    await storage.startService()
    for name, data in orjson.loads(Path(log).read_bytes()):
        await apply(storage, name, bytes.fromhex(data))
        print("applied", flush=True)
    await storage.stopService()
    print("done", flush=True)


class KillTests(SynchronousTestCase):
    """A server that replays a log, killed again and again."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.home)
        entries = [(name, data.hex()) for name, data in history()]
        (self.home / "log").write_bytes(orjson.dumps(entries))

    def test_the_server_is_equal_in_the_end(self) -> None:
        chance = random.Random(7)
        for kill in range(KILLS):
            groups = (kill + 1) * ENTRIES // (KILLS + 1)
            self.assertFalse(self.run_replica("replica", groups, chance.uniform(0, 0.01)))
        self.assertTrue(self.run_replica("replica"))
        self.assertTrue(self.run_replica("source"))
        self.assertEqual(self.held("replica"), self.held("source"))

    def held(self, name: str) -> Any:
        catalog = Catalog(self.home / name)
        catalog.open()
        try:
            own = [(name, catalog.get(name).directory) for name in catalog.names()]
            found = [contents(catalog.get(name)) for name in catalog.names()]
            self.assertGreater(len(found), 0)
            return own, found, catalog.aliases(), catalog.last_counter("log")
        finally:
            catalog.close()

    def run_replica(self, name: str, until: int | None = None, delay: float = 0.0) -> bool:
        """Let a server replay so many entries and a moment more; whether it came to the end."""
        command = [sys.executable, "-c", REPLICA, str(self.home / name), str(self.home / "log")]
        status = run_or_kill(command, until, delay)
        if status is None:
            return False
        self.assertEqual(status, 0)
        return True
