"""Coarse copies of vectors: a byte a component.

A graph is built and searched by them in half the time or less, since what takes the time is to read
vectors. What is found is scored again by the vectors themselves; only which rows are looked at
depends on the copies.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...vectors.norms import squared_norms
from ..kernels import Matrix, Scores

_LANES = 16
"""faiss has instructions for so many components at once, and else takes them one by one."""

_STEPS = 255
_ASKED = 64
_NEAREST = 10
_TAKEN = 18
_LEAST_SHARE = 0.99


@frozen
class Scale:
    """What the bytes mean: component i is about `lowest`[i] + `span`[i] * byte / 255.

    Both are float32, of shape [width]: the dimension rounded up to what faiss is fast with.
    """

    lowest: NDArray[np.float32] = field(eq=False)
    span: NDArray[np.float32] = field(eq=False)

    @classmethod
    def of(cls, sample: Matrix) -> Scale:
        """The scale that just holds a sample, shape [n, dim], n at least one."""
        lowest = sample.min(axis=0)
        with np.errstate(over="ignore"):
            span = sample.max(axis=0) - lowest
        return cls(pad(lowest[np.newaxis])[0], pad(span[np.newaxis])[0])

    @property
    def values(self) -> NDArray[np.float32]:
        """Both, one after the other."""
        return np.concatenate([self.lowest, self.span])

    @property
    def steps(self) -> NDArray[np.float32]:
        """What is between a byte and the next, shape [width]."""
        steps: NDArray[np.float32] = self.span / np.float32(_STEPS)
        return steps

    @property
    def width(self) -> int:
        """The bytes of a vector."""
        return len(self.lowest)

    def is_fine_for(self, distance: Distance, sample: Matrix) -> bool:
        """Whether copies tell the nearest of a sample, shape [n, dim], as its vectors do."""
        asked = sample[:: -(-len(sample) // _ASKED)]
        with np.errstate(over="ignore", invalid="ignore"):
            by_copies = closeness(distance, asked, self._rounded(sample))
        if not np.isfinite(by_copies).all():
            return False
        likely = np.argsort(-by_copies, axis=1)
        true = closeness(distance, asked, sample)
        return holds_nearest(np.take_along_axis(true, likely, axis=1))

    def _rounded(self, vectors: Matrix) -> Matrix:
        """What copies of `vectors` tell of them."""
        lowest, span = self.lowest[: vectors.shape[1]], self.span[: vectors.shape[1]]
        step = (np.where(span > 0, span, 1) / _STEPS).astype(np.float32)
        rounded: Matrix = np.rint((vectors - lowest) / step) * step + lowest
        return rounded


def pad(vectors: Matrix) -> Matrix:
    """Vectors with zeros after their components, as wide as copies are."""
    missing = -vectors.shape[1] % _LANES
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


def closeness(distance: Distance, asked: Matrix, vectors: Matrix) -> Scores:
    """Larger is nearer: shape [q, n]."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores: Scores = asked @ vectors.T
        if distance is Distance.EUCLID:
            np.subtract(scores, squared_norms(vectors).astype(np.float32) / 2, out=scores)
    return scores


def holds_nearest(true: Scores) -> bool:
    """Whether nearly all of the nearest come early in an order by copies.

    `true`, shape [q, n], is how close those in that order are. Which of those that are equally
    close come first does not matter.
    """
    wanted = min(_NEAREST, true.shape[1])
    bound = np.partition(true, -wanted, axis=1)[:, -wanted]
    found = true[:, :_TAKEN] >= bound[:, np.newaxis]
    shares = np.minimum(found.sum(axis=1), wanted) / wanted
    return bool(shares.mean() >= _LEAST_SHARE)
