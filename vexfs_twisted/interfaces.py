"""The seams of the server: what a layer may ask of the one below it.

`IStorage` is the Deferred-returning twin of the engine; `IOperations`, with streams
`IStreamOperations`, is what both wires call.
Every method is called in the reactor thread, returns a Deferred, and fails with a DomainError for
everything a client can cause. Cancelling the Deferred of a read drops it; a write that has been
accepted is carried out whatever happens to its Deferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from zope.interface import Interface

from .model.collection import (
    Alias,
    AliasAction,
    ClusterInfo,
    CollectionInfo,
    CreateCollection,
    UpdateCollection,
)
from .model.ids import PointId
from .model.optimizations import Optimizations
from .model.queries import (
    Count,
    Facet,
    FacetHit,
    Page,
    Query,
    Record,
    ScoredPoint,
    Scroll,
    Selection,
)
from .model.status import GrpcStatus
from .model.streams import Acknowledgement, Batch, P
from .model.updates import Update, UpdateResult, Upsert

Outcome = int | Exception
"""The operation id of an update, or what kept it from taking effect."""


class BatchCursor(Protocol[P]):
    """A read of a collection that goes on from batch to batch, all on one moment.

    It is to be closed when it is no longer read: while it is open, what updates replace is kept.
    """

    def next(self, points: int, size: int) -> Deferred[Batch[P] | None]:
        """The next points, at most so many; None after the last.

        The batch ends with the point that brings it to `size` bytes. Fails with NotFound once the
        collection has been deleted, and with Interrupted when the moment had to be given up. Not to
        be cancelled, nor called again before it has fired.
        """

    def close(self) -> None:
        """Give the moment up. Not while a batch is being read; twice is harmless."""


class OutgoingStream(Protocol[P]):
    """Points on their way to a client. Batches are read ahead as far as credit allows.

    Whoever has one takes batches until None or an error comes, or closes it.
    """

    def take(self) -> Deferred[Batch[P] | None]:
        """The next batch; None after the last. Fails with the error that has ended the stream.

        The batch taken before counts as sent by now, and its memory as free. Cancelling the
        Deferred closes the stream. Not to be called again before it has fired.
        """

    def close(self) -> None:
        """Stop the work and give back all that is held; later takes fail with CancelledError.

        Twice, or after the end, is harmless.
        """


class IncomingStream(Protocol):
    """Points on their way from a client, put together into commits of a good size.

    Whoever has one puts messages, and finishes it or closes it. When an update fails, or the
    stream's time is over, or the server stops, every method fails with that error.
    """

    @property
    def points_written(self) -> int:
        """How many points are on disk, also when the stream has failed.

        After an error they are all the points that came before the message in which it lies.
        """

    def put(self, name: str, update: Upsert) -> Deferred[None]:
        """Take a message for the collection or alias `name`. Fires when the next may be read.

        Cancelling the Deferred closes the stream. Not to be called again before it has fired.
        """

    def finish(self) -> Deferred[int]:
        """There are no more messages. Fires with `points_written` when all of them are on disk."""

    def acknowledged(self) -> Deferred[Sequence[Acknowledgement]]:
        """The messages that have come to be on disk since the last call, at least one, in order.

        Fires with an empty sequence when the stream is finished, and fails with the error that has
        ended it, in both cases after the last acknowledgement. Only for a stream that acknowledges.
        """

    def close(self) -> None:
        """Write no more than what is being written, and give back all that is held.

        Later calls fail with CancelledError. Twice, or after the end, is harmless.
        """


class IStorage(Interface):
    """Collections by their real names, and their points.

    A method that is given the name of no collection raises NotFound at once.
    """

    def resolve(name: str) -> str:
        """The real name behind a collection's name or alias. Answers at once or raises NotFound."""

    def create_collection(name: str, request: CreateCollection) -> Deferred[None]:
        """Create a collection. AlreadyExists when the name is taken by one."""

    def update_collection(name: str, request: UpdateCollection) -> Deferred[None]:
        """Change the configuration of a collection."""

    def delete_collection(name: str) -> Deferred[bool]:
        """Delete a collection and its aliases; False when there is none."""

    def collection_names() -> list[str]:
        """The names of all collections, sorted. Answers at once."""

    def aliases() -> Sequence[Alias]:
        """All aliases, sorted by name. Answers at once."""

    def update_aliases(actions: Sequence[AliasAction]) -> Deferred[None]:
        """Carry out the actions in order; none takes effect when one fails."""

    def collection_info(name: str) -> Deferred[CollectionInfo]:
        """Describe a collection."""

    def optimizations(name: str) -> Deferred[Optimizations]:
        """What is done behind a collection, what waits and what has been done."""

    def update(name: str, update: Update) -> Deferred[int]:
        """Carry out an update durably; fires with its operation id once it is on disk."""

    def update_batch(name: str, updates: Sequence[Update]) -> Deferred[list[int]]:
        """Carry out updates as `update` does, one after another; the first error ends it.

        The updates before the one that fails stay, and those after it are not tried.
        """

    def update_each(name: str, updates: Sequence[Update]) -> Deferred[list[Outcome]]:
        """Carry out updates as `update_batch` does, and answer what became of each.

        Fires with the operation ids and, where one has failed, its error last.
        """

    def retrieve(name: str, ids: Sequence[PointId], selection: Selection) -> Deferred[list[Record]]:
        """The points that exist among `ids`, in the order asked for, each once."""

    def open_retrieve(
        name: str, ids: Sequence[PointId], selection: Selection
    ) -> Deferred[BatchCursor[Record]]:
        """A cursor over what `retrieve` answers.

        Like those of the other cursors, the Deferred is not to be cancelled: a cursor must be
        closed. A few threads serve all cursors, and leave the others to reads that are answered
        whole.
        """

    def open_scroll(name: str, request: Scroll) -> Deferred[BatchCursor[Record]]:
        """A cursor over all points of a scroll, up to its limit."""

    def open_query(name: str, query: Query) -> Deferred[BatchCursor[ScoredPoint]]:
        """A cursor over the answer to a query: ranked at once, fetched as it is read."""

    def scroll(name: str, request: Scroll) -> Deferred[Page]:
        """A page of points in the order of their ids."""

    def count(name: str, request: Count) -> Deferred[int]:
        """The exact number of points that pass a filter."""

    def facet(name: str, request: Facet) -> Deferred[list[FacetHit]]:
        """The most frequent values of a payload field, by count descending, then by value."""

    def query_batch(name: str, queries: Sequence[Query]) -> Deferred[list[Sequence[ScoredPoint]]]:
        """The answers to several queries, all on one moment of the collection."""


