"""The scores of query forms above the leaf reads, against their definitions."""

from __future__ import annotations

from math import log

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.query.scoring.average import average_vector
from vexfs_twisted.engine.query.scoring.discover import context_scores, discover_scores
from vexfs_twisted.engine.query.scoring.feedback import feedback_scores
from vexfs_twisted.engine.query.scoring.fusion import dbsf, rrf
from vexfs_twisted.engine.query.scoring.idf import idf_weights
from vexfs_twisted.engine.query.scoring.mmr import select_diverse
from vexfs_twisted.engine.query.scoring.recommend import best_score, sum_scores
from vexfs_twisted.engine.query.scoring.similarity import similarity
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.query_forms import NaiveStrategy
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector


def floats(*numbers: float) -> np.ndarray:
    """A float32 array."""
    return np.array(numbers, dtype=np.float32)


def keys(*numbers: int) -> np.ndarray:
    """An array of points."""
    return np.array(numbers, dtype=np.int64)


class Fusion(SynchronousTestCase):
    """Lists of points become one."""

    def test_reciprocal_ranks(self) -> None:
        found, scores = rrf([keys(7, 8, 9), keys(8, 5)], 2)
        self.assertEqual(found.tolist(), [8, 7, 5, 9])
        np.testing.assert_allclose(scores, [1 / 3 + 1 / 2, 1 / 2, 1 / 3, 1 / 4], rtol=1e-6)

    def test_weights(self) -> None:
        found, scores = rrf([keys(7, 8), keys(9), keys(6)], 2, [3.0, 1.0, 0.0])
        self.assertEqual(found.tolist(), [7, 8, 9, 6])
        expected = [1 / (1 / 3 + 1), 1 / (2 / 3 + 1), 1 / (1 + 1), 0]
        np.testing.assert_allclose(scores, expected, rtol=1e-6)

    def test_distributions(self) -> None:
        first, second = floats(3, 2, 1), floats(10)
        found, scores = dbsf([(keys(1, 2, 3), first), (keys(2), second)])
        expected = {2: 0.5 + 0.5, 1: (3 - (2 - 3)) / 6, 3: (1 - (2 - 3)) / 6}
        self.assertEqual(found.tolist(), [2, 1, 3])
        np.testing.assert_allclose(scores, [expected[key] for key in (2, 1, 3)], rtol=1e-6)

    def test_nothing(self) -> None:
        for found, scores in (rrf([], 2), dbsf([]), rrf([keys()], 2), dbsf([(keys(), floats())])):
            self.assertEqual((len(found), len(scores)), (0, 0))


class Examples(SynchronousTestCase):
    """Scores by similarities to examples."""

    def test_best_score(self) -> None:
        positive = np.stack([floats(1, -2), floats(0, -3)])
        negative = floats(0.5, 0.5)[np.newaxis]
        scores = best_score(positive, negative)
        np.testing.assert_allclose(scores, [0.75, -(0.5 / 1.5 + 1) / 2], rtol=1e-6)
        none = np.zeros((0, 2), dtype=np.float32)
        self.assertTrue((best_score(none, negative) < 0).all())
        self.assertTrue((best_score(positive, none) > 0).all())

    def test_sum_scores(self) -> None:
        scores = sum_scores(np.stack([floats(1, 2), floats(3, 4)]), floats(1, 1)[np.newaxis])
        self.assertEqual(scores.tolist(), [3, 5])

    def test_discovery(self) -> None:
        positive, negative = np.stack([floats(2, 1), floats(5, 1)]), np.stack([floats(1, 1)] * 2)
        scores = discover_scores(floats(1, -1), positive, negative)
        np.testing.assert_allclose(scores, [2.75, 0.25], rtol=1e-6)
        none = np.zeros((0, 2), dtype=np.float32)
        np.testing.assert_allclose(discover_scores(floats(1, -1), none, none), [0.75, 0.25])

    def test_context(self) -> None:
        scores = context_scores(floats(2, 1)[np.newaxis], floats(1, 3)[np.newaxis])
        self.assertEqual(scores[0], 0)
        self.assertAlmostEqual(float(scores[1]), -2 / 3, places=6)

    def test_feedback(self) -> None:
        items = np.stack([floats(1, 2), floats(4, 3), floats(0, 1)])
        strategy = NaiveStrategy(a=2, b=2, c=0.5)
        scores = feedback_scores(strategy, floats(1, 1), items, floats(1, 0.5, 0))
        pairs = [(0, 1, 0.5), (0, 2, 1.0), (1, 2, 0.5)]
        expected = [
            2 + sum(gap**2 * 0.5 * (items[good][n] - items[bad][n]) for good, bad, gap in pairs)
            for n in range(2)
        ]
        np.testing.assert_allclose(scores, expected, rtol=1e-6)

    def test_feedback_beyond_the_range_of_scores(self) -> None:
        items = np.stack([floats(1, -1, 0), floats(0, 0, 0)])
        strategy = NaiveStrategy(a=1, b=3e38, c=1)
        scores = feedback_scores(strategy, floats(0, 0, 0), items, floats(9, 0))
        largest = np.finfo(np.float32).max
        self.assertTrue(np.isfinite(scores).all())
        self.assertEqual(scores[0], largest)
        self.assertEqual(scores[1], -largest)


