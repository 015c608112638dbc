"""The interfaces between the layers of the server.

`IStorage` is the Deferred-returning API of the engine; `IOperations`, with streams
`IStreamOperations`, is the API that REST and gRPC call.
Every method of these is called in the reactor thread, returns a Deferred, and fails with a
DomainError for everything a client can cause. Cancelling the Deferred of a read stops the read; a
write that was accepted is applied even if its Deferred is cancelled.

`IVectorDevice` and `IVectorFile` are synchronous, and called in threads that may block.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from .model.access import Caller
from .model.collection import Alias, AliasAction, ClusterInfo, CreateCollection, UpdateCollection
from .model.commands import (
    AddCollection,
    CatalogChange,
    CommandBatch,
    Outcome,
    VectorNameCommand,
)
from .model.device import DeviceKind, DeviceMetric, FileMeta, Ids, Neighbours
from .model.issues import Issue, SlowCall
from .model.queries import PointsRequest
from .model.quotas import QuotaConfig, QuotaReport, QuotaUsage
from .model.read_context import ReadContext
from .model.reads import Answer, ReadRequest
from .model.snapshots import SnapshotDescription, SnapshotOwner, SnapshotSource
from .model.status import DeviceStatus, GrpcStatus, ServerStats
from .model.streams import Acknowledgement, Batch, P
from .model.strict_mode import StrictCollection
from .model.updates import Update, UpdateResult, Upsert

T = TypeVar("T")

WhenIdle = Callable[[Callable[[], object]], object]
"""Calls a function in the thread that it is called in, as soon as that has no other work waiting.
"""


class BatchCursor(Protocol[P]):
    """A cursor: batches of one read of a collection, all on one pinned snapshot.

    Close it when it is no longer read: an open cursor pins old versions of rows on disk.
    """

    def next(self, points: int, size: int) -> Deferred[Batch[P] | None]:
        """The next points, at most so many; None after the last.

        The batch ends with the point that brings it to `size` bytes. Fails with NotFound once the
        collection has been deleted, and with Interrupted when the snapshot had to be released. Must
        not be cancelled, nor called again before it has fired.
        """

    def close(self) -> None:
        """Release the snapshot; idempotent. Must not be called while a batch is being read."""


class OutgoingStream(Protocol[P]):
    """A stream of points to a client. Batches are read ahead within the stream's credit.

    The owner takes batches until None or an error, or closes it.
    """

    def take(self) -> Deferred[Batch[P] | None]:
        """The next batch; None after the last. Fails with the error that has ended the stream.

        The batch taken before counts as sent, and its memory as free. Cancelling the
        Deferred closes the stream. Not to be called again before it has fired.
        """

    def close(self) -> None:
        """Stop the work and release its memory; later takes fail with CancelledError.

        Idempotent, also after the end.
        """


class IncomingStream(Protocol):
    """A stream of points from a client, grouped into commits of about a thousand points.

    The owner puts messages, and finishes it or closes it. When an update fails, or the
    stream's time is over, or the server stops, every method fails with that error.
    """

    @property
    def points_written(self) -> int:
        """The number of points that are on disk, also when the stream has failed.

        After an error these are all points of the messages before the one with the error.
        """

    def put(self, name: str, update: Upsert) -> Deferred[None]:
        """Accept a message for the collection or alias `name`. Fires when the next may be read.

        Cancelling the Deferred closes the stream. Not to be called again before it has fired.
        """

    def finish(self) -> Deferred[int]:
        """End the stream. Fires with `points_written` when all its messages are on disk."""

    def acknowledged(self) -> Deferred[Sequence[Acknowledgement]]:
        """The messages that reached the disk since the last call, at least one, in order.

        Fires with an empty sequence when the stream is finished, and fails with the error that has
        ended it, in both cases after the last acknowledgement. Only for a stream that acknowledges.
        """

    def close(self) -> None:
        """Write no more than what is being written, and release all memory.

        Later calls fail with CancelledError. Idempotent, also after the end.
        """


class IVectorFile(Interface):
    """One vector file of a device: float32 vectors of one length, each with an id.

    Synchronous and thread-safe; calls may run concurrently. A call blocks as long as the device
    takes, possibly forever: call from a thread that can be abandoned. Errors are those of
    `model.device`; DeviceGone once it is closed.
    """

    name: str = Attribute("The name it was created or opened under.")

    def insert(ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Insert `vectors`, shape [n, dim], float32, with their `ids`, shape [n], uint64.

        Both must be C-contiguous, otherwise ValueError. The vector of an existing id is replaced,
        so a failed insert can be repeated. Searches find the vectors once this returns. On an error
        any part may have been inserted. The arrays must not change until it returns.
        DeviceRefused when dim is not the length of the file, DeviceFull when there is no room.
        """

    def search(query: NDArray[np.float32], k: int, metric: DeviceMetric) -> Neighbours:
        """The k vectors nearest to `query`, shape [dim]; all of them if there are fewer.

        `query` is as for `insert`; ValueError when k is below 1. Under COSINE a vector of zeros
        scores 0.
        DeviceRefused when dim is not that of the file, BadAnswer when the result is impossible.
        """

    def meta() -> FileMeta:
        """Its metadata; `vector_count` is the number of ids that have a vector."""

    def close() -> None:
        """Close the file within a moment, even if the device hangs; idempotent.

        Calls in flight end by themselves. The vectors are kept.
        """


