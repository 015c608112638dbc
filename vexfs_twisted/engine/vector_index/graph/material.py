"""The copies of vectors that graphs are built from, made distinct by random noise.

HNSW does not link a node to one that is nearer to one of its neighbors than to the node itself. If
many vectors are equal, this rule fails to select among them: they link only to each other, and most
of them are unreachable. So the copies differ from their vectors by small random noise.
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
"""The noise of copies that are not coarse, in standard deviations of each component."""


class Material:
    """Makes the copies for one graph. Not thread-safe: it has a random generator."""

    def __init__(self, distance: Distance, scale: Scale | None, noise: NDArray[np.float32]) -> None:
        self.scale = scale
        self._distance = distance
        self._noise = noise
        self._random = np.random.Generator(np.random.SFC64(len(noise)))

    @classmethod
    def learned(cls, distance: Distance, sample: Matrix, must_be_coarse: bool = False) -> Material:
        """The material for vectors like those of a sample, shape [n, dim], n at least one.

        Copies are coarse if that is accurate enough, or required. Never for Manhattan.
        """
        usual = typical(sample)
        if distance is not Distance.MANHATTAN:
            # Copies of far longer vectors are clipped: such are far from all others, but by inner
            # product they may be the nearest.
            sample = sample if distance is Distance.DOT else usual
            scale = Scale.of(sample)
            if must_be_coarse or scale.is_fine_for(distance, sample):
                return cls(distance, scale, scale.steps)
        with np.errstate(over="ignore", invalid="ignore"):
            noise = np.nan_to_num(usual.std(axis=0), posinf=0) * np.float32(_FINEST)
        return cls(distance, None, noise)

    def storage(self) -> Any:
        """An empty faiss index for the copies."""
        # By inner product, slightly longer copies of equal vectors would hide the others.
        distance = Distance.EUCLID if self._distance is Distance.COSINE else self._distance
        if self.scale is not None:
            return empty_coarse_storage(distance, self.scale)
        return empty_storage(distance, len(self._noise), np.dtype(np.float32))

    def copies(self, vectors: Matrix) -> Matrix:
        """The copies of `vectors`, shape [n, dim], padded if coarse."""
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
        """The vectors, with a random direction for zero vectors, which are equally near to all.

        By distance, zero vectors would lie between all others and block links between them.
        """
        undirected = np.flatnonzero(~vectors.any(axis=1))
        if not len(undirected):
            return vectors
        directed = vectors.copy()
        shape = (len(undirected), vectors.shape[1])
        directed[undirected] = normalised(self._random.standard_normal(shape, dtype=np.float32))
        return directed
