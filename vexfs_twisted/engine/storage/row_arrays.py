"""Arrays by row number that take memory only for the rows that are written to."""

from __future__ import annotations

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rows_of_zeros(count: int, kind: str) -> NDArray[Any]:
    """Zeros, shape [count], writable.

    Row numbers only grow, so that most rows of a long-lived collection are dead. `numpy.zeros`
    would fill the whole array wherever malloc has room in its heap.
    """
    dtype = np.dtype(kind)
    pages = mmap(-1, max(count * dtype.itemsize, 1), flags=MAP_PRIVATE | MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=dtype, count=count)