class IVectorDevice(Interface):
    """A VexFS device, or an equivalent of one: a set of named vector files.

    Threads and errors are as with IVectorFile. A device of kind FILE or CHARACTER_DEVICE holds one
    vector file; previous content does not count, and DeviceFull is raised for a second one. The
    name is then known to this object only.
    """

    path: str = Attribute("Where it is, for people.")
    kind: DeviceKind = Attribute("What stands at the path.")

    def create(name: str, dimensions: int) -> IVectorFile:
        """Create an empty vector file for vectors of so many dimensions, and open it.

        FileTaken when there is one of that name; DeviceRefused when the name is no file name (a
        text of 1 to 255 bytes without `/` and NUL, neither `.` nor `..`) or the dimensions are not
        within 1 and 65536. When it fails no new file is left behind.
        """

    def open(name: str) -> IVectorFile:
        """Open a vector file. NoSuchFile when there is none; each call opens another handle."""

    def list_files() -> list[str]:
        """The names of all vector files, sorted."""

    def delete(name: str) -> None:
        """Delete a vector file and its vectors. NoSuchFile when there is none.

        Open files remain usable until they are closed, or raise DeviceGone or NoSuchFile.
        """

    def close() -> None:
        """Close the device and all files opened through it, as IVectorFile.close does."""


