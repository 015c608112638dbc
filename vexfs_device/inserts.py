"""Inserts into one store, with group commit."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

import numpy as np
from attrs import define, frozen

from vexfs_twisted.device.uapi import InsertFlag
from vexfs_twisted.engine.acceleration import Matrix
from vexfs_twisted.engine.plain_store import PlainVectorStore
from vexfs_twisted.model.device import Ids

from .errors import Refusal

_IDS = 1 << 64


@frozen(eq=False)
class Insert:
    """Vectors to store, shape [n, dim], n at least 1, and their ids, shape [n].

    If `ids` is None, they are numbered from one above the largest id ever used.
    """

    ids: Ids | None
    vectors: Matrix
    flags: InsertFlag

    def check(self) -> None:
        """Refuse invalid inserts with EINVAL.

        That is: values that are not finite and, with VALIDATE or APPEND, repeated ids. Otherwise
        the last vector of an id wins.
        """
        if not np.isfinite(self.vectors).all():
            raise Refusal(errno.EINVAL, "a vector with a NaN or an infinite number")
        is_strict = self.flags & (InsertFlag.VALIDATE | InsertFlag.APPEND)
        if is_strict and self.ids is not None and len(np.unique(self.ids)) < len(self.ids):
            raise Refusal(errno.EINVAL, "an id occurs twice")


@define(eq=False)
class _Waiting:
    """A queued insert."""

    insert: Insert
    is_done: bool = False
    error: Exception | None = None


class Inserts:
    """The writer of a store. Thread-safe; the first thread commits for the others.

    While one group is committed, the next one is queued, so that concurrent callers share syncs.
    """

    def __init__(self, store: PlainVectorStore) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._queueing = Lock()
        self._committing = Lock()
        largest = store.largest_id()
        self._next_id = 0 if largest is None else largest + 1

    def run(self, insert: Insert) -> None:
        """Store a checked insert, durably and atomically.

        Refuses with EEXIST, with APPEND alone, an existing id, and with ENOSPC if no new ids are
        left. Raises StorageFull and LatchClosed.
        """
        waiting = _Waiting(insert)
        with self._queueing:
            self._waiting.append(waiting)
        with self._committing:
            if not waiting.is_done:
                with self._queueing:
                    group, self._waiting = self._waiting, []
                self._commit(group)
        if waiting.error is not None:
            raise waiting.error

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Block commits for the duration of the block, after the one in progress."""
        with self._committing:
            yield

    def _commit(self, group: Sequence[_Waiting]) -> None:
        """Execute inserts in order, and set the result of each."""
        try:
            sound: list[_Waiting] = []
            taken: list[Ids] = []
            for waiting in group:
                try:
                    taken.append(self._ids(waiting.insert, taken))
                    sound.append(waiting)
                except Refusal as refusal:
                    waiting.error = refusal
            groups = [
                (ids, waiting.insert.vectors) for ids, waiting in zip(taken, sound, strict=True)
            ]
            errors = self._store.commit(groups) if groups else []
            for waiting, error in zip(sound, errors, strict=True):
                waiting.error = error
        except Exception as error:
            for waiting in group:
                waiting.error = waiting.error or error
        finally:
            for waiting in group:
                waiting.is_done = True

    def _ids(self, insert: Insert, taken: Sequence[Ids]) -> Ids:
        """The ids of an insert, given the ids `taken` by earlier ones of the group."""
        ids = insert.ids
        if ids is None:
            end = self._next_id + len(insert.vectors)
            if end > _IDS:
                raise Refusal(errno.ENOSPC, "the largest id is taken, so there is none to go on")
            ids = self._next_id + np.arange(len(insert.vectors), dtype=np.uint64)
        elif insert.flags & (InsertFlag.APPEND | InsertFlag.OVERWRITE) == InsertFlag.APPEND:
            self._check_new(ids, taken)
        self._next_id = max(self._next_id, int(ids.max()) + 1)
        return ids

    def _check_new(self, ids: Ids, taken: Sequence[Ids]) -> None:
        if int(ids.min()) >= self._next_id:
            return
        is_known = any(np.isin(ids, other).any() for other in taken)
        if is_known or self._store.has_any(ids):
            raise Refusal(errno.EEXIST, "an id to append is there already")
