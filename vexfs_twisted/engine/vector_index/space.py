"""The vectors of one name as searches see them: rows, which of them are present, and segments."""

from __future__ import annotations

from functools import cached_property

from attrs import field, frozen

from ...model.collection_params import VectorParams
from ..storage.bitmap import Bitmap, Rows
from ..vectors.codec import to_compared, to_query, to_shown
from ..vectors.encodings import Matrix, Stored
from .candidates import CandidateSet
from .segments import Segments


@frozen
class VectorSpace:
    """The vectors of one name.

    `matrix` has shape [capacity, width] and holds rows as they are stored; only those in `present`
    mean anything, and each of them belongs to a live point. None is longer than `norm_bound`.
    Rows of no segment have no graph.
    """

    params: VectorParams
    slot: int
    present: Bitmap
    matrix: Stored = field(eq=False)
    norm_bound: float
    segments: Segments = ()

    @cached_property
    def everything(self) -> CandidateSet:
        """All rows, for a search."""
        return CandidateSet(self.present)

    def floats(self, where: Rows | slice) -> Matrix:
        """The vectors of rows as they are compared, [n, dim]: a view where one will do."""
        return to_compared(self.params, self.matrix[where])

    def shown(self, where: Rows | slice) -> Matrix:
        """The vectors of rows as they are returned, [n, dim]: a view where one will do."""
        return to_shown(self.params, self.matrix[where])

    def queries(self, given: Matrix) -> Matrix:
        """Queries, shape [q, dim], as they are compared."""
        return to_query(self.params, given)
