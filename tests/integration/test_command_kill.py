"""Kill a replica at any moment while it replays a log: each command takes effect once."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from twisted.trial.unittest import SynchronousTestCase

from tests.command_histories import PATHS, contents
from tests.support import run_or_kill
from vexfs_twisted.commandcodec.codec import decode, encode
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import Distance, HnswConfigDiff, VectorParams
from vexfs_twisted.model.commands import (
    Command,
    CommandBatch,
    CreateVectorName,
    DeleteVectorName,
    Origin,
)
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.updates import DeletePoints, SetPayload, Upsert
from vexfs_twisted.model.vectors import VectorColumn

ENTRIES = 500
KILLS = 6
NAME = "replayed"
REQUEST = CreateCollection(vectors={"a": VectorParams(Distance.EUCLID, 16)})

REPLICA = textwrap.dedent(
    """
    import sys

    from tests.integration.test_command_kill import NAME, REQUEST, read_log
    from vexfs_twisted.engine.catalog import Catalog

    catalog = Catalog(sys.argv[1])
    catalog.open()
    if NAME not in catalog.names():
        catalog.create(NAME, REQUEST)
    collection = catalog.get(NAME)
    last = collection.last_counter("log")
    # As after a restart that knows less than what was applied.
    start = 0 if last is None else max(0, last - 4)
    log = read_log(sys.argv[2])
    for first in range(start, len(log), 3):
        collection.apply_each(log[first : first + 3])
        print("applied", first, flush=True)
    catalog.close()
    print("done", flush=True)
    """
)


def history() -> Iterator[list[Command]]:
    """Batches of commands, among them such as are refused."""
    chance = np.random.default_rng(11)
    yield [CreateFieldIndex(PATHS[0], FieldSchema(FieldType.INTEGER))]
    for number in range(1, ENTRIES):
        ids = chance.permutation(60)[: chance.integers(1, 12)].tolist()
        name = "ab"[number % 2]
        data = chance.random((len(ids), 16), dtype=np.float32)
        payloads = [orjson.dumps({"n": number % 5, "entry": number}) for _ in ids]
        # Refused while there is no b.
        batch: list[Command] = [Upsert(ids, {name: VectorColumn.of(data)}, payloads)]
        if number % 7 == 0:
            batch.append(SetPayload(orjson.dumps({"n": number % 3}), ids[:1]))
        if number % 11 == 0:
            batch.append(DeletePoints(ids[1:]))
        if number % 25 == 0:
            batch.append(UpdateCollection(hnsw_config=HnswConfigDiff(m=2 + number % 30)))
        if number % 20 == 3:
            batch = [CreateVectorName("b", VectorParams(Distance.DOT, 16))]
        if number % 20 == 13:
            batch = [DeleteVectorName("b")]
        yield batch


def read_log(path: str) -> list[CommandBatch]:
    """The batches of a log."""
    entries = [[bytes.fromhex(c) for c in entry] for entry in orjson.loads(Path(path).read_bytes())]
    return [
        CommandBatch(list(map(decode, entry)), Origin("log", counter))
        for counter, entry in enumerate(entries)
    ]


class ReplicaKillTests(SynchronousTestCase):
    """A process that replays a log, killed again and again."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.home)
        log = [[encode(command).hex() for command in batch] for batch in history()]
        (self.home / "log").write_bytes(orjson.dumps(log))

    def test_the_replica_is_equal_in_the_end(self) -> None:
        chance = random.Random(3)
        kills = 0
        while not self.replay(chance.randint(3, 30), chance.uniform(0, 0.006), kills < KILLS):
            kills += 1
        self.assertEqual(kills, KILLS)
        catalogs = [Catalog(self.home / name) for name in ("source", "replica")]
        for catalog in catalogs:
            catalog.open()
            self.addCleanup(catalog.close)
        source = catalogs[0].create(NAME, REQUEST)
        for batch in read_log(str(self.home / "log")):
            source.apply_each([batch])
        self.assertEqual(source.last_counter("log"), ENTRIES - 1)
        self.assertEqual(contents(catalogs[1].get(NAME)), contents(source))

    def replay(self, groups: int, delay: float, is_killed: bool) -> bool:
        """Let a replica go on, for so many groups and a moment more; whether it came to the end."""
        command = [
            sys.executable,
            "-c",
            REPLICA,
            str(self.home / "replica"),
            str(self.home / "log"),
        ]
        status = run_or_kill(command, groups if is_killed else None, delay)
        if status is None:
            return False
        self.assertEqual(status, 0)
        return True
