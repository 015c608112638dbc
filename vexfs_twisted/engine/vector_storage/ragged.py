"""What the storages of vectors of different lengths share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...model.vector_kinds import Vectors
from ..storage.bitmap import Bitmap, Rows
from ..storage.files import FileExtent
from ..vector_index.space import MultiSpace, SparseSpace
from .ragged_files import Elements, RaggedFiles

S = TypeVar("S", MultiSpace, SparseSpace)


class RaggedStorage(ABC, Generic[S]):
    """See VectorStorage. Subclasses convert vectors to elements and make spaces."""

    def __init__(self, files: RaggedFiles) -> None:
        self._files = files

    @property
    def descriptors(self) -> int:
        """See VectorStorage."""
        return self._files.descriptors

    def begin(self, space: S) -> None:
        """See VectorStorage."""
        self._skipped = space.skipped
        self._files.reset(space.skipped + space.rows)

    def append(self, rows: Rows, vectors: Vectors) -> None:
        """See VectorStorage."""
        if len(rows):
            self._files.append(self._skipped + rows, self._stored(vectors))

    def rewrite(
        self,
        old: Rows,
        new: Rows,
        has_vector: NDArray[np.bool_],
        given: tuple[Rows, Vectors] | None,
    ) -> None:
        """See VectorStorage."""
        is_kept = has_vector.copy()
        before, new = self._files.elements(self._skipped), self._skipped + new
        if given is None or not len(given[0]):
            self._files.append(new[is_kept], before.take(old[is_kept]))
            return
        places, vectors = given
        is_kept[places] = False
        kept = before.take(old[is_kept])
        # The position in `kept` and the given vectors, one after the other, of each point's vector.
        sources = np.cumsum(is_kept) - 1
        sources[places] = np.count_nonzero(is_kept) + np.arange(len(places))
        moved = Elements.joined(kept, self._stored(vectors)).take(sources[has_vector])
        self._files.append(new[has_vector], moved)

    def sync(self) -> None:
        """See VectorStorage."""
        self._files.sync()

    @abstractmethod
    def space(self, before: S, present: Bitmap, rows: int) -> S:
        """See VectorStorage."""

    def extents(self, space: S) -> Sequence[FileExtent]:
        """See VectorStorage."""
        return self._files.extents(space.skipped, space.offsets)

    def drop_after(self, rows: int) -> None:
        """See VectorStorage."""
        self._files.drop_after(rows)

    def give_back(self, first: int, is_free: NDArray[np.bool_]) -> None:
        """See VectorStorage."""
        self._files.give_back(first, is_free)

    def drop_before(self, row: int) -> None:
        """See VectorStorage."""
        self._files.drop_before(row)

    def skip_to(self, row: int) -> None:
        """See VectorStorage."""
        self._files.skip_to(row)

    def let_go(self) -> None:
        """See VectorStorage."""
        self._files.let_go()

    def close(self) -> None:
        """See VectorStorage."""
        self._files.close()

    @abstractmethod
    def _stored(self, vectors: Vectors) -> Elements:
        """The elements of vectors as given by the client."""
