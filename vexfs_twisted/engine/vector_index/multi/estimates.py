"""max_sim by quantized codes: scores of rows whose lines have codes, for a shorter list of them."""

from __future__ import annotations

from math import ceil

import numpy as np
from attrs import frozen

from ....model.collection_params import Distance
from ....model.ragged import select
from ...read_bounds import checkpoint
from ...storage.bitmap import Rows
from ..hits import Hits, best_of
from ..kernels import Matrix, Scores
from ..quantization import Codes
from ..segments import Segment
from ..space import MultiSpace
from .max_sim import blocks, lengths_of

_SPARE = 8
"""Extra rows beyond the number asked for, since the best by codes need not be the best."""

_PAIRS = 1 << 18


@frozen
class CodedRows:
    """The rows of a segment, whose lines have `codes`."""

    segment: Segment
    codes: Codes

    def best(
        self,
        space: MultiSpace,
        rows: Rows,
        query: Matrix,
        limit: int,
        oversampling: float | None = None,
    ) -> Hits:
        """The best of present `rows` of the segment by their codes, in order, and their scores.

        With `oversampling`, for comparison by vectors: that many times `limit`, 0 for the factor of
        the kind of codes, and a few more. `query`, [r, dim], is in the form used for comparison.
        """
        if oversampling is not None:
            limit = ceil(limit * (oversampling or self.codes.oversampling)) + _SPARE
        scores = np.empty(len(rows), dtype=np.float32)
        for part in blocks(lengths_of(space, rows), len(query), space.params.size, _PAIRS):
            checkpoint()
            scores[part] = self._scores(space, rows[part], query)
        return best_of(space.params.distance, rows, scores, min(limit, len(rows)))

    def _scores(self, space: MultiSpace, rows: Rows, query: Matrix) -> Scores:
        offsets, lines = select(space.offsets, rows)
        assert not isinstance(lines, slice)
        compared = self.codes.compared(query, lines - self.codes.facts.start)
        distance = space.params.distance
        reduce = np.maximum if distance.larger_is_nearer else np.minimum
        sums: Scores = reduce.reduceat(compared, offsets[:-1], axis=0).sum(axis=1)
        return np.sqrt(sums) if distance is Distance.EUCLID else sums
