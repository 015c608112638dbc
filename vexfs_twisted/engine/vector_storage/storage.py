"""The interface of vector storages, for vectors of any kind.

A storage has one vector per row and no notion of points: which rows have a valid vector is in the
bitmap of its space. Reads use the space, which is immutable; only the writer and the store of
the collection use the storage itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...model.vector_kinds import Vectors
from ..storage.bitmap import Bitmap, Rows
from ..storage.files import FileExtent
from ..vector_index.space import AnySpace

S = TypeVar("S", bound=AnySpace)


class VectorStorage(Protocol[S]):
    """The vectors of one name. Used by one writer at a time, unless stated otherwise.

    Vectors written by a failed commit are in rows that the next commit overwrites. The rows of a
    commit are counted from the base of the space that it follows, all others from row 0 of the
    files.
    """

    @property
    def descriptors(self) -> int:
        """The most descriptors that the storage has open."""

    def begin(self, space: S) -> None:
        """Begin a commit that follows `space`; discards the writes of a failed commit."""

    def append(self, rows: Rows, vectors: Vectors) -> None:
        """Write vectors, as given by the client, at as many new rows, ascending.

        They are not synced yet. Raises OSError.
        """

    def rewrite(
        self,
        old: Rows,
        new: Rows,
        has_vector: NDArray[np.bool_],
        given: tuple[Rows, Vectors] | None,
    ) -> None:
        """Write the vectors of points that move from rows `old` to new rows, ascending.

        `has_vector`, shape [n]: which of the points have a vector afterwards. `given` are positions
        of points and their new vectors, the last one if a position occurs twice; the other points
        keep their vectors. They are not synced yet. Raises OSError.
        """

    def sync(self) -> None:
        """Block until everything written since `begin` is on disk. Raises OSError."""

    def space(self, before: S, present: Bitmap, rows: int) -> S:
        """The space after the writes since `begin`, which followed `before`.

        It has `rows` rows, of which those in `present` have a vector.
        """

    def extents(self, space: S) -> Sequence[FileExtent]:
        """The parts of the files that have the rows of `space`, which is of this storage."""

    def drop_after(self, rows: int) -> None:
        """Free the disk space of all rows from `rows` on, which must be unused. Raises OSError."""

    def give_back(self, first: int, is_free: NDArray[np.bool_]) -> None:
        """Free the disk space of rows that no reader uses. Thread-safe.

        `is_free`, shape [n]: which of the rows from `first` on.
        """

    def drop_before(self, row: int) -> None:
        """Free the disk space of all rows before `row`, which no reader uses. Thread-safe."""

    def skip_to(self, row: int) -> None:
        """Let there be no vectors in the rows before `row` that are not written yet; not synced.

        Raises OSError.
        """

    def let_go(self) -> None:
        """Close the descriptor until it is needed again. Must not run during a write."""

    def close(self) -> None:
        """Close the storage for good; maps in spaces stay valid."""


AnyStorage = VectorStorage[Any]
"""A storage of any kind. It is used with the spaces that it makes."""
