"""Regrouping of the messages of a stream into updates of an efficient size."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise

from attrs import frozen

from ..model.joined_upserts import is_plain, joined, joins
from ..model.updates import UpdateVectors, Upsert
from .budget import Credit

RUN_POINTS = 1024
"""The points of an update beyond which the cost per point does not decrease any more."""

POINT_SIZE = 160
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
            and is_plain(update)
            and is_plain(self._updates[0])
            and joins(update, self._updates[0])
        )

    def add(self, update: Upsert, message: Message) -> None:
        """Add a message."""
        self._updates.append(update)
        self.messages.append(message)
        self.points += message.points
        if self.points >= RUN_POINTS:
            self._updates = [joined(self._updates)]

    def finished(self) -> Run:
        """The run, with its updates joined."""
        return Run(self.name, joined(self._updates), self.messages)


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


def size_of(update: Upsert | UpdateVectors) -> int:
    """The approximate memory of an update, in bytes."""
    vectors = sum(column.vectors.nbytes for column in update.vectors.values())
    payloads = sum(map(len, update.payloads)) if isinstance(update, Upsert) else 0
    return vectors + payloads + POINT_SIZE * len(update.ids)


def _part(update: Upsert, start: int, stop: int) -> Upsert:
    columns = {name: column.between(start, stop) for name, column in update.vectors.items()}
    return Upsert(update.ids[start:stop], columns, update.payloads[start:stop])
