"""Results in columns, beside the lists of points that they stand for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.queries import ScoredPoint
from vexfs_twisted.model.scored_points import ScoredColumns, ScoredSlice

COUNT = 9
PLACES = st.none() | st.integers(-COUNT - 2, COUNT + 2)
STEPS = st.none() | st.sampled_from((-2, -1, 1, 2))


class Slices(SynchronousTestCase):
    def setUp(self) -> None:
        ids = np.arange(10, 10 + COUNT, dtype=np.uint64)
        scores = np.linspace(1, 0, COUNT, dtype=np.float32)
        self.whole = ScoredSlice(ScoredColumns(ids, ids + 5, scores), 0, COUNT)
        self.points = [
            ScoredPoint(own, own + 5, float(score), None, None, None)
            for own, score in zip(ids.tolist(), scores, strict=True)
        ]

    def test_points(self) -> None:
        self.assertEqual(list(self.whole), self.points)
        self.assertEqual([self.whole[place] for place in range(COUNT)], self.points)

    @given(PLACES, PLACES, STEPS, PLACES, PLACES)
    def test_slices_of_slices(
        self,
        start: int | None,
        stop: int | None,
        step: int | None,
        then: int | None,
        end: int | None,
    ) -> None:
        part, points = self.whole[start:stop:step], self.points[start:stop:step]
        self.assertEqual(list(part), points)
        self.assertEqual(len(part), len(points))
        self.assertEqual(list(part[then:end]), points[then:end])
