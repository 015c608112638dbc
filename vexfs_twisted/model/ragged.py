"""Ragged arrays: rows of different lengths in one array, by offsets.

Row r of `offsets`, shape [n + 1], int64, is the range offsets[r] to offsets[r + 1] of the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Offsets = NDArray[np.int64]
Positions = NDArray[np.int64]


def offsets_of(lengths: ArrayLike) -> Offsets:
    """The offsets of consecutive rows of these lengths, shape [n]."""
    counts = np.asarray(lengths, dtype=np.int64)
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    counts.cumsum(out=offsets[1:])
    return offsets


def check_offsets(offsets: NDArray[Any], size: int, shortest: int) -> None:
    """Raise ValueError unless the rows cover an array of `size`, with at least `shortest` each."""
    if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0:
        raise ValueError("offsets must be a non-empty array of int64, shape [n + 1]")
    if offsets[0] != 0 or offsets[-1] != size:
        raise ValueError(f"offsets must go from 0 to {size}, not {offsets[0]} to {offsets[-1]}")
    if (np.diff(offsets) < shortest).any():
        raise ValueError(f"a row is shorter than {shortest}")


def take(offsets: Offsets, rows: Positions) -> tuple[Offsets, Positions]:
    """The offsets of the selected `rows`, and the positions of their elements in the array."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    taken = offsets_of(lengths)
    places = (starts - taken[:-1]).repeat(lengths)
    places += np.arange(len(places))
    return taken, places


def select(
    offsets: Offsets, rows: slice | Positions | NDArray[np.bool_]
) -> tuple[Offsets, slice | Positions]:
    """As `take`, for any selection of rows; the positions are a slice for one without a step."""
    count = len(offsets) - 1
    if isinstance(rows, slice):
        start, stop, step = rows.indices(count)
        if step == 1:
            own = offsets[start : max(start, stop) + 1]
            return own - own[0], slice(int(own[0]), int(own[-1]))
        return take(offsets, np.arange(start, stop, step))
    if rows.dtype == np.bool_ or rows.min(initial=0) < 0:
        return take(offsets, np.arange(count)[rows])
    return take(offsets, rows.astype(np.int64, copy=False))


def rows_of(offsets: Offsets, positions: Positions) -> Positions:
    """The rows of elements of the array, by their positions, in any order."""
    return np.searchsorted(offsets, positions, side="right") - 1


def row_of_each(offsets: Offsets) -> Positions:
    """The row of each element of the array."""
    return np.arange(len(offsets) - 1).repeat(offsets[1:] - offsets[:-1])
