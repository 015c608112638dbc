"""Reports about collections for telemetry and metrics: counts, sizes and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from attrs import frozen

from .collection import CollectionConfig, CollectionStatus
from .collection_params import SparseVectorParams, VectorParams
from .optimizations import Optimizations
from .payload_index import FieldInfo
from .reads import ReadRequest


@frozen
class VectorCounts:
    """The vectors of one name, or those of them that are in one segment.

    `indexed` counts those in a graph; `unsearched` those that searches with `indexed_only` leave
    out; `deleted` those that are still in the graph of the segment. `size` is in bytes as stored.
    """

    count: int
    indexed: int
    size: int
    unsearched: int = 0
    deleted: int = 0


@frozen
class SegmentReport:
    """A segment: the rows in a graph over the vectors of one name, or all rows in no graph.

    `memory` is in bytes on the heap; `disk` the size of its own files. `params` are those of the
    vectors in it.
    """

    uuid: str
    has_graph: bool
    points: int
    vectors: Mapping[str, VectorCounts]
    params: Mapping[str, VectorParams | SparseVectorParams]
    memory: int
    disk: int


@frozen
class CollectionDetails:
    """What it takes longer to find out. `payloads_size` is in bytes as stored.

    `payload_schema` counts the points in each payload index.
    """

    payloads_size: int
    optimizations: Optimizations
    payload_schema: Mapping[str, FieldInfo]
    segments: Sequence[SegmentReport]


@frozen
class CollectionReport:
    """What is known of a collection without opening its files.

    `uuid` is None for one that cannot be read. `update_queue` are the commands that wait or are
    being committed, `next_operation` the id of the next one. `damages` counts places of damaged
    data; `is_optimizing`: a job of the optimizer runs.
    """

    name: str
    uuid: str | None
    config: CollectionConfig
    status: CollectionStatus
    optimizer_error: str | None
    points: int
    segments: int
    vectors: Mapping[str, VectorCounts] = attrs.field(factory=dict)
    next_operation: int = 0
    update_queue: int = 0
    damages: int = 0
    is_optimizing: bool = False
    details: CollectionDetails | None = None


@frozen
class CollectionReportRequest(ReadRequest[CollectionReport]):
    """A request for the report of a collection. With `has_details`, its files are opened."""

    has_details: bool = False


@frozen
class MemoryUse:
    """The memory of one part of a collection, in bytes.

    `disk` is what its files take, `cached` what of them the system holds in memory, which it gives
    to others that need it, and `heap` what only this process can give back.
    """

    disk: int = 0
    cached: int = 0
    heap: int = 0

    def __add__(self, other: MemoryUse) -> MemoryUse:
        return MemoryUse(self.disk + other.disk, self.cached + other.cached, self.heap + other.heap)


@frozen
class MemoryReport:
    """The memory of a collection by parts.

    `vectors` has the vectors of each name as they are stored, `graphs` the indexes over them with
    their codes and postings, `payloads` the tables, with all that is in no other file,
    `payload_indexes` columns of payload fields, and `rows` what is known of every row.
    """

    vectors: Mapping[str, MemoryUse]
    graphs: Mapping[str, MemoryUse]
    payloads: MemoryUse
    payload_indexes: MemoryUse
    rows: MemoryUse

    @property
    def total(self) -> MemoryUse:
        """The sum of all parts."""
        parts = [*self.vectors.values(), *self.graphs.values(), self.payloads]
        return sum([*parts, self.payload_indexes, self.rows], MemoryUse())


@frozen
class MemoryReportRequest(ReadRequest[MemoryReport]):
    """A request for the memory of a collection."""
