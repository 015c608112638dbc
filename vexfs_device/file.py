"""One vector file of the device."""

from __future__ import annotations

import errno
import time
from contextlib import suppress
from threading import RLock

import attrs
import numpy as np

from vexfs_twisted.device.uapi import MAX_DIMENSIONS
from vexfs_twisted.engine.acceleration import Matrix
from vexfs_twisted.engine.plain_store import LatchClosed
from vexfs_twisted.model.device import DeviceMetric, Neighbours

from .errors import Refusal, log
from .inserts import Insert
from .registry import FileInfo, Registry, RegistryEntry
from .store import VectorStore

_ITEM_SIZE = 4
_MOST_VECTORS = (1 << 32) - 1


class DeviceFile:
    """A file by its name, or without one once it is deleted. Any thread may call.

    `changing` is held while a name or what is under it changes; all files of a device share it.
    A deleted file stays usable until the last who has it open lets go, as files do.
    """

    def __init__(self, names: Registry, changing: RLock, name: str, entry: RegistryEntry) -> None:
        """Open what is under `name`. Raises EngineStartError."""
        self.name: str | None = name
        self._names = names
        self._changing = changing
        self._entry = entry
        self._store = None if entry.store is None else VectorStore(names.stores, entry.store)
        self._opened = 0
        self._is_tightenable = True
        self.changed = names.changed(name, entry)

    @property
    def entry(self) -> RegistryEntry:
        """What there is under its name."""
        return self._entry

    @property
    def count(self) -> int:
        """How many ids have a vector."""
        store = self._store
        return 0 if store is None else store.count

    @property
    def size(self) -> int:
        """The bytes of all vectors."""
        return self.count * self._entry.info.dimensions * _ITEM_SIZE

    def set_info(self, info: FileInfo) -> None:
        """Keep `info`. Refuses other dimensions than those of vectors that are there."""
        if not 1 <= info.dimensions <= MAX_DIMENSIONS:
            raise Refusal(errno.EINVAL, f"{info.dimensions} dimensions")
        with self._changing:
            if self._store is not None and info.dimensions != self._entry.info.dimensions:
                if self.count:
                    raise _wrong_dimensions(info.dimensions, self._entry)
                self.empty()
            self._write(attrs.evolve(self._entry, info=info))

    def set_owner(self, mode: int, uid: int, gid: int) -> None:
        """Keep the permissions and to whom the file belongs."""
        with self._changing:
            self._write(attrs.evolve(self._entry, mode=mode, uid=uid, gid=gid))

    def insert(self, insert: Insert) -> None:
        """Store vectors, durably, as `Inserts.run` says. The first decide the dimensions."""
        insert.check()
        self.check_dimensions(insert.vectors.shape[1])
        if self.count + len(insert.vectors) > _MOST_VECTORS:
            raise Refusal(errno.EFBIG, "more vectors than a file can count")
        while True:
            store = self._store or self._begun(insert.vectors.shape[1])
            try:
                store.insert(insert)
                break
            except LatchClosed:
                self._check_emptied(store)
        self.changed = time.time_ns()
        if store.is_loose and self._is_tightenable:
            self._tighten(store)

    def search(self, query: Matrix, k: int, metric: DeviceMetric) -> Neighbours:
        """The k vectors nearest to `query`, shape [1, dim]; all when there are fewer."""
        self.check_dimensions(query.shape[1])
        while store := self._store:
            try:
                return store.search(query, k, metric)
            except LatchClosed:
                self._check_emptied(store)
        return Neighbours(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.float32))

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the vectors, row after row, as float32."""
        store = self._store
        return b"" if store is None else store.read(offset, size)

    def truncate(self, size: int) -> None:
        """Make the file empty, and as if nothing had been set of it. No other change of size."""
        with self._changing:
            if size == 0:
                self.empty()
            elif size != self.size:
                raise Refusal(errno.EINVAL, "a vector file can only be emptied")

    def empty(self) -> None:
        """Remove all vectors, and what was set."""
        with self._changing:
            old = self._store
            former = None if old is None else old.name
            self._write(attrs.evolve(self._entry, info=FileInfo(), store=None), former)
            self._store = None
            if old is not None:
                old.remove()

    def opened(self) -> None:
        """One more has the file open."""
        with self._changing:
            self._opened += 1

    def released(self) -> None:
        """One fewer has the file open."""
        with self._changing:
            self._opened -= 1
            self._drop_unreachable()

    def replace(self, other: DeviceFile) -> None:
        """Note that this file is going to take the place of another one."""
        with self._changing:
            if self.name is not None and other._store is not None:
                self._names.write(self.name, self._entry, other._store.name)

    def end(self) -> None:
        """Mark the vectors as deleted; who has the file open can use it still."""
        with self._changing:
            if self._store is not None:
                self._store.end()

    def restore(self) -> None:
        """Take back `end`."""
        with self._changing:
            if self._store is not None:
                self._store.restore()

    def unnamed(self) -> None:
        """The name is gone, from the disk as well."""
        with self._changing:
            self.name = None
            self._drop_unreachable()

    def close(self) -> None:
        """Close the store, after what is under way."""
        with self._changing:
            if self._store is not None:
                self._store.close()

    def _begun(self, dimensions: int) -> VectorStore:
        """The store, made for the first vectors."""
        with self._changing:
            if self._store is not None:
                return self._store
            self.check_dimensions(dimensions)
            made = VectorStore.begin(self._names.stores, dimensions)
            info = attrs.evolve(self._entry.info, dimensions=dimensions)
            try:
                self._write(attrs.evolve(self._entry, info=info, store=made.name))
            except BaseException:
                made.remove()
                raise
            self._put(made)
            return made

    def _put(self, made: VectorStore) -> None:
        """Use a store that the entry names."""
        self._store = made
        if self.name is not None:
            # Whatever goes wrong with that, the next start makes good.
            with suppress(OSError):
                made.complete()

    def _tighten(self, old: VectorStore) -> None:
        """Move the vectors into a store without those that were overwritten.

        Who inserts waits, who searches or reads does not. Where there is no room for a copy, all
        stays as it is until the next start.
        """
        with old.paused():
            if not old.is_loose or old is not self._store:
                return
            try:
                self._move(old)
            except Exception as error:
                self._is_tightenable = False
                log.warning("overwritten vectors stay", file=self.name, reason=str(error))

    def _move(self, old: VectorStore) -> None:
        left = made = VectorStore.begin(self._names.stores, self._entry.info.dimensions)
        try:
            old.copy_to(made)
            with self._changing:
                if self._store is old:
                    self._write(attrs.evolve(self._entry, store=made.name), old.name)
                    self._put(made)
                    left = old
        finally:
            # Before anybody inserts again, who must not find the one that is left.
            left.remove()

    def check_dimensions(self, dimensions: int) -> None:
        """Refuse vectors of another length than those of the file, where it is known."""
        if self._entry.info.dimensions not in (0, dimensions):
            raise _wrong_dimensions(dimensions, self._entry)

    def _check_emptied(self, closed: VectorStore) -> None:
        """Raise unless there is another store by now, or none, in the place of one that closed."""
        if self._store is closed:
            raise Refusal(errno.ESTALE, "the device is being closed")

    def _write(self, entry: RegistryEntry, former: str | None = None) -> None:
        if self.name is not None and entry != self._entry:
            self._names.write(self.name, entry, former)
        self._entry = entry
        self.changed = time.time_ns()

    def _drop_unreachable(self) -> None:
        if self.name is None and self._opened == 0 and self._store is not None:
            self._store.remove()
            self._store = None


def _wrong_dimensions(given: int, entry: RegistryEntry) -> Refusal:
    return Refusal(errno.EINVAL, f"{given} dimensions, the file has {entry.info.dimensions}")