class IOperations(Interface):
    """The use cases of the server. Collection names may be aliases, except to delete_collection.

    Requests are well formed: a wire has run `model.validation.validate` on what it read, with the
    paths its clients know.

    `timeout` is in seconds; past it a read fails with TimedOut.
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

    def collection_info(name: str) -> Deferred[CollectionInfo]:
        """Describe a collection."""

    def optimizations(name: str) -> Deferred[Optimizations]:
        """What is done behind a collection, what waits and what has been done."""

    def cluster_info(name: str) -> Deferred[ClusterInfo]:
        """Where the collection lives."""

    def update_aliases(actions: Sequence[AliasAction]) -> Deferred[bool]:
        """Carry out the actions in order, all or none; fires with True."""

    def list_aliases(collection_name: str | None = None) -> Deferred[list[Alias]]:
        """All aliases, or those of one collection."""

    def update(
        name: str, update: Update, wait: bool = False, timeout: float | None = None
    ) -> Deferred[UpdateResult]:
        """Carry out an update. It is on disk when this fires, whatever `wait` says.

        `wait` only chooses the status that is reported, except that with `wait` and past `timeout`
        the answer is WAIT_TIMEOUT and the update goes on.
        """

    def update_batch(
        name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> Deferred[list[UpdateResult]]:
        """Carry out updates one after another, each as `update` does; the first error ends it."""

    def retrieve(
        name: str,
        ids: Sequence[PointId],
        selection: Selection,
        timeout: float | None = None,
    ) -> Deferred[list[Record]]:
        """The points that exist among `ids`, in the order asked for, each once."""

    def scroll(name: str, request: Scroll, timeout: float | None = None) -> Deferred[Page]:
        """A page of points in the order of their ids."""

    def count(name: str, request: Count, timeout: float | None = None) -> Deferred[int]:
        """The exact number of points that pass a filter."""

    def facet(name: str, request: Facet, timeout: float | None = None) -> Deferred[list[FacetHit]]:
        """The most frequent values of a payload field, by count descending, then by value."""

    def query(
        name: str, query: Query, timeout: float | None = None
    ) -> Deferred[Sequence[ScoredPoint]]:
        """The answer to one query."""

    def query_batch(
        name: str, queries: Sequence[Query], timeout: float | None = None
    ) -> Deferred[list[Sequence[ScoredPoint]]]:
        """The answers to several queries, in order, all on one moment of the collection."""


class IStreamOperations(IOperations):
    """IOperations with streams. What the layer of operations provides to the wires."""

    def stream_scroll(
        name: str, request: Scroll, timeout: float | None = None
    ) -> Deferred[OutgoingStream[Record]]:
        """All points of a scroll, as of one moment; `model.streams.UNLIMITED` is no limit.

        This and the next two fire when the first batch is being read, and fail with TooMany when as
        many streams are open as may be. `timeout` is for the stream as a whole. Cancelling the
        Deferred closes the stream.
        """

    def stream_query(
        name: str, query: Query, timeout: float | None = None
    ) -> Deferred[OutgoingStream[ScoredPoint]]:
        """The answer to a query, ranked when this fires, its points fetched as they are taken."""

    def stream_retrieve(
        name: str, ids: Sequence[PointId], selection: Selection, timeout: float | None = None
    ) -> Deferred[OutgoingStream[Record]]:
        """The points that exist among `ids`, in the order asked for, each once."""

    def stream_upsert(
        acknowledge: bool = False, timeout: float | None = None
    ) -> Deferred[IncomingStream]:
        """Write the points of many messages, for any collections, in few commits.

        With `acknowledge`, messages are written as soon as they come, and each is acknowledged;
        without, they are gathered until a commit is worth it. Fails with TooMany when as many
        streams are open as may be.
        """


class ServerStatus(Protocol):
    """What the server tells of itself as a whole. In the reactor thread."""

    def grpc(self) -> GrpcStatus | None:
        """The state of the gRPC server; None where there is none."""
