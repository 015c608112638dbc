"""The table of reads: the function that answers each kind of request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..model.collection import CollectionInfo, CollectionInfoRequest, CollectionStatus
from ..model.distance_matrix import MatrixRequest
from ..model.errors import DataDamaged
from ..model.groups import GroupQuery, PointGroup
from ..model.optimizations import Optimizations, OptimizationsRequest
from ..model.payload_index import FieldInfo
from ..model.queries import Count, Facet, Query, QueryBatch, Record, Retrieve, ScoredPoint, Scroll
from ..model.reads import ReadRequest
from ..model.strict_mode import PayloadSizeRequest
from .acceleration import SearchAccelerator
from .damage_log import DamageLog, told
from .mvcc.indexes import Indexes
from .mvcc.state import CollectionState, Snapshot
from .optimizer.journal import Journal
from .optimizer.report import indexed_count, report, segment_count, status, tasks
from .query.answers import answer
from .query.facets import facet
from .query.fields import describe_fields
from .query.groups import query_groups
from .query.matrix import distance_matrix
from .query.plan import sound
from .query.scrolling import count, retrieve_each, scroll

T = TypeVar("T")
R = TypeVar("R")


class Source(Protocol):
    """The part of a collection that reads use."""

    @property
    def accelerator(self) -> SearchAccelerator | None:
        """The accelerator that unfiltered searches try first, or None."""

    @property
    def path(self) -> Path:
        """The directory of the collection."""

    @property
    def state(self) -> CollectionState:
        """The newest state. Does not block."""

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory."""

    @property
    def journal(self) -> Journal:
        """The journal of the optimizer."""

    @property
    def damages(self) -> DamageLog:
        """The damage that is known."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A context with a snapshot of the collection, which opens its files."""


Function = Callable[[Source, Any], Any]


def collection_info(source: Source, _: CollectionInfoRequest) -> CollectionInfo:
    """The description of the collection. Opens no file if there are no payload indexes.

    Known damage makes its status red.
    """
    state = source.state
    schema: dict[str, FieldInfo] = {}
    if state.fields:
        with suppress(DataDamaged), source.snapshot() as snapshot:
            state = snapshot.state
            schema = describe_fields(snapshot)
    journal, damage = source.journal, told(source.path.name, source.damages.all)
    own = status(tasks(state, source.indexes.graphs), is_running=journal.running is not None)
    return CollectionInfo(
        config=state.config,
        points_count=state.live.count,
        indexed_vectors_count=indexed_count(state),
        segments_count=segment_count(state),
        status=own if damage is None else CollectionStatus.RED,
        optimizer_error=damage or journal.problem,
        payload_schema=schema,
    )


def optimizations(source: Source, _: OptimizationsRequest) -> Optimizations:
    """The running, queued and completed jobs of the optimizer."""
    return report(source.state, source.indexes.graphs, source.journal, source.path)


def query_batch(source: Source, request: QueryBatch) -> list[Sequence[ScoredPoint]]:
    """The results of queries, all on one snapshot. Raises the first error among them."""
    with source.snapshot() as snapshot:
        return list(map(sound, answer(snapshot, request.queries, source.accelerator)))


def query(source: Source, request: Query) -> Sequence[ScoredPoint]:
    """The result of one query."""
    return query_batch(source, QueryBatch([request]))[0]


def group_query(source: Source, request: GroupQuery) -> list[PointGroup]:
    """The groups of the points that a query finds."""
    with source.snapshot() as snapshot:
        return query_groups(snapshot, request, source.accelerator)


def retrieve(snapshot: Snapshot, request: Retrieve) -> list[Record]:
    """The existing points among the ids, in the order requested, without duplicates."""
    return sound(retrieve_each(snapshot, [request])[0])


def payload_size(snapshot: Snapshot, _: PayloadSizeRequest) -> int:
    """The bytes of the pages that hold rows, most of which are payloads."""
    return snapshot.tables.rows_size()


def _on_snapshot(function: Callable[[Snapshot, R], T]) -> Callable[[Source, R], T]:
    """Adapt a function of a snapshot to a function of a source."""

    def read(source: Source, request: R) -> T:
        with source.snapshot() as snapshot:
            return function(snapshot, request)

    return read


ON_SNAPSHOT: Mapping[type[ReadRequest[Any]], Callable[[Snapshot, Any], Any]] = {
    Retrieve: retrieve,
    Scroll: scroll,
    Count: count,
    Facet: facet,
    MatrixRequest: distance_matrix,
    PayloadSizeRequest: payload_size,
}
"""The function that answers each kind of request by a snapshot alone."""

READS: Mapping[type[ReadRequest[Any]], Function] = {
    CollectionInfoRequest: collection_info,
    OptimizationsRequest: optimizations,
    Query: query,
    QueryBatch: query_batch,
    GroupQuery: group_query,
    **{kind: _on_snapshot(function) for kind, function in ON_SNAPSHOT.items()},
}
"""The function that answers each kind of request."""
