"""Group commit: one writer per collection, which commits all waiting commands as one group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from ..model.commands import Command, CommandBatch, Outcome
from ..threadpool import WorkerPool
from .traced_work import COMMIT, Queued, begin_work, queued
from .waiting_updates import WaitingUpdates, bytes_of

MOST_QUEUED = 65_536
"""Updates that may wait for their commit, of all collections together."""

MOST_QUEUED_BYTES = 512 * 1024 * 1024
"""What they may take, in bytes; a single one may take more."""


class AppliesCommands(Protocol):
    """The write interface of a collection."""

    def apply_each(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        """Apply the batches in one commit, each up to its first error. Blocks.

        Returns for each batch the outcomes of its commands, the last of them the error if there was
        one.
        """


def _ignore(commands: int, seconds: float) -> None:
    """The default of `committed`: no-op."""


class CollectionWriter:
    """The queue of all commands of one collection, which are applied in the order of submission.

    While one group is being committed the next one accumulates, so the more writers wait for the
    disk, the more of them share the next flush. `after_commit` is called when a group has been
    answered, and `committed` in a thread of the pool when it has been committed, with the number of
    its commands and the seconds that this took. `limit` is on what waits. All methods are called in
    the reactor thread.
    """

    def __init__(
        self,
        collection: AppliesCommands,
        pool: WorkerPool,
        after_commit: Callable[[], object],
        limit: WaitingUpdates,
        committed: Callable[[int, float], object] = _ignore,
    ) -> None:
        self.collection = collection
        self._limit = limit
        self._committed = committed
        self._pool = pool
        self._after_commit = after_commit
        self._waiting: list[tuple[CommandBatch, Deferred[list[Outcome]], int | None]] = []
        self._traced: list[Queued] = []
        self._committing: Sequence[CommandBatch] = ()
        self._idle: list[Deferred[None]] = []

    @property
    def queue_length(self) -> int:
        """The number of commands that are waiting or being committed."""
        return sum(map(_size, self.pending()))

    def pending(self) -> Iterator[CommandBatch]:
        """The batches that are waiting or being committed."""
        yield from self._committing
        for batch, _, _ in self._waiting:
            yield batch

    def submit(self, command: Command) -> Deferred[int]:
        """Queue a command; fires with its operation id once it is on disk.

        Cancelling the Deferred does not cancel the command, which is applied all the same. Raises
        TooMany where as many wait as may.
        """
        return self.submit_batch([command]).addCallback(_single_operation)

    def submit_batch(self, commands: Sequence[Command]) -> Deferred[list[int]]:
        """Queue commands as `submit` does, to be applied in sequence in one commit.

        Fails with the first error; the commands after it are not tried.
        """
        return self.submit_each(CommandBatch(commands), is_counted=True).addCallback(_operations)

    def submit_each(
        self, batch: CommandBatch, *, is_counted: bool = False
    ) -> Deferred[list[Outcome]]:
        """Queue commands as `submit_batch` does; fires with the outcome of each that was tried.

        With an origin they take effect exactly once, see `Collection.apply_each`. `is_counted`: the
        commands count towards what may wait, as nothing else bounds that.
        """
        if not batch.commands and batch.origin is None:
            return succeed([])
        # What is committed at once does not wait.
        size = bytes_of(batch.commands) if is_counted and self._committing else None
        self._limit.add(size)
        deferred: Deferred[list[Outcome]] = Deferred()
        self._waiting.append((batch, deferred, size))
        traced = queued()
        if traced is not None:
            self._traced.append(traced)
        if not self._committing:
            self._commit_waiting()
        return deferred

    def drained(self) -> Deferred[None]:
        """Fires when no command is waiting or being committed."""
        deferred: Deferred[None] = Deferred()
        self._idle.append(deferred)
        self._tell_idle()
        return deferred

    def _commit_waiting(self) -> None:
        group, self._waiting = self._waiting, []
        traced, self._traced = self._traced, []
        batches = [batch for batch, _, _ in group]
        for _, _, size in group:
            self._limit.remove(size)
        self._committing = batches
        waiters = [deferred for _, deferred, _ in group]
        done = self._pool.run(self._commit, batches, traced)
        done.addCallbacks(
            self._answer, self._answer_all, callbackArgs=(waiters,), errbackArgs=(waiters,)
        )
        done.addBoth(self._go_on)

    def _commit(
        self, batches: Sequence[CommandBatch], traced: Sequence[Queued]
    ) -> list[list[Outcome]]:
        """Commit a group. In a thread of the pool."""
        started, end = perf_counter(), begin_work(COMMIT, traced)
        try:
            outcomes = self.collection.apply_each(batches)
        finally:
            if end is not None:
                end()
        self._committed(sum(map(_size, batches)), perf_counter() - started)
        return outcomes

    def _answer(
        self, outcomes: Sequence[list[Outcome]], waiters: list[Deferred[list[Outcome]]]
    ) -> None:
        for deferred, results in zip(waiters, outcomes, strict=True):
            deferred.callback(results)

    def _answer_all(self, failure: Failure, waiters: list[Deferred[list[Outcome]]]) -> None:
        for deferred in waiters:
            deferred.errback(failure)

    def _go_on(self, _: Any) -> None:
        self._committing = ()
        if self._waiting:
            self._commit_waiting()
        self._after_commit()
        self._tell_idle()

    def _tell_idle(self) -> None:
        if not self._committing and not self._waiting:
            idle, self._idle = self._idle, []
            for deferred in idle:
                deferred.callback(None)


def _size(batch: CommandBatch) -> int:
    """The number of commands that a batch counts as: at least 1, for an empty one commits too."""
    return len(batch.commands) or 1


def _operations(outcomes: list[Outcome]) -> list[int]:
    """The operation ids of commands; raises the error of the first that failed."""
    operations: list[int] = []
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
        operations.append(outcome)
    return operations


def _single_operation(operations: list[int]) -> int:
    (operation,) = operations
    return operation
