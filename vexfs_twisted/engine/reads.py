"""The reads of a collection: which function answers which request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..model.collection import CollectionInfo, CollectionInfoRequest
from ..model.optimizations import Optimizations, OptimizationsRequest
from ..model.payload_index import FieldInfo
from ..model.queries import Count, Facet, Query, QueryBatch, Record, Retrieve, ScoredPoint, Scroll
from ..model.reads import ReadRequest
from .acceleration import SearchAccelerator
from .mvcc.indexes import Indexes
from .mvcc.state import CollectionState, Snapshot
from .optimizer.journal import Journal
from .optimizer.report import indexed_count, report, segment_count, status, tasks
from .query.facets import facet
from .query.fields import describe_fields
from .query.nearest import answer
from .query.scrolling import count, retrieve_each, scroll

T = TypeVar("T")
R = TypeVar("R")


class Source(Protocol):
    """What a read is answered from: a collection, as its reads see it."""

    @property
    def accelerator(self) -> SearchAccelerator | None:
        """What is asked before the engine for the nearest rows of all."""

    @property
    def path(self) -> Path:
        """The directory of the collection."""

    @property
    def state(self) -> CollectionState:
        """The newest state, from memory at once."""

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory."""

    @property
    def journal(self) -> Journal:
        """What background work has done and is doing."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A context with a snapshot of the collection, which opens its files."""


Function = Callable[[Source, Any], Any]


def collection_info(source: Source, _: CollectionInfoRequest) -> CollectionInfo:
    """The description of the collection now. Opens no file without payload indexes."""
    state = source.state
    schema: dict[str, FieldInfo] = {}
    if state.fields:
        with source.snapshot() as snapshot:
            state = snapshot.state
            schema = describe_fields(snapshot)
    journal = source.journal
    return CollectionInfo(
        config=state.config,
        points_count=state.live.count,
        indexed_vectors_count=indexed_count(state),
        segments_count=segment_count(state),
        status=status(tasks(state, source.indexes.graphs), is_running=journal.running is not None),
        optimizer_error=journal.problem,
        payload_schema=schema,
    )


def optimizations(source: Source, _: OptimizationsRequest) -> Optimizations:
    """What is done behind reads and writes, what waits, and what has been done."""
    return report(source.state, source.indexes.graphs, source.journal, source.path)


def query_batch(source: Source, request: QueryBatch) -> list[Sequence[ScoredPoint]]:
    """The answers to queries, all on one snapshot. Raises the first error among them."""
    with source.snapshot() as snapshot:
        return list(map(_sound, answer(snapshot, request.queries, source.accelerator)))


def query(source: Source, request: Query) -> Sequence[ScoredPoint]:
    """The answer to a query."""
    return query_batch(source, QueryBatch([request]))[0]


def retrieve(snapshot: Snapshot, request: Retrieve) -> list[Record]:
    """The points that exist among ids, in the order asked for, each once."""
    return _sound(retrieve_each(snapshot, [request])[0])


def _on_snapshot(function: Callable[[Snapshot, R], T]) -> Callable[[Source, R], T]:
    """A function of a snapshot as one of a source."""

    def read(source: Source, request: R) -> T:
        with source.snapshot() as snapshot:
            return function(snapshot, request)

    return read


READS: Mapping[type[ReadRequest[Any]], Function] = {
    CollectionInfoRequest: collection_info,
    OptimizationsRequest: optimizations,
    Retrieve: _on_snapshot(retrieve),
    Scroll: _on_snapshot(scroll),
    Count: _on_snapshot(count),
    Facet: _on_snapshot(facet),
    Query: query,
    QueryBatch: query_batch,
}
"""The function that answers each kind of request."""


def _sound(answer: T | Exception) -> T:
    """The answer, if it is not an error to be raised."""
    if isinstance(answer, Exception):
        try:
            raise answer
        finally:
            # The traceback has this frame.
            del answer
    return answer
