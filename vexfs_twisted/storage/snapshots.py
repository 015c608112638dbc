"""The service of snapshots: takes, restores, lists and deletes them in threads of its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from ..engine.catalog import Catalog, Held
from ..engine.collection import Collection
from ..engine.errors import SnapshotNotRestored
from ..engine.snapshot_archives import (
    FileRange,
    Restored,
    SnapshotFolder,
    SnapshotStore,
    restore_collection,
    restore_file,
    verify_checksum,
    write_collection,
    write_storage,
)
from ..interfaces import ISnapshots, ReceivedFile
from ..lifecycle import AsyncService
from ..logs import get_logger
from ..model.errors import DomainError, Stopping
from ..model.snapshots import SnapshotDescription, SnapshotOwner, SnapshotSource
from ..threadpool import CallInReactor, WorkerPool
from .received_archives import OpenedArchive, TemporaryArchive
from .snapshot_sources import open_source

if TYPE_CHECKING:
    from .snapshot_bucket import SnapshotBucket

T = TypeVar("T")

log = get_logger("vexfs.storage")

_WORKERS = 2
"""Snapshots that are taken or restored at a time; others wait. Each takes one MiB of memory."""


_READERS = 4
"""Downloads that are read from at a time, each a piece."""

_LISTERS = 2
"""One may wait to delete a snapshot in parts, until another one is written."""


@frozen
class StartSnapshots:
    """What is restored before the server answers: files with the names of collections.

    `storage` is the file of a snapshot of everything. Collections that are there are an error,
    unless `replace`.
    """

    files: Sequence[tuple[str, str]] = ()
    storage: str | None = None
    replace: bool = False


NO_SNAPSHOTS = StartSnapshots()


@implementer(ISnapshots)
class SnapshotService(AsyncService):
    """ISnapshots of the collections of `catalog`, in the folder `path`.

    `restored` is called in the reactor thread with a collection that was restored, and the one that
    it has replaced. Threads exist only between startService and stopService.
    """

    name = "snapshots"

    def __init__(
        self,
        catalog: Catalog,
        path: Path,
        call_in_reactor: CallInReactor,
        restored: Callable[[Collection, Held | None], object],
        at_start: StartSnapshots = NO_SNAPSHOTS,
        *,
        is_incremental: bool = False,
        takes_urls: bool = True,
        bucket: SnapshotBucket | None = None,
    ) -> None:
        """`takes_urls`: snapshots are restored from other servers too.

        `bucket`: where snapshots are kept, instead of the folder. What is received is written to
        the folder all the same.
        """
        self._catalog = catalog
        self._folder = SnapshotFolder(path, is_incremental=is_incremental)
        self._bucket = bucket
        self._store: SnapshotStore = bucket or self._folder
        self._restored = restored
        self._at_start = at_start
        self._takes_urls = takes_urls
        self._workers = WorkerPool("snapshot", _WORKERS, call_in_reactor)
        # Names are listed while archives are written.
        self._listers = WorkerPool("snapshot-list", _LISTERS, call_in_reactor)
        # Downloads, of a bucket that may be slow, delay nothing else.
        self._readers = WorkerPool("snapshot-read", _READERS, call_in_reactor)
        self._is_stopping = False

    async def _start(self) -> None:
        self._is_stopping = False
        self._workers.start()
        self._listers.start()
        self._readers.start()
        await self._listers.run(self._folder.sweep)
        if self._bucket is not None:
            # The server starts without it as well.
            self._listers.run(self._bucket.sweep).addErrback(_log_failure)
        try:
            names = await self._workers.run(self._restore_at_start)
        except Exception:
            await self._stop()
            raise
        for name in names:
            self._restored(self._catalog.get(name), None)

    async def _stop(self) -> None:
        """End what is under way, which leaves nothing behind."""
        self._is_stopping = True
        await self._workers.stop()
        await self._listers.stop()
        await self._readers.stop()

    def list(self, owner: SnapshotOwner) -> Deferred[list[SnapshotDescription]]:
        """See ISnapshots."""
        return self._listers.run(self._store.list, self._resolved(owner))

    def create(self, owner: SnapshotOwner) -> Deferred[SnapshotDescription]:
        """See ISnapshots."""
        real = self._resolved(owner)
        if real.collection is None:
            return self._workers.run(write_storage, self._store, self._catalog, self._check)
        return self._workers.run(self._written, real, real.collection)

    def delete(self, owner: SnapshotOwner, name: str) -> Deferred[None]:
        """See ISnapshots."""
        return self._listers.run(self._store.delete, self._resolved(owner), name)

    def open(
        self, owner: SnapshotOwner, name: str
    ) -> Deferred[tuple[BinaryIO, SnapshotDescription]]:
        """See ISnapshots."""
        return self._listers.run(self._store.open, self._resolved(owner), name)

    def read(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """See ISnapshots."""
        return self._readers.run(function, *args)

    def stream(self, owner: SnapshotOwner) -> Deferred[BinaryIO]:
        """See ISnapshots."""
        real = self._resolved(owner)
        assert real.collection is not None
        return self._workers.run(self._streamed, real.collection)

    def receive(self) -> TemporaryArchive:
        """See ISnapshots."""
        self._check()
        return TemporaryArchive(self._folder)

    def restore(self, name: str, source: SnapshotSource) -> Deferred[None]:
        """See ISnapshots."""
        return self._workers.run(self._restore_from, name, source).addCallback(self._tell)

    def restore_file(self, name: str, file: ReceivedFile, checksum: str | None) -> Deferred[None]:
        """See ISnapshots."""
        assert isinstance(file, TemporaryArchive)
        return self._workers.run(self._restore, name, file, checksum).addCallback(self._tell)

    def _restore_at_start(self) -> Sequence[str]:
        """Restore what the settings say; the names. Raises SnapshotNotRestored."""
        wanted, restored = self._at_start, deque[str]()
        whole = () if wanted.storage is None else ((wanted.storage, None),)
        for file, name in (*whole, *wanted.files):
            try:
                names = restore_file(self._catalog, Path(file), name, replace=wanted.replace)
            except (DomainError, OSError) as error:
                raise SnapshotNotRestored(file, str(error)) from error
            log.info("snapshot restored", file=file, collections=names)
            restored.extend(names)
        return restored

    def _resolved(self, owner: SnapshotOwner) -> SnapshotOwner:
        """The owner by its real name. Raises NotFound."""
        if owner.collection is None:
            return owner
        return SnapshotOwner(self._catalog.resolve(owner.collection), owner.is_shard)

    def _written(self, owner: SnapshotOwner, name: str) -> SnapshotDescription:
        collection = self._catalog.opened(name)
        return write_collection(self._store, owner, collection, self._check)

    def _streamed(self, name: str) -> BinaryIO:
        collection = self._catalog.opened(name)
        archive = TemporaryArchive(self._folder)
        try:
            with collection.hold() as held:
                for piece in held.pieces():
                    self._check()
                    archive.write(piece)
        except BaseException:
            archive.close()
            raise
        return archive.file

    def _restore_from(self, name: str, source: SnapshotSource) -> Restored:
        opened = open_source(
            source, self._folder, self._check, takes_urls=self._takes_urls, bucket=self._bucket
        )
        return self._restore(name, opened, source.checksum)

    def _restore(
        self, name: str, opened: TemporaryArchive | OpenedArchive, checksum: str | None
    ) -> Restored:
        with opened.file as file:
            archive = FileRange(file.fileno(), os.fstat(file.fileno()).st_size)
            verify_checksum(archive, checksum)
            real = name if name not in self._aliased() else self._catalog.resolve(name)
            return restore_collection(self._catalog, real, archive, self._check)

    def _aliased(self) -> set[str]:
        return {alias.alias_name for alias in self._catalog.aliases()}

    def _tell(self, done: Restored) -> None:
        self._restored(done.collection, done.former)

    def _check(self) -> None:
        if self._is_stopping:
            raise Stopping


def _log_failure(failure: Failure) -> None:
    log.error("snapshots cannot be kept", exc_info=failure.value)
