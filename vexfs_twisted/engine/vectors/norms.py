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
    """The squared length of each row of `matrix`, shape [n, dim]; finite for finite rows.

    The same for a row whether it is alone or not: `vecdot` sums a contiguous row as `vdot` does.
    """
    matrix = np.ascontiguousarray(matrix)
    with np.errstate(over="ignore"):
        sums = np.vecdot(matrix, matrix)
    squares: NDArray[np.float64] = sums.astype(np.float64)
    # Where float32 would overflow or underflow, the sum is repeated in double precision.
    is_safe = (squares > _SAFE_MINIMUM) & (squares < _SAFE_MAXIMUM)
    if not is_safe.all():
        doubtful = np.flatnonzero(~is_safe)
        wide = matrix[doubtful].astype(np.float64)
        squares[doubtful] = np.einsum("ij,ij->i", wide, wide)
    return squares


def squared_norm(vector: Matrix) -> float:
    """The squared length of one vector, shape [dim] or [1, dim]; finite if the vector is."""
    # `vecdot` takes several times as long for one vector, for it may warn of an overflow.
    square = float(np.vdot(vector, vector))
    if _SAFE_MINIMUM < square < _SAFE_MAXIMUM:
        return square
    return float(squared_norms(vector.reshape(1, -1))[0])


def normalised(matrix: Matrix) -> Matrix:
    """The rows of `matrix`, shape [n, dim], scaled to length one.

    Zero rows stay zero, and rows of length one within 1e-6 are unchanged, so that a vector that is
    read and written again does not drift.
    """
    if len(matrix) == 1:
        return _normalised_row(matrix, squared_norm(matrix))
    squares = squared_norms(matrix)
    if (np.abs(squares - 1.0) <= _UNIT_TOLERANCE).all():
        return matrix
    keep = (squares == 0.0) | (np.abs(squares - 1.0) <= _UNIT_TOLERANCE)
    divisors = np.where(keep, 1.0, np.sqrt(squares))
    # Lengths beyond the range of float32.
    far = np.flatnonzero((divisors > _SAFE_MAXIMUM) | (divisors < 1.0 / _SAFE_MAXIMUM))
    if not len(far):
        return matrix / divisors.astype(np.float32)[:, np.newaxis]
    wide = divisors[far, np.newaxis]
    divisors[far] = 1.0
    scaled = matrix / divisors.astype(np.float32)[:, np.newaxis]
    scaled[far] = matrix[far] / wide
    return scaled


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
