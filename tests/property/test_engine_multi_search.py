"""Search of multivectors against the definition of max_sim, with and without graphs."""

from __future__ import annotations

import attrs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import Floats
from vexfs_twisted.engine.storage.bitmap import Bitmap, BitmapBuilder, Rows
from vexfs_twisted.engine.storage.row_sets import RowSet
from vexfs_twisted.engine.vector_index.candidates import CandidateSet
from vexfs_twisted.engine.vector_index.multi.max_sim import score_rows
from vexfs_twisted.engine.vector_index.multi.products import may_be_nearest
from vexfs_twisted.engine.vector_index.multi.search import search_multi
from vexfs_twisted.engine.vector_index.search_parameters import ResolvedParameters
from vexfs_twisted.engine.vector_index.segments import NO_GRAPHS
from vexfs_twisted.engine.vector_index.space import MultiSpace
from vexfs_twisted.engine.vectors.codec import to_compared, to_stored
from vexfs_twisted.engine.vectors.norms import squared_norms
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    VectorParams,
)
from vexfs_twisted.model.ragged import offsets_of
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors

Doubles = NDArray[np.float64]

SIZE = 6
EXACT = ResolvedParameters(exact=True)
MAX_SIM = MultiVectorConfig(MultiVectorComparator.MAX_SIM)


def space_of(params: VectorParams, lengths: list[int], seed: int, dead: list[int]) -> MultiSpace:
    """Rows with these numbers of lines of small whole numbers, among which ties are frequent."""
    values = np.random.default_rng(seed).integers(1, 9, (sum(lengths), params.size))
    lines = to_stored(params, values.astype(np.float32))
    bound = float(np.sqrt(squared_norms(to_compared(params, lines)).max()))
    present = BitmapBuilder(Bitmap.empty())
    present.add(np.setdiff1d(np.arange(len(lengths)), np.array(dead, dtype=np.int64)))
    return MultiSpace(params, 1, present.freeze(len(lengths)), offsets_of(lengths), lines, bound)


def pair_scores(distance: Distance, query: Doubles, lines: Doubles) -> Doubles:
    scores: Doubles
    if distance.larger_is_nearer:
        scores = query @ lines.T
    elif distance is Distance.EUCLID:
        scores = np.sqrt(np.square(query[:, np.newaxis] - lines).sum(axis=2))
    else:
        scores = np.abs(query[:, np.newaxis] - lines).sum(axis=2)
    return scores


def true_score(space: MultiSpace, query: Floats, row: int) -> float:
    """The definition, in double precision, over the lines as they are compared."""
    _, lines = space.lines(np.array([row]))
    distance = space.params.distance
    scores = pair_scores(distance, query.astype(np.float64), lines.astype(np.float64))
    if distance is Distance.EUCLID:
        return float(np.sqrt(np.square(scores.min(axis=1)).sum()))
    return float((scores.max(axis=1) if distance.larger_is_nearer else scores.min(axis=1)).sum())


def compared(space: MultiSpace, query: Floats) -> Floats:
    return space.queries(MultiVectors.of([MultiVector(query)])).data


def all_params(distance: Distance, datatype: Datatype, size: int = SIZE) -> VectorParams:
    return attrs.evolve(VectorParams(distance, size), datatype=datatype, multivector_config=MAX_SIM)


