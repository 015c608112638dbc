"""A small IStreamOperations in memory, for tests of the REST wire alone.

It keeps points in dicts, scores by the dot product, and notes what it was asked for. Updates of
payloads and vectors it notes only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Generic

import numpy as np
import orjson
from attrs import define, field
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from zope.interface import implementer

from vexfs_twisted.interfaces import IncomingStream, IStreamOperations, OutgoingStream
from vexfs_twisted.model.collection import (
    Alias,
    AliasAction,
    ClusterInfo,
    CollectionConfig,
    CollectionInfo,
    CollectionInfoRequest,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    UpdateCollection,
    changed_config,
    new_config,
)
from vexfs_twisted.model.errors import AlreadyExists, NotFound, NotSupported, unknown_collection
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.ids import PointId, sort_key
from vexfs_twisted.model.names import check_new_collection_name
from vexfs_twisted.model.optimizations import Optimizations, OptimizationsRequest
from vexfs_twisted.model.payload_index import CreateFieldIndex, DeleteFieldIndex, FieldInfo
from vexfs_twisted.model.queries import (
    Count,
    Facet,
    FacetHit,
    NearestToVector,
    Page,
    PayloadMode,
    PointsRequest,
    Query,
    QueryBatch,
    Record,
    Retrieve,
    ScoredPoint,
    Scroll,
    Selection,
)
from vexfs_twisted.model.reads import ReadRequest
from vexfs_twisted.model.streams import Batch, P
from vexfs_twisted.model.updates import (
    DeletePoints,
    Update,
    UpdateResult,
    UpdateStatus,
    Upsert,
    check_not_empty,
    check_update,
)
from vexfs_twisted.model.vectors import NamedVectors

BATCH = 100


@define
class Stored:
    """A point as it is kept."""

    version: int
    payload: bytes
    vectors: NamedVectors


@define
class Kept:
    """A collection as it is kept."""

    config: CollectionConfig
    points: dict[PointId, Stored] = field(factory=dict)
    indexes: dict[str, FieldInfo] = field(factory=dict)
    operations: int = 0


class ListedStream(Generic[P]):
    """A stream of points that are all there, in batches of `BATCH`."""

    def __init__(self, points: Sequence[P]) -> None:
        self._points = points
        self.is_closed = False

    def take(self) -> Deferred[Batch[P] | None]:
        """See OutgoingStream."""
        points, self._points = self._points[:BATCH], self._points[BATCH:]
        return succeed(Batch(points, len(points)) if points else None)

    def close(self) -> None:
        """See OutgoingStream."""
        self.is_closed = True


@implementer(IStreamOperations)
class MemoryOperations:
    """See the module. `calls` holds the name and arguments of every call, `streams` those opened.

    Every collection tells `told` of its optimizations, and `optimizer_error` of their last error.
    """

    def __init__(self) -> None:
        self.collections: dict[str, Kept] = {}
        self.aliases: dict[str, str] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.told = Optimizations()
        self.optimizer_error: str | None = None
        self.streams: list[ListedStream[Any]] = []

    def create_collection(self, name: str, request: CreateCollection) -> Deferred[bool]:
        self.calls.append(("create_collection", (name, request)))
        return maybeDeferred(self._create, name, request)

    def _create(self, name: str, request: CreateCollection) -> bool:
        check_new_collection_name(name)
        if name in self.collections:
            raise AlreadyExists(f"Collection `{name}` already exists!")
        self.collections[name] = Kept(new_config(request, CollectionConfig()))
        return True

    def update_collection(self, name: str, request: UpdateCollection) -> Deferred[bool]:
        self.calls.append(("update_collection", (name, request)))
        return maybeDeferred(self._change, name, request)

    def _change(self, name: str, request: UpdateCollection) -> bool:
        kept = self._kept(name)
        kept.config = changed_config(kept.config, request)
        return True

    def delete_collection(self, name: str) -> Deferred[bool]:
        return succeed(self.collections.pop(name, None) is not None)

    def list_collections(self) -> Deferred[list[str]]:
        return succeed(sorted(self.collections))

    def collection_exists(self, name: str) -> Deferred[bool]:
        return succeed(self.aliases.get(name, name) in self.collections)

    def read(
        self, name: str, request: ReadRequest[Any], timeout: float | None = None
    ) -> Deferred[Any]:
        self.calls.append(("read", (name, request, timeout)))
        return maybeDeferred(self._read, name, request)

    def _read(self, name: str, request: ReadRequest[Any]) -> Any:
        request.check()
        match request:
            case CollectionInfoRequest():
                return self._info(name)
            case OptimizationsRequest():
                return self._told(name)
            case Retrieve():
                return self._retrieve(name, request.ids, request.selection)
            case Scroll():
                return self._scroll(name, request)
            case Count():
                return len(self._passing(self._kept(name), request.filter))
            case Facet():
                return self._facet(name, request)
            case Query():
                return self._query(name, request)
            case QueryBatch():
                return [self._query(name, query) for query in request.queries]
        raise NotSupported(type(request).__name__)

    def _info(self, name: str) -> CollectionInfo:
        kept = self._kept(name)
        return CollectionInfo(
            kept.config,
            len(kept.points),
            0,
            1,
            optimizer_error=self.optimizer_error,
            payload_schema=dict(kept.indexes),
        )

    def _told(self, name: str) -> Optimizations:
        self._kept(name)
        return self.told

    def cluster_info(self, name: str) -> Deferred[ClusterInfo]:
        return maybeDeferred(lambda: ClusterInfo(7, 1, len(self._kept(name).points)))

    def update_aliases(self, actions: Sequence[AliasAction]) -> Deferred[bool]:
        for action in actions:
            if isinstance(action, CreateAlias):
                self.aliases[action.alias_name] = action.collection_name
            elif isinstance(action, DeleteAlias):
                self.aliases.pop(action.alias_name, None)
            elif action.old_alias_name not in self.aliases:
                return fail(NotFound(f"Alias {action.old_alias_name} does not exists!"))
            else:
                self.aliases[action.new_alias_name] = self.aliases.pop(action.old_alias_name)
        return succeed(True)

    def list_aliases(self, collection_name: str | None = None) -> Deferred[list[Alias]]:
        wanted = (None, collection_name)
        pairs = sorted(self.aliases.items())
        return succeed([Alias(a, c) for a, c in pairs if collection_name is None or c in wanted])

    def update(
        self, name: str, update: Update, wait: bool = False, timeout: float | None = None
    ) -> Deferred[UpdateResult]:
        self.calls.append(("update", (name, update, wait, timeout)))
        return maybeDeferred(self._update, name, update, wait)

    def update_batch(
        self, name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> Deferred[list[UpdateResult]]:
        self.calls.append(("update_batch", (name, updates, wait, timeout)))
        return maybeDeferred(lambda: [self._update(name, update, wait) for update in updates])

    def _update(self, name: str, update: Update, wait: bool) -> UpdateResult:
        kept = self._kept(name)
        check_not_empty(update)
        check_update(update, kept.config.params)
        match update:
            case Upsert():
                for index, point_id in enumerate(update.ids):
                    vectors = _vectors_of(update, index)
                    kept.points[point_id] = Stored(kept.operations, update.payloads[index], vectors)
            case DeletePoints():
                for point_id in self._selected(kept, update):
                    kept.points.pop(point_id, None)
            case CreateFieldIndex():
                kept.indexes[update.field.text] = FieldInfo(update.schema, len(kept.points))
            case DeleteFieldIndex():
                kept.indexes.pop(update.field.text, None)
        kept.operations += 1
        status = UpdateStatus.COMPLETED if wait else UpdateStatus.ACKNOWLEDGED
        return UpdateResult(kept.operations - 1, status)

    def _selected(self, kept: Kept, update: DeletePoints) -> list[PointId]:
        if update.ids is not None:
            return list(update.ids)
        return self._passing(kept, update.filter)

    def _retrieve(self, name: str, ids: Sequence[PointId], selection: Selection) -> list[Record]:
        points = self._kept(name).points
        found = [point_id for point_id in dict.fromkeys(ids) if point_id in points]
        return [_record(point_id, points[point_id], selection) for point_id in found]

    def _scroll(self, name: str, request: Scroll) -> Page:
        kept = self._kept(name)
        ids = sorted(self._passing(kept, request.filter), key=sort_key)
        if request.offset is not None:
            ids = [point_id for point_id in ids if sort_key(point_id) >= sort_key(request.offset)]
        page = [
            _record(point_id, kept.points[point_id], request.selection)
            for point_id in ids[: request.limit]
        ]
        if request.order_by is not None:
            key = request.order_by.key.text
            values = [orjson.loads(kept.points[record.id].payload)[key] for record in page]
            pairs = zip(page, values, strict=True)
            return Page([record._replace(order_value=v) for record, v in pairs], None)
        return Page(page, ids[request.limit] if len(ids) > request.limit else None)

    def _facet(self, name: str, request: Facet) -> list[FacetHit]:
        points = self._kept(name).points.values()
        values = [orjson.loads(point.payload)[request.key.text] for point in points]
        return [FacetHit(*pair) for pair in Counter(values).most_common(request.limit)]

    def _query(self, name: str, query: Query) -> list[ScoredPoint]:
        kept = self._kept(name)
        scored = []
        for point_id in self._passing(kept, query.filter):
            stored = kept.points[point_id]
            record = _record(point_id, stored, query.selection)
            score = self._score(query, stored)
            scored.append(
                ScoredPoint(point_id, stored.version, score, record.payload, record.vectors)
            )
        scored.sort(key=lambda point: (-point.score, sort_key(point.id)))
        return scored[query.offset : query.offset + query.limit]

    def stream(
        self, name: str, request: PointsRequest[Any, P], timeout: float | None = None
    ) -> Deferred[OutgoingStream[P]]:
        self.calls.append(("stream", (name, request, timeout)))
        return maybeDeferred(self._stream, name, request)

    def _stream(self, name: str, request: PointsRequest[Any, Any]) -> OutgoingStream[Any]:
        read = self._read(name, request)
        return self._streamed(read.records if isinstance(request, Scroll) else read)

    def stream_upsert(
        self, acknowledge: bool = False, timeout: float | None = None
    ) -> Deferred[IncomingStream]:
        raise AssertionError("REST takes no points from streams")

    def _streamed(self, points: Sequence[P]) -> OutgoingStream[P]:
        stream = ListedStream(points)
        self.streams.append(stream)
        return stream

    def _score(self, query: Query, stored: Stored) -> float:
        if not isinstance(query.target, NearestToVector):
            return 0.0
        return float(np.dot(query.target.vector, stored.vectors[query.using]))

    def _passing(self, kept: Kept, condition: Filter | None) -> list[PointId]:
        """The ids that a filter of HasId conditions lets through; others pass everything."""
        wanted = [c.ids for c in condition.must if isinstance(c, HasId)] if condition else []
        return [point_id for point_id in kept.points if all(point_id in ids for ids in wanted)]

    def _kept(self, name: str) -> Kept:
        kept = self.collections.get(self.aliases.get(name, name))
        if kept is None:
            raise unknown_collection(name)
        return kept


def _vectors_of(upsert: Upsert, index: int) -> NamedVectors:
    found = {}
    for name, column in upsert.vectors.items():
        positions = range(len(upsert.ids)) if column.positions is None else list(column.positions)
        if index in positions:
            found[name] = column.data[list(positions).index(index)]
    return found


def _record(point_id: PointId, stored: Stored, selection: Selection) -> Record:
    wanted = selection.vectors
    names = stored.vectors if wanted is True else wanted or ()
    vectors = {name: stored.vectors[name] for name in names if name in stored.vectors}
    return Record(
        point_id,
        None if selection.payload.mode is PayloadMode.NONE else stored.payload,
        None if wanted is False else vectors,
    )