class IStorage(Interface):
    """Collections by their real names, and their points.

    A method raises NotFound, before it returns, for a collection that does not exist. A read fails
    with TimedOut after the time of its `context`, if that is limited, and stops soon after its
    Deferred or its context was cancelled; short reads do not wait for long ones. A read that needs
    more bytes than its context allows fails with model.scored_points.AnswerTooLarge.
    """

    def resolve(name: str) -> str:
        """The real name behind a collection's name or alias. Does not block. Raises NotFound."""

    def opening(name: str) -> Deferred[None] | None:
        """When the collection `name` is open: None for now, or what fires then.

        While a server starts, a collection may not be open; one that is asked for is opened before
        others. Nothing else but its deletion may be called for it before. Fails with Unavailable if
        it cannot be opened. Cancelling ends the waiting.
        """

    def strict_mode(name: str) -> StrictCollection | None:
        """A collection as strict mode sees it; None if that is not enabled, or without such one.

        Thread-safe; does not block.
        """

    def create_collection(name: str, request: CreateCollection) -> Deferred[None]:
        """Create a collection. AlreadyExists when the name is taken by one."""

    def update_collection(name: str, request: UpdateCollection) -> Deferred[None]:
        """Change the configuration of a collection."""

    def delete_collection(name: str) -> Deferred[bool]:
        """Delete a collection and its aliases; False when there is none."""

    def collection_names() -> list[str]:
        """The names of all collections, sorted. Does not block."""

    def aliases() -> Sequence[Alias]:
        """All aliases, sorted by name. Does not block."""

    def update_aliases(actions: Sequence[AliasAction]) -> Deferred[None]:
        """Carry out the actions in order; none takes effect when one fails."""

    def new_collection(name: str, request: CreateCollection) -> AddCollection:
        """The command that creates a collection, with the server's defaults.

        Does not block. Raises ValidationError and BadInput.
        """

    def change_catalog(change: CatalogChange) -> Deferred[bool]:
        """Create or delete a collection, or update aliases, durably, by a command.

        Fires with False for the deletion of a missing collection. A command with an origin that was
        applied before has no effect and the recorded outcome, success or refusal; it fails with
        AlreadyApplied if that is no longer kept. The last 16 outcomes are kept per source, of the
        100 most recently active sources. Otherwise as `apply`.
        """

    def read(
        name: str, request: ReadRequest[Answer], context: ReadContext | None = None
    ) -> Deferred[Answer]:
        """The answer to a request, all on one snapshot of the collection."""

    def open_cursor(
        name: str, request: PointsRequest[Any, P], context: ReadContext | None = None
    ) -> Deferred[BatchCursor[P]]:
        """A cursor over what `read` answers; the limit of a scroll is that of all pages.

        A query is ranked when it is opened, and its points are fetched as they are read. The
        Deferred must not be cancelled: a cursor must be closed. `context` applies to the cursor as
        a whole. Cursors use some of the read threads only; the others are left to `read`.
        """

    def prevents_unoptimized(name: str) -> bool:
        """Whether updates of a collection may have to wait for their turn. Does not block."""

    def turn(
        name: str, updates: Sequence[Update | VectorNameCommand], *, takes_memory: bool = True
    ) -> Deferred[None] | None:
        """When updates may be submitted to a collection: None for now, or what fires then.

        Where the configuration prevents unoptimized points, updates that write vectors wait while
        the optimizer is behind, and others behind them. They must be submitted in the callback, as
        the next one's turn may follow. Cancelling gives up the place. `takes_memory`: the updates
        are counted, as nothing else bounds their memory, and refused by TooMany where too many
        wait. Fails with NotFound when the collection is deleted.
        """

    def update(name: str, update: Update | VectorNameCommand) -> Deferred[int]:
        """Apply an update durably; fires with its operation id once it is on disk.

        Raises TooMany, before it returns, where as many wait for their commit as may.
        """

    def update_batch(name: str, updates: Sequence[Update]) -> Deferred[list[int]]:
        """Apply updates in order as `update` does, up to the first error.

        The updates before the failed one stay applied; those after it are not tried.
        """

    def apply(name: str, batch: CommandBatch) -> Deferred[list[Outcome]]:
        """Apply commands as `update_batch` does; fires with the outcome of each.

        The outcomes are operation ids and, if a command failed, its error last. A batch with an
        origin that was applied before has no effect; its recorded outcomes are returned, or
        AlreadyApplied alone if they are no longer kept. Those of the last 256 counters are kept per
        source, of the 1,000 most recently active sources. The batches of a source must come in
        ascending order. An unexpected error is not recorded: the batch must be submitted again
        before later ones. NotFound for the `uid` of another collection.
        """


class IDirectReads(Interface):
    """Reads whose answers do not pass through the reactor thread. Provided beside IStorage."""

    def read_direct(
        name: str,
        request: ReadRequest[Answer],
        context: ReadContext,
        answer: Callable[[Answer | Exception], object],
        *,
        when_idle: WhenIdle,
    ) -> bool:
        """Answer a request as IStorage.read does. Thread-safe; does not block.

        `answer` is called once, with the answer or an error, in the thread that read it, unless the
        context is cancelled before. It must not block. A cheap read may be answered in this
        thread, before this returns. Other short ones may be answered in this thread too, once it is
        idle: `when_idle` calls a function in this thread as soon as that has no other work waiting,
        so that reads which came together are answered together.

        Returns False, and does nothing, where the read must be begun in the reactor thread: there
        is no such collection, or none that has been used yet. Raises DomainErrors.
        """


class ReceivedFile(Protocol):
    """A file to write an upload to, from its begin. Blocks; used by one thread at a time."""

    def write(self, data: bytes) -> object:
        """Write all of it. Raises StorageFull and OSError."""

    def close(self) -> None:
        """Close the file, which is kept nowhere."""


