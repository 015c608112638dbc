"""Exact search against a plain computation in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import Floats
from vexfs_twisted.engine.storage.bitmap import Bitmap, Rows
from vexfs_twisted.engine.vector_index.exact import search_exact
from vexfs_twisted.engine.vector_index.hits import Hits
from vexfs_twisted.engine.vector_index.kernels import score_block, score_rows
from vexfs_twisted.engine.vector_index.space import VectorSpace
from vexfs_twisted.engine.vectors.norms import normalised, squared_norms
from vexfs_twisted.model.collection_params import Distance, VectorParams

EVERY_DISTANCE = tuple(Distance)


def random_matrix(seed: int, rows: int, dimension: int) -> Floats:
    return np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)


def space_of(distance: Distance, matrix: Floats) -> VectorSpace:
    bound = float(np.sqrt(squared_norms(matrix).max()))
    params = VectorParams(distance, matrix.shape[1])
    return VectorSpace(params, 1, Bitmap.empty(), matrix, bound)


def true_scores(distance: Distance, query: Floats, matrix: Floats) -> NDArray[np.float64]:
    wide, other = matrix.astype(np.float64), query.astype(np.float64)
    if distance.larger_is_nearer:
        scores = wide @ other
    elif distance is Distance.EUCLID:
        scores = np.sqrt(np.square(wide - other).sum(axis=1))
    else:
        scores = np.abs(wide - other).sum(axis=1)
    return np.asarray(scores, dtype=np.float64)


def search(space: VectorSpace, queries: Floats, limit: int, rows: Rows | None = None) -> list[Hits]:
    rows = np.arange(len(space.matrix)) if rows is None else rows
    return search_exact(space, rows, queries, np.full(len(queries), min(limit, len(rows))))


class ExactSearchTests(SynchronousTestCase):
    """What is found, whichever way it is searched for."""

    def check(self, distance: Distance, matrix: Floats, queries: Floats, limit: int) -> None:
        """The hits must be the true nearest, up to the rounding of float32 scores."""
        rows = np.arange(len(matrix))
        space = space_of(distance, matrix)
        for query, hits in zip(queries, search(space, queries, limit), strict=True):
            truth = true_scores(distance, query, matrix)
            order = np.lexsort((rows, -truth if distance.larger_is_nearer else truth))[:limit]
            np.testing.assert_allclose(hits.scores, truth[hits.rows], rtol=1e-5, atol=1e-4)
            np.testing.assert_allclose(truth[hits.rows], truth[order], rtol=1e-5, atol=1e-4)
            self.assertEqual(len(set(hits.rows.tolist())), min(limit, len(rows)))

    def test_every_distance_alone_in_few_and_in_many(self) -> None:
        matrix, queries = random_matrix(1, 3000, 24), random_matrix(2, 40, 24)
        for distance in EVERY_DISTANCE:
            for count in (1, 3, 40):
                for limit in (1, 10, 100):
                    self.check(distance, matrix, queries[:count], limit)

    def test_small_and_odd_dimensions(self) -> None:
        for dimension in (1, 2, 3, 4, 7, 8, 12, 17, 33):
            matrix, queries = random_matrix(3, 700, dimension), random_matrix(4, 10, dimension)
            for distance in EVERY_DISTANCE:
                self.check(distance, matrix, queries, 5)

    def test_one_row(self) -> None:
        for distance in EVERY_DISTANCE:
            self.check(distance, random_matrix(5, 1, 6), random_matrix(6, 9, 6), 10)

    def test_no_rows(self) -> None:
        space = space_of(Distance.DOT, random_matrix(5, 4, 6))
        found = search(space, random_matrix(6, 9, 6), 10, rows=np.zeros(0, dtype=np.int64))
        self.assertEqual([len(hits.rows) for hits in found], [0] * 9)

    def test_all_rows_in_order(self) -> None:
        matrix, queries = random_matrix(7, 5000, 8), random_matrix(8, 12, 8)
        for distance in EVERY_DISTANCE:
            space = space_of(distance, matrix)
            for hits in search(space, queries, 5000):
                self.assertEqual(sorted(hits.rows.tolist()), list(range(5000)))
                scores = -hits.scores if distance.larger_is_nearer else hits.scores
                self.assertTrue((np.diff(scores) >= 0).all())

    def test_limits_may_differ_within_a_batch(self) -> None:
        matrix, queries = random_matrix(9, 4000, 16), random_matrix(10, 30, 16)
        limits = np.array([1, 4000, 10, 600, 3] * 6)
        space = space_of(Distance.EUCLID, matrix)
        found = search_exact(space, np.arange(4000), queries, limits)
        for query, limit, hits in zip(queries, limits.tolist(), found, strict=True):
            (alone,) = search(space, query[np.newaxis], limit)
            np.testing.assert_array_equal(hits.rows, alone.rows)
            np.testing.assert_array_equal(hits.scores, alone.scores)

    def test_more_rows_than_are_scored_at_once(self) -> None:
        matrix = random_matrix(11, 600_000, 2)
        self.check(Distance.DOT, matrix, random_matrix(12, 1, 2), 50)
        self.check(Distance.MANHATTAN, matrix, random_matrix(13, 2, 2), 50)


class CompanyTests(SynchronousTestCase):
    """An answer is the same bit for bit, whatever else is asked with it."""

    def check(self, space: VectorSpace, queries: Floats, limit: int, rows: Rows) -> None:
        together = search(space, queries, limit, rows)
        for query, hits in zip(queries, together, strict=True):
            (alone,) = search(space, query[np.newaxis], limit, rows)
            self.assertEqual(hits.rows.tolist(), alone.rows.tolist())
            self.assertEqual(hits.scores.tobytes(), alone.scores.tobytes())

    def test_over_all_rows_and_over_rows_with_holes(self) -> None:
        matrix, queries = random_matrix(20, 30_000, 40), random_matrix(21, 24, 40)
        generator = np.random.default_rng(22)
        scattered = np.flatnonzero(generator.random(30_000) < 0.7)
        one_gap = np.delete(np.arange(30_000), np.arange(9000, 9010))
        for distance in EVERY_DISTANCE:
            space = space_of(distance, normalised(matrix))
            for rows in (np.arange(30_000), scattered, one_gap, np.arange(100, 300)):
                self.check(space, queries, 10, rows)

    def test_among_many_equal_vectors(self) -> None:
        matrix = np.repeat(random_matrix(23, 40, 12), 200, axis=0)
        queries = random_matrix(24, 16, 12)
        for distance in EVERY_DISTANCE:
            space = space_of(distance, matrix)
            self.check(space, queries, 50, np.arange(len(matrix)))
            for hits in search(space, queries, 50):
                self.assertEqual(hits.rows.tolist(), sorted(hits.rows.tolist()))

    def test_where_products_cancel(self) -> None:
        # Far from the origin and close together: a distance by way of products is all rounding.
        matrix = random_matrix(25, 5000, 16) * np.float32(0.01) + np.float32(1000)
        queries = random_matrix(26, 12, 16) * np.float32(0.01) + np.float32(1000)
        space = space_of(Distance.EUCLID, matrix)
        self.check(space, queries, 10, np.arange(5000))
        for query, hits in zip(queries, search(space, queries, 10), strict=True):
            truth = true_scores(Distance.EUCLID, query, matrix)
            self.assertEqual(hits.rows.tolist(), np.argsort(truth, kind="stable")[:10].tolist())

    def test_vectors_that_overflow_do_not_break_a_search(self) -> None:
        matrix = random_matrix(27, 1000, 4) * np.float32(5e37)
        queries = random_matrix(28, 10, 4) * np.float32(5e37)
        for distance in EVERY_DISTANCE:
            with np.errstate(all="ignore"):
                space = space_of(distance, matrix)
                self.check(space, queries, 20, np.arange(1000))
                self.assertEqual({len(h.rows) for h in search(space, queries, 2000)}, {1000})


class ScoreTests(SynchronousTestCase):
    """Scores that clients compare exactly."""

    def test_sums_round_as_plain_float32_sums_do(self) -> None:
        matrix = np.array([[0.05, 0.61, 0.76, 0.74], [0.19, 0.81, 0.75, 0.11]], dtype=np.float32)
        query = np.array([[0.2, 0.1, 0.9, 0.7]], dtype=np.float32)
        (hits,) = search(space_of(Distance.DOT, matrix), query, 2)
        self.assertEqual(hits.rows.tolist(), [0, 1])
        self.assertEqual([str(score) for score in hits.scores], ["1.273", "0.871"])

    def test_short_vectors_are_summed_up_in_order(self) -> None:
        matrix = np.array([[0.35, 0.08, 0.11, 0.44], [0.18, 0.01, 0.85, 0.80]], dtype=np.float32)
        for distance in (Distance.DOT, Distance.EUCLID):
            space = space_of(distance, matrix)
            (hits,) = search(space, matrix[:1], 2)
            expected = np.float32(0)
            for one, other in zip(matrix[0], matrix[1], strict=True):
                term = one * other if distance is Distance.DOT else np.square(one - other)
                expected = np.float32(expected + term)
            if distance is Distance.EUCLID:
                expected = np.sqrt(expected)
            self.assertEqual(hits.scores[hits.rows == 1].tolist(), [float(expected)])

    def test_euclid_tells_distances_and_not_their_squares(self) -> None:
        matrix = np.array([[1, 2, 3], [0, 0, 0]], dtype=np.float32)
        query = np.array([[2, 5, 0]], dtype=np.float32)
        (hits,) = search(space_of(Distance.EUCLID, matrix), query, 2)
        self.assertEqual([str(score) for score in hits.scores], ["4.358899", "5.3851647"])

    def test_a_vector_is_at_distance_zero_from_itself(self) -> None:
        matrix = random_matrix(30, 2000, 48)
        for distance in (Distance.EUCLID, Distance.MANHATTAN):
            for count in (1, 20):
                for row, hits in enumerate(search(space_of(distance, matrix), matrix[:count], 1)):
                    self.assertEqual((hits.rows[0], hits.scores[0]), (row, 0.0))


class KernelTests(SynchronousTestCase):
    """Blocks and single rows are scored alike."""

    def test_a_block_has_the_scores_of_its_rows_bit_for_bit(self) -> None:
        for dimension in (*range(1, 70), 100, 128, 383, 384, 385, 1000):
            queries, block = random_matrix(1, 5, dimension), random_matrix(2, 50, dimension)
            rows = np.broadcast_to(np.arange(50)[::-1], (5, 50))
            for distance in (Distance.DOT, Distance.EUCLID):
                by_block = score_block(distance, queries, block)
                by_rows = score_rows(distance, queries, block, rows)[:, ::-1]
                self.assertEqual(by_block.tobytes(), by_rows.tobytes(), dimension)
