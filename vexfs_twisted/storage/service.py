"""The storage service, through which the server accesses the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredLock, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..allocator import trim
from ..engine.catalog import Catalog, Held
from ..engine.collection import Collection
from ..interfaces import (
    IDirectReads,
    IStorage,
)
from ..model.collection import (
    AliasAction,
    CollectionInfoRequest,
    CreateCollection,
    UpdateCollection,
)
from ..model.collection_reports import CollectionReport, CollectionReportRequest
from ..model.commands import (
    AddCollection,
    CatalogChange,
    CatalogCommand,
    CommandBatch,
    DropCollection,
    Outcome,
    UpdateAliases,
    VectorNameCommand,
)
from ..model.errors import DomainError, unknown_collection
from ..model.payload_index import FieldSchema
from ..model.read_context import ReadContext
from ..model.reads import Answer, ReadRequest
from ..model.server_report import QueueStatus, StorageStatus
from ..model.updates import Update
from ..threadpool import CallInReactor, WorkerPool
from .figures import StorageFigures
from .mirror.mirror import Mirror
from .opener import CollectionOpener
from .optimizer import Optimizable, OptimizerQueue
from .queues import CollectionQueues
from .read_pools import ReadPools, reader_threads
from .reads import StorageReads
from .waiting_updates import WaitingUpdates
from .write_turns import MOST_WAITING, MOST_WAITING_BYTES, WriteTurns, rows_of
from .writer import MOST_QUEUED, MOST_QUEUED_BYTES, CollectionWriter

_WRITER_THREADS = 2
_OPTIMIZER_THREADS = 1
_OPENER_THREADS = 4


@implementer(IStorage, IDirectReads)
class StorageService(StorageReads[Collection, CollectionQueues]):
    """IStorage implemented by the embedded engine.

    Reads have thread pools of their own, so a commit that waits for the disk delays no search; long
    reads run apart from short ones. All commands of one collection, configuration changes included,
    go through its CollectionWriter, one group at a time. When all collections are open, and after
    every commit to one, its optimizer is scheduled for when it is due. `mirror`, if given, is
    notified of commits and of deletions.

    Threads and files exist only between startService and stopService. With `opens_later`, the start
    does not open the catalog: whoever starts the service calls `open`, once, and nothing else
    before it has, and then `open_collections`. Methods are called in the reactor thread, except
    those of IDirectReads.
    """

    name = "storage"

    def __init__(
        self,
        catalog: Catalog,
        call_in_reactor: CallInReactor,
        clock: IReactorTime,
        mirror: Mirror | None = None,
        *,
        opens_later: bool = False,
    ) -> None:
        self.figures = StorageFigures()
        super().__init__(catalog, ReadPools(reader_threads(), call_in_reactor, self.figures))
        self._catalog = catalog
        self._mirror = mirror
        self._committers = WorkerPool("writer", _WRITER_THREADS, call_in_reactor)
        self._optimizer = OptimizerQueue(
            WorkerPool("optimizer", _OPTIMIZER_THREADS, call_in_reactor), clock, self._has_optimized
        )
        opener = WorkerPool("opener", _OPENER_THREADS, call_in_reactor)
        self._opener = CollectionOpener(catalog, opener, self._has_opened)
        self._is_attending = False
        self._clock = clock
        self._has_ended_turns = False
        self._behind = WaitingUpdates(MOST_WAITING, MOST_WAITING_BYTES, "the optimizer")
        self._queued = WaitingUpdates(MOST_QUEUED, MOST_QUEUED_BYTES, "their commit")
        self._originated = DeferredLock()
        self._opens_later = opens_later

    async def _start(self) -> None:
        """Start the threads, and open the catalog unless that is done later."""
        self._readers.start()
        self._committers.start()
        self._optimizer.start()
        self._opener.start()
        if self._opens_later:
            return
        try:
            await self.open()
            await self.open_collections()
        except Exception:
            pools = (self._readers, self._committers, self._optimizer, self._opener)
            await gatherResults([pool.stop() for pool in pools])
            raise

    async def open(self) -> None:
        """Open the catalog, without its collections: a call that needs one has it opened.

        Raises EngineStartError if the data folder cannot be used.
        """
        await self._committers.run(self._catalog.begin)

    def open_collections(self) -> Deferred[None]:
        """Open all collections that are not open; fires when each has been tried."""
        opened = self._committers.run(self._catalog.unopened).addCallback(self._opener.open)
        return opened.addCallback(self._attend_all)

    def leave_collections(self) -> None:
        """Have `open_collections` fire now: what is not open yet stays so, unless asked for."""
        self._opener.leave_the_others()

    async def _stop(self) -> None:
        """Drain the queues and pools, then close the catalog."""
        self.end_turns()
        await self._opener.stop()
        await gatherResults([queues.writer.drained() for queues in self._queues.values()])
        await self._originated.run(lambda: None)
        await gatherResults([self._readers.stop(), self._optimizer.stop()])
        closed = self._committers.run(self._catalog.close)
        await self._committers.stop()
        await closed

    def read(
        self, name: str, request: ReadRequest[Answer], context: ReadContext | None = None
    ) -> Deferred[Answer]:
        """See IStorage. A quarantined collection is described from what is known of it."""
        held = self._catalog.find_quarantined(name)
        if held is not None and isinstance(request, CollectionInfoRequest):
            return succeed(cast("Answer", held.info))
        return super().read(name, request, context)

    @property
    def status(self) -> StorageStatus:
        """The work of the storage since its start."""
        figures = self.figures
        pools = {
            "reads": self._readers.short,
            "long_reads": self._readers.long,
            "writes": self._committers,
        }
        return StorageStatus(
            queues={name: QueueStatus(pool.waiting, pool.size) for name, pool in pools.items()},
            commits=figures.commits.distribution(),
            commit_sizes=figures.commit_sizes.distribution(),
            read_sizes=figures.read_sizes.distribution(),
            update_queues=self._update_queues(),
        )

    def _update_queues(self) -> dict[str, int]:
        lengths = {name: queues.update_queue for name, queues in self._queues.items()}
        return {name: length for name, length in lengths.items() if length}

    def payload_indexes(self, name: str) -> Mapping[str, FieldSchema] | None:
        """The declared payload indexes of a collection; None if it is not there."""
        collection = self._catalog.find(name)
        return None if collection is None else collection.state.fields

    def reports(
        self, names: Sequence[str], *, has_details: bool = False
    ) -> Deferred[list[CollectionReport]]:
        """The reports of these collections, in their order, without those that are gone."""
        waiting = self._update_queues()
        return self._readers.long.run(self._reports, names, has_details, waiting)

    def opening(self, name: str) -> Deferred[None] | None:
        """See IStorage."""
        return self._opener.wait(name) if self._catalog.is_unopened(name) else None

    def create_collection(self, name: str, request: CreateCollection) -> Deferred[None]:
        """See IStorage."""
        return self._committers.run(self._catalog.create, name, request).addCallback(_nothing)

    def update_collection(self, name: str, request: UpdateCollection) -> Deferred[None]:
        """See IStorage."""
        return self._queues_of(name).writer.submit(request).addCallback(_nothing)

    def delete_collection(self, name: str) -> Deferred[bool]:
        """See IStorage."""
        return self.change_catalog(CatalogChange(DropCollection(name)))

    def update_aliases(self, actions: Sequence[AliasAction]) -> Deferred[None]:
        """See IStorage."""
        return self.change_catalog(CatalogChange(UpdateAliases(actions))).addCallback(_nothing)

    def new_collection(self, name: str, request: CreateCollection) -> AddCollection:
        """See IStorage."""
        return self._catalog.addition(name, request)

    def change_catalog(self, change: CatalogChange) -> Deferred[bool]:
        """See IStorage."""
        carry_out: Callable[[CatalogChange], bool] = self._change
        if isinstance(change.command, DropCollection):
            carry_out = partial(self._delete, change.command.name)
        if change.origin is None:
            answer = self._committers.run(carry_out, change)
        else:
            # In the order they came, also when their Deferreds are cancelled.
            answer = Deferred()
            self._originated.run(self._committers.run, carry_out, change).chainDeferred(answer)
        return answer.addCallback(self._forget_queues, change.command)

    def prevents_unoptimized(self, name: str) -> bool:
        """See IStorage."""
        return self._queues_of(name).collection.prevents_unoptimized

    def turn(
        self,
        name: str,
        updates: Sequence[Update | VectorNameCommand],
        *,
        takes_memory: bool = True,
    ) -> Deferred[None] | None:
        """See IStorage."""
        return self._queues_of(name).turns.turn(updates, takes_memory=takes_memory)

    def end_turns(self) -> None:
        """Let all updates go on that wait for their turn, and let none wait any more.

        For a server that stops: what waits is written, rather than refused.
        """
        self._has_ended_turns = True
        for queues in list(self._queues.values()):
            queues.turns.look()

    def update(self, name: str, update: Update | VectorNameCommand) -> Deferred[int]:
        """See IStorage."""
        return self._queues_of(name).writer.submit(update)

    def update_batch(self, name: str, updates: Sequence[Update]) -> Deferred[list[int]]:
        """See IStorage."""
        return self._queues_of(name).writer.submit_batch(updates)

    def apply(self, name: str, batch: CommandBatch) -> Deferred[list[Outcome]]:
        """See IStorage."""
        queues = self._queues_of(name)
        if batch.uid not in (None, queues.collection.directory):
            raise unknown_collection(name)
        return queues.writer.submit_each(batch)

    def restored(self, collection: Collection, former: Held | None) -> None:
        """Notice that a collection was restored, and has replaced another. In the reactor thread.

        Its queues are made with its first call.
        """
        if former is not None and self._mirror is not None:
            self._mirror.forget(former)
        self._attend(collection)

    def _reports(
        self, names: Sequence[str], has_details: bool, waiting: Mapping[str, int]
    ) -> list[CollectionReport]:
        """In a thread. `waiting` are the lengths of the queues of commands."""
        reports = [self._report(name, has_details, waiting.get(name, 0)) for name in names]
        return [report for report in reports if report is not None]

    def _report(self, name: str, has_details: bool, waiting: int) -> CollectionReport | None:
        held = self._catalog.find_quarantined(name)
        if held is not None:
            return held.report
        collection = self._catalog.find(name)
        if collection is None:
            return None
        for detailed in (has_details, False):
            # A report without details opens no files, which may be damaged.
            with suppress(DomainError):
                report = collection.read(CollectionReportRequest(has_details=detailed))
                return evolve(report, update_queue=waiting)
        return None

    def _attend_all(self, _: None) -> None:
        """Schedule the optimizer of all collections: not before, as it would delay their opening.

        The optimizer of 2,000 collections that have nothing to do takes half a second.
        """
        self._is_attending = True
        for name in self._catalog.names():
            self._has_opened(name)

    def _has_opened(self, name: str) -> None:
        collection = self._catalog.find(name)
        if collection is not None and self._is_attending:
            self._attend(collection)

    def _attend(self, collection: Collection) -> None:
        """Schedule optimizer and mirror, once a collection is open and after a commit to it."""
        self._optimizer.attend(collection)
        if self._mirror is not None:
            self._mirror.attend(collection)

    def _forget_queues(self, outcome: bool, command: CatalogCommand) -> bool:
        if isinstance(command, DropCollection):
            # Another call may have created a collection of the same name meanwhile.
            queues = self._queues.get(command.name)
            if queues is not None and not self._catalog.has(queues.collection):
                del self._queues[command.name]
                queues.turns.look()
        return outcome

    def _change(self, change: CatalogChange) -> bool:
        """Execute a command other than a deletion. In a thread."""
        return self._catalog.apply(change.command, change.origin)

    def _delete(self, name: str, change: CatalogChange) -> bool:
        """Delete a collection and its files on a device; whether it existed. In a thread."""
        collection = self._catalog.find_any(name)
        is_deleted = self._catalog.apply(change.command, change.origin)
        # A command that was applied before leaves a newer collection of that name alone.
        if collection is not None and not self._catalog.has(collection):
            if self._mirror is not None:
                self._mirror.forget(collection)
            # Its columns and bitmaps may have taken much memory.
            trim()
        return is_deleted

    def _new_queues(self, collection: Collection) -> CollectionQueues:
        """See StorageReads."""
        return CollectionQueues(
            collection,
            self._readers,
            self._committers,
            lambda: self._attend(collection),
            partial(self._new_turns, collection),
            self._queued,
        )

    def _new_turns(self, collection: Collection, writer: CollectionWriter) -> WriteTurns:
        """The turns of the writes of a collection, which `writer` commits."""

        def pending_rows() -> int:
            return sum(rows_of(batch.commands) for batch in writer.pending())

        return WriteTurns(
            collection,
            pending_rows,
            partial(self._catalog.has, collection),
            lambda: self._has_ended_turns,
            self._behind,
            self._clock,
        )

    def _has_optimized(self, collection: Optimizable) -> None:
        """A step of the optimizer of a collection has ended."""
        queues = self._queues.get(collection.name)
        if queues is not None and queues.collection is collection:
            queues.turns.look()


def _nothing(_: object) -> None:
    """Discard the result of an engine call that the interface does not return."""
