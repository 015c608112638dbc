"""The reads of a collection, of one that this process writes or that another one does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

import lmdb

from ..model.collection import CollectionConfig
from ..model.errors import (
    DataDamaged,
    DomainError,
    Interrupted,
    TooMany,
    Unavailable,
    as_value,
    unknown_collection,
)
from ..model.queries import PointsRequest, Query, Record, Retrieve, ScoredPoint
from ..model.reads import Answer, ReadRequest
from ..model.streams import P
from ..model.strict_mode import StrictCollection
from .acceleration import Accelerators, SearchAccelerator
from .cursor import Cursor
from .damage_log import DamageLog
from .errors import UnusableDataFolder
from .mvcc.indexes import Indexes
from .mvcc.pinned import PinnedSnapshot, SnapshotLost
from .mvcc.snapshot_read import SnapshotRead
from .mvcc.state import CollectionState, Snapshot
from .optimizer.journal import Journal
from .query.answers import answer
from .query.cursor_sources import CURSOR_SOURCES, CursorSource
from .query.scrolling import retrieve_each
from .read_bounds import UNBOUNDED, ReadBoundsOfEach
from .reads import ON_SNAPSHOT, READS
from .storage.latch import LatchClosed
from .strict_mode import strict_collection

T = TypeVar("T")


class ReadStore(Protocol):
    """The part of a store that reads use."""

    @property
    def path(self) -> Path:
        """The directory of the store."""

    @property
    def state(self) -> CollectionState:
        """The newest state."""

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory that new snapshots get."""

    def read(self) -> SnapshotRead:
        """A context in which a thread reads one snapshot. Must not be nested."""

    def pin(self) -> PinnedSnapshot:
        """Pin the current snapshot until its reader releases it."""


