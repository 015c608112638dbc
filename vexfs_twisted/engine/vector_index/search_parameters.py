"""How a search goes: what its parameters and the configuration say about it."""

from __future__ import annotations

import sys

from attrs import frozen

from ...model.collection import CollectionConfig, merged
from ...model.collection_params import VectorParams
from ...model.queries import Quantization, SearchParams

_KIB = 1024
_COMPONENT_BYTES = 4
_ACORN_SELECTIVITY = 0.4
_UNBOUNDED = sys.maxsize


@frozen
class ResolvedParameters:
    """What is asked of a search.

    `ef` nodes of a graph are looked at, as many as while it was built if None. With `exact`, all
    rows are scanned. Under a filter, no graph is taken for so few rows as `scanned_below`, and no
    more rows than `most_unindexed` are scanned for the lack of a graph. A filter that keeps a
    share of the rows up to `thorough_share` is searched with twice the effort.

    Where there are codes and `uses_codes`, graphs are searched by those. Of `oversampling` times as
    many rows as are wanted, as many as the kind of the codes asks for if None, the vectors are
    compared; unless `rescores`, what the codes tell is the answer.
    """

    ef: int | None = None
    exact: bool = False
    scanned_below: int = 0
    most_unindexed: int = _UNBOUNDED
    thorough_share: float = 0.0
    uses_codes: bool = True
    rescores: bool = True
    oversampling: float | None = None

    @property
    def may_be_accelerated(self) -> bool:
        """Whether rows and scores are the same wherever candidates come from, but for recall."""
        return not self.exact and self.rescores and self.most_unindexed == _UNBOUNDED


def resolved_parameters(
    config: CollectionConfig, vector: VectorParams, params: SearchParams
) -> ResolvedParameters:
    """The route of a search with `params` of the vectors that `vector` describes.

    `indexed_only` leaves rows without a graph out once there are so many that they should have one:
    above the larger of the two thresholds, and never where no graph is ever to be built.
    """
    hnsw = merged(config.hnsw_config, vector.hnsw_config)
    per_row = vector.size * _COMPONENT_BYTES
    most_unindexed = _UNBOUNDED
    if params.indexed_only and config.optimizer_config.indexing_threshold:
        threshold = max(config.optimizer_config.indexing_threshold, hnsw.full_scan_threshold)
        most_unindexed = threshold * _KIB // per_row
    acorn = params.acorn
    thorough_share = 0.0
    if acorn is not None and acorn.enable:
        given = acorn.max_selectivity
        thorough_share = _ACORN_SELECTIVITY if given is None else given
    quantization = params.quantization or Quantization()
    return ResolvedParameters(
        ef=params.hnsw_ef,
        exact=params.exact,
        scanned_below=hnsw.full_scan_threshold * _KIB // per_row,
        most_unindexed=most_unindexed,
        thorough_share=thorough_share,
        uses_codes=not quantization.ignore,
        rescores=quantization.rescore is not False,
        oversampling=quantization.oversampling,
    )
