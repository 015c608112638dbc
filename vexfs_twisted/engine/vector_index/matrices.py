"""Products of tall matrices, computed in the calling thread."""

from __future__ import annotations

import numpy as np

from .kernels import Matrix

_HEIGHT = 64
_SMALL = 1 << 18
"""The most component products of one matrix product."""


def multiplied(lines: Matrix, turned: Matrix) -> Matrix:
    """`lines`, [n, dim], times `turned`, [dim, r], both C-contiguous: shape [n, r].

    By many small products: a large one would be spread over the threads of the library, which wait
    for each other longer than they compute.
    """
    products = np.empty((len(lines), turned.shape[1]), dtype=np.float32)
    height = max(1, min(_HEIGHT, _SMALL // turned.size))
    whole = len(lines) // height * height
    np.matmul(
        lines[:whole].reshape(-1, height, len(turned)),
        turned,
        out=products[:whole].reshape(-1, height, turned.shape[1]),
    )
    np.matmul(lines[whole:], turned, out=products[whole:])
    return products
