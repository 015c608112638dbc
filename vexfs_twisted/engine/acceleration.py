"""Accelerators: optional replacements for the engine's search of nearest rows.

Public: what implements one sees the vectors through a VectorView, and returns Hits.
"""

from __future__ import annotations

from threading import Lock
from typing import Protocol

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..model.collection_params import Distance, VectorParams
from .mvcc.state import CollectionState
from .storage.bitmap import Rows
from .vector_index.costs import threads_for
from .vector_index.exact import search_exact
from .vector_index.hits import Hits, badness_of, best_of, merged_hits, no_hits
from .vector_index.kernels import Matrix, Scores, score_block, threads_of_faiss
from .vector_index.pairs import score_pairs
from .vector_index.space import VectorSpace
from .vectors.norms import normalised, squared_norms

__all__ = [
    "Accelerators",
    "Hits",
    "Limits",
    "Matrix",
    "Rows",
    "Scores",
    "SearchAccelerator",
    "VectorView",
    "badness_of",
    "best_of",
    "merged_hits",
    "no_hits",
    "normalised",
    "score_block",
    "squared_norms",
    "view_of",
]

Limits = NDArray[np.int64]


@frozen(eq=False)
class VectorView:
    """The vectors of one name as of one commit. Immutable and thread-safe.

    Vectors are in the form used for comparison, float32. `operation` is the number of the next
    operation; `next_row` is one more than the largest row. Rows are counted from row `base` of all
    rows ever written: views with different ones may name a point by different rows.
    """

    _space: VectorSpace
    operation: int
    next_row: int

    @property
    def params(self) -> VectorParams:
        """The parameters of the vectors."""
        return self._space.params

    @property
    def base(self) -> int:
        """The row that rows are counted from."""
        return self._space.base

    @property
    def end(self) -> int:
        """`next_row`, as it is numbered among all rows ever written."""
        return self.base + self.next_row

    @property
    def slot(self) -> int:
        """The number of the storage: another one when the name was dropped and created again."""
        return self._space.slot

    @property
    def norm_bound(self) -> float:
        """An upper bound of the lengths of the vectors."""
        return self._space.norm_bound

    @property
    def count(self) -> int:
        """The number of rows that have a vector."""
        return self._space.present.count

    def rows(self) -> Rows:
        """The rows that have a vector, ascending."""
        return self._space.everything.rows()

    def rows_between(self, start: int, stop: int) -> Rows:
        """Those in [start, stop), both multiples of 64, ascending."""
        return self._space.everything.rows_between(start, stop)

    def rows_from(self, start: int) -> Rows:
        """Those from `start`, a multiple of 64, on, ascending."""
        return self.rows_between(start, self._space.everything.room)

    def count_below(self, stop: int) -> int:
        """The number of those below `stop`, a multiple of 64; cached."""
        return self._space.everything.count_between(0, stop)

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows`, any shape, have a vector."""
        return self._space.present.has(rows)

    def floats(self, where: Rows | slice) -> Matrix:
        """The vectors of rows, shape [n, dim]; a view if possible."""
        return self._space.floats(where)

    def nearest(self, rows: Rows, queries: Matrix, limits: Limits) -> list[Hits]:
        """For each of `queries`, shape [q, dim], the nearest of `rows`, as many as its limit.

        Exact. `rows` are ascending and have a vector; `limits`, shape [q], are at most their
        number.
        """
        with threads_of_faiss(threads_for(len(queries))):
            return search_exact(self._space, rows, queries, limits)

    def scores(self, query: Matrix, rows: Rows) -> Scores:
        """The scores of `rows`, shape [n], for one query, shape [dim]."""
        scores: Scores = score_pairs(self._space, query[np.newaxis], rows[np.newaxis])[0]
        return scores

    def measured_by(self, distance: Distance) -> VectorView:
        """The same vectors, compared by another metric."""
        params = attrs.evolve(self.params, distance=distance)
        space = attrs.evolve(self._space, params=params)
        return VectorView(space, self.operation, self.next_row)


def view_of(state: CollectionState, name: str) -> VectorView:
    """The vectors of one name of a state."""
    return VectorView(state.dense[name], state.next_operation, state.next_row)


class SearchAccelerator(Protocol):
    """An alternative to the engine's search of nearest rows, such as a device."""

    def nearest(
        self, name: str, vectors: VectorView, queries: Matrix, limits: Limits
    ) -> list[Hits] | None:
        """For each of `queries`, shape [q, dim], the nearest of all rows of the vector `name`.

        `queries` are in the form used for comparison; each limit is at most the number of rows.
        Returns as many rows as the limit, with the scores of `VectorView.scores`, or None if the
        engine has to search. Thread-safe; never raises.
        """


class Accelerators:
    """The registry of accelerators, by the directory of the collection. Thread-safe."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._found: dict[str, SearchAccelerator] = {}

    def get(self, directory: str) -> SearchAccelerator | None:
        """The accelerator of a collection, or None."""
        return self._found.get(directory)

    def put(self, directory: str, accelerator: SearchAccelerator) -> None:
        """Register an accelerator, which searches of the collection then try before the engine."""
        with self._changing:
            self._found[directory] = accelerator

    def remove(self, directory: str, accelerator: SearchAccelerator) -> None:
        """Unregister an accelerator; no-op if the collection has another one or none."""
        with self._changing:
            if self._found.get(directory) is accelerator:
                del self._found[directory]
