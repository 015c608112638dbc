"""Points that are never written again are moved, so that live rows lie close together."""

from __future__ import annotations

from tests.engine_support import field, write
from tests.rewritten import COLD, HOT, Rewritten
from vexfs_twisted.engine.optimizer import moves
from vexfs_twisted.model.collection import UpdateCollection
from vexfs_twisted.model.collection_params import OptimizersConfigDiff
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vectors import UNNAMED


class Moves(Rewritten):
    def test_points_stay_what_they_are(self) -> None:
        self.rewrite(20)
        before, operation = self.told(), self.collection._store.state.next_operation
        rows = self.collection._store.state.next_row
        self.assertEqual(self.first(), 0)
        with self.collection._store.read() as snapshot:
            self.collection.optimize()
            # An older moment has them where they were.
            self.assertEqual(snapshot.state.live.rows()[:COLD].tolist(), list(range(COLD)))
        state = self.collection._store.state
        self.assertEqual(state.next_row, rows + COLD)
        self.assertGreater(self.first(), rows - 2 * (COLD + HOT))
        # Sixty points are moved eight at a time.
        self.assertEqual(state.next_operation, operation + 8)
        self.assertEqual(self.told(), before)
        self.assertEqual(
            self.collection.read(Count(Filter(must=(field("number", MatchValue(7)),)))), 1
        )
        self.collection.optimize()
        self.assertEqual(self.collection._store.state.next_row, rows + COLD)
        (segment,) = self.collection._store.state.dense[UNNAMED].segments
        self.assertLess(segment.stop - segment.start, 3 * (COLD + HOT))
        self.collection = self.reopen().get("a")
        self.assertEqual(self.told(), before)

    def test_few_rows_and_dense_ones_stay(self) -> None:
        self.rewrite(5)
        self.collection.optimize()
        self.assertEqual(self.first(), 0)
        self.patch(moves, "LEAST_SPREAD", 10)
        self.patch(moves, "SPREAD", 100)
        self.rewrite(20)
        self.collection.optimize()
        self.assertEqual(self.first(), 0)

    def test_a_few_bytes_are_moved_at_a_time(self) -> None:
        self.patch(moves, "BYTES_AT_ONCE", 40)
        self.rewrite(20)
        operation = self.collection._store.state.next_operation
        before = self.told()
        self.collection.optimize()
        # A dense vector takes 16 bytes, a multivector up to 48: one or two points at a time.
        self.assertGreaterEqual(self.collection._store.state.next_operation - operation, COLD // 2)
        self.assertEqual(self.told(), before)

    def test_nothing_is_moved_while_the_optimizer_is_paused(self) -> None:
        self.rewrite(20)
        paused = OptimizersConfigDiff(max_optimization_threads=0)
        write(self.collection, UpdateCollection(optimizers_config=paused))
        self.collection.optimize()
        self.assertEqual(self.first(), 0)

    def test_a_collection_that_becomes_empty(self) -> None:
        self.rewrite(20)
        write(self.collection, DeletePoints(filter=Filter()))
        self.collection.optimize()
        self.assertEqual(self.told(), [[], []])
