"""A vector space, the vectors of one name for searches: rows, a presence bitmap, segments."""

from __future__ import annotations

from functools import cached_property

from attrs import field, frozen

from ...model.collection_params import VectorParams
from ...model.vector_kinds import DenseVectors
from ..storage.bitmap import Bitmap, Rows
from ..vectors.codec import to_compared, to_query, to_shown
from ..vectors.encodings import Matrix, Stored
from .candidates import CandidateSet
from .segments import Segments


@frozen
class VectorSpace:
    """The vectors of one name as of one commit.

    `matrix` has shape [capacity, width] and has the rows as stored. Only rows in `present` are
    valid, and each of them belongs to a live point. `norm_bound` is an upper bound of their norms.
    Rows that are in no segment have no graph.
    """

    params: VectorParams
    slot: int
    present: Bitmap
    matrix: Stored = field(eq=False)
    norm_bound: float
    segments: Segments = ()

    @cached_property
    def everything(self) -> CandidateSet:
        """All present rows, as the candidates of an unfiltered search."""
        return CandidateSet(self.present)

    def floats(self, where: Rows | slice) -> Matrix:
        """The vectors of rows in the form used for comparison, [n, dim]; a view if possible."""
        return to_compared(self.params, self.matrix[where])

    def read(self, where: Rows | slice) -> DenseVectors:
        """The vectors of rows in the form returned to clients; a view if possible."""
        return DenseVectors(to_shown(self.params, self.matrix[where]))

    def queries(self, given: Matrix) -> Matrix:
        """Convert queries, shape [q, dim], to the form used for comparison."""
        return to_query(self.params, given)
