"""Arrays indexed by row number; memory is allocated only for pages that are written to."""

from __future__ import annotations

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rows_of_zeros(count: int, kind: str) -> NDArray[Any]:
    """Zeros of the dtype `kind`, shape [count], writable, in an anonymous private map.

    Row numbers only grow, so most rows of a long-lived collection are dead. `numpy.zeros` would
    write to the whole array whenever malloc takes it from its heap.
    """
    dtype = np.dtype(kind)
    pages = mmap(-1, max(count * dtype.itemsize, 1), flags=MAP_PRIVATE | MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=dtype, count=count)
