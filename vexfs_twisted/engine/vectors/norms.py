"""Norms of vectors, normalisation, and the detection of outliers by norm."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_UNIT_TOLERANCE = 1e-6
_SAFE_MINIMUM = 1e-30
_SAFE_MAXIMUM = 1e30
_FAR_LONGER = 1000.0


def squared_norms(matrix: Matrix) -> NDArray[np.float64]:
    """The squared length of each row of `matrix`, shape [n, dim]; finite for finite rows."""
    with np.errstate(over="ignore"):
        sums = np.einsum("ij,ij->i", matrix, matrix)
    squares: NDArray[np.float64] = sums.astype(np.float64)
    # Where float32 would overflow or underflow, the sum is repeated in double precision.
    is_safe = (squares > _SAFE_MINIMUM) & (squares < _SAFE_MAXIMUM)
    if not is_safe.all():
        doubtful = np.flatnonzero(~is_safe)
        wide = matrix[doubtful].astype(np.float64)
        squares[doubtful] = np.einsum("ij,ij->i", wide, wide)
    return squares


def normalised(matrix: Matrix) -> Matrix:
    """The rows of `matrix`, shape [n, dim], scaled to length one.

    Zero rows stay zero, and rows of length one within 1e-6 are unchanged, so that a vector that is
    read and written again does not drift.
    """
    squares = squared_norms(matrix)
    if len(matrix) == 1:
        return _normalised_row(matrix, float(squares[0]))
    if (np.abs(squares - 1.0) <= _UNIT_TOLERANCE).all():
        return matrix
    keep = (squares == 0.0) | (np.abs(squares - 1.0) <= _UNIT_TOLERANCE)
    divisors = np.where(keep, 1.0, np.sqrt(squares))
    if divisors.max() > _SAFE_MAXIMUM or divisors.min() < 1.0 / _SAFE_MAXIMUM:
        return (matrix / divisors[:, np.newaxis]).astype(np.float32)
    return matrix / divisors.astype(np.float32)[:, np.newaxis]


def _normalised_row(row: Matrix, square: float) -> Matrix:
    """The same for one row, shape [1, dim]: numpy takes much longer for single numbers."""
    if square == 0.0 or abs(square - 1.0) <= _UNIT_TOLERANCE:
        return row
    divisor = sqrt(square)
    if divisor > _SAFE_MAXIMUM or divisor < 1.0 / _SAFE_MAXIMUM:
        return (row / np.float64(divisor)).astype(np.float32)
    return row / np.float32(divisor)


def typical(matrix: Matrix) -> Matrix:
    """The rows of `matrix`, shape [n, dim], without those far longer than the median.

    Such outliers would dominate a mean, a range or a deviation.
    """
    squares = squared_norms(matrix)
    bound = np.median(squares) * _FAR_LONGER**2
    is_typical = squares <= bound
    return matrix if not bound or is_typical.all() else matrix[is_typical]
