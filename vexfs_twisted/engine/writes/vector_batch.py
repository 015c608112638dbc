"""The vectors of one name during a write batch."""

from __future__ import annotations

from ...model.vector_kinds import Vectors
from ..storage.bitmap import BitmapBuilder, Rows
from ..vector_index.space import AnySpace
from ..vector_storage.storage import AnyStorage


class VectorBatch:
    """The next state of a vector space. Used by the writer only."""

    def __init__(self, space: AnySpace, storage: AnyStorage) -> None:
        self._space = space
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
        twice; the other points keep their vectors.
        """
        has_vector = self.present.has(old)
        if given is not None:
            has_vector[given[0]] = True
        self._storage.rewrite(old, new, has_vector, given)
        self.present.add(new[has_vector])

    def sync(self) -> None:
        """Block until the vectors written are on disk."""
        self._storage.sync()

    def freeze(self, rows: int) -> AnySpace:
        """The space after the changes, when there are `rows` rows, with or without the vector."""
        space: AnySpace = self._storage.space(self._space, self.present.freeze(rows), rows)
        return space
