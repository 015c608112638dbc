"""Search of one graph, with a beam that is wide enough for the candidates among its nodes.

A graph search visits the nearest `ef` nodes, its beam, whether they are candidates or not. With a
filter, or dead rows among the nodes, the beam is widened in proportion, and the candidates are
picked from all of it. Their number is a measure of the quality of the answer: if the filter
correlates with distance, the beam of a query far from the candidates has few of them or none.
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
from .segments import Segment, SegmentGraph
from .space import VectorSpace

_SPARE = 8
"""Extra candidates beyond the limit, since graphs round differently than the scoring kernel."""

_WIDEST_STEP = 8
_THOROUGH = 2


@frozen
class GraphSearch:
    """The parameters of a search of one graph for the nearest `wanted` rows.

    The graph is searched by codes or by its own vectors. `count` of its nodes are candidates;
    `needed` of them must be in a beam of `ef` nodes for the answer to be accepted. Scores are
    computed from the vectors, or from the codes of `trusted` if that is set.
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
        """Whether every node is a candidate."""
        return self.count == self.segment.nodes

    def cost(self, dimension: int) -> float:
        """Estimated nanoseconds per query."""
        return graph_cost(self.ef, dimension)

    def rows(self, candidates: CandidateSet) -> Rows:
        """The candidates in the range of the segment, ascending."""
        return candidates.rows_between(self.segment.start, self.segment.stop)

    def widened(self, found: int) -> GraphSearch:
        """The search with a wider beam, after one with this beam found `found` candidates."""
        factor = min(max(2 * self.needed / max(found, 1), 2), _WIDEST_STEP)
        return evolve(self, ef=min(ceil(self.ef * factor), self.segment.nodes))


def graph_search_of(
    segment: Segment, opened: SegmentGraph, count: int, wanted: int, parameters: ResolvedParameters
) -> GraphSearch:
    """The search for the nearest `wanted` of the `count` candidates in a segment."""
    graph = opened.graph
    coded = opened.coded if parameters.uses_codes else None
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
    # Some nodes at the edge of a beam are missed, so twice as many candidates should be found; but
    # if the ef that is asked for is lower, no more than that can be expected.
    needed = min(2 * wanted, (wanted + ef) // 2)
    ef = min(ceil(ef / share), segment.nodes)
    return GraphSearch(segment, coded or graph, trusted, count, wanted, needed, ef)


def search_whole(space: VectorSpace, queries: Matrix, graph_search: GraphSearch) -> HitTable | None:
    """The nearest nodes, and `_SPARE` more, if all are candidates and every beam is full.

    None otherwise, or if the scores are to be those of codes.
    """
    if graph_search.trusted is not None or not graph_search.is_whole:
        return None
    taken = graph_search.wanted + _SPARE
    _, rows = graph_search.graph.search(queries, taken, graph_search.ef)
    # What is missing is at the end.
    if not rows.size or (rows[0, -1] if len(rows) == 1 else rows[:, -1].min()) < 0:
        return None
    return HitTable(rows, score_pairs(space, queries, rows))


def search_graph(
    space: VectorSpace, candidates: CandidateSet, queries: Matrix, graph_search: GraphSearch
) -> HitTable:
    """The nearest candidates of a segment for each of `queries`, and up to `_SPARE` more.

    Queries whose beam has too few candidates are repeated with wider beams. Once a scan is as cheap
    as that, the candidates are scanned.
    """
    whole = search_whole(space, queries, graph_search)
    if whole is not None:
        return whole
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
            # Nodes that no link leads to are in no beam.
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
    """The nearest candidates in each query's beam, and the number of all in it, shape [q]."""
    taken = graph_search.wanted + _SPARE
    limit = taken if graph_search.is_whole else graph_search.ef
    distances, rows = graph_search.graph.search(queries, limit, graph_search.ef)
    is_whole = graph_search.is_whole
    holds = rows >= 0
    if not is_whole:
        holds &= candidates.has(rows)
    counts = np.add.reduce(holds, axis=1)
    if not is_whole:
        nearest = np.argsort(~holds, axis=1, kind="stable")[:, :taken]
        every = np.arange(len(rows))[:, np.newaxis]
        distances, rows = distances[every, nearest], rows[every, nearest]
        rows[np.arange(rows.shape[1]) >= counts[:, np.newaxis]] = -1
    if graph_search.trusted is not None:
        return HitTable(rows, graph_search.trusted.scores(distances)), counts
    return HitTable(rows, score_pairs(space, queries, np.maximum(rows, 0))), counts
