"""Search parameters, resolved from those of a request and the configuration."""

from __future__ import annotations

import sys

from attrs import frozen

from ...model.collection import CollectionConfig, merged
from ...model.collection_params import VectorParams
from ...model.search_params import Quantization, SearchParams

_KIB = 1024
_COMPONENT_BYTES = 4
_ACORN_SELECTIVITY = 0.4
_UNBOUNDED = sys.maxsize


@frozen
class ResolvedParameters:
    """The parameters of a search.

    `ef` is the beam width of graph searches; None: that of the build. With `exact`, all rows are
    scanned. With a filter, a graph is not used if it has fewer candidates than `scanned_below`. If
    more than `most_unindexed` rows have no graph, they are left out. If a filter keeps a share of
    the rows of up to `thorough_share`, graphs are searched with twice the ef.

    With `uses_codes`, graphs that have codes are searched by those. The vectors of `oversampling`
    times the wanted number of rows are then compared; None: the factor of the kind of codes.
    Without `rescores`, the scores of the codes are the answer.
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
        """Whether any source of candidates gives the same rows and scores, except for recall."""
        return not self.exact and self.rescores and self.most_unindexed == _UNBOUNDED


def resolved_parameters(
    config: CollectionConfig, vector: VectorParams, params: SearchParams
) -> ResolvedParameters:
    """Resolve the request's `params` for the vectors that `vector` describes.

    `indexed_only` leaves out rows without a graph once there are so many that they should have one:
    above the larger of the two thresholds, and never if indexing is disabled.
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
