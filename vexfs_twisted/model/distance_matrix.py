"""The matrix of the scores between points of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from .filters import Filter
from .ids import PointId
from .reads import ReadRequest
from .validation import bounded, sound
from .vectors import UNNAMED

DEFAULT_SAMPLE = 10
DEFAULT_NEIGHBOURS = 3

_BYTES_PER_ENTRY = 64


class DistanceMatrix(NamedTuple):
    """A sparse matrix of scores between points, rows ascending, the best of each row first.

    `ids` are the points, ascending; entry i is the score, `scores[i]`, of the point `columns[i]`
    for the vector of the point `rows[i]`: positions in `ids`, shape [n], int64; float32.
    """

    ids: Sequence[PointId]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    scores: NDArray[np.float32]


@frozen
class MatrixRequest(ReadRequest[DistanceMatrix]):
    """The `limit` nearest points, within the sample, of each of `sample` points at random.

    Only points that have the vector `using` and pass `filter` are in the sample: all of them if
    there are no more than `sample`.
    """

    sample: int = bounded(2, default=DEFAULT_SAMPLE)
    limit: int = bounded(1, default=DEFAULT_NEIGHBOURS)
    filter: Filter | None = sound()
    using: str = UNNAMED

    def size_of(self, answer: Any) -> int:
        """See ReadRequest."""
        return _BYTES_PER_ENTRY * len(answer.scores)
