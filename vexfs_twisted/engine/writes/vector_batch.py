"""The vectors of one name during a write batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...model.vector_kinds import Vectors
from ..storage.bitmap import BitmapBuilder, Rows
from ..storage.row_checksum_table import Sums
from ..vector_index.row_checksums import check_rows
from ..vector_index.space import AnySpace
from ..vector_storage.storage import AnyStorage

KnownSums = Callable[[int, Rows], Sums]
"""The known checksums of rows of a slot."""


class VectorBatch:
    """The next state of a vector space. Used by the writer only."""

    def __init__(self, space: AnySpace, storage: AnyStorage, sums_of: KnownSums) -> None:
        self._space = space
        self._sums_of = sums_of
        self._storage = storage
        self.slot = space.slot
        self.present = BitmapBuilder(space.present)
        storage.begin(space)

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Write the vectors of new `rows`, ascending, as given by the client."""
        self._storage.append(rows, vectors)
        self.present.add(rows)

    def rewrite(self, old: Rows, new: Rows, given: tuple[Rows, Vectors] | None) -> None:
        """Write the vectors of the points that move from rows `old` to the ascending rows `new`.

        `given` are positions of points and their new vectors, the last one if a position occurs
        twice; the other points keep their vectors. Raises DamagedRows if one of those is damaged.
        """
        has_vector = self.present.has(old)
        is_kept = has_vector.copy()
        if given is not None:
            is_kept[given[0]] = False
        self._check(np.sort(old[is_kept]))
        if given is not None:
            has_vector[given[0]] = True
        self._storage.rewrite(old, new, has_vector, given)
        self.present.add(new[has_vector])

    def _check(self, rows: Rows) -> None:
        """Check the vectors of rows, before they get checksums of their own in other rows."""
        # Those of this batch have no checksums yet.
        rows = rows[: rows.searchsorted(self._space.present.end)]
        check_rows(self._space, rows, self._sums_of(self.slot, rows))

    def sync(self) -> None:
        """Block until the vectors written are on disk."""
        self._storage.sync()

    def freeze(self, rows: int) -> AnySpace:
        """The space after the changes, when there are `rows` rows, with or without the vector."""
        space: AnySpace = self._storage.space(self._space, self.present.freeze(rows), rows)
        return space
