"""The optimizer settings of one vector space, from the configuration."""

from __future__ import annotations

from attrs import frozen

from ...model.collection import CollectionConfig, merged
from ...model.collection_params import (
    Datatype,
    HnswConfig,
    Memory,
    QuantizationConfig,
    VectorParams,
)
from ..mvcc.state import CollectionState
from ..storage.bitmap import MOST_ROWS
from ..storage.map_advice import memory_placement
from ..vector_index.graph.eligible import can_link
from ..vector_index.linked import LinkedSpace
from ..vector_index.quantization import CodeKind, code_kind_of
from ..vector_index.space import VectorSpace

_KILOBYTE = 1024
_LARGEST_PER_THREAD = 256_000 * _KILOBYTE
_LEAST_LARGEST = 512_000 * _KILOBYTE

URGENT_ROWS = MOST_ROWS // 2
"""When a state has more rows than this, dead or not, it is urgent that it gets fewer."""

LEAST_LARGEST_ROWS = 64
"""The least upper limit of rows per graph, however small segments are configured."""

_BITS = {Datatype.FLOAT32: 32, Datatype.FLOAT16: 16, Datatype.UINT8: 8, Datatype.TURBO4: 4}


@frozen
class OptimizerSettings:
    """The settings; sizes are in rows. `threshold` None: build no new graphs; `m` 0: keep none.

    `codes` is the kind of codes made for every graph, from `quantization`; None: no codes.
    `graph_memory` is the memory placement of graphs.
    """

    threshold: int | None
    largest: int
    segment_number: int
    deleted_threshold: float
    vacuum_least: int
    m: int
    ef_construct: int
    threads: int
    quantization: QuantizationConfig | None
    is_paused: bool
    codes: CodeKind | None = None
    graph_memory: Memory | None = None

    @property
    def builds(self) -> bool:
        """Whether rows without a graph may get one."""
        return self.threshold is not None and self.m > 0


def is_urgent(state: CollectionState) -> bool:
    """Whether a collection may run out of rows, unless those before its first used one go."""
    return state.next_row > URGENT_ROWS


def is_paused(state: CollectionState) -> bool:
    """Whether the configuration has paused the optimizer; a pause is not the end of all writes."""
    is_wanted = state.config.optimizer_config.max_optimization_threads == 0
    return is_wanted and not is_urgent(state)


def lines_each(space: LinkedSpace) -> int:
    """The mean number of vectors in a row, rounded up: 1, but for multivectors."""
    if isinstance(space, VectorSpace):
        return 1
    return max(-(-space.element_count // max(space.rows, 1)), 1)


def settings_of(
    config: CollectionConfig, params: VectorParams, cores: int, lines: int = 1
) -> OptimizerSettings:
    """The settings for the vectors `params` of a collection, on a machine with `cores` cores.

    A row has about `lines` vectors.
    """
    has_graphs = params.multivector_config is not None or can_link(params)
    hnsw: HnswConfig = merged(config.hnsw_config, params.hnsw_config)
    optimizer = config.optimizer_config
    threads = min(hnsw.max_indexing_threads or cores, cores)
    largest = max(threads * _LARGEST_PER_THREAD, _LEAST_LARGEST)
    if optimizer.max_segment_size is not None:
        largest = optimizer.max_segment_size * _KILOBYTE
    size = max(lines * params.size * _BITS[params.datatype or Datatype.FLOAT32] // 8, 1)
    threshold = optimizer.indexing_threshold * _KILOBYTE
    quantization = params.quantization_config or config.quantization_config
    return OptimizerSettings(
        threshold=-(-threshold // size) if threshold else None,
        largest=max(largest // size, LEAST_LARGEST_ROWS),
        segment_number=optimizer.default_segment_number,
        deleted_threshold=optimizer.deleted_threshold,
        vacuum_least=optimizer.vacuum_min_vector_number,
        m=hnsw.m if has_graphs else 0,
        ef_construct=hnsw.ef_construct,
        threads=threads,
        quantization=quantization,
        is_paused=optimizer.max_optimization_threads == 0,
        codes=code_kind_of(params, quantization) if has_graphs else None,
        graph_memory=memory_placement(hnsw.memory, hnsw.on_disk),
    )