class SearchTests(SynchronousTestCase):
    """Exact search finds the nearest by the definition."""

    @settings(max_examples=80, deadline=None)
    @given(
        distance=st.sampled_from(Distance),
        datatype=st.sampled_from(Datatype),
        size=st.sampled_from([2, 6, 20]),
        lengths=st.lists(st.integers(1, 9), min_size=1, max_size=90),
        query_rows=st.lists(st.integers(1, 5), min_size=1, max_size=4),
        seed=st.integers(0, 99),
        limit=st.integers(1, 100),
        data=st.data(),
    )
    def test_like_the_definition(
        self,
        distance: Distance,
        datatype: Datatype,
        size: int,
        lengths: list[int],
        query_rows: list[int],
        seed: int,
        limit: int,
        data: st.DataObject,
    ) -> None:
        every = st.lists(st.integers(0, len(lengths) - 1), unique=True)
        space = space_of(all_params(distance, datatype, size), lengths, seed, data.draw(every))
        passing: Rows | None = data.draw(st.none() | every.map(lambda rows: np.array(sorted(rows))))
        candidates = space.everything
        if passing is not None:
            kept = np.intersect1d(passing.astype(np.int64), space.present.rows())
            candidates = CandidateSet(space.present, RowSet.of_numbers(kept, len(lengths)))
        random = np.random.default_rng(seed + 1)
        queries = [random.integers(1, 9, (count, size)).astype(np.float32) for count in query_rows]
        limits = np.full(len(queries), min(limit, candidates.count))
        found = search_multi(
            space, candidates, list(map(MultiVector, queries)), limits, EXACT, NO_GRAPHS
        )
        rows = candidates.rows()
        for query, hits in zip(queries, found, strict=True):
            own = compared(space, query)
            truth = np.array([true_score(space, own, row) for row in rows.tolist()])
            by_row = dict(zip(rows.tolist(), truth.tolist(), strict=True))
            nearest = np.sort(-truth if distance.larger_is_nearer else truth)[: limits[0]]
            scores = hits.scores.astype(np.float64)
            true = [by_row[row] for row in hits.rows.tolist()]
            np.testing.assert_allclose(scores, true, 1e-5, 1e-4)
            np.testing.assert_allclose(
                -scores if distance.larger_is_nearer else scores, nearest, 1e-5, 1e-4
            )
            self.assertEqual(len(set(hits.rows.tolist())), int(limits[0]))
            alone = score_rows(space, own, hits.rows[:1])
            self.assertEqual(alone.tobytes(), hits.scores[:1].tobytes())

    @settings(max_examples=60, deadline=None)
    @given(
        distance=st.sampled_from(Distance),
        lengths=st.lists(st.integers(1, 4), min_size=2, max_size=40),
        query_rows=st.integers(1, 4),
        size=st.sampled_from([4, 20]),
        seed=st.integers(0, 999),
        magnitude=st.sampled_from([1e18, 1e19, 1e30, 3e38]),
    )
    def test_scores_beyond_float32_are_ranked_and_finite(
        self,
        distance: Distance,
        lengths: list[int],
        query_rows: int,
        size: int,
        seed: int,
        magnitude: float,
    ) -> None:
        random = np.random.default_rng(seed)
        space = space_of(all_params(distance, Datatype.FLOAT32, size), lengths, seed, [])
        values = random.uniform(-magnitude, magnitude, space.matrix.shape)
        # Some are short, so that scores that overflow are among others that do not.
        values[random.random(len(values)) < 0.5] /= magnitude
        lines = to_stored(space.params, values.astype(np.float32))
        bound = float(np.sqrt(squared_norms(to_compared(space.params, lines)).max()))
        space = attrs.evolve(space, matrix=lines, norm_bound=bound)
        asked = random.uniform(-magnitude, magnitude, (query_rows, size)).astype(np.float32)
        query, count = compared(space, asked), len(lengths)
        limits = np.array([count])
        one = [MultiVector(asked)]
        (hits,) = search_multi(space, space.everything, one, limits, EXACT, NO_GRAPHS)
        self.assertTrue(np.isfinite(hits.scores).all())
        truth = np.array([true_score(space, query, row) for row in hits.rows.tolist()])
        largest = float(np.finfo(np.float32).max)
        # Sums of float32 round relative to the terms, not to what they come to.
        scale = np.minimum(np.abs(truth).max(), largest) + bound
        np.testing.assert_allclose(
            hits.scores.astype(np.float64), np.clip(truth, -largest, largest), 1e-4, 1e-4 * scale
        )
        badness = -truth if distance.larger_is_nearer else truth
        self.assertTrue((np.diff(badness) >= -1e-4 * (np.abs(badness[1:]) + scale)).all())
        self.assertEqual(score_rows(space, query, hits.rows).tobytes(), hits.scores.tobytes())

    def test_no_rows_are_wanted(self) -> None:
        """As with mmr over no candidates."""
        for distance in Distance:
            params = VectorParams(distance, SIZE, multivector_config=MAX_SIM)
            space = space_of(params, [2] * 100, 0, [])
            limits = np.array([0, 1])
            asked = [MultiVector(np.ones((2, SIZE), dtype=np.float32))] * 2
            none, one = search_multi(space, space.everything, asked, limits, EXACT, NO_GRAPHS)
            self.assertEqual((len(none.rows), len(one.rows)), (0, 1))

    @settings(max_examples=40, deadline=None)
    @given(
        distance=st.sampled_from([Distance.COSINE, Distance.DOT, Distance.EUCLID]),
        lengths=st.lists(st.integers(1, 4), min_size=40, max_size=90),
        query_rows=st.integers(1, 40),
        seed=st.integers(0, 99),
        limit=st.integers(1, 20),
    )
    def test_products_keep_the_nearest(
        self, distance: Distance, lengths: list[int], query_rows: int, seed: int, limit: int
    ) -> None:
        space = space_of(all_params(distance, Datatype.FLOAT32, 20), lengths, seed, [])
        random = np.random.default_rng(seed + 1)
        query = compared(space, random.standard_normal((query_rows, 20), dtype=np.float32))
        rows = np.arange(len(lengths))
        kept = may_be_nearest(space, rows, query, limit)
        scores = score_rows(space, query, rows)
        badness = -scores if distance.larger_is_nearer else scores
        nearest = np.lexsort((rows, badness))[:limit]
        self.assertLessEqual(set(nearest.tolist()), set(kept.tolist()))
