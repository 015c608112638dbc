"""What the graphs of a vector space are built over.

Vectors; encodings of multivectors, where products compare these; else the lines of multivectors.
"""

from __future__ import annotations

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ...model.ragged import Offsets, rows_of, take
from ..storage.bitmap import Rows
from .graph import Copies, Elements, Graph
from .graph.builder import Read
from .graph.eligible import copies_for
from .kernels import Matrix
from .multi.encoding import can_encode, encoder_for
from .multi.max_sim import blocks, lengths_of
from .segments import LinkedRows, Segment
from .space import MultiSpace, VectorSpace

LinkedSpace = VectorSpace | MultiSpace
"""A space that may have graphs."""


@frozen
class Linked:
    """The vectors that graphs are over, read by `read`; `distance` compares them.

    Graphs without copies read `elements` in place. `encoding` is the name of the encoder, if any.
    Nodes are numbered as rows, or as their lines, which are at `offsets`; in files they are
    numbered from `base` on.
    """

    distance: Distance
    read: Read = field(eq=False)
    elements: Elements = field(eq=False)
    encoding: str | None = None
    offsets: Offsets | None = field(eq=False, default=None)
    base: int = 0

    def numbers(self, rows: Rows) -> Rows:
        """The numbers of the nodes of `rows`, in their order."""
        return rows if self.offsets is None else take(self.offsets, rows)[1]

    def rows(self, numbers: Rows) -> Rows:
        """The rows of nodes, in any order, by their numbers."""
        return numbers if self.offsets is None else rows_of(self.offsets, numbers)

    def limits(self, start: int, stop: int) -> tuple[int, int]:
        """The range of the numbers of the rows in [start, stop)."""
        if self.offsets is None:
            return start, stop
        first, end = self.offsets[np.minimum([start, stop], len(self.offsets) - 1)].tolist()
        return first, end

    def lined(self, start: int, stop: int, count: int) -> LinkedRows | None:
        """The rows that a segment has to tell, as its nodes are numbered otherwise."""
        return None if self.offsets is None else LinkedRows(start, stop, count)

    def fits(self, segment: Segment) -> bool:
        """Whether the graph of a segment is over these vectors."""
        limits = self.limits(segment.start, segment.stop)
        is_lined = segment.lined is not None
        return (
            segment.encoding == self.encoding
            and is_lined == (self.offsets is not None)
            and limits == (segment.facts.start, segment.facts.stop)
        )


def linked(space: LinkedSpace) -> Linked:
    """What the graphs of a space are over."""
    if isinstance(space, VectorSpace):
        return Linked(space.params.distance, space.floats, space.matrix, base=space.base)
    if not can_encode(space.params):
        # For Manhattan too: what is near by the one is near by the other, and is compared again.
        return Linked(Distance.EUCLID, space.floats, space.matrix, offsets=space.offsets)
    encoder = encoder_for(space.params.size)

    def read(rows: Rows) -> Matrix:
        encoded = np.empty((len(rows), encoder.size), dtype=np.float32)
        for part in blocks(lengths_of(space, rows), 1, space.params.size):
            encoded[part] = encoder.of_points(*space.lines(rows[part]))
        return encoded

    # Rows of one length have encodings of about one length, so the distance of the rows fits.
    # Graphs over encodings always have copies, so the elements are only counted.
    elements = np.broadcast_to(np.zeros((1, 1), dtype=np.float32), (space.rows, 1))
    return Linked(space.params.distance, read, elements, encoder.name, base=space.base)


def rows_known(space: LinkedSpace, rows: int) -> int:
    """How many of the `rows` rows of a collection the space has; those after have no vector."""
    return rows if isinstance(space, VectorSpace) else min(rows, space.rows)


def copies_of(space: LinkedSpace, *, has_codes: bool) -> Copies:
    """Whether graphs over a space save coarse copies. `has_codes`: they have quantized codes."""
    if isinstance(space, VectorSpace):
        return copies_for(space.params, has_codes=has_codes)
    if can_encode(space.params):
        return Copies.ALWAYS
    # Codes only rank the rows of multivectors, whose graphs are searched by themselves.
    return copies_for(evolve(space.params, distance=Distance.EUCLID), has_codes=False)


def rows_linked(space: LinkedSpace, segment: Segment, graph: Graph) -> NDArray[np.bool_]:
    """Which rows of the range of a segment its graph links, shape [stop - start]."""
    is_node = graph.node_mask()
    if isinstance(space, VectorSpace) or segment.lined is None:
        return is_node
    firsts = space.offsets[segment.start : segment.stop] - segment.facts.start
    is_linked = np.diff(space.offsets[segment.start : segment.stop + 1]) > 0
    is_linked[is_linked] = is_node[firsts[is_linked]]
    return is_linked
