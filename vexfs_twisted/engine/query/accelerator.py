"""What may find the nearest rows of a collection in the engine's place."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..mvcc.state import CollectionState
from ..vector_index.hits import Hits
from ..vector_index.kernels import Matrix


class SearchAccelerator(Protocol):
    """Something beside the engine that can be asked for the nearest rows, such as a device."""

    def nearest(
        self, state: CollectionState, name: str, queries: Matrix, limits: NDArray[np.int64]
    ) -> list[Hits] | None:
        """For each of `queries`, shape [q, dim], the nearest of all rows that have the vector.

        `queries` are as they are compared, and each limit is at most as many as there are rows.
        Answers as many rows as the limit, with the scores of `score_pairs`, or None where the
        engine has to be asked. Any reader's thread may call, and nothing is ever raised.
        """
