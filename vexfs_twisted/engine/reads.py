"""The table of reads: the function that answers each kind of request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ..model.collection import CollectionInfoRequest
from ..model.collection_reports import CollectionReportRequest, MemoryReportRequest
from ..model.distance_matrix import MatrixRequest
from ..model.groups import GroupQuery, PointGroup
from ..model.optimizations import Optimizations, OptimizationsRequest
from ..model.queries import Count, Facet, Query, QueryBatch, Record, Retrieve, ScoredPoint, Scroll
from ..model.reads import ReadRequest
from ..model.strict_mode import PayloadSizeRequest
from .collection_reports import collection_info, collection_report, memory_report
from .mvcc.state import Snapshot
from .optimizer.report import report
from .query.answers import answer
from .query.facets import facet
from .query.groups import query_groups
from .query.matrix import distance_matrix
from .query.plan import sound
from .query.scrolling import count, retrieve_each, scroll
from .read_source import Source

T = TypeVar("T")
R = TypeVar("R")


Function = Callable[[Source, Any], Any]


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
    return snapshot.tables.size_of_rows()


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
    CollectionReportRequest: collection_report,
    MemoryReportRequest: memory_report,
    Query: query,
    QueryBatch: query_batch,
    GroupQuery: group_query,
    **{kind: _on_snapshot(function) for kind, function in ON_SNAPSHOT.items()},
}
"""The function that answers each kind of request."""
