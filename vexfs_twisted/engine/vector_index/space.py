"""Vector spaces, the vectors of one name for searches: rows, a presence bitmap, segments.

There is one class for each kind of vectors. Spaces are immutable and thread-safe; their arrays are
read-only maps of files, which stay valid while a space has them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, Self
from weakref import WeakKeyDictionary

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ...model import ragged
from ...model.collection_params import SparseVectorParams, VectorParams
from ...model.ragged import Offsets
from ...model.vector_kinds import DenseVectors, MultiVectors, SparseVectors, Vectors
from ..storage.bitmap import Bitmap, Rows
from ..storage.counters import Slot
from ..vectors.codec import to_compared, to_query, to_shown
from ..vectors.encodings import Matrix, Stored
from .candidates import CandidateSet
from .segments import Segments

_FLOAT_SIZE = np.dtype(np.float32).itemsize
_INDEX_SIZE = np.dtype(np.uint32).itemsize


class Space(Protocol):
    """What vector spaces of all kinds have.

    Only rows in `present` are valid, and each of them belongs to a live point.
    """

    @property
    def base(self) -> int:
        """The number of row 0 in the tables."""

    @property
    def skipped(self) -> int:
        """The number of row 0 in the files: how many rows in these are before it."""

    @property
    def params(self) -> VectorParams | SparseVectorParams:
        """The parameters of the vectors."""

    @property
    def slot(self) -> int:
        """The number of the storage, never reused."""

    @property
    def recorded(self) -> Slot:
        """The record of the storage in the tables."""

    @property
    def present(self) -> Bitmap:
        """The rows that have a vector."""

    @property
    def segments(self) -> Segments:
        """The ranges of rows that have a graph."""

    @property
    def everything(self) -> CandidateSet:
        """All present rows, as the candidates of an unfiltered search."""

    def read(self, where: Rows | slice) -> Vectors:
        """The vectors of present rows in the form returned to clients; a view if possible."""

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """Upper bounds of the bytes of the vectors of rows, in any order, as returned to clients.

        The shape is [n]; rows without a vector may be among them.
        """

    @property
    def item_bytes(self) -> int:
        """The bytes of a row of the files as stored: a vector, a line of one, or an element."""

    def emptied(self, present: Bitmap) -> Self:
        """The same space without arrays and segments; `present` must be empty."""


@frozen
class VectorSpace:
    """The dense vectors of one name as of one commit.

    `matrix` has shape [capacity, width] and has the rows as stored. Only rows in `present` are
    valid, and each of them belongs to a live point. `norm_bound` is an upper bound of their norms.
    Rows that are in no segment have no graph. Of all kinds of spaces: rows are counted from row
    `base` of the tables, and the files begin with row `first` of these.
    """

    params: VectorParams
    slot: int
    present: Bitmap
    matrix: Stored = field(eq=False)
    norm_bound: float
    segments: Segments = ()
    base: int = 0
    first: int = 0

    @property
    def skipped(self) -> int:
        """See Space."""
        return self.base - self.first

    @cached_property
    def everything(self) -> CandidateSet:
        """All present rows, as the candidates of an unfiltered search."""
        return CandidateSet(self.present)

    @property
    def recorded(self) -> Slot:
        """See Space."""
        return Slot(self.slot, self.norm_bound, self.first)

    def floats(self, where: Rows | slice) -> Matrix:
        """The vectors of rows in the form used for comparison, [n, dim]; a view if possible."""
        return to_compared(self.params, self.matrix[where])

    def read(self, where: Rows | slice) -> DenseVectors:
        """The vectors of rows in the form returned to clients; a view if possible."""
        return DenseVectors(to_shown(self.params, self.matrix[where]))

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """See Space."""
        return np.full(len(rows), self.params.size * _FLOAT_SIZE)

    def queries(self, given: Matrix) -> Matrix:
        """Convert queries, shape [q, dim], to the form used for comparison."""
        return to_query(self.params, given)

    @property
    def item_bytes(self) -> int:
        """See Space."""
        return int(self.matrix.shape[1] * self.matrix.itemsize)

    def emptied(self, present: Bitmap) -> VectorSpace:
        """See Space."""
        return attrs.evolve(self, present=present, matrix=_detached(self.matrix), segments=())


@frozen
class SparseSpace:
    """The sparse vectors of one name as of one commit, in CSR.

    Row r has the elements offsets[r] to offsets[r + 1] of `indices`, uint32, and of `values`,
    float32, both of shape [total]. `offsets`, shape [rows + 1], int64, ascends; rows from `rows` on
    have no vector. The indices of a row ascend and are distinct; a row may have none.
    Elements of rows that are not in `present` are not valid, not even as indices: they may have
    been given back to the file system, and then read as zeros. There are no segments.
    """

    params: SparseVectorParams
    slot: int
    present: Bitmap
    offsets: Offsets = field(eq=False)
    indices: NDArray[np.uint32] = field(eq=False)
    values: NDArray[np.float32] = field(eq=False)
    segments: Segments = ()
    base: int = 0
    first: int = 0

    @property
    def skipped(self) -> int:
        """See Space."""
        return self.base - self.first

    @cached_property
    def everything(self) -> CandidateSet:
        """All present rows, as the candidates of an unfiltered search."""
        return CandidateSet(self.present)

    @cached_property
    def frequencies(self) -> WeakKeyDictionary[Any, NDArray[np.int64]]:
        """How many present rows have each term, as far as computed, by postings of the space."""
        return WeakKeyDictionary()

    @property
    def recorded(self) -> Slot:
        """See Space."""
        return Slot(self.slot, first=self.first)

    @property
    def rows(self) -> int:
        """One more than the last row that may have a vector."""
        return len(self.offsets) - 1

    @property
    def element_count(self) -> int:
        """How many elements, or lines, the rows have, dead or not."""
        return int(self.offsets[-1] - self.offsets[0])

    def elements(
        self, where: Rows | slice
    ) -> tuple[Offsets, NDArray[np.uint32], NDArray[np.float32]]:
        """The elements of rows, in their order, as offsets, indices and values.

        The offsets have shape [n + 1] and begin with 0. `where` may be a slice without a step,
        which ends at `rows` at the latest and may have rows that are not present, or rows below
        `rows` in any order, which may repeat. For a slice, indices and values are views.
        """
        if isinstance(where, slice):
            offsets, part = ragged.select(self.offsets, where)
            return offsets, self.indices[part], self.values[part]
        offsets, places = ragged.take(self.offsets, where)
        return offsets, self.indices.take(places), self.values.take(places)

    def read(self, where: Rows | slice) -> SparseVectors:
        """The vectors of present rows in the form returned to clients; see `elements`."""
        return SparseVectors(*self.elements(where))

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """See Space."""
        return _lengths(self.offsets, self.present, rows) * (_INDEX_SIZE + _FLOAT_SIZE)

    def queries(self, given: SparseVectors) -> SparseVectors:
        """Queries in the form used for comparison: as they are given."""
        return given

    @property
    def item_bytes(self) -> int:
        """See Space."""
        return self.indices.itemsize + self.values.itemsize

    def emptied(self, present: Bitmap) -> SparseSpace:
        """See Space."""
        return attrs.evolve(
            self,
            present=present,
            offsets=np.zeros(1, dtype=np.int64),
            indices=_detached(self.indices),
            values=_detached(self.values),
            segments=(),
        )


@frozen
class MultiSpace:
    """The multivectors of one name as of one commit.

    Row r has the lines offsets[r] to offsets[r + 1] of `matrix`, shape [total, width], which has
    the vectors as stored, and each present row has at least one. `offsets`, shape [rows + 1],
    int64, ascends; rows from `rows` on have no vector. Lines of rows that are not in
    `present` are not valid: they may have been given back to the file system, and then read as
    zeros. `norm_bound` is an upper bound of the norms of the lines.
    """

    params: VectorParams
    slot: int
    present: Bitmap
    offsets: Offsets = field(eq=False)
    matrix: Stored = field(eq=False)
    norm_bound: float
    segments: Segments = ()
    base: int = 0
    first: int = 0

    @property
    def skipped(self) -> int:
        """See Space."""
        return self.base - self.first

    @cached_property
    def everything(self) -> CandidateSet:
        """All present rows, as the candidates of an unfiltered search."""
        return CandidateSet(self.present)

    @property
    def recorded(self) -> Slot:
        """See Space."""
        return Slot(self.slot, self.norm_bound, self.first)

    @property
    def rows(self) -> int:
        """One more than the last row that may have a vector."""
        return len(self.offsets) - 1

    @property
    def element_count(self) -> int:
        """How many elements, or lines, the rows have, dead or not."""
        return int(self.offsets[-1] - self.offsets[0])

    def floats(self, lines: Rows | slice) -> Matrix:
        """Lines of `matrix` in the form used for comparison, [n, dim]; a view if possible."""
        return to_compared(self.params, self.matrix[lines])

    def lines(self, where: Rows | slice) -> tuple[Offsets, Matrix]:
        """The lines of rows, in their order: offsets, and lines in the form used for comparison.

        The offsets have shape [n + 1] and begin with 0; the lines have shape [total, dim].
        `where` is as in `SparseSpace.elements`; for a slice the lines are a view if possible.
        """
        offsets, places = ragged.select(self.offsets, where)
        return offsets, self.floats(places)

    def read(self, where: Rows | slice) -> MultiVectors:
        """The vectors of present rows in the form returned to clients; a view if possible."""
        offsets, places = ragged.select(self.offsets, where)
        return MultiVectors(offsets, to_shown(self.params, self.matrix[places]))

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """See Space."""
        return _lengths(self.offsets, self.present, rows) * (self.params.size * _FLOAT_SIZE)

    def queries(self, given: MultiVectors) -> MultiVectors:
        """Convert queries to the form used for comparison."""
        return attrs.evolve(given, data=np.ascontiguousarray(to_query(self.params, given.data)))

    @property
    def item_bytes(self) -> int:
        """See Space."""
        return int(self.matrix.shape[1] * self.matrix.itemsize)

    def emptied(self, present: Bitmap) -> MultiSpace:
        """See Space."""
        return attrs.evolve(
            self,
            present=present,
            offsets=np.zeros(1, dtype=np.int64),
            matrix=_detached(self.matrix),
            segments=(),
        )


AnySpace = VectorSpace | SparseSpace | MultiSpace
"""A space of any kind."""


def _lengths(offsets: Offsets, present: Bitmap, rows: Rows) -> NDArray[np.int64]:
    """The number of elements of rows, 0 for those that are not present, shape [n]."""
    is_present = present.has(rows)
    lengths = np.zeros(len(rows), dtype=np.int64)
    lengths[is_present] = offsets[rows[is_present] + 1] - offsets[rows[is_present]]
    return lengths


def _detached(array: Stored) -> Stored:
    """No rows of an array: a copy, as a slice would keep the map alive."""
    return array[:0].copy()
