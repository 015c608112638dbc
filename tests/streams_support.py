"""What tests of streams share: cursors and writers that answer when the test says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from vexfs_twisted.interfaces import BatchCursor
from vexfs_twisted.model.commands import Outcome
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Record
from vexfs_twisted.model.streams import Batch
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn
from vexfs_twisted.streaming.incoming import WaitsFor
from vexfs_twisted.streaming.outgoing import OpenCursor


class ManualCursor:
    """A cursor whose reads wait for the test. `reads` are what was asked: points and size."""

    def __init__(self) -> None:
        self.reads: list[tuple[int, int]] = []
        self.is_closed = False
        self._waiting: Deferred[Batch[Record] | None] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether a read waits."""
        return self._waiting is not None

    def next(self, points: int, size: int) -> Deferred[Batch[Record] | None]:
        """See BatchCursor."""
        assert not self.is_closed, "read after close"
        assert self._waiting is None, "two reads at once"
        self.reads.append((points, size))
        self._waiting = Deferred()
        return self._waiting

    def close(self) -> None:
        """See BatchCursor."""
        assert self._waiting is None, "closed while it is read"
        self.is_closed = True

    def answer(self, batch: Batch[Record] | None) -> None:
        """End the read that waits."""
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        waiting.callback(batch)

    def fail(self, error: Exception) -> None:
        """End the read that waits with an error."""
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        waiting.errback(error)


class ManualWriter:
    """Writes that wait for the test. `commits` are the collection and the ids of each."""

    def __init__(self) -> None:
        self.commits: list[tuple[str, list[list[PointId]]]] = []
        self.poison: set[PointId] = set()
        self.error: Exception = ValueError("poisoned")
        self._operation = 0
        self._waiting: tuple[Sequence[Upsert], Deferred[list[Outcome]]] | None = None

    @property
    def is_writing(self) -> bool:
        """Whether a commit waits."""
        return self._waiting is not None

    def write(
        self, name: str, updates: Sequence[Upsert], waits_for: WaitsFor
    ) -> Deferred[list[Outcome]]:
        """Begin a commit."""
        assert self._waiting is None, "two commits of one stream at once"
        self.commits.append((name, [list(update.ids) for update in updates]))
        done: Deferred[list[Outcome]] = Deferred()
        self._waiting = updates, done
        return done

    def finish(self) -> list[PointId]:
        """End the commit that waits, up to the first update with a poisoned id; what is written."""
        assert self._waiting is not None
        (updates, done), self._waiting = self._waiting, None
        outcomes: list[Outcome] = []
        written: list[PointId] = []
        for update in updates:
            if self.poison.intersection(update.ids):
                outcomes.append(self.error)
                break
            outcomes.append(self._operation)
            self._operation += 1
            written.extend(update.ids)
        done.callback(outcomes)
        return written

    def fail(self, error: Exception) -> None:
        """End the commit that waits with an error."""
        assert self._waiting is not None
        (_, done), self._waiting = self._waiting, None
        done.errback(error)


def opening(cursor: BatchCursor[Record]) -> OpenCursor[Record]:
    """What opens a stream of a cursor at once."""
    return lambda: succeed(cursor)


def batch_of(*ids: PointId, size: int = 1000) -> Batch[Record]:
    """A batch of bare points."""
    return Batch([Record(point_id, None, None) for point_id in ids], size)


def message(ids: Sequence[PointId], dimension: int = 2, **options: Any) -> Upsert:
    """An upsert of points whose vectors hold nothing but their own id."""
    numbers = np.array(ids, dtype=np.float32)
    vectors = np.repeat(numbers[:, None], dimension, axis=1)
    return Upsert(ids, {UNNAMED: VectorColumn.of(vectors)}, [b"{}"] * len(ids), **options)


def turn(clock: Clock) -> None:
    """Let everything that can be done now be done."""
    while any(call.getTime() <= clock.seconds() for call in clock.getDelayedCalls()):
        clock.advance(0)
