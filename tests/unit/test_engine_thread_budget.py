"""Native threads that calls share."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.native_library import faiss
from vexfs_twisted.engine.vector_index.kernels import ThreadBudget, threads_of_faiss

CORES = os.cpu_count() or 1


class Budget(SynchronousTestCase):
    @given(st.integers(1, 8), st.lists(st.integers(1, 9), max_size=9))
    def test_together_they_take_no_more_than_one_each_beyond_the_cores(
        self, cores: int, wanted: list[int]
    ) -> None:
        budget = ThreadBudget(cores)
        taken = [budget.take(own) for own in wanted]
        self.assertTrue(all(1 <= own <= most for own, most in zip(taken, wanted, strict=True)))
        self.assertLessEqual(sum(own - 1 for own in taken), cores - 1)
        for own in taken:
            budget.give_back(own)
        self.assertEqual(budget.take(cores), cores)

    def test_blocks_share_the_cores(self) -> None:
        for _ in range(2):
            with threads_of_faiss(CORES):
                self.assertEqual(faiss.omp_get_max_threads(), CORES)
                with threads_of_faiss(max(CORES, 2)):
                    self.assertEqual(faiss.omp_get_max_threads(), 1)
            self.assertEqual(faiss.omp_get_max_threads(), 1)
