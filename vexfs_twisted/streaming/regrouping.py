"""Regrouping of the messages of a stream into updates of an efficient size."""

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
"""The points of an update beyond which the cost per point does not decrease any more."""

_POINT_SIZE = 160
"""The bytes of a point's Python objects: its id, its payload, and references in lists."""


@frozen
class Message:
    """A message that waits for its commit. `number` counts the messages of the stream from 0."""

    number: int
    points: int
    credit: Credit


@frozen
class Run:
    """Consecutive messages for the collection `name`, as one update."""

    name: str
    update: Upsert
    messages: Sequence[Message]

    def split(self) -> list[Run]:
        """A run for each message; the arrays are views of the whole."""
        ends = [0, *accumulate(message.points for message in self.messages)]
        parts = zip(self.messages, pairwise(ends), strict=True)
        return [Run(self.name, _part(self.update, *bounds), [message]) for message, bounds in parts]


class RunDraft:
    """A run to which messages may be added."""

    def __init__(self, name: str, update: Upsert, message: Message) -> None:
        self.name = name
        self.messages = [message]
        self.points = message.points
        self._updates = [update]

    def takes(self, name: str, update: Upsert) -> bool:
        """Whether the run may be extended: one update must have the effect of separate ones."""
        return (
            self.points < RUN_POINTS
            and name == self.name
            and _is_plain(update)
            and _is_plain(self._updates[0])
            and _joins(update, self._updates[0])
        )

    def add(self, update: Upsert, message: Message) -> None:
        """Add a message."""
        self._updates.append(update)
        self.messages.append(message)
        self.points += message.points
        if self.points >= RUN_POINTS:
            self._updates = [_joined(self._updates)]

    def finished(self) -> Run:
        """The run, with its updates joined."""
        updates = self._updates
        return Run(self.name, updates[0] if len(updates) == 1 else _joined(updates), self.messages)


class PendingRuns:
    """The pending messages, grouped into runs. `points` and `bytes` are their total sizes.

    `is_urgent`: commit them without further delay.
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
        """Add the next message of the stream, to the last run if that has the same effect."""
        message = Message(self._number, len(update.ids), credit)
        self._number += 1
        self.points += message.points
        self.bytes += credit.size
        if self._drafts and self._drafts[-1].takes(name, update):
            self._drafts[-1].add(update, message)
        else:
            self._drafts.append(RunDraft(name, update, message))

    def cut(self) -> deque[Run]:
        """Remove and return the runs of the next commit: the first ones, of one collection."""
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
    """The approximate memory of an update, in bytes."""
    vectors = sum(column.vectors.nbytes for column in update.vectors.values())
    return vectors + sum(map(len, update.payloads)) + _POINT_SIZE * len(update.ids)


def _is_plain(update: Upsert) -> bool:
    """Whether it has points, is unconditional, and each point has a vector of every name."""
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
    """One update with the effect of `updates` in order: the last point of an id wins in both."""
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
