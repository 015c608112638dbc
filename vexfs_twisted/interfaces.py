"""The seams of the server: what a layer may ask of the one below it.

`IStorage` is the Deferred-returning twin of the engine; `IOperations` is what both wires call.
Every method is called in the reactor thread, returns a Deferred, and fails with a DomainError for
everything a client can cause. Cancelling the Deferred of a read drops it; a write that has been
accepted is carried out whatever happens to its Deferred.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from .model.updates import Update, UpdateResult


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
