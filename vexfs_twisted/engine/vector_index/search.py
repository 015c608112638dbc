"""Search of a vector space: by graphs where they are cheaper than scans, else by scans.

Answers are complete: never shorter than the limit while there are candidates left, even if a graph
has missed some. Scores are those of the kernel, however the row was found, unless rescoring is
turned off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..read_bounds import checkpoint, expect
from ..storage.bitmap import Rows
from . import exact
from .candidates import CandidateSet
from .costs import scan_cost, threads_for
from .graph_search import GraphSearch, graph_search_of, search_graph, search_whole
from .hits import HitLists, Hits, HitTable, no_hits, ranked_hits, ranked_rows
from .kernels import Matrix, threads_of_faiss
from .pairs import score_pairs
from .search_parameters import ResolvedParameters
from .segments import Graphs, unindexed
from .space import VectorSpace

Limits = NDArray[np.int64]

_NO_ROWS = np.zeros(0, dtype=np.int64)
_NARROWEST = 64
_MOST_CANDIDATES = 1 << 20
_CALL_NS = 50e6

_FEW_SCANNED = 128
"""Up to this many scanned rows all become hits: selecting among them costs more than scoring."""


@frozen
class _Plan:
    """A search plan: the graphs to search, and the rows to scan, ascending."""

    graph_searches: list[GraphSearch]
    scanned: Rows

    def at_once(self, cost: float, threads: int) -> int:
        """How many queries to search together, to bound memory and the duration of native calls.

        `cost`: nanoseconds per query in one thread.
        """
        widest = max((graph_search.ef for graph_search in self.graph_searches), default=1)
        return max(min(_MOST_CANDIDATES // widest, int(_CALL_NS * threads / cost)), 1)


def search_space(
    space: VectorSpace,
    candidates: CandidateSet,
    queries: Matrix,
    limits: Limits,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> Sequence[Hits]:
    """For each of `queries`, shape [q, dim], the nearest candidates, as many as its limit.

    `limits`, shape [q], are at most the number of candidates. `graphs` are those opened.
    """
    with threads_of_faiss(threads_for(len(queries))):
        if parameters.exact:
            return exact.search_exact(space, candidates.rows(), queries, limits)
        if len(queries) == 1:
            only = _by_one_graph(space, candidates, queries, int(limits[0]), parameters, graphs)
            if only is not None:
                return [only]
        classes = _classes(limits)
        if classes is None:
            return _together(space, candidates, queries, limits, parameters, graphs)
        found = [no_hits()] * len(queries)
        for places in classes:
            hits = _together(space, candidates, queries[places], limits[places], parameters, graphs)
            for place, own in zip(places.tolist(), hits, strict=True):
                found[place] = own
        return found


def _by_one_graph(
    space: VectorSpace,
    candidates: CandidateSet,
    query: Matrix,
    limit: int,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> Hits | None:
    """The nearest rows of one query, if all rows are in one graph, as they mostly are, else None.

    None as well if more than one search of the graph is needed, or a scan is better.
    """
    if candidates.is_filtered or len(space.segments) != 1:
        return None
    (segment,) = space.segments
    opened, count = graphs.get(segment.key), candidates.count
    inside = candidates.count_between(segment.start, segment.stop)
    if opened is None or not segment.nodes == count == inside:
        return None
    graph_search = graph_search_of(segment, opened, count, limit, parameters)
    cost = graph_search.cost(space.params.size)
    if graph_search.ef == count or scan_cost(count, space.params.size, 1) <= cost:
        return None
    expect(cost * 1e-9)
    table = search_whole(space, query, graph_search)
    if table is None:
        return None
    return ranked_rows(space.params.distance, table.rows[0], table.scores[0], limit)


def _classes(limits: Limits) -> list[NDArray[np.int64]] | None:
    """Positions of limits grouped by similar size, to be searched together; None: one group."""
    if len(limits) == 1 or limits.max() <= _NARROWEST:
        return None
    widths = np.ceil(np.log2(np.maximum(limits, _NARROWEST)))
    kinds = np.unique(widths)
    if len(kinds) == 1:
        return None
    return [np.flatnonzero(widths == kind) for kind in kinds]


def _together(
    space: VectorSpace,
    candidates: CandidateSet,
    queries: Matrix,
    limits: Limits,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> Sequence[Hits]:
    plan = _planned(space, candidates, len(queries), int(limits.max()), parameters, graphs)
    if not plan.graph_searches and not 0 < len(plan.scanned) <= _FEW_SCANNED:
        return exact.search_exact(
            space, plan.scanned, queries, np.minimum(limits, len(plan.scanned))
        )
    threads = threads_for(len(queries))
    cost = sum(graph_search.cost(space.params.size) for graph_search in plan.graph_searches) or 1.0
    expect(cost * len(queries) / threads * 1e-9)
    step = plan.at_once(cost, threads)
    found: list[Sequence[Hits]] = []
    for start in range(0, len(queries), step):
        checkpoint()
        part = slice(start, start + step)
        found.append(_searched(space, candidates, queries[part], limits[part], plan))
    return HitLists.joined(found)


def _searched(
    space: VectorSpace, candidates: CandidateSet, queries: Matrix, limits: Limits, plan: _Plan
) -> Sequence[Hits]:
    """Execute a plan: the best hits of each query from its graphs and its scanned rows."""
    tables = [
        search_graph(space, candidates, queries, graph_search)
        for graph_search in plan.graph_searches
    ]
    if 0 < len(plan.scanned) <= _FEW_SCANNED:
        tables.append(_all_of(space, queries, plan.scanned))
    elif len(plan.scanned):
        own_limits = np.minimum(limits, len(plan.scanned))
        tables.append(HitTable.of(exact.search_exact(space, plan.scanned, queries, own_limits)))
    return ranked_hits(space.params.distance, tables, limits)


def _all_of(space: VectorSpace, queries: Matrix, rows: Rows) -> HitTable:
    """All of a few rows as hits, scored for every query."""
    pairs = np.broadcast_to(rows, (len(queries), len(rows)))
    return HitTable(pairs, score_pairs(space, queries, pairs))


def _planned(
    space: VectorSpace,
    candidates: CandidateSet,
    queries: int,
    wanted: int,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> _Plan:
    """Plan a batch of `queries` queries for the nearest `wanted` rows each."""
    ranges = list(unindexed(space.segments, graphs, candidates.room))
    if sum(stop - start for start, stop in ranges) > parameters.most_unindexed and (
        sum(space.present.count_between(*range_) for range_ in ranges) > parameters.most_unindexed
    ):
        ranges = []
    graph_searches: list[GraphSearch] = []
    for segment in space.segments:
        count = candidates.count_between(segment.start, segment.stop)
        opened = graphs.get(segment.key)
        if opened is None or not count:
            continue
        graph_search = graph_search_of(segment, opened, count, wanted, parameters)
        scanning = scan_cost(count, space.params.size, queries)
        is_few = candidates.is_filtered and count < parameters.scanned_below
        # A beam of all nodes only finds nodes that links lead to; a scan is exact and cheaper.
        if (
            is_few
            or graph_search.ef == segment.nodes
            or scanning <= graph_search.cost(space.params.size)
        ):
            ranges.append((segment.start, segment.stop))
        else:
            graph_searches.append(graph_search)
    if not ranges:
        return _Plan(graph_searches, _NO_ROWS)
    parts = [candidates.rows_between(*range_) for range_ in sorted(ranges)]
    return _Plan(graph_searches, parts[0] if len(parts) == 1 else np.concatenate(parts))
