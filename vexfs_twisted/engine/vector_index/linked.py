"""What the graphs of a vector space are built over: its vectors, or encodings of multivectors."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from ...model.collection_params import Distance
from ..storage.bitmap import Rows
from .graph import Copies, Elements
from .graph.builder import Read
from .graph.eligible import copies_for
from .kernels import Matrix
from .multi.encoding import encoder_for
from .multi.max_sim import blocks, lengths_of
from .space import MultiSpace, VectorSpace

LinkedSpace = VectorSpace | MultiSpace
"""A space that may have graphs."""


@frozen
class Linked:
    """The vectors that graphs are over, read by `read`; `distance` compares them.

    Graphs without copies read `elements` in place. `encoding` is the name of the encoder, if any.
    """

    distance: Distance
    read: Read = field(eq=False)
    elements: Elements = field(eq=False)
    encoding: str | None = None


def linked(space: LinkedSpace) -> Linked:
    """What the graphs of a space are over."""
    if isinstance(space, VectorSpace):
        return Linked(space.params.distance, space.floats, space.matrix)
    encoder = encoder_for(space.params.size)

    def read(rows: Rows) -> Matrix:
        encoded = np.empty((len(rows), encoder.size), dtype=np.float32)
        for part in blocks(lengths_of(space, rows), 1, space.params.size):
            encoded[part] = encoder.of_points(*space.lines(rows[part]))
        return encoded

    # Rows of one length have encodings of about one length, so the distance of the rows fits.
    # Graphs over encodings always have copies, so the elements are only counted.
    elements = np.broadcast_to(np.zeros((1, 1), dtype=np.float32), (space.rows, 1))
    return Linked(space.params.distance, read, elements, encoder.name)


def rows_known(space: LinkedSpace, rows: int) -> int:
    """How many of the `rows` rows of a collection the space has; those after have no vector."""
    return rows if isinstance(space, VectorSpace) else min(rows, space.rows)


def copies_of(space: LinkedSpace, *, has_codes: bool) -> Copies:
    """Whether graphs over a space save coarse copies. `has_codes`: they have quantized codes."""
    if isinstance(space, MultiSpace):
        return Copies.ALWAYS
    return copies_for(space.params, has_codes=has_codes)
