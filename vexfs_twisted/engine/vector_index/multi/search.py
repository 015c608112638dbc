"""Search of a multivector space: by graphs over encodings where they are cheaper, else of all rows.

A graph gives candidates, far more than are wanted, since encodings only estimate max_sim. They are
compared like all rows of an exact search; scores are those of the kernels, however a row was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ....model.vector_kinds import MultiVector, MultiVectors
from ...read_bounds import checkpoint, expect
from ...storage.bitmap import Rows
from ...vectors.norms import squared_norms
from ..candidates import CandidateSet
from ..costs import graph_cost, threads_for
from ..graph import Graph
from ..hits import Hits, best_of, merged_hits, no_hits
from ..kernels import Matrix, RowMatrix, threads_of_faiss
from ..search_parameters import ResolvedParameters
from ..segments import Graphs, Segment, unindexed
from ..space import MultiSpace
from .encoding import can_encode, encoder_for
from .estimates import CodedRows
from .max_sim import true_scores
from .products import may_be_nearest

Limits = NDArray[np.int64]

_COMPONENT_NS = 0.06
"""Nanoseconds to compare one component of a pair of rows, measured by matrix products."""

_BREADTH = 6
"""A beam is this many times as wide as one over vectors, since encodings are estimates."""

_PER_WANTED = 10
_QUERIES_AT_ONCE = 256
_MOST_CANDIDATES = 1 << 20
_SAFE_PRODUCT = 1e30
_NO_ROWS = np.zeros(0, dtype=np.int64)


@frozen
class _Beam:
    """The search of the graph of a segment, by a beam of `ef` nodes.

    About `compared` of them are candidates; fewer than `needed` do not suffice.
    """

    segment: Segment
    graph: Graph
    needed: int
    ef: int
    compared: float


def search_multi(
    space: MultiSpace,
    candidates: CandidateSet,
    queries: Sequence[MultiVector],
    limits: Limits,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> list[Hits]:
    """For each query, the nearest candidates, as many as its limit, which is at most their number.

    Exact without `graphs`. Rows whose lines have quantized codes are compared by these first.
    """
    compared = space.queries(MultiVectors.of(queries))
    each = len(compared.data) / len(queries) * space.params.size * _lines_each(space)
    each *= _COMPONENT_NS
    longest = float(np.sqrt(squared_norms(compared.data).max())) * space.norm_bound
    is_safe = longest * len(compared.data) < _SAFE_PRODUCT
    wanted = int(limits.max())
    beams, scanned = _planned(space, candidates, wanted, each, is_safe, parameters, graphs)
    coded = _coded(space, parameters, graphs) if is_safe else []
    size, threads = encoder_for(space.params.size).size, threads_for(len(queries))
    cost = sum(graph_cost(beam.ef, size) / threads + beam.compared * each for beam in beams)
    expect((cost + each * len(scanned)) * len(queries) * 1e-9)
    widest = max((beam.ef for beam in beams), default=1)
    step = max(1, min(_QUERIES_AT_ONCE, _MOST_CANDIDATES // widest))
    found: list[Hits] = []
    for start in range(0, len(queries), step):
        part = slice(start, min(start + step, len(queries)))
        own = compared.take(part)
        tables = _rows_by_graphs(space, beams, own, threads)
        for place, limit in enumerate(limits[part].tolist()):
            parts = [scanned]
            for beam, table in zip(beams, tables, strict=True):
                parts.append(_found(candidates, beam, table[place]))
            rows = np.sort(np.concatenate(parts)) if beams else scanned
            query = own.vector(place).rows
            found.append(_nearest(space, rows, query, limit, coded, parameters))
    return found


def _rows_by_graphs(
    space: MultiSpace, beams: Sequence[_Beam], queries: MultiVectors, threads: int
) -> list[RowMatrix]:
    """The nodes in the beams of each query, shape [q, ef] of each graph; -1 for no more."""
    if not beams:
        return []
    encoded = encoder_for(space.params.size).of_queries(queries.offsets, queries.data)
    tables = []
    with threads_of_faiss(threads):
        for beam in beams:
            checkpoint()
            tables.append(beam.graph.search(encoded, beam.ef, beam.ef)[1])
    return tables


def _lines_each(space: MultiSpace) -> float:
    """The mean number of lines of a row, dead or not."""
    return int(space.offsets[-1]) / max(space.rows, 1)


def _planned(
    space: MultiSpace,
    candidates: CandidateSet,
    wanted: int,
    each: float,
    is_safe: bool,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> tuple[list[_Beam], Rows]:
    """The graphs to search, and the rows to compare; no graphs unless products are safe.

    `each`: nanoseconds to compare a row.
    """
    if parameters.exact or not can_encode(space.params) or not is_safe:
        return [], candidates.rows()
    ranges = list(unindexed(space.segments, graphs, candidates.room))
    if sum(space.present.count_between(*own) for own in ranges) > parameters.most_unindexed:
        ranges = []
    beams = []
    for segment in space.segments:
        count = candidates.count_between(segment.start, segment.stop)
        opened = graphs.get(segment.uuid)
        if opened is None or not count:
            continue
        beam = _beam(segment, opened.graph, count, wanted, parameters)
        cost = graph_cost(beam.ef, encoder_for(space.params.size).size) + beam.compared * each
        is_few = candidates.is_filtered and count * _lines_each(space) < parameters.scanned_below
        if is_few or beam.ef >= segment.nodes or cost >= count * each:
            ranges.append((segment.start, segment.stop))
        else:
            beams.append(beam)
    parts = [candidates.rows_between(*own) for own in sorted(ranges)]
    return beams, np.concatenate([_NO_ROWS, *parts])


def _beam(
    segment: Segment, graph: Graph, count: int, wanted: int, parameters: ResolvedParameters
) -> _Beam:
    ef = _BREADTH * (parameters.ef or segment.facts.ef_construct)
    ef = max(ef, _PER_WANTED * wanted)
    share = count / segment.nodes
    if share <= parameters.thorough_share:
        ef *= 2
    needed = min(count, max(ef // 2, wanted))
    ef = min(ceil(ef / share), segment.nodes)
    return _Beam(segment, graph, needed, ef, ef * share)


def _found(candidates: CandidateSet, beam: _Beam, nodes: Rows) -> Rows:
    """The candidates among the nodes of a beam, or all of the segment if these are too few."""
    rows: Rows = nodes[nodes >= 0]
    rows = rows[candidates.has(rows)]
    if len(rows) < beam.needed:
        return candidates.rows_between(beam.segment.start, beam.segment.stop)
    return rows


def _coded(space: MultiSpace, parameters: ResolvedParameters, graphs: Graphs) -> list[CodedRows]:
    """The codes to compare by, of each segment that has them."""
    if parameters.exact or not parameters.uses_codes:
        return []
    opened = [(segment, graphs.get(segment.uuid)) for segment in space.segments]
    return [
        CodedRows(segment, graph.line_codes)
        for segment, graph in opened
        if graph is not None and graph.line_codes is not None
    ]


def _nearest(
    space: MultiSpace,
    rows: Rows,
    query: Matrix,
    limit: int,
    coded: Sequence[CodedRows],
    parameters: ResolvedParameters,
) -> Hits:
    """The nearest of ascending `rows`. Those with codes are few of them, or scored by the codes."""
    limit = min(limit, len(rows))
    oversampling = (parameters.oversampling or 0.0) if parameters.rescores else None
    estimated = no_hits()
    for own in coded:
        first, last = np.searchsorted(rows, [own.segment.start, own.segment.stop]).tolist()
        if first == last:
            continue
        best = own.best(space, rows[first:last], query, limit, oversampling)
        left = rows[:first], rows[last:]
        if parameters.rescores:
            rows = np.concatenate([left[0], np.sort(best.rows), left[1]])
        else:
            rows = np.concatenate(left)
            estimated = merged_hits(space.params.distance, estimated, best, limit)
    if not len(rows):
        return estimated
    found = _by_vectors(space, rows, query, min(limit, len(rows)))
    return merged_hits(space.params.distance, estimated, found, limit)


def _by_vectors(space: MultiSpace, rows: Rows, query: Matrix, limit: int) -> Hits:
    kept = may_be_nearest(space, rows, query, limit)
    return best_of(space.params.distance, kept, true_scores(space, query, kept), limit)
