"""Search of a multivector space: by graphs where they are cheaper, else of all rows.

Graphs give candidates, more than are wanted; see `beams`. They are compared like all rows of an
exact search; scores are those of the kernels, however a row was found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ....model.vector_kinds import DenseVectors, MultiVector, MultiVectors
from ...read_bounds import expect
from ...storage.bitmap import Rows
from ...vectors.norms import squared_norms
from ..candidates import CandidateSet
from ..costs import threads_for
from ..hits import Hits, best_of, merged_hits, no_hits
from ..kernels import Matrix, threads_of_faiss
from ..search_parameters import ResolvedParameters
from ..segments import Graphs, unindexed
from ..space import MultiSpace
from .beams import Beam, beam_of
from .encoding import can_encode, encoder_for
from .estimates import CodedRows
from .max_sim import true_scores
from .products import may_be_nearest

Limits = NDArray[np.int64]

_PRODUCT_NS = 0.06
"""Nanoseconds to compare one component of a pair of lines, measured by matrix products."""

_DIFFERENCE_NS = 0.25
"""The same for Manhattan, which has no products."""

_QUERIES_AT_ONCE = 256
_MOST_CANDIDATES = 1 << 20
_SAFE_PRODUCT = 1e30
_NO_ROWS = np.zeros(0, dtype=np.int64)


@frozen
class _Task:
    """A search for the nearest `wanted`, by queries of `query_rows` rows on average.

    `each`: nanoseconds to compare a row with a query.
    """

    space: MultiSpace
    candidates: CandidateSet
    wanted: int
    query_rows: float
    each: float
    parameters: ResolvedParameters
    graphs: Graphs


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
    # What suits a query depends on the number of its rows: it is planned for about as many.
    kinds = np.array([len(query.rows).bit_length() for query in queries])
    found: list[Hits] = [no_hits()] * len(queries)
    for kind in np.unique(kinds):
        places = np.flatnonzero(kinds == kind)
        alike = [queries[place] for place in places.tolist()]
        answers = _search_alike(space, candidates, alike, limits[places], parameters, graphs)
        for place, hits in zip(places.tolist(), answers, strict=True):
            found[place] = hits
    return found


def _search_alike(
    space: MultiSpace,
    candidates: CandidateSet,
    queries: Sequence[MultiVector],
    limits: Limits,
    parameters: ResolvedParameters,
    graphs: Graphs,
) -> list[Hits]:
    """The same for queries of about as many rows."""
    compared = space.queries(MultiVectors.of(queries))
    query_rows = len(compared.data) / len(queries)
    each = query_rows * space.params.size * _lines_each(space) * _component_ns(space)
    is_safe = _is_safe(space, compared.data)
    wanted = int(limits.max())
    task = _Task(space, candidates, wanted, query_rows, each, parameters, graphs)
    beams, scanned = _planned(task) if is_safe else ([], candidates.rows())
    coded = _coded(space, parameters, graphs) if is_safe else []
    found_each = [beam.compared(query_rows) for beam in beams]
    cost = sum(beam.cost(space.params.size, query_rows) for beam in beams)
    expect((cost + each * (sum(found_each) + len(scanned))) * len(queries) * 1e-9)
    step = max(1, min(_QUERIES_AT_ONCE, int(_MOST_CANDIDATES // max(found_each, default=1))))
    found: list[Hits] = []
    for start in range(0, len(queries), step):
        part = slice(start, min(start + step, len(queries)))
        own = compared.take(part)
        tables = _rows_by_graphs(space, candidates, beams, own)
        for place, limit in enumerate(limits[part].tolist()):
            parts = [scanned, *(table[place] for table in tables)]
            rows = np.sort(np.concatenate(parts)) if beams else scanned
            query = own.vector(place).rows
            found.append(_nearest(space, rows, query, limit, coded, parameters))
    return found


def _rows_by_graphs(
    space: MultiSpace, candidates: CandidateSet, beams: Sequence[Beam], queries: MultiVectors
) -> list[list[Rows]]:
    """The rows that each beam finds for each query."""
    if not beams:
        return []
    asked = queries
    if can_encode(space.params):
        encoded = encoder_for(space.params.size).of_queries(queries.offsets, queries.data)
        asked = MultiVectors.of_single_rows(DenseVectors(encoded))
    with threads_of_faiss(threads_for(len(asked.data))):
        return [beam.found(space, candidates, asked) for beam in beams]


def _lines_each(space: MultiSpace) -> float:
    """The mean number of lines of a row, dead or not."""
    return space.element_count / max(space.rows, 1)


def _component_ns(space: MultiSpace) -> float:
    """Nanoseconds to compare one component of a pair of lines."""
    is_manhattan = space.params.distance is Distance.MANHATTAN
    return _DIFFERENCE_NS if is_manhattan else _PRODUCT_NS


def _is_safe(space: MultiSpace, query_lines: Matrix) -> bool:
    """Whether no score comes near to what float32 can tell."""
    longest = float(np.sqrt(squared_norms(query_lines).max()))
    if can_encode(space.params):
        largest = longest * space.norm_bound
    else:
        largest = (longest + space.norm_bound) ** 2
    return largest * len(query_lines) < _SAFE_PRODUCT


def _planned(task: _Task) -> tuple[list[Beam], Rows]:
    """The graphs to search, and the rows to compare."""
    space, candidates, parameters = task.space, task.candidates, task.parameters
    if parameters.exact:
        return [], candidates.rows()
    ranges = list(unindexed(space.segments, task.graphs, candidates.room))
    scanned = sum(space.present.count_between(*own) for own in ranges)
    if scanned * _lines_each(space) > parameters.most_unindexed:
        ranges = []
    beams = []
    for segment in space.segments:
        count = candidates.count_between(segment.start, segment.stop)
        opened = task.graphs.get(segment.key)
        if opened is None or not count:
            continue
        beam = beam_of(segment, opened.graph, count, task.wanted, task.query_rows, parameters)
        cost = beam.cost(space.params.size, task.query_rows)
        cost += beam.compared(task.query_rows) * task.each
        is_few = candidates.is_filtered and count * _lines_each(space) < parameters.scanned_below
        if is_few or beam.is_whole or cost >= count * task.each:
            ranges.append((segment.start, segment.stop))
        else:
            beams.append(beam)
    parts = [candidates.rows_between(*own) for own in sorted(ranges)]
    return beams, np.concatenate([_NO_ROWS, *parts])


def _coded(space: MultiSpace, parameters: ResolvedParameters, graphs: Graphs) -> list[CodedRows]:
    """The codes to compare by, of each segment that has them."""
    if parameters.exact or not parameters.uses_codes:
        return []
    opened = [(segment, graphs.get(segment.key)) for segment in space.segments]
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
    if not limit:
        return no_hits()
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
