"""The best of scored rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..store.bitmap import Rows
from .kernels import Scores

_GROUP = 64


class Hits(NamedTuple):
    """The nearest rows of one query and their scores, the best first, equal ones by row."""

    rows: Rows
    scores: Scores

    def where(self, mask: NDArray[np.bool_]) -> Hits:
        """The hits that `mask`, shape [n], keeps."""
        return Hits(self.rows[mask], self.scores[mask])

    def between(self, start: int, stop: int) -> Hits:
        """The hits from place `start` to before `stop`."""
        return Hits(self.rows[start:stop], self.scores[start:stop])


def no_hits() -> Hits:
    """The answer of a search that finds nothing."""
    return Hits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def badness_of(distance: Distance, scores: Scores) -> Scores:
    """Scores turned so that smaller is nearer."""
    return -scores if distance.larger_is_nearer else scores


def best_of(distance: Distance, rows: Rows, scores: Scores, limit: int) -> Hits:
    """The best `limit` of scored rows, in order; a score that is not a number is the worst."""
    badness = badness_of(distance, scores)
    if limit < len(rows):
        chosen = np.flatnonzero(~(badness > _bound(badness, limit)))
        rows, scores, badness = rows[chosen], scores[chosen], badness[chosen]
    order = np.lexsort((rows, badness))[:limit]
    return Hits(rows[order], scores[order])


def merged(distance: Distance, old: Hits, new: Hits, limit: int) -> Hits:
    """The best `limit` of both."""
    if not len(old.rows):
        return new
    rows = np.concatenate([old.rows, new.rows])
    return best_of(distance, rows, np.concatenate([old.scores, new.scores]), limit)


def _bound(badness: Scores, limit: int) -> np.float32:
    """A value that at least `limit` of `badness` do not exceed, and few others."""
    groups = len(badness) // _GROUP
    if limit < groups:
        # The least of each group suffice: `limit` of them lie below the bound already.
        badness = np.fmin.reduce(badness[: groups * _GROUP].reshape(groups, _GROUP), axis=1)
    bound: np.float32 = np.partition(badness, limit - 1)[limit - 1]
    return bound
