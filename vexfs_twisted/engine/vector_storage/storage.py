"""The storage of the vectors of one name: what the engine needs of it, whatever their kind.

A storage keeps one vector a row and knows nothing of points: which rows have a vector that counts
is in the bitmap of its VectorSpace. Reads go by the space, which is immutable; only the writer and
the store of the collection hold the storage itself.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...model.vector_kinds import Vectors
from ..storage.bitmap import Bitmap, Rows
from ..vector_index.space import VectorSpace


class VectorStorage(Protocol):
    """The vectors of one name. Used by one writer at a time, except where it says otherwise.

    Vectors that were written by a commit that failed lie in rows that the next commit overwrites.
    """

    def begin(self, space: VectorSpace) -> None:
        """Begin a commit after `space`; what a commit that failed had written does not count."""

    def append(self, rows: Rows, vectors: Vectors) -> None:
        """Write vectors as a client gave them, as many as `rows`, at new rows, ascending.

        Not yet synced. Raises OSError.
        """

    def rewrite(
        self,
        old: Rows,
        new: Rows,
        has_vector: NDArray[np.bool_],
        given: tuple[Rows, Vectors] | None,
    ) -> None:
        """Write at new rows, ascending, the vectors of points that move there from rows `old`.

        `has_vector`, shape [n], tells which of the points have one by then. `given` are places
        among the points and the vectors that go there, the last one where a place occurs twice;
        the other points keep theirs. Not yet synced. Raises OSError.
        """

    def sync(self) -> None:
        """Wait until all that was written since `begin` is on disk. Raises OSError."""

    def space(self, before: VectorSpace, present: Bitmap, rows: int) -> VectorSpace:
        """The space after what was written since `begin` to `before`.

        By then there are `rows` rows, of which those that are `present` have a vector.
        """

    def drop_after(self, rows: int) -> None:
        """Give back what rows from number `rows` on take of the device; nobody may refer to them.

        Raises OSError.
        """

    def give_back(self, first: int, is_free: NDArray[np.bool_]) -> None:
        """Give back what free rows take of the device, in any thread; nobody may want them.

        `is_free`, shape [rows], tells of the rows from `first` on.
        """

    def let_go(self) -> None:
        """Close the descriptor until it is needed again. Nobody may be writing."""

    def close(self) -> None:
        """Close the storage, not to be used any more; what spaces show of it lives on."""
