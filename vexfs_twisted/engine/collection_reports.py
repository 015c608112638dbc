"""Reports about a collection: its counts and sizes, and the memory that it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from ..model.collection import CollectionInfo, CollectionInfoRequest, CollectionStatus
from ..model.collection_reports import (
    CollectionDetails,
    CollectionReport,
    CollectionReportRequest,
    MemoryReport,
    MemoryReportRequest,
    MemoryUse,
    SegmentReport,
    VectorCounts,
)
from ..model.errors import DataDamaged
from ..model.payload_index import FieldInfo
from ..model.search_params import SearchParams
from .damage_log import told
from .mvcc.state import CollectionState
from .optimizer.report import indexed_count, report, rest_uuid, segment_count, status, tasks
from .query.fields import describe_fields
from .read_source import Source
from .storage.page_cache import cached_size, disk_size, files_in
from .vector_index.search_parameters import resolved_parameters
from .vector_index.segments import Segment
from .vector_index.space import AnySpace, MultiSpace, VectorSpace

_INDEXED_ONLY = SearchParams(indexed_only=True)


def collection_info(source: Source, _: CollectionInfoRequest) -> CollectionInfo:
    """The description of the collection. Opens no file if there are no payload indexes.

    Known damage makes its status red.
    """
    return _info(source, has_fields=True)


def _info(source: Source, *, has_fields: bool) -> CollectionInfo:
    state = source.state
    schema: dict[str, FieldInfo] = {}
    if state.fields and has_fields:
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


def collection_report(source: Source, request: CollectionReportRequest) -> CollectionReport:
    """The report of the collection; opens its files only for details."""
    state = source.state
    info = _info(source, has_fields=request.has_details)
    return CollectionReport(
        name=source.name,
        uuid=str(UUID(source.path.name)),
        config=info.config,
        status=info.status,
        optimizer_error=info.optimizer_error,
        points=info.points_count,
        segments=info.segments_count,
        vectors={name: _counts(state, space) for name, space in state.spaces.items()},
        next_operation=state.next_operation,
        damages=len(source.damages.all),
        is_optimizing=source.journal.running is not None,
        details=_details(source, info) if request.has_details else None,
    )


def memory_report(source: Source, _: MemoryReportRequest) -> MemoryReport:
    """The memory of the collection. Looks at its files, and reads none of them."""
    state, indexes = source.state, source.indexes
    slots = {str(space.slot): name for name, space in state.spaces.items()}
    uuids = {s.uuid: name for name, space in state.spaces.items() for s in space.segments}
    vectors = dict.fromkeys(state.spaces, MemoryUse())
    graphs: defaultdict[str, MemoryUse] = defaultdict(MemoryUse)
    payloads, payload_indexes = MemoryUse(), MemoryUse(heap=indexes.columns.nbytes)
    for file in files_in(source.path):
        use = MemoryUse(disk_size(file), cached_size(file))
        kind, _dash, rest = file.name.partition("-")
        slot = rest.partition(".")[0].partition("-")[0]
        # A uuid has dashes itself.
        uuid = rest[:_UUID_LENGTH]
        if kind == "vectors" and slot in slots:
            vectors[slots[slot]] += use
        elif kind in ("graph", "codes") and uuid in uuids:
            graphs[uuids[uuid]] += use
        elif kind == "postings" and slot in slots:
            graphs[slots[slot]] += use
        elif kind == "column":
            payload_indexes += use
        else:
            payloads += use
    return MemoryReport(
        vectors=vectors,
        graphs=dict(graphs),
        payloads=payloads,
        payload_indexes=payload_indexes,
        rows=MemoryUse(heap=indexes.columns.row_bytes),
    )


_UUID_LENGTH = 36


def _counts(state: CollectionState, space: AnySpace) -> VectorCounts:
    count = space.present.count
    indexed = sum(segment.live(space.present) for segment in space.segments)
    unsearched = 0
    if isinstance(space, VectorSpace | MultiSpace):
        bound = resolved_parameters(state.config, space.params, _INDEXED_ONLY).most_unindexed
        unsearched = count - indexed if count - indexed > bound else 0
    return VectorCounts(count, indexed, _size(space), unsearched)


def _size(space: AnySpace) -> int:
    """The bytes of the live vectors as stored, estimated from the mean of all where they differ."""
    stored = space.present.count * space.item_bytes
    if isinstance(space, VectorSpace):
        return stored
    return stored * space.element_count // max(space.rows, 1)


def _details(source: Source, info: CollectionInfo) -> CollectionDetails:
    with source.snapshot() as snapshot:
        payloads_size = snapshot.tables.size_of_rows()
    return CollectionDetails(
        payloads_size=payloads_size,
        optimizations=report(source.state, source.indexes.graphs, source.journal, source.path),
        payload_schema=info.payload_schema,
        segments=list(_segments(source)),
    )


def _segments(source: Source) -> Iterator[SegmentReport]:
    """The segments with a graph, and then the rows that are in none."""
    state = source.state
    for name, space in state.linkable.items():
        for segment in space.segments:
            counts = _counts_within(space, segment)
            size = segment.facts.nbytes + (segment.codes.nbytes if segment.codes else 0)
            params = {name: space.params}
            vectors = {name: counts}
            yield SegmentReport(segment.uuid, True, counts.count, vectors, params, 0, size)
    rest = {name: _rest(state, space) for name, space in state.spaces.items()}
    all_params = {name: space.params for name, space in state.spaces.items()}
    points = max((counts.count for counts in rest.values()), default=state.live.count)
    yield SegmentReport(
        uuid=rest_uuid(source.path),
        has_graph=False,
        points=points,
        vectors=rest,
        params=all_params,
        memory=source.indexes.columns.nbytes,
        disk=sum(map(disk_size, files_in(source.path))),
    )


def _counts_within(space: VectorSpace | MultiSpace, segment: Segment) -> VectorCounts:
    live = segment.live(space.present)
    size = live * _size(space) // max(space.present.count, 1)
    return VectorCounts(live, live, size, deleted=segment.nodes - live)


def _rest(state: CollectionState, space: AnySpace) -> VectorCounts:
    every = _counts(state, space)
    count = every.count - every.indexed
    size = count * every.size // max(every.count, 1)
    return VectorCounts(count, 0, size, every.unsearched)
