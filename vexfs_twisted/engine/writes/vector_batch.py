"""The vectors of one name while a group of updates is being written."""

from __future__ import annotations

import numpy as np

from ..storage.bitmap import BitmapBuilder, Rows
from ..vector_index.space import VectorSpace
from ..vectors.codec import to_compared, to_stored
from ..vectors.encodings import Matrix, Stored
from ..vectors.norms import squared_norms
from ..vectors.vector_file import VectorFile


class VectorBatch:
    """The next moment of a vector space. Used by the one writer alone."""

    def __init__(self, space: VectorSpace, file: VectorFile) -> None:
        self._space = space
        self._file = file
        self._norm_bound = space.norm_bound
        self._is_written = False
        self.slot = space.slot
        self.present = BitmapBuilder(space.present)

    def write(self, rows: Rows, data: Matrix) -> None:
        """Write the vectors of new `rows`, ascending, shape [n, dim], as a client gave them."""
        if len(rows):
            self._write_stored(rows, to_stored(self._space.params, data))

    def rewrite(self, old: Rows, new: Rows, given: tuple[Rows, Matrix] | None) -> None:
        """Write the vectors of the points that move from rows `old` to the ascending rows `new`.

        `given` are places among the points and the vectors that go there, shape [n, dim], the last
        one where a place occurs twice; the other points keep what they have.
        """
        has_vector = self.present.has(old)
        matrix = self._file.matrix
        moved = np.zeros((len(old), matrix.shape[1]), dtype=matrix.dtype)
        moved[has_vector] = matrix[old[has_vector]]
        if given is not None and len(given[0]):
            places, data = given
            moved[places] = to_stored(self._space.params, data)
            has_vector[places] = True
        if has_vector.any():
            self._write_stored(new[has_vector], moved[has_vector])

    def sync(self) -> None:
        """Wait until what was written is on disk."""
        if self._is_written:
            self._file.sync()

    def freeze(self, rows: int) -> VectorSpace:
        """The space after the changes, by which there are `rows` rows, with the vector or not."""
        self._file.make_room(rows)
        return VectorSpace(
            params=self._space.params,
            slot=self.slot,
            present=self.present.freeze(rows),
            matrix=self._file.matrix,
            norm_bound=self._norm_bound,
            segments=self._space.segments,
        )

    def _write_stored(self, rows: Rows, data: Stored) -> None:
        norm = float(np.sqrt(squared_norms(to_compared(self._space.params, data)).max()))
        self._norm_bound = max(self._norm_bound, norm)
        first, span = int(rows[0]), int(rows[-1] - rows[0]) + 1
        if span != len(rows):
            # One write with zeros in the gaps is cheaper than one for every run of rows.
            spread = np.zeros((span, data.shape[1]), dtype=data.dtype)
            spread[rows - first] = data
            data = spread
        self._file.write(first, np.ascontiguousarray(data))
        self._is_written = True
        self.present.add(rows)
