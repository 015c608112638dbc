"""The log of commands: its bounds, its gaps, and disks that fail."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine import command_logs
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.collection_identity import Identity
from vexfs_twisted.engine.command_logs import CommandLogs, LogLimits
from vexfs_twisted.engine.replay import replay
from vexfs_twisted.engine.storage.checksummed import Damaged
from vexfs_twisted.model.commands import CommandBatch
from vexfs_twisted.model.errors import BadRequest, StorageFull
from vexfs_twisted.model.queries import Count, Query, QueryBatch

ROW = floats([1, 2, 3, 4])


class CommandLogTests(EngineTestCase):
    """A collection with a log of at most eight segments of some 200 bytes."""

    def setUp(self) -> None:
        super().setUp()
        self.catalog.close()
        self.logs = CommandLogs(self.path / "logs", LogLimits(1600, 1e9))
        self.begin(self.logs)
        self.catalog.create("a", unnamed())

    def begin(self, logs: CommandLogs | None) -> None:
        self.catalog.close()
        self.catalog = Catalog(self.path, log_of=None if logs is None else logs.of)
        self.catalog.open()

    @property
    def collection(self) -> Collection:
        return self.catalog.get("a")

    @property
    def segments(self) -> list[Path]:
        return sorted((self.logs.path / self.collection.directory).glob("*.commands"))

    def replayed(self, to: int | None = None) -> int:
        """The points of an empty collection after a replay."""
        other = self.catalog.create("b", unnamed())
        replay(other, self.segments[0].parent, to)
        return other.read(Count())

    def test_the_oldest_segments_are_removed(self) -> None:
        for number in range(100):
            write(self.collection, upsert([number], ROW))
        self.assertLessEqual(len(self.segments), 8)
        self.assertLess(sum(file.stat().st_size for file in self.segments), 1600 + 200)
        with self.assertRaisesRegex(BadRequest, "continues command .* is at command 0"):
            self.replayed()

    def test_segments_are_removed_by_their_age(self) -> None:
        for number in range(4):
            write(self.collection, upsert([number], ROW))
        first, *_ = self.segments
        os.utime(first, (0, 0))
        self.begin(CommandLogs(self.logs.path, LogLimits(1600, 1000.0)))
        for number in range(4):
            write(self.collection, upsert([number], ROW))
        self.assertNotIn(first, self.segments)

    def test_up_to_an_operation(self) -> None:
        for number in range(5):
            write(self.collection, upsert([number], ROW))
        self.assertEqual(self.replayed(self.collection.next_operation - 3), 3)

    def test_an_operation_that_is_not_there(self) -> None:
        for number in range(3):
            write(self.collection, upsert([number], ROW))
        with self.assertRaisesRegex(BadRequest, "ends with operation"):
            self.replayed(1000)
        with self.assertRaisesRegex(BadRequest, "already"):
            replay(self.collection, self.segments[0].parent, 0)

    def test_a_time_without_a_log(self) -> None:
        """What follows it begins a segment of its own, and does not continue what was before."""
        write(self.collection, upsert([1], ROW))
        self.begin(None)
        write(self.collection, upsert([2], ROW))
        self.begin(self.logs)
        write(self.collection, upsert([3], ROW))
        self.assertEqual(len(self.segments), 2)
        with self.assertRaisesRegex(BadRequest, "continues command 2, .* at command 1"):
            self.replayed()

    def test_points_that_were_moved_in_between(self) -> None:
        """A move takes an operation id, which is left out of the replay: versions are the same."""
        for number in range(3):
            write(self.collection, upsert([number], ROW))
            self.collection._store.move(lambda state, _: state.live.rows()[:1])
        last = self.collection.next_operation - 2
        other = self.catalog.create("b", unnamed())
        replay(other, self.segments[0].parent, last)
        self.assertEqual(other.next_operation, last + 1)
        query = Query(limit=5)
        (expected,), (found,) = (own.read(QueryBatch([query])) for own in (self.collection, other))
        self.assertEqual(list(found), list(expected))

    def test_a_log_that_was_removed(self) -> None:
        write(self.collection, upsert([1], ROW))
        (segment,) = self.segments
        self.begin(self.logs)
        segment.unlink()
        write(self.collection, upsert([2], ROW))
        self.assertEqual(len(self.segments), 1)

    def test_a_record_that_cannot_be_written_refuses_its_batch(self) -> None:
        """And leaves nothing behind; writes go on once they can."""
        write(self.collection, upsert([1], ROW))
        inner = command_logs._write_all

        def full(descriptor: int, data: bytes, position: int) -> None:
            inner(descriptor, data[:5], position)
            raise OSError(errno.ENOSPC, "no room")

        with_room = self.patch(command_logs, "_write_all", full)
        ((outcome,),) = self.collection.apply_each([CommandBatch([upsert([2], ROW)])])
        self.assertIsInstance(outcome, StorageFull)
        with_room.restore()
        self.assertEqual(self.collection.read(Count()), 1)
        write(self.collection, upsert([3], ROW))
        self.assertEqual(self.replayed(), 2)

    def test_the_log_of_another_collection(self) -> None:
        """A copied directory is not continued."""
        write(self.collection, upsert([1], ROW))
        other = self.catalog.create("c", unnamed())
        (self.logs.path / self.collection.directory).rename(self.logs.path / other.directory)
        with self.assertRaisesRegex(Damaged, "log of another collection"):
            self.logs.of(Identity(other.name, other.directory, 0.0)).open(0)
