"""What graphs are built of: copies of vectors, no two of them the same.

A node links to none that is nearer to one of its neighbors than to itself. Where many vectors are
equal that does not tell them apart: they link to each other alone, and no way leads to most of
them. So the copies differ from their vectors by a little at random.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...vectors.norms import normalised, typical
from ..kernels import Matrix
from .coarse import Scale, pad
from .native import empty_coarse_storage, empty_storage

_FINEST = 1e-4
"""How much a copy differs from its vector where it is not coarse, in standard deviations."""


class Material:
    """How the copies for one graph are made."""

    def __init__(self, distance: Distance, scale: Scale | None, noise: NDArray[np.float32]) -> None:
        self.scale = scale
        self._distance = distance
        self._noise = noise
        self._random = np.random.Generator(np.random.SFC64(len(noise)))

    @classmethod
    def learned(cls, distance: Distance, sample: Matrix, must_be_coarse: bool = False) -> Material:
        """The material for vectors such as those of a sample, shape [n, dim], n at least one.

        The copies are coarse if they will do, or must be. Those for absolute differences never are.
        """
        usual = typical(sample)
        if distance is not Distance.MANHATTAN:
            # Copies of what is far longer are cut off: it is far from all else, but by products
            # it may be the nearest.
            sample = sample if distance is Distance.DOT else usual
            scale = Scale.of(sample)
            if must_be_coarse or scale.is_fine_for(distance, sample):
                return cls(distance, scale, scale.steps)
        with np.errstate(over="ignore", invalid="ignore"):
            noise = np.nan_to_num(usual.std(axis=0), posinf=0) * np.float32(_FINEST)
        return cls(distance, None, noise)

    def storage(self) -> Any:
        """A faiss index for the copies, empty."""
        # By their products, those of equal vectors that are a little longer would hide the others.
        distance = Distance.EUCLID if self._distance is Distance.COSINE else self._distance
        if self.scale is not None:
            return empty_coarse_storage(distance, self.scale)
        return empty_storage(distance, len(self._noise), np.dtype(np.float32))

    def copies(self, vectors: Matrix) -> Matrix:
        """What is to be stored for `vectors`, shape [n, dim]."""
        if self._distance is Distance.COSINE:
            vectors = self._directed(vectors)
        if self.scale is not None:
            vectors = pad(vectors)
        noise = self._random.random(vectors.shape, dtype=np.float32)
        noise -= np.float32(0.5)
        noise *= self._noise
        noise += vectors
        return noise

    def _directed(self, vectors: Matrix) -> Matrix:
        """The vectors with any direction for those that have none, which are equally near to all.

        By distance they would lie between all others and stand in for them.
        """
        undirected = np.flatnonzero(~vectors.any(axis=1))
        if not len(undirected):
            return vectors
        directed = vectors.copy()
        shape = (len(undirected), vectors.shape[1])
        directed[undirected] = normalised(self._random.standard_normal(shape, dtype=np.float32))
        return directed
