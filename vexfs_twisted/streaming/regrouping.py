"""Messages of any size put together into updates of a good size."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise

from attrs import frozen

from ..model.updates import UpdateMode, Upsert
from ..model.vector_kinds import concat
from ..model.vectors import VectorColumn
from .budget import Credit

RUN_POINTS = 1024
"""How many points are written by one update at the same cost a point as by a larger one."""

_POINT_SIZE = 160
"""What the objects around a point take: its id, its payload, and their places in lists."""


@frozen
class Message:
    """A message as it waits for its commit. `number` counts the messages of the stream from 0."""

    number: int
    points: int
    credit: Credit


@frozen
class Run:
    """Messages for one collection as one update."""

    name: str
    update: Upsert
    messages: Sequence[Message]

    def split(self) -> list[Run]:
        """A run for each message; the arrays are views of the whole."""
        ends = [0, *accumulate(message.points for message in self.messages)]
        parts = zip(self.messages, pairwise(ends), strict=True)
        return [Run(self.name, _part(self.update, *bounds), [message]) for message, bounds in parts]


class RunDraft:
    """A run that further messages may join."""

    def __init__(self, name: str, update: Upsert, message: Message) -> None:
        self.name = name
        self.messages = [message]
        self.points = message.points
        self._updates = [update]

    def takes(self, name: str, update: Upsert) -> bool:
        """Whether one update of the whole would mean the same as its parts."""
        return (
            self.points < RUN_POINTS
            and name == self.name
            and _is_plain(update)
            and _is_plain(self._updates[0])
            and _joins(update, self._updates[0])
        )

    def add(self, update: Upsert, message: Message) -> None:
        """Take in one more message."""
        self._updates.append(update)
        self.messages.append(message)
        self.points += message.points
        if self.points >= RUN_POINTS:
            self._updates = [_joined(self._updates)]

    def finished(self) -> Run:
        """The run."""
        updates = self._updates
        return Run(self.name, updates[0] if len(updates) == 1 else _joined(updates), self.messages)


class PendingRuns:
    """The messages that wait for their commits, as runs. `is_urgent`: they are to wait no longer.

    `points` and `bytes` are what they hold.
    """

    def __init__(self) -> None:
        self.points = 0
        self.bytes = 0
        self.is_urgent = False
        self._drafts: deque[RunDraft] = deque()
        self._number = 0

    def __len__(self) -> int:
        return len(self._drafts)

    @property
    def is_mixed(self) -> bool:
        """Whether there are messages for several collections."""
        return self._drafts[0].name != self._drafts[-1].name

    def add(self, name: str, update: Upsert, credit: Credit) -> None:
        """Take the next message of the stream, to the run before it if that means the same."""
        message = Message(self._number, len(update.ids), credit)
        self._number += 1
        self.points += message.points
        self.bytes += credit.size
        if self._drafts and self._drafts[-1].takes(name, update):
            self._drafts[-1].add(update, message)
        else:
            self._drafts.append(RunDraft(name, update, message))

    def cut(self) -> deque[Run]:
        """Take what one commit takes: all from the first on that is for one collection."""
        name = self._drafts[0].name
        runs: deque[Run] = deque()
        while self._drafts and self._drafts[0].name == name:
            runs.append(self._drafts.popleft().finished())
        for message in chain.from_iterable(run.messages for run in runs):
            self.points -= message.points
            self.bytes -= message.credit.size
        self.is_urgent = self.is_urgent and bool(self._drafts)
        return runs


def size_of(update: Upsert) -> int:
    """The bytes of memory that an update takes."""
    vectors = sum(column.vectors.nbytes for column in update.vectors.values())
    return vectors + sum(map(len, update.payloads)) + _POINT_SIZE * len(update.ids)


def _is_plain(update: Upsert) -> bool:
    """Whether it has points, all are written, and each has a vector under every name."""
    return (
        len(update.ids) > 0
        and update.mode is UpdateMode.UPSERT
        and update.update_filter is None
        and all(column.is_whole for column in update.vectors.values())
    )


def _joins(update: Upsert, other: Upsert) -> bool:
    """Whether both have vectors of the same names, kinds and dimensions."""
    columns, others = update.vectors, other.vectors
    return columns.keys() == others.keys() and all(
        column.joins(others[name]) for name, column in columns.items()
    )


def _joined(updates: Sequence[Upsert]) -> Upsert:
    """One update that does what `updates` do in order: the last of an id wins in both."""
    columns = {
        name: VectorColumn(concat([update.vectors[name].vectors for update in updates]))
        for name in updates[0].vectors
    }
    ids = list(chain.from_iterable(update.ids for update in updates))
    payloads = list(chain.from_iterable(update.payloads for update in updates))
    return Upsert(ids, columns, payloads)


def _part(update: Upsert, start: int, stop: int) -> Upsert:
    columns = {name: column.between(start, stop) for name, column in update.vectors.items()}
    return Upsert(update.ids[start:stop], columns, update.payloads[start:stop])
