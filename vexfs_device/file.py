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
    """A vector file, without a name once it is deleted. Thread-safe.

    `changing` is held while a name or its entry changes; all files of a device share it. As usual
    for files, a deleted one stays usable until its last descriptor is closed.
    """

    def __init__(self, names: Registry, changing: RLock, name: str, entry: RegistryEntry) -> None:
        """Open the file `name`. Raises EngineStartError."""
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
        """Its entry in the registry."""
        return self._entry

    @property
    def count(self) -> int:
        """The number of ids with a vector."""
        store = self._store
        return 0 if store is None else store.count

    @property
    def size(self) -> int:
        """The bytes of all vectors."""
        return self.count * self._entry.info.dimensions * _ITEM_SIZE

    def set_info(self, info: FileInfo) -> None:
        """Store `info`. Refuses dimensions other than those of existing vectors."""
        if not 1 <= info.dimensions <= MAX_DIMENSIONS:
            raise Refusal(errno.EINVAL, f"{info.dimensions} dimensions")
        with self._changing:
            if self._store is not None and info.dimensions != self._entry.info.dimensions:
                if self.count:
                    raise _wrong_dimensions(info.dimensions, self._entry)
                self.empty()
            self._write(attrs.evolve(self._entry, info=info))

    def set_owner(self, mode: int, uid: int, gid: int) -> None:
        """Store the permissions and the owner of the file."""
        with self._changing:
            self._write(attrs.evolve(self._entry, mode=mode, uid=uid, gid=gid))

    def insert(self, insert: Insert) -> None:
        """Store vectors durably, see `Inserts.run`. The first ones determine the dimensions."""
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
        """Clear the file and its info. Refuses any other change of its size."""
        with self._changing:
            if size == 0:
                self.empty()
            elif size != self.size:
                raise Refusal(errno.EINVAL, "a vector file can only be emptied")

    def empty(self) -> None:
        """Remove all vectors, and the info."""
        with self._changing:
            old = self._store
            former = None if old is None else old.name
            self._write(attrs.evolve(self._entry, info=FileInfo(), store=None), former)
            self._store = None
            if old is not None:
                old.remove()

    def opened(self) -> None:
        """Count one more descriptor."""
        with self._changing:
            self._opened += 1

    def released(self) -> None:
        """Count one descriptor less."""
        with self._changing:
            self._opened -= 1
            self._drop_unreachable()

    def replace(self, other: DeviceFile) -> None:
        """Prepare this file to replace another one."""
        with self._changing:
            if self.name is not None and other._store is not None:
                self._names.write(self.name, self._entry, other._store.name)

    def end(self) -> None:
        """Mark the vectors as deleted; open descriptors can still use them."""
        with self._changing:
            if self._store is not None:
                self._store.end()

    def restore(self) -> None:
        """Undo `end`."""
        with self._changing:
            if self._store is not None:
                self._store.restore()

    def unnamed(self) -> None:
        """Note that the name was removed, on disk too."""
        with self._changing:
            self.name = None
            self._drop_unreachable()

    def close(self) -> None:
        """Close the store after the operations in progress."""
        with self._changing:
            if self._store is not None:
                self._store.close()

    def _begun(self, dimensions: int) -> VectorStore:
        """The store, created for the first vectors."""
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
        """Use a store that is in the entry by now."""
        self._store = made
        if self.name is not None:
            # If this fails, the next start repairs it.
            with suppress(OSError):
                made.complete()

    def _tighten(self, old: VectorStore) -> None:
        """Copy the vectors to a new store, without overwritten ones.

        Blocks inserts, but no searches or reads. If there is no space for a copy, nothing changes
        until the next start.
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
            # Before inserts continue, which must not use the former store.
            left.remove()

    def check_dimensions(self, dimensions: int) -> None:
        """Refuse dimensions other than those of the file, if these are known."""
        if self._entry.info.dimensions not in (0, dimensions):
            raise _wrong_dimensions(dimensions, self._entry)

    def _check_emptied(self, closed: VectorStore) -> None:
        """Raise unless the closed store was replaced or removed meanwhile."""
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
