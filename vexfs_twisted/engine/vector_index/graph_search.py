"""Search of one graph, with the effort that what is allowed of its rows asks for.

A graph search looks at the nearest `ef` nodes, its beam, whatever may be found of them. Under a
filter, or with dead rows among the nodes, the beam is made wider in proportion, all of it is taken,
and what passes is picked from it. How many do tells how good the answer is: where the filter has to
do with the distance, the beam of a query far from what passes holds little of it or nothing.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from ..read_bounds import checkpoint
from ..storage.bitmap import Rows
from . import exact
from .candidates import CandidateSet
from .costs import graph_cost, scan_cost
from .graph import Graph
from .hits import HitTable
from .kernels import Matrix
from .pairs import score_pairs
from .quantization.coded import CodedGraph
from .search_parameters import ResolvedParameters
from .segments import Segment
from .space import VectorSpace

_SPARE = 8
"""More candidates than wanted, since graphs round otherwise than the kernel of scores does."""

_WIDEST_STEP = 8
_THOROUGH = 2


@frozen
class GraphSearch:
    """How one graph is searched for the nearest `wanted` rows, by codes or by its own vectors.

    `count` of its nodes are allowed. `needed` of them must be in a beam of `ef` nodes for the
    answer to be sound. The scores are those of the vectors, or those that the codes of `trusted`
    tell.
    """

    segment: Segment
    graph: Graph | CodedGraph
    trusted: CodedGraph | None
    count: int
    wanted: int
    needed: int
    ef: int

    @property
    def is_whole(self) -> bool:
        """Whether every node is allowed."""
        return self.count == self.segment.nodes

    def cost(self, dimension: int) -> float:
        """Nanoseconds a query, about."""
        return graph_cost(self.ef, dimension)

    def rows(self, candidates: CandidateSet) -> Rows:
        """The rows that it is to find the nearest of."""
        return candidates.rows_between(self.segment.start, self.segment.stop)

    def widened(self, found: int) -> GraphSearch:
        """The beam that should hold enough, where this one held `found` allowed nodes."""
        factor = min(max(2 * self.needed / max(found, 1), 2), _WIDEST_STEP)
        return evolve(self, ef=min(ceil(self.ef * factor), self.segment.nodes))


def graph_search_of(
    segment: Segment, graph: Graph, count: int, wanted: int, parameters: ResolvedParameters
) -> GraphSearch:
    """The beam for the nearest `wanted` of `count` rows that are allowed of a segment."""
    coded = segment.coded if parameters.uses_codes else None
    trusted = None if parameters.rescores else coded
    if coded is not None and trusted is None:
        wanted = ceil(wanted * (parameters.oversampling or coded.codes.oversampling))
    wanted = min(wanted, count)
    ef = max(parameters.ef or segment.facts.ef_construct, wanted)
    share = count / segment.nodes
    if share == 1:
        ef = min(ef, segment.nodes)
        return GraphSearch(segment, coded or graph, trusted, count, wanted, wanted, ef)
    if share <= parameters.thorough_share:
        ef *= _THOROUGH
    # Of what lies at the edge of a beam some is missed, so twice as many should have been seen; but
    # where less is asked for, no more can be expected than that.
    needed = min(2 * wanted, (wanted + ef) // 2)
    ef = min(ceil(ef / share), segment.nodes)
    return GraphSearch(segment, coded or graph, trusted, count, wanted, needed, ef)


def search_graph(
    space: VectorSpace, candidates: CandidateSet, queries: Matrix, graph_search: GraphSearch
) -> HitTable:
    """The nearest allowed rows of a segment for each of `queries`, and maybe some more.

    Queries whose beam holds too few are tried with a wider one, unless scanning is as cheap.
    """
    found, counts = _held(space, candidates, queries, graph_search)
    is_sound = counts >= graph_search.needed
    if is_sound.all():
        return found
    table = HitTable.empty(len(queries), graph_search.wanted + _SPARE)
    left = np.arange(len(queries))
    dimension = space.params.size
    while True:
        checkpoint()
        table.fill(left[is_sound], found.where(is_sound))
        left, counts = left[~is_sound], counts[~is_sound]
        if not len(left):
            return table
        if graph_search.is_whole or graph_search.ef == graph_search.segment.nodes:
            # What no link leads to, no beam holds.
            break
        graph_search = graph_search.widened(int(np.median(counts)))
        if 2 * graph_search.cost(dimension) > scan_cost(graph_search.count, dimension, len(left)):
            break
        found, counts = _held(space, candidates, queries[left], graph_search)
        is_sound = counts >= graph_search.needed
    limits = np.full(len(left), graph_search.wanted)
    hits = exact.search_exact(space, graph_search.rows(candidates), queries[left], limits)
    table.fill(left, HitTable.of(hits))
    return table


def _held(
    space: VectorSpace, candidates: CandidateSet, queries: Matrix, graph_search: GraphSearch
) -> tuple[HitTable, NDArray[np.int64]]:
    """The nearest of what the beam of each query holds, and how much it holds, shape [q]."""
    taken = graph_search.wanted + _SPARE
    limit = taken if graph_search.is_whole else graph_search.ef
    distances, rows = graph_search.graph.search(queries, limit, graph_search.ef)
    holds = rows >= 0
    if not graph_search.is_whole:
        holds &= candidates.has(rows)
    counts = np.add.reduce(holds, axis=1)
    if not graph_search.is_whole:
        nearest = np.argsort(~holds, axis=1, kind="stable")[:, :taken]
        every = np.arange(len(rows))[:, np.newaxis]
        distances, rows = distances[every, nearest], rows[every, nearest]
        rows[np.arange(rows.shape[1]) >= counts[:, np.newaxis]] = -1
    if graph_search.trusted is not None:
        return HitTable(rows, graph_search.trusted.scores(distances)), counts
    return HitTable(rows, score_pairs(space, queries, np.maximum(rows, 0))), counts