class Overflow(SynchronousTestCase):
    """Scores of distances whose squares are beyond float32."""

    def test_similarities_are_finite(self) -> None:
        similar = similarity(Distance.EUCLID, floats(3e19, 1, 4e19))
        self.assertTrue(np.isfinite(similar).all())
        positive, negative = np.stack([similar]), np.stack([similar[::-1]])
        for scores in (
            best_score(positive, negative),
            sum_scores(np.stack([similar, similar]), negative),
            discover_scores(similar, positive, negative),
            context_scores(positive, negative),
        ):
            self.assertTrue(np.isfinite(scores).all(), scores)

    def test_diversity_selects_each_once(self) -> None:
        relevance = similarity(Distance.EUCLID, floats(3e19, 1, 4e19, 5e19))
        largest = np.finfo(np.float32).max
        far = np.full(4, -largest, dtype=np.float32)
        for diversity in (0.0, 0.5, 1.0):
            selected = select_diverse(relevance, lambda _: far, diversity, 4)
            self.assertEqual(sorted(selected.tolist()), [0, 1, 2, 3])

    def test_weights_of_fusion(self) -> None:
        _, scores = rrf([keys(1), keys(1)], 1, [3e38, 3e38])
        self.assertEqual(scores.tolist(), [np.finfo(np.float32).max])


class Averages(SynchronousTestCase):
    """The average of examples of each kind."""

    def test_dense(self) -> None:
        average = average_vector([floats(1, 2), floats(3, 4)], [floats(1, 1)])
        assert isinstance(average, np.ndarray)
        self.assertEqual(average.tolist(), [2 + 2 - 1, 3 + 3 - 1])

    def test_sparse(self) -> None:
        first = SparseVector(np.array([1, 5], np.uint32), floats(2, 4))
        second = SparseVector(np.array([5, 9], np.uint32), floats(2, 6))
        average = average_vector([first, second], [])
        assert isinstance(average, SparseVector)
        self.assertEqual(average.indices.tolist(), [1, 5, 9])
        self.assertEqual(average.values.tolist(), [1, 3, 3])
        average = average_vector([first], [second])
        assert isinstance(average, SparseVector)
        self.assertEqual(average.values.tolist(), [4, 6, -6])

    def test_multi(self) -> None:
        first, second = MultiVector(np.eye(2, dtype=np.float32)), MultiVector(floats(3, 4)[None])
        average = average_vector([first], [second])
        assert isinstance(average, MultiVector)
        self.assertEqual(average.rows.tolist(), [[1, 0], [0, 1], [-3, -4]])

    def test_without_positive_examples(self) -> None:
        self.assertRaises(BadInput, average_vector, [], [floats(1)])

    def test_sizes_that_differ(self) -> None:
        self.assertRaises(BadInput, average_vector, [floats(1), floats(1, 2)], [])


class Others(SynchronousTestCase):
    """Diversity and term weights."""

    def test_diversity(self) -> None:
        relevance = floats(1, 0.9, 0.5)
        similar = np.array([[1, 0.95, 0], [0.95, 1, 0], [0, 0, 1]], dtype=np.float32)

        def selected(diversity: float, limit: int = 3) -> list[int]:
            found: list[int] = select_diverse(
                relevance, lambda place: similar[place], diversity, limit
            ).tolist()
            return found

        self.assertEqual(selected(0.5), [0, 2, 1])
        self.assertEqual(selected(0.0), [0, 1, 2])
        self.assertEqual(selected(0.5, limit=2), [0, 2])
        self.assertEqual(selected(0.5, limit=0), [])

    def test_idf(self) -> None:
        weights = idf_weights(10, np.array([0, 3, 10]))
        expected = [log((10 - df + 0.5) / (df + 0.5) + 1) for df in (0, 3, 10)]
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
        np.testing.assert_allclose(idf_weights(0, np.array([0])), [log(2)], rtol=1e-6)
