"""Searches over graphs and scans against exact ones, whatever is dead or filtered out."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from attrs import frozen
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import Floats
from tests.index_support import clustered, space_with_graphs
from vexfs_twisted.engine.storage.bitmap import Rows
from vexfs_twisted.engine.storage.row_sets import RowSet
from vexfs_twisted.engine.vector_index import exact, graph_search, search
from vexfs_twisted.engine.vector_index.candidates import CandidateSet
from vexfs_twisted.engine.vector_index.hits import Hits
from vexfs_twisted.engine.vector_index.pairs import score_pairs
from vexfs_twisted.engine.vector_index.search import search_space
from vexfs_twisted.engine.vector_index.search_parameters import ResolvedParameters
from vexfs_twisted.engine.vector_index.segments import Graphs
from vexfs_twisted.engine.vector_index.space import VectorSpace
from vexfs_twisted.model.collection_params import Distance

ROWS = 700
DIMENSION = 16


@frozen
class Case:
    """A space, what is asked of it, and which rows may be found."""

    space: VectorSpace
    graphs: Graphs
    queries: Floats
    candidates: Rows
    is_filtered: bool
    limits: list[int]

    def searched(self, parameters: ResolvedParameters) -> list[Hits]:
        """The answers by that route."""
        found = search_space(
            self.space, self.marked(), self.queries, self.reached(), parameters, self.graphs
        )
        return list(found)

    def scanned(self) -> list[Hits]:
        """The answers without any graph."""
        return exact.search_exact(self.space, self.candidates, self.queries, self.reached())

    def marked(self) -> CandidateSet:
        """What may be found, as a search is told."""
        if not self.is_filtered:
            return self.space.everything
        return CandidateSet(self.space.present, RowSet.gathered([self.candidates], ROWS))

    def reached(self) -> np.ndarray:
        """The limits, at most as many as there are rows."""
        return np.minimum(np.array(self.limits), len(self.candidates))


def passing(rows: Rows, matrix: Floats, kind: str, share: float, seed: int) -> Rows:
    """A share of `rows`: any of them, or those that lie farthest to one side."""
    if kind == "side":
        order = np.argsort(matrix[rows, 0], kind="stable")
        return np.sort(rows[order[: int(len(rows) * share)]])
    return rows[np.random.default_rng(seed).random(len(rows)) < share]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    matrix = clustered(seed, ROWS, DIMENSION, clusters=draw(st.sampled_from([1, 5, 40])))
    ranges = draw(st.sampled_from([[(0, 640)], [(64, 384)], [(0, 320), (320, 640)], [(128, 704)]]))
    linked = np.flatnonzero(random.random(ROWS) < draw(st.sampled_from([1.0, 0.9, 0.5])))
    present = linked[random.random(len(linked)) < draw(st.sampled_from([1.0, 0.9, 0.3, 0.02]))]
    distance = draw(st.sampled_from(list(Distance)))
    kind = draw(st.sampled_from(["none", "random", "side"]))
    space, graphs = space_with_graphs(distance, matrix, ranges, present, nodes=linked)
    candidates = present
    if kind != "none":
        share = draw(st.sampled_from([0.9, 0.5, 0.1, 0.01]))
        candidates = passing(present, matrix, kind, share, seed)
    count = draw(st.sampled_from([1, 3, 40]))
    queries = space.queries(clustered(seed + 1, count, DIMENSION))
    limits = draw(st.lists(st.sampled_from([1, 10, 100, ROWS, 2**62]), min_size=1, max_size=3))
    chosen = [limits[place % len(limits)] for place in range(count)]
    return Case(space, graphs, queries, candidates, kind != "none", chosen)


class GraphsAreCheap(SynchronousTestCase):
    """Costs that let graphs be taken for the few rows that a test has."""

    def setUp(self) -> None:
        self.patch(search, "scan_cost", lambda *_: 1e12)

    @settings(max_examples=60)
    @given(cases(), st.sampled_from([None, 1, 16, 200]), st.booleans())
    def test_answers_are_complete_and_true(self, case: Case, ef: int | None, is_dear: bool) -> None:
        # With dear scans, starved queries are searched again and again before they are scanned.
        self.patch(graph_search, "scan_cost", lambda *_: 1e12 if is_dear else 0.0)
        candidates = set(case.candidates.tolist())
        found = case.searched(ResolvedParameters(ef))
        for query, limit, hits in zip(case.queries, case.reached(), found, strict=True):
            rows = hits.rows.tolist()
            self.assertEqual(len(rows), limit)
            self.assertEqual(len(set(rows)), limit)
            self.assertLessEqual(set(rows), candidates)
            truth = score_pairs(case.space, query[np.newaxis], hits.rows[np.newaxis])[0]
            self.assertEqual(hits.scores.tobytes(), truth.tobytes())
            badness = -truth if case.space.params.distance.larger_is_nearer else truth
            self.assertEqual(np.lexsort((hits.rows, badness)).tolist(), list(range(limit)))

    @settings(max_examples=30)
    @given(cases())
    def test_all_effort_finds_the_nearest(self, case: Case) -> None:
        for own, true in zip(case.searched(ResolvedParameters(ROWS)), case.scanned(), strict=True):
            self.assertEqual(own.rows.tolist(), true.rows.tolist())
            self.assertEqual(own.scores.tobytes(), true.scores.tobytes())

    @settings(max_examples=20)
    @given(cases())
    def test_exact_is_exact(self, case: Case) -> None:
        for own, true in zip(
            case.searched(ResolvedParameters(exact=True)), case.scanned(), strict=True
        ):
            self.assertEqual(own.rows.tolist(), true.rows.tolist())
            self.assertEqual(own.scores.tobytes(), true.scores.tobytes())

    @settings(max_examples=20)
    @given(cases())
    def test_indexed_only_leaves_out_what_has_no_graph(self, case: Case) -> None:
        inside = np.zeros(ROWS, dtype=np.bool_)
        for segment in case.space.segments:
            inside[segment.start : segment.stop] = True
        outside = case.space.present.count - int(inside[case.space.present.rows()].sum())
        for most in (0, ROWS):
            for limit, hits in zip(
                case.reached(), case.searched(ResolvedParameters(most_unindexed=most)), strict=True
            ):
                if most < outside:
                    limit = min(limit, int(inside[case.candidates].sum()))
                    self.assertTrue(inside[hits.rows].all())
                self.assertEqual(len(hits.rows), limit)