class CollectionReads(ABC):
    """The reads of an open collection. Thread-safe.

    A read uses one snapshot from start to end. Methods block on the disk unless stated otherwise,
    and raise NotFound once the collection is deleted and Unavailable once it is closed.

    Unfiltered searches try the accelerator registered for its directory, if any, before the engine.
    """

    def __init__(
        self, name: str, store: ReadStore, accelerators: Accelerators, damages: DamageLog
    ) -> None:
        self.name = name
        self.damages = damages
        self._reads = store
        self._directory = store.path.name
        self._accelerators = accelerators

    @property
    def config(self) -> CollectionConfig:
        """The current configuration. Does not block."""
        return self._reads.state.config

    @property
    def state(self) -> CollectionState:
        """The newest state. Does not block. Its arrays stay valid while it is referenced."""
        return self._reads.state

    @property
    def strict_mode(self) -> StrictCollection | None:
        """What strict mode must know; None if it is not enabled. Does not block."""
        return strict_collection(self._directory, self._reads.state)

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory."""
        return self._reads.indexes

    @property
    def directory(self) -> str:
        """The name of its directory, unique over all collections ever created."""
        return self._directory

    @property
    def accelerator(self) -> SearchAccelerator | None:
        """The accelerator that unfiltered searches try first, or None."""
        return self._accelerators.get(self._directory)

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._reads.path

    @property
    @abstractmethod
    def journal(self) -> Journal:
        """The journal of the optimizer. Does not block."""

    def read(self, request: ReadRequest[Answer]) -> Answer:
        """The answer to a request, on one snapshot. Raises the DomainErrors of its kind."""
        answer: Answer = READS[type(request)](self, request)
        return answer

    def read_each(self, requests: Sequence[ReadRequest[Any]]) -> list[Any]:
        """The answer or DomainError of each request, of the kinds in ON_SNAPSHOT, on one snapshot.

        After damaged data was found, each on one of its own. Raises what stops the reads.
        """
        return self._each(requests, _answers_or_errors)

    def retrieve_each(self, requests: Sequence[Retrieve]) -> list[list[Record] | DomainError]:
        """The answer or error of each request, all on one snapshot.

        After damaged data was found, each on one of its own: it concerns one of them.
        """
        return self._each(requests, retrieve_each)

    def _each(
        self,
        requests: Sequence[T],
        answers: Callable[[Snapshot, Sequence[T]], list[Any]],
    ) -> list[Any]:
        try:
            with self.snapshot() as snapshot:
                return answers(snapshot, requests)
        except DataDamaged as error:
            if len(requests) == 1:
                return [as_value(error)]
        return [self._each([request], answers)[0] for request in requests]

    def query_each(
        self, queries: Sequence[Query], bounds: ReadBoundsOfEach = UNBOUNDED
    ) -> list[Sequence[ScoredPoint] | Exception]:
        """The answer or error of each query, all on one snapshot.

        For coalesced queries of several clients: an invalid query, or one stopped by its bounds,
        does not affect the others, nor does one that finds damaged data.
        """
        try:
            with self.snapshot() as snapshot:
                return answer(snapshot, queries, self.accelerator, bounds)
        except DataDamaged as error:
            if len(queries) == 1:
                return [as_value(error)]
        return [
            self.query_each([query], bounds.only(place))[0] for place, query in enumerate(queries)
        ]

    def open_cursor(self, request: PointsRequest[Any, P]) -> Cursor[P]:
        """A cursor over the points that `read` would return. A query is ranked before it returns.

        The limit of a scroll applies to all points read through the cursor.
        """
        with self._errors():
            pinned = self._reads.pin()
            try:
                with pinned.reading() as snapshot:
                    make = CURSOR_SOURCES[type(request)]
                    source: CursorSource[P] = make(snapshot, request, self.accelerator)
            except BaseException:
                pinned.end()
                raise
        return Cursor(pinned, source, self._errors)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A context with a snapshot for reads in this thread."""
        return _SnapshotContext(self._reads.read(), self._raise_known)

    @property
    @abstractmethod
    def _is_removed(self) -> bool:
        """Whether the collection is being deleted."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._raise_known(error)
            raise

    def _raise_known(self, error: Exception) -> None:
        """Raise what an error of the storage means to a client, if that is known."""
        damaged = self.damages.find(error)
        if damaged is not None and damaged is not error:
            raise damaged from None
        if isinstance(error, LatchClosed):
            if self._is_removed:
                raise unknown_collection(self.name) from None
            raise Unavailable("the collection is closed") from None
        if isinstance(error, SnapshotLost):
            raise Interrupted(
                "the moment that was read could not be kept any longer, begin again"
            ) from None
        if isinstance(error, lmdb.ReadersFullError):
            raise TooMany("as many reads of the collection are held as there may be") from None
        # Files are opened by their path, which changes when the collection is deleted.
        if isinstance(error, OSError | lmdb.Error | UnusableDataFolder) and self._is_removed:
            raise unknown_collection(self.name) from None


def _answers_or_errors(snapshot: Snapshot, requests: Sequence[ReadRequest[Any]]) -> list[Any]:
    return [_answer_or_error(snapshot, request) for request in requests]


def _answer_or_error(snapshot: Snapshot, request: ReadRequest[Any]) -> Any:
    try:
        return ON_SNAPSHOT[type(request)](snapshot, request)
    except DomainError as error:
        return error.with_traceback(None)


class _SnapshotContext(AbstractContextManager[Snapshot]):
    """A read of one snapshot. A class, for generators would take longer than the read begins."""

    __slots__ = ("_raise_known", "_read")

    def __init__(self, read: SnapshotRead, raise_known: Callable[[Exception], None]) -> None:
        self._read = read
        self._raise_known = raise_known

    def __enter__(self) -> Snapshot:
        try:
            return self._read.__enter__()
        except Exception as error:
            self._raise_known(error)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._read.__exit__(kind, error, trace)
        if isinstance(error, Exception):
            self._raise_known(error)
