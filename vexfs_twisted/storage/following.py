"""The storage of a process that serves reads of a data folder which another one writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from ..engine.followed_catalog import FollowedCatalog
from ..engine.followed_collection import FollowedCollection
from ..interfaces import IDirectReads, IStorage
from ..logs import get_logger
from ..model.collection import AliasAction, CreateCollection, UpdateCollection
from ..model.commands import (
    AddCollection,
    CatalogChange,
    CommandBatch,
    Outcome,
    VectorNameCommand,
)
from ..model.errors import Unavailable
from ..model.updates import Update
from ..threadpool import CallInReactor, WorkerPool
from .queues import ReadQueues
from .read_pools import ReadPools, reader_threads
from .reads import StorageReads

log = get_logger("vexfs.storage")

_FOLLOW_S = 0.25
"""Seconds after which the collections catch up again, if nothing is read."""


@implementer(IStorage, IDirectReads)
class FollowingStorage(StorageReads[FollowedCollection, ReadQueues[FollowedCollection]]):
    """IStorage for reads of a FollowedCatalog. What changes something is refused.

    Threads and files exist only between startService and stopService. Methods are called in the
    reactor thread, except those of IDirectReads.
    """

    name = "storage"

    def __init__(
        self,
        catalog: FollowedCatalog,
        call_in_reactor: CallInReactor,
        clock: IReactorTime,
    ) -> None:
        super().__init__(catalog, ReadPools(reader_threads(), call_in_reactor))
        self._catalog = catalog
        self._follower = WorkerPool("follower", 1, call_in_reactor)
        self._complaint = ""
        self._ticks = LoopingCall(self._follow)
        self._ticks.clock = clock

    async def _start(self) -> None:
        """Open the catalog. Raises EngineStartError if the data folder cannot be used."""
        self._readers.start()
        self._follower.start()
        try:
            await self._follower.run(self._catalog.open)
            await self._follower.run(self._catalog.follow)
        except Exception:
            await self._readers.stop()
            await self._follower.stop()
            raise
        self._ticks.start(_FOLLOW_S, now=False)

    async def _stop(self) -> None:
        """Drain the pools, then close the catalog."""
        if self._ticks.running:
            self._ticks.stop()
        await self._readers.stop()
        closed = self._follower.run(self._catalog.close)
        await self._follower.stop()
        await closed

    def create_collection(self, name: str, request: CreateCollection) -> Deferred[None]:
        """Refused."""
        self._refuse()

    def update_collection(self, name: str, request: UpdateCollection) -> Deferred[None]:
        """Refused."""
        self._refuse()

    def delete_collection(self, name: str) -> Deferred[bool]:
        """Refused."""
        self._refuse()

    def update_aliases(self, actions: Sequence[AliasAction]) -> Deferred[None]:
        """Refused."""
        self._refuse()

    def new_collection(self, name: str, request: CreateCollection) -> AddCollection:
        """Refused."""
        self._refuse()

    def change_catalog(self, change: CatalogChange) -> Deferred[bool]:
        """Refused."""
        self._refuse()

    def prevents_unoptimized(self, name: str) -> bool:
        """Refused."""
        self._refuse()

    def turn(
        self,
        name: str,
        updates: Sequence[Update | VectorNameCommand],
        *,
        takes_memory: bool = True,
    ) -> Deferred[None] | None:
        """Refused."""
        self._refuse()

    def update(self, name: str, update: Update | VectorNameCommand) -> Deferred[int]:
        """Refused."""
        self._refuse()

    def update_batch(self, name: str, updates: Sequence[Update]) -> Deferred[list[int]]:
        """Refused."""
        self._refuse()

    def apply(self, name: str, batch: CommandBatch) -> Deferred[list[Outcome]]:
        """Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Unavailable("this process serves reads: changes go to the one that writes")

    def _follow(self) -> Deferred[None]:
        """Catch up, in a thread; the next tick waits for it."""
        following = self._follower.run(self._catalog.follow)
        return following.addCallbacks(self._forget_queues, self._failed)

    def _forget_queues(self, _: None) -> None:
        """Forget the queues of deleted collections."""
        self._complaint = ""
        names = self._catalog.names()
        self._queues = {name: own for name, own in self._queues.items() if name in names}

    def _failed(self, failure: Failure) -> None:
        if self._complaint != str(failure.value):
            self._complaint = str(failure.value)
            log.warning("the catalog is not followed", error=self._complaint)

    def _new_queues(self, collection: FollowedCollection) -> ReadQueues[FollowedCollection]:
        """See StorageReads."""
        return ReadQueues(collection, self._readers)
