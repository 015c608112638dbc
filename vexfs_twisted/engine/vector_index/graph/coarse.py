"""Coarse copies of vectors: one byte per component.

Graphs are built and searched by them in half the time or less, since reading vectors dominates.
Hits are scored again by the vectors themselves; only which nodes are visited depends on the copies.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...vectors.norms import squared_norms
from ..kernels import Matrix, Scores

_LANES = 16
"""The number of components that faiss processes at once by SIMD; others are processed singly."""

_STEPS = 255
_ASKED = 64
_NEAREST = 10
_TAKEN = 18
_LEAST_SHARE = 0.99


@frozen
class Scale:
    """The scale of the bytes: component i is about `lowest`[i] + `span`[i] * byte / 255.

    Both are float32, shape [width]: the dimension rounded up to a multiple of `_LANES`.
    """

    lowest: NDArray[np.float32] = field(eq=False)
    span: NDArray[np.float32] = field(eq=False)

    @classmethod
    def of(cls, sample: Matrix) -> Scale:
        """The scale with the range of a sample, shape [n, dim], n at least one."""
        lowest = sample.min(axis=0)
        with np.errstate(over="ignore"):
            span = sample.max(axis=0) - lowest
        return cls(pad(lowest[np.newaxis])[0], pad(span[np.newaxis])[0])

    @property
    def values(self) -> NDArray[np.float32]:
        """`lowest` and `span` concatenated, shape [2 * width]."""
        return np.concatenate([self.lowest, self.span])

    @property
    def steps(self) -> NDArray[np.float32]:
        """The difference between adjacent byte values, shape [width]."""
        steps: NDArray[np.float32] = self.span / np.float32(_STEPS)
        return steps

    @property
    def width(self) -> int:
        """The bytes per vector."""
        return len(self.lowest)

    def is_fine_for(self, distance: Distance, sample: Matrix) -> bool:
        """Whether copies find the nearest of a sample, shape [n, dim], as the vectors do."""
        asked = sample[:: -(-len(sample) // _ASKED)]
        with np.errstate(over="ignore", invalid="ignore"):
            by_copies = closeness(distance, asked, self._rounded(sample))
        if not np.isfinite(by_copies).all():
            return False
        likely = np.argsort(-by_copies, axis=1)
        true = closeness(distance, asked, sample)
        return holds_nearest(np.take_along_axis(true, likely, axis=1))

    def _rounded(self, vectors: Matrix) -> Matrix:
        """`vectors` rounded to the values that their copies represent."""
        lowest, span = self.lowest[: vectors.shape[1]], self.span[: vectors.shape[1]]
        step = (np.where(span > 0, span, 1) / _STEPS).astype(np.float32)
        rounded: Matrix = np.rint((vectors - lowest) / step) * step + lowest
        return rounded


def pad(vectors: Matrix) -> Matrix:
    """Pad vectors with zeros to the width of copies, a multiple of `_LANES`."""
    missing = -vectors.shape[1] % _LANES
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


def closeness(distance: Distance, asked: Matrix, vectors: Matrix) -> Scores:
    """A measure of nearness, shape [q, n]: larger is nearer."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores: Scores = asked @ vectors.T
        if distance is Distance.EUCLID:
            np.subtract(scores, squared_norms(vectors).astype(np.float32) / 2, out=scores)
    return scores


def holds_nearest(true: Scores) -> bool:
    """Whether nearly all of the nearest rows come early in an order by copies.

    `true`, shape [q, n], is the true closeness of the rows in that order. Ties may be in any order.
    """
    wanted = min(_NEAREST, true.shape[1])
    bound = np.partition(true, -wanted, axis=1)[:, -wanted]
    found = true[:, :_TAKEN] >= bound[:, np.newaxis]
    shares = np.minimum(found.sum(axis=1), wanted) / wanted
    return bool(shares.mean() >= _LEAST_SHARE)
