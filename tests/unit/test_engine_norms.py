"""Norms: one definition for a vector that is alone and for the rows of a matrix."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.vectors.norms import Matrix, normalised, squared_norm, squared_norms

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 300))
COMPONENTS = st.floats(width=32, allow_nan=False, allow_infinity=False)
MATRICES = SHAPES.flatmap(lambda shape: arrays(np.float32, shape, elements=COMPONENTS))


class Norms(SynchronousTestCase):
    @given(MATRICES)
    def test_a_row_is_treated_alike_alone_and_among_others(self, matrix: Matrix) -> None:
        squares, scaled = squared_norms(matrix), normalised(matrix)
        for place, row in enumerate(matrix):
            self.assertEqual(squared_norm(row), squares[place])
            np.testing.assert_array_equal(normalised(row[np.newaxis])[0], scaled[place])

    @given(MATRICES)
    def test_the_layout_in_memory_changes_nothing(self, matrix: Matrix) -> None:
        by_column = np.asfortranarray(matrix)
        np.testing.assert_array_equal(squared_norms(by_column), squared_norms(matrix))

    @given(MATRICES)
    def test_squares_are_finite(self, matrix: Matrix) -> None:
        exact = (matrix.astype(np.float64) ** 2).sum(axis=1)
        squares = squared_norms(matrix)
        self.assertTrue(np.isfinite(squares).all())
        np.testing.assert_allclose(squares, exact, rtol=1e-4)
