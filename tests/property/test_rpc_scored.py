"""Answers written from columns against answers written point by point."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.scored_points import ScoredColumns, ScoredSlice
from vexfs_twisted.rpc.codecs import scored
from vexfs_twisted.rpc.codecs.scored import write_answers, write_points
from vexfs_twisted.rpc.generated import bulk_pb2 as bulk
from vexfs_twisted.rpc.generated import points_pb2 as pb

numbers = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))
scores = st.floats(width=32)
points = st.lists(st.tuples(numbers, numbers, scores), max_size=20)


class AnswerTests(SynchronousTestCase):
    """Both ways to write the answers to a batch."""

    @given(st.lists(points, min_size=1, max_size=5))
    def test_columns_are_written_as_points_are(
        self, found: list[list[tuple[int, int, float]]]
    ) -> None:
        every = [point for own in found for point in own]
        ids, versions = (np.array([p[part] for p in every], dtype=np.uint64) for part in (0, 1))
        columns = ScoredColumns(ids, versions, np.array([p[2] for p in every], dtype=np.float32))
        ends = np.cumsum([0, *map(len, found)]).tolist()
        slices = [ScoredSlice(columns, *pair) for pair in pairwise(ends)]
        fast = write_answers(slices)
        self.assertIsInstance(fast, bulk.Answers)
        slow = write_answers([list(own) for own in slices])
        self.assertIsInstance(slow, pb.QueryBatchResponse)
        read = pb.QueryBatchResponse.FromString(fast.SerializeToString())
        # NaN is no equal of itself, its bytes are.
        self.assertEqual(
            read.SerializeToString(deterministic=True), slow.SerializeToString(deterministic=True)
        )

    @given(st.lists(points, min_size=1, max_size=5))
    def test_the_results_of_one_search_among_others(
        self, found: list[list[tuple[int, int, float]]]
    ) -> None:
        self.patch(scored, "_MANY_POINTS", 1)
        every = [point for own in found for point in own]
        ids, versions = (np.array([p[part] for p in every], dtype=np.uint64) for part in (0, 1))
        columns = ScoredColumns(ids, versions, np.array([p[2] for p in every], dtype=np.float32))
        ends = np.cumsum([0, *map(len, found)]).tolist()
        for start, end in pairwise(ends):
            own = ScoredSlice(columns, start, end)
            fast = write_points(own, pb.QueryResponse())
            self.assertEqual(isinstance(fast, bulk.Points), bool(every))
            slow = write_points(list(own), pb.QueryResponse())
            for response in (fast, slow):
                response.time = 0.25
            read = pb.QueryResponse.FromString(fast.SerializeToString())
            self.assertEqual(
                read.SerializeToString(deterministic=True),
                slow.SerializeToString(deterministic=True),
            )

    def test_no_answers(self) -> None:
        self.assertEqual(write_answers([]).SerializeToString(), b"")

    def test_answers_of_several_reads(self) -> None:
        one, two = (
            ScoredColumns(
                np.array([number], dtype=np.uint64),
                np.array([number], dtype=np.uint64),
                np.array([0.5], dtype=np.float32),
            )
            for number in (1, 2)
        )
        response = write_answers([ScoredSlice(one, 0, 1), ScoredSlice(two, 0, 1)])
        read = pb.SearchBatchResponse.FromString(response.SerializeToString())
        self.assertEqual([own.result[0].id.num for own in read.result], [1, 2])


class SliceTests(SynchronousTestCase):
    """A part of columns as a sequence of points."""

    def test_it_is_a_sequence(self) -> None:
        columns = ScoredColumns(
            np.arange(5, dtype=np.uint64),
            np.full(5, 7, dtype=np.uint64),
            np.linspace(1, 0, 5, dtype=np.float32),
        )
        part = ScoredSlice(columns, 1, 4)
        self.assertEqual([point.id for point in part], [1, 2, 3])
        self.assertEqual(part[0].version, 7)
        self.assertEqual(part[-1].score, 0.25)
        self.assertEqual(part[1:], [part[1], part[2]])
        self.assertEqual(len(part), 3)
        self.assertEqual(part, list(part))
        self.assertNotEqual(part, ScoredSlice(columns, 0, 3))
