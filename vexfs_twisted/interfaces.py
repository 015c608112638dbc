"""The seams of the server: what a layer may ask of the one below it.

`IStorage` is the Deferred-returning twin of the engine; `IOperations` is what both wires call.
Every method of the two is called in the reactor thread, returns a Deferred, and fails with a
DomainError for everything a client can cause. Cancelling the Deferred of a read drops it; a write
that has been accepted is carried out whatever happens to its Deferred.

`IVectorDevice` and `IVectorFile` are synchronous, and called in threads that may wait.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from .model.collection import (
    Alias,
    AliasAction,
    ClusterInfo,
    CollectionInfo,
    CreateCollection,
    UpdateCollection,
)
from .model.device import DeviceKind, DeviceMetric, FileMeta, Ids, Neighbours
from .model.ids import PointId
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
from .model.updates import Update, UpdateResult


class IVectorFile(Interface):
    """One vector file of a device: float32 vectors of one length, each under a number.

    Synchronous; any thread may call, several at once. A call blocks as long as the device takes,
    perhaps for ever: call from a thread that can be given up. Errors are those of `model.device`;
    DeviceGone once it is closed.
    """

    name: str = Attribute("The name it was created or opened under.")

    def insert(ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Keep vectors, shape [n, dim], under their ids, shape [n].

        Both are C-contiguous, uint64 and float32; ValueError where they are not. An id that is
        there already gets the new vector, so an insert that failed can be sent again. Searches
        find the vectors once this returns. On an error any part may be in. The arrays must not
        change until it returns.
        DeviceRefused when dim is not the length of the file, DeviceFull when there is no room.
        """

    def search(query: NDArray[np.float32], k: int, metric: DeviceMetric) -> Neighbours:
        """The k vectors that are nearest to `query`, shape [dim], all of them if there are fewer.

        `query` is as for `insert`; ValueError when k is below 1. Under COSINE a vector of zeros
        scores 0.
        DeviceRefused when dim is not the length of the file, BadAnswer when what came back cannot
        be.
        """

    def meta() -> FileMeta:
        """Its metadata; `vector_count` is the number of ids that have a vector."""

    def close() -> None:
        """Let go of it within a moment, also where the device hangs. Harmless if repeated.

        Calls that are under way end by themselves. The vectors stay.
        """


class IVectorDevice(Interface):
    """A VexFS device, or what stands for one: a set of named vector files.

    Threads and errors are as with IVectorFile. A device of kind FILE or CHARACTER_DEVICE has room
    for one vector file; what it holds from before does not count, and DeviceFull is raised for a
    second one. The name is then known to this object alone.
    """

    path: str = Attribute("Where it is, for people.")
    kind: DeviceKind = Attribute("What stands at the path.")

    def create(name: str, dimensions: int) -> IVectorFile:
        """Make an empty vector file for vectors of so many dimensions, and open it.

        FileTaken when there is one of that name; DeviceRefused when the name is no file name (a
        text of 1 to 255 bytes without `/` and NUL, neither `.` nor `..`) or the dimensions are not
        within 1 and 65536. When it fails no new file is left behind.
        """

    def open(name: str) -> IVectorFile:
        """Open a vector file. NoSuchFile when there is none; each call opens anew."""

    def list_files() -> list[str]:
        """The names of all vector files, sorted."""

    def delete(name: str) -> None:
        """Delete a vector file and its vectors. NoSuchFile when there is none.

        Files that are open stay usable until they are closed, or raise DeviceGone or NoSuchFile.
        """

    def close() -> None:
        """Let go of the device and of all files opened through it, as IVectorFile.close does."""


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

    def update(name: str, update: Update) -> Deferred[int]:
        """Carry out an update durably; fires with its operation id once it is on disk."""

    def update_batch(name: str, updates: Sequence[Update]) -> Deferred[list[int]]:
        """Carry out updates as `update` does, one after another; the first error ends it.

        The updates before the one that fails stay, and those after it are not tried.
        """

    def retrieve(name: str, ids: Sequence[PointId], selection: Selection) -> Deferred[list[Record]]:
        """The points that exist among `ids`, in the order asked for, each once."""

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
