"""The reads of IStorage and IDirectReads, of a data folder that is written here or elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred

from ..engine.collection_reads import CollectionReads
from ..interfaces import BatchCursor, WhenIdle
from ..lifecycle import AsyncService
from ..model.collection import Alias
from ..model.queries import PointsRequest
from ..model.read_context import ReadContext
from ..model.reads import Answer, ReadRequest
from ..model.streams import P
from ..model.strict_mode import StrictCollection
from .cursors import Cursors
from .queues import ReadQueues
from .read_pools import ReadPools

C = TypeVar("C", bound=CollectionReads)
Q = TypeVar("Q", bound=ReadQueues[Any])


class ReadCatalog(Protocol[C]):
    """The methods of a catalog of collections that reads use."""

    def names(self) -> list[str]:
        """The names of all collections, sorted."""

    def aliases(self) -> list[Alias]:
        """All aliases, sorted by name."""

    def find(self, name: str) -> C | None:
        """The collection `name`, or None. May raise as `get` does if it cannot be used."""

    def get(self, name: str) -> C:
        """The collection `name`. Raises NotFound."""

    def has(self, collection: C) -> bool:
        """Whether exactly this collection exists, not just one with its name. Thread-safe."""

    def resolve(self, name: str) -> str:
        """Resolve a collection name or alias to the real name. Raises NotFound."""


class StorageReads(AsyncService, Generic[C, Q]):
    """The reads of a storage service. In the reactor thread, except `read_direct`."""

    def __init__(self, collections: ReadCatalog[C], readers: ReadPools) -> None:
        self._collections = collections
        self._readers = readers
        self._cursors = Cursors(readers)
        self._queues: dict[str, Q] = {}

    @abstractmethod
    def _new_queues(self, collection: C) -> Q:
        """The queues of a collection that has none yet."""

    def resolve(self, name: str) -> str:
        """See IStorage."""
        return self._collections.resolve(name)

    def opening(self, name: str) -> Deferred[None] | None:
        """See IStorage."""
        return None

    def collection_names(self) -> list[str]:
        """See IStorage."""
        return self._collections.names()

    def aliases(self) -> Sequence[Alias]:
        """See IStorage."""
        return self._collections.aliases()

    def strict_mode(self, name: str) -> StrictCollection | None:
        """See IStorage."""
        collection = self._collections.find(name)
        return None if collection is None else collection.strict_mode

    def read(
        self, name: str, request: ReadRequest[Answer], context: ReadContext | None = None
    ) -> Deferred[Answer]:
        """See IStorage."""
        return self._queues_of(name).read(request, context or ReadContext())

    def read_direct(
        self,
        name: str,
        request: ReadRequest[Answer],
        context: ReadContext,
        answer: Callable[[Answer | Exception], object],
        *,
        when_idle: WhenIdle,
    ) -> bool:
        """See IDirectReads."""
        queues = self._queues.get(name)
        # Queues are made in the reactor thread only.
        if queues is None or not self._collections.has(queues.collection):
            return False
        queues.read_direct(request, context, answer, when_idle=when_idle)
        return True

    def open_cursor(
        self, name: str, request: PointsRequest[Any, P], context: ReadContext | None = None
    ) -> Deferred[BatchCursor[P]]:
        """See IStorage."""
        begin = self._collections.get(name).open_cursor
        return self._cursors.open(context or ReadContext(), begin, request)

    def _queues_of(self, name: str) -> Q:
        collection = self._collections.get(name)
        queues = self._queues.get(name)
        if queues is None or queues.collection is not collection:
            # No queues yet, or those of a deleted collection of the same name.
            queues = self._queues[name] = self._new_queues(collection)
        return queues
