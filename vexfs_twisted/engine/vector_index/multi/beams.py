"""Searches of graphs for the rows that are compared: over encodings, or over lines.

A graph over encodings is searched for the encoding of a query, by a wide beam, since encodings only
estimate max_sim. One over lines is searched for each row of a query; a row is found by the nearest
of its lines, so a few of these suffice for each row of the query.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ....model.ragged import row_of_each, rows_of
from ....model.vector_kinds import MultiVectors
from ...read_bounds import checkpoint
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from ..costs import graph_cost
from ..graph import Graph
from ..search_parameters import ResolvedParameters
from ..segments import Segment
from ..space import MultiSpace
from .encoding import encoder_for

_BREADTH = 6
"""All beams of a query together are this many times as wide as one over vectors."""

_PER_WANTED = 10

_LEAST_BREADTH = 0.25
"""The least breadth of the beam of each row of a query."""

_LINES_PER_WANTED = 2.5
_LINES_OF_ALL_PER_WANTED = 20
"""Lines to find for each row of a query, and for all its rows, per wanted row; at least one."""

_MOST_FOUND = 1 << 20


@frozen
class Beam:
    """The search of the graph of a segment, by a beam of `ef` nodes for each vector of a query.

    About `share` of the nodes are candidates. Fewer than `needed` of these for each vector, or
    fewer than `wanted` rows, do not suffice.
    """

    segment: Segment
    graph: Graph
    ef: int
    share: float
    needed: float
    wanted: int

    @property
    def is_lined(self) -> bool:
        """Whether the graph is over lines."""
        return self.segment.lined is not None

    @property
    def is_whole(self) -> bool:
        """Whether the beam has all nodes, so that the graph saves nothing."""
        return self.ef >= self.segment.facts.nodes

    def compared(self, query_rows: float) -> float:
        """About how many rows are found, at most, for a query."""
        return self.ef * self.share * (query_rows if self.is_lined else 1)

    def cost(self, dimension: int, query_rows: float) -> float:
        """Estimated nanoseconds per query to search the graph."""
        if self.is_lined:
            return graph_cost(self.ef, dimension) * query_rows
        return graph_cost(self.ef, encoder_for(dimension).size)

    def found(self, space: MultiSpace, candidates: CandidateSet, asked: MultiVectors) -> list[Rows]:
        """The rows to compare for each query, ascending: all of the segment if too few are found.

        `asked` are the rows of the queries, or an encoding of each.
        """
        pairs, hits = self._pairs(space, candidates, asked)
        limits = np.searchsorted(pairs, np.arange(len(asked) + 1) * space.rows)
        is_enough = hits >= self.needed * np.diff(asked.offsets)
        is_enough &= np.diff(limits) >= self.wanted
        found: list[Rows] = []
        for place, (first, last) in enumerate(pairwise(limits.tolist())):
            if is_enough[place]:
                found.append(pairs[first:last] % space.rows)
            else:
                found.append(candidates.rows_between(self.segment.start, self.segment.stop))
        return found

    def _pairs(
        self, space: MultiSpace, candidates: CandidateSet, asked: MultiVectors
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The number of each query times `space.rows` plus a row found for it, distinct, ascending.

        And the number of nodes found for each query, shape [q]; only candidates count.
        """
        owners = row_of_each(asked.offsets)
        hits = np.zeros(len(asked), dtype=np.int64)
        parts: list[NDArray[np.int64]] = []
        step = max(1, _MOST_FOUND // self.ef)
        for start in range(0, len(owners), step):
            checkpoint()
            nodes = self.graph.search(asked.data[start : start + step], self.ef, self.ef)[1]
            own = np.broadcast_to(owners[start : start + step, np.newaxis], nodes.shape)
            rows, own = nodes[nodes >= 0], own[nodes >= 0]
            if self.is_lined:
                rows = rows_of(space.offsets, rows)
            is_candidate = candidates.has(rows)
            rows, own = rows[is_candidate], own[is_candidate]
            hits += np.bincount(own, minlength=len(hits))
            parts.append(np.unique(own * space.rows + rows))
        return np.unique(np.concatenate(parts)), hits


def beam_of(
    segment: Segment,
    graph: Graph,
    count: int,
    wanted: int,
    query_rows: float,
    parameters: ResolvedParameters,
) -> Beam:
    """The beam for the nearest `wanted` of the `count` candidates in a segment, at least one.

    For queries of about `query_rows` rows.
    """
    ef: float = parameters.ef or segment.facts.ef_construct
    if segment.lined is None:
        ef = max(_BREADTH * ef, _PER_WANTED * wanted)
    else:
        # The nearest to a query of many rows are far more likely near to one of the rows.
        ef *= max(_BREADTH / query_rows, _LEAST_BREADTH)
        lines = min(_LINES_PER_WANTED, _LINES_OF_ALL_PER_WANTED / query_rows)
        ef = max(ef, max(lines, 1) * wanted)
    share = count / segment.nodes
    if share <= parameters.thorough_share:
        ef *= 2
    wide = min(ceil(ef / share), segment.facts.nodes)
    needed = min(ef / 2, count)
    return Beam(segment, graph, wide, share, needed, min(wanted, count))