class ISnapshots(Interface):
    """Snapshots of collections, and of all of them together. Called in the reactor thread.

    An owner is named by a collection's name or alias. Raises NotFound, before it returns, for an
    unknown collection, and fails with NotFound for an unknown snapshot. Only its own clients wait
    for a snapshot: reads and writes go on meanwhile.
    """

    def list(owner: SnapshotOwner) -> Deferred[list[SnapshotDescription]]:
        """The snapshots of an owner, the oldest first."""

    def create(owner: SnapshotOwner) -> Deferred[SnapshotDescription]:
        """Take a snapshot of one moment; fires when it is on disk.

        Everything is one moment for each collection.
        """

    def delete(owner: SnapshotOwner, name: str) -> Deferred[None]:
        """Delete a snapshot."""

    def open(owner: SnapshotOwner, name: str) -> Deferred[tuple[BinaryIO, SnapshotDescription]]:
        """A snapshot as a file to read, which the caller closes, and its description."""

    def read(function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call a function that reads a file of `open` or `stream`, in a thread."""

    def stream(owner: SnapshotOwner) -> Deferred[BinaryIO]:
        """A new snapshot of a collection as a file to read that is kept nowhere else."""

    def receive() -> ReceivedFile:
        """A new file for `restore_file`, kept nowhere once it is closed. Thread-safe; blocks."""

    def restore(name: str, source: SnapshotSource) -> Deferred[None]:
        """Make the snapshot at `source` the collection `name`, in the place of any of that name.

        Nothing changes unless all of it is sound. Aliases stay. Fails with BadRequest for a
        snapshot that is not there, not sound, or not of its checksum, with Forbidden for a file
        elsewhere, and with ValidationError for a name that no new collection may have.
        """

    def restore_file(name: str, file: ReceivedFile, checksum: str | None) -> Deferred[None]:
        """The same from a file of `receive`, which is closed."""


class IOperations(Interface):
    """The use cases of the server. Collection names may be aliases, except to delete_collection.

    Requests are well formed: a wire has run `model.validation.validate` on what it read, with the
    paths its clients know.

    `timeout` is in seconds; past it a read fails with TimedOut. Without one, a read has the time
    that the server gives each.
    """

    def create_collection(name: str, request: CreateCollection) -> Deferred[bool]:
        """Create a collection; fires with True."""

    def update_collection(name: str, request: UpdateCollection) -> Deferred[bool]:
        """Change the configuration of a collection; fires with True."""

    def delete_collection(name: str) -> Deferred[bool]:
        """Delete a collection by its real name; False when there is none."""

    def list_collections() -> Deferred[list[str]]:
        """The names of all collections, sorted."""

    def collection_exists(name: str) -> Deferred[bool]:
        """Whether a collection or an alias of that name exists."""

    def read(
        name: str, request: ReadRequest[Answer], timeout: float | None = None
    ) -> Deferred[Answer]:
        """The answer to a request, all on one snapshot of the collection."""

    def cluster_info(name: str) -> Deferred[ClusterInfo]:
        """The location of the collection's shard."""

    def update_aliases(actions: Sequence[AliasAction]) -> Deferred[bool]:
        """Carry out the actions in order, all or none; fires with True."""

    def list_aliases(collection_name: str | None = None) -> Deferred[list[Alias]]:
        """All aliases, or those of one collection; none for what is no collection, as an alias."""

    def update(
        name: str,
        update: Update | VectorNameCommand,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Deferred[UpdateResult]:
        """Carry out an update. It is on disk when this fires, whatever `wait` says.

        `wait` only chooses the status that is reported, except that with `wait` and past `timeout`
        the answer is WAIT_TIMEOUT and the update goes on. A `timeout` of 0 is none, but that a
        change of payload indexes is answered with WAIT_TIMEOUT then.
        """

    def update_batch(
        name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> Deferred[list[UpdateResult]]:
        """Carry out updates one after another, each as `update` does; the first error ends it."""


class IDirectOperations(Interface):
    """Reads of IOperations whose answers do not pass through the reactor thread."""

    def read_direct(
        name: str,
        request: ReadRequest[Answer],
        timeout: float | None,
        limit: int,
        answer: Callable[[Answer | Exception], object],
        *,
        when_idle: WhenIdle,
    ) -> ReadContext | None:
        """Answer a request as IOperations.read does. Thread-safe; see IDirectReads.

        Fetches points of up to `limit` bytes; past that `answer` gets an AnswerTooLarge. Past the
        timeout a read is refused or stopped by the reader, not before.

        Cancelling the context drops the read. Returns None, and does nothing, where the read must
        be begun in the reactor thread. Raises DomainErrors.
        """


class IStreamOperations(IOperations):
    """IOperations with streams: the API of the operations layer for REST and gRPC."""

    snapshots: ISnapshots = Attribute("The snapshots. NotSupported where there are none.")

    def stream(
        name: str, request: PointsRequest[Any, P], timeout: float | None = None
    ) -> Deferred[OutgoingStream[P]]:
        """The points that `read` answers; `model.streams.UNLIMITED` is no limit of a scroll.

        All on one snapshot. A query is ranked when this fires, and its points are fetched as they
        are taken. Fires when the first batch is being read, and fails with TooMany when as many
        streams are open as may be. `timeout` is for the stream as a whole. Cancelling the Deferred
        closes the stream.
        """

    def stream_upsert(
        acknowledge: bool = False, timeout: float | None = None
    ) -> Deferred[IncomingStream]:
        """Write the points of many messages, for any collections, in few commits.

        With `acknowledge`, messages are written as soon as they come, and each is acknowledged;
        without, they are gathered until a commit is worth it. Fails with TooMany when as many
        streams are open as may be.
        """


class IServerOperations(IStreamOperations):
    """IStreamOperations of a whole server, which permit everything, and those for its callers."""

    def acting_for(caller: Caller) -> IStreamOperations:
        """These operations for a caller: they fail with Forbidden for what it may not do.

        They provide IDirectOperations as well, whose `read_direct` raises it. Thread-safe; cheap,
        to be used for one call.
        """

    def verify_caller(caller: Caller) -> Deferred[None]:
        """Check the `value_exists` of a caller, which must be met before anything is done for it.

        Fails with Unauthenticated if no point has the value, with TokenRefused if there is no
        such collection.
        """


class ServerStatus(Protocol):
    """The status of the server as a whole, and its device. Called in the reactor thread."""

    def is_ready(self) -> bool:
        """Whether the collections are open."""

    def grpc(self) -> GrpcStatus | None:
        """The state of the gRPC server; None where there is none."""

    def stats(self) -> Awaitable[ServerStats]:
        """Totals of collections, points and segments, the device's status, figures of calls."""

    def telemetry(
        self, names: Sequence[str], level: int, *, anonymize: bool, per_collection: bool
    ) -> Awaitable[bytes]:
        """Telemetry in so many details, as JSON text, of the collections `names`.

        Those are the ones that the caller may see. `anonymize`: without names of users' choice;
        `per_collection`: calls by collection as well.
        """

    def metrics(
        self, names: Sequence[str], accept: str, *, anonymize: bool, per_collection: bool
    ) -> Awaitable[tuple[str, bytes]]:
        """The metrics as their type and their text, in a format that `accept`, a header, allows.

        `per_collection`: calls by collection instead of those of all together.
        """

    def issues(self) -> Sequence[Issue]:
        """What makes reads slow and can be changed, as far as it was found and is not solved."""

    def clear_issues(self) -> None:
        """Forget the issues."""

    def slow_calls(self) -> Sequence[SlowCall]:
        """The slowest calls since the start, the slowest first."""

    def log_level(self) -> str:
        """The least level that is logged."""

    def set_log_level(self, level: str) -> None:
        """Log from this level on, until the settings are read again. Raises BadRequest."""

    def quotas(self) -> Awaitable[tuple[QuotaReport, QuotaUsage]]:
        """The quotas, and what is used of the resources now."""

    def set_quotas(self, config: QuotaConfig) -> Awaitable[None]:
        """Replace the quotas durably; fires when they are enforced.

        Fails with StorageFull, and nothing changes then.
        """

    def use_device(self, path: str | None) -> Awaitable[DeviceStatus]:
        """Attach the device at `path` in place of any other, if it is sound; None detaches.

        Fires with the status. Fails with Forbidden for a path that may not be attached, and with
        Unavailable while the server stops.
        """
