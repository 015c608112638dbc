"""Encodings of multivectors as single vectors, whose inner products estimate max_sim.

From Dhulipala et al., "MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings" (2024).
Random hyperplanes divide the space of rows into cells. For each cell a query has the sum of its
rows there, and a point their mean, so that the inner product of a cell is the sum of the scores of
the query's rows there with that mean: near the best row, as rows of one cell are near each other.
The products of longer rows are larger, so these count far more in the mean than shorter ones.
Cells where a point has no row get the row that is on the same side of most of their hyperplanes.
That is repeated with other hyperplanes, and rows are shortened by random projections first.

The encodings are for inner products; other metrics have none.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import prod

import numpy as np
from attrs import field, frozen
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from ....model.collection_params import VectorParams
from ....model.ragged import Offsets, offsets_of, row_of_each
from ...read_bounds import checkpoint
from ...vectors.norms import squared_norms
from ..kernels import Matrix
from ..matrices import multiplied
from .max_sim import blocks

_VERSION = 2
_SEED = 2024
_PLANES = 3
_REPETITIONS = 16
_LONGEST = 16
"""Longer rows are projected to this many components."""

_MOST_LINES = 1 << 14
_LARGEST = 1e18
"""Components are cut to this: rows may be so long that their sums overflow."""

_EMPHASIS = 8
_LEAST_WEIGHT = 1e-20
"""The weight of a row in the mean of a cell is this power of its share of the longest, at least."""

_CELLS = 1 << _PLANES


def can_encode(params: VectorParams) -> bool:
    """Whether multivectors with these parameters have encodings."""
    return params.distance.larger_is_nearer


@frozen
class Encoder:
    """Encodes multivectors with rows of one dimension. Immutable and thread-safe.

    `planes` has shape [dim, repetitions * planes]; `projections` has shape
    [dim, repetitions * length], or is None where rows are short enough as they are.
    """

    planes: Matrix = field(eq=False)
    projections: Matrix | None = field(eq=False)
    length: int

    @property
    def size(self) -> int:
        """The number of components of an encoding."""
        return _REPETITIONS * _CELLS * self.length

    @property
    def name(self) -> str:
        """The identity of the encoder: encodings of another are not comparable with its own."""
        checksum = crc32(self.planes.tobytes())
        if self.projections is not None:
            checksum = crc32(self.projections.tobytes(), checksum)
        return f"muvera-{_VERSION}-{_PLANES}-{_REPETITIONS}-{self.length}-{checksum:08x}"

    def of_points(self, offsets: Offsets, lines: Matrix) -> Matrix:
        """The encodings, shape [n, size], of stored multivectors.

        Multivector i has the rows offsets[i] to offsets[i + 1] of `lines`, at least one. Of very
        long ones some rows are taken, evenly.
        """
        offsets, lines = _thinned(offsets, lines)
        with np.errstate(over="ignore", invalid="ignore"):
            short, cells = self._short(lines), self._cells(lines)
            weights = _weights(offsets, lines)
            encoded = _summed(offsets, short * weights[:, np.newaxis, np.newaxis], cells)
            totals = _totals(offsets, weights, cells)
            encoded /= np.maximum(totals, _LEAST_WEIGHT)[..., np.newaxis]
        for repetition in range(_REPETITIONS):
            points, empty = np.nonzero(totals[:, repetition] == 0)
            likest = _likest(offsets, cells[:, repetition])[points, empty]
            encoded[points, repetition, empty] = short[likest, repetition]
        found = encoded.reshape(len(encoded), self.size)
        return np.clip(np.nan_to_num(found, copy=False), -_LARGEST, _LARGEST, out=found)

    def of_queries(self, offsets: Offsets, lines: Matrix) -> Matrix:
        """The encodings, shape [n, size], of queries; arguments as those of `of_points`."""
        offsets, lines = _thinned(offsets, lines)
        encoded = np.empty((len(offsets) - 1, self.size), dtype=np.float32)
        for part in blocks(np.diff(offsets), 1, lines.shape[1]):
            checkpoint()
            own = offsets[part.start : part.stop + 1]
            some = lines[own[0] : own[-1]]
            sums = _summed(own - own[0], self._short(some), self._cells(some))
            encoded[part] = sums.reshape(-1, self.size)
        return encoded

    def _short(self, lines: Matrix) -> Matrix:
        """The projections of lines, shape [total, repetitions, length]."""
        if self.projections is None:
            return np.broadcast_to(lines[:, np.newaxis], (len(lines), _REPETITIONS, self.length))
        return multiplied(lines, self.projections).reshape(len(lines), _REPETITIONS, self.length)

    def _cells(self, lines: Matrix) -> NDArray[np.int64]:
        """The cells of lines, shape [total, repetitions]: a bit for the side of each plane."""
        sides = (multiplied(lines, self.planes) > 0).reshape(len(lines), _REPETITIONS, _PLANES)
        cells: NDArray[np.int64] = sides @ (1 << np.arange(_PLANES))
        return cells


@cache
def encoder_for(dimension: int) -> Encoder:
    """The encoder of multivectors with rows of this dimension; always the same."""
    random = np.random.default_rng((_SEED, dimension))
    planes = random.standard_normal((dimension, _REPETITIONS * _PLANES), dtype=np.float32)
    if dimension <= _LONGEST:
        return Encoder(planes, None, dimension)
    signs = 2 * random.integers(0, 2, (dimension, _REPETITIONS * _LONGEST)) - 1
    return Encoder(planes, (signs / np.sqrt(_LONGEST)).astype(np.float32), _LONGEST)


def _thinned(offsets: Offsets, lines: Matrix) -> tuple[Offsets, Matrix]:
    """The same with at most `_MOST_LINES` lines of each owner."""
    if (np.diff(offsets) <= _MOST_LINES).all():
        return offsets, lines
    kept = [
        np.linspace(start, stop - 1, min(stop - start, _MOST_LINES)).astype(np.int64)
        for start, stop in pairwise(offsets.tolist())
    ]
    return offsets_of([len(own) for own in kept]), lines[np.concatenate(kept)]


def _weights(offsets: Offsets, lines: Matrix) -> NDArray[np.float32]:
    """What each line counts in a mean, shape [total]: by its length over its owner's longest."""
    lengths = np.sqrt(squared_norms(lines))
    longest = np.maximum.reduceat(lengths, offsets[:-1])[row_of_each(offsets)]
    shares = np.divide(lengths, longest, out=np.ones_like(lengths), where=longest > 0)
    weights: NDArray[np.float32] = np.maximum(shares**_EMPHASIS, _LEAST_WEIGHT).astype(np.float32)
    return weights


def _places(offsets: Offsets, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells of lines, numbered through all repetitions of all owners: [total * repetitions]."""
    firsts = row_of_each(offsets)[:, np.newaxis] * _REPETITIONS + np.arange(_REPETITIONS)
    return (firsts * _CELLS + cells).ravel()


def _summed(offsets: Offsets, short: Matrix, cells: NDArray[np.int64]) -> Matrix:
    """The sums of the lines in each cell of each owner, [n, repetitions, cells, length]."""
    places = _places(offsets, cells)
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    shape = (len(offsets) - 1, _REPETITIONS, _CELLS, short.shape[2])
    sums = np.zeros(shape, dtype=np.float32)
    lines = short.reshape(-1, short.shape[2])[order]
    sums.reshape(-1, short.shape[2])[ordered[starts]] = np.add.reduceat(lines, starts, axis=0)
    return sums


def _totals(
    offsets: Offsets, weights: NDArray[np.float32], cells: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The sums of the weights in each cell of each owner, [n, repetitions, cells]."""
    shape = (len(offsets) - 1, _REPETITIONS, _CELLS)
    totals = np.zeros(prod(shape))
    np.add.at(totals, _places(offsets, cells), np.repeat(weights, _REPETITIONS))
    return totals.reshape(shape)


def _likest(offsets: Offsets, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first line of each owner whose cell differs least from each cell, [n, cells]."""
    differing = _differences()[cells].astype(np.int64) * len(cells)
    differing += np.arange(len(cells))[:, np.newaxis]
    nearest: NDArray[np.int64] = np.minimum.reduceat(differing, offsets[:-1], axis=0)
    return nearest % len(cells)


@cache
def _differences() -> NDArray[np.uint8]:
    """The number of planes on whose sides two cells differ, shape [cells, cells]."""
    every = np.arange(_CELLS, dtype=np.uint8)
    differing: NDArray[np.uint8] = np.bitwise_count(every[:, np.newaxis] ^ every)
    return differing
