"""Postings of sparse vectors: made in the background, kept on disk, made again if damaged."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from tests.engine_support import EngineTestCase, field, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.mvcc.state import Snapshot
from vexfs_twisted.engine.query.answers import answer
from vexfs_twisted.engine.vector_index.space import SparseSpace
from vexfs_twisted.engine.vector_index.sparse.cache import PostingsCache
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import Datatype, SparseIndexParams, SparseVectorParams
from vexfs_twisted.model.commands import DeleteVectorName
from vexfs_twisted.model.filters import Filter, Range
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vector_kinds import SparseVector, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

LENGTH = 20
TERMS = 400
QUERY = SparseVector(np.arange(0, TERMS, 7, dtype=np.uint32), np.ones(58, dtype=np.float32))


class PostingsCase(EngineTestCase):
    """A collection of sparse vectors of twenty terms each."""

    index: SparseIndexParams | None = None

    def setUp(self) -> None:
        super().setUp()
        names = {"s": SparseVectorParams(self.index), "other": SparseVectorParams()}
        self.collection = self.catalog.create("c", CreateCollection(sparse_vectors=names))
        self.vectors: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, first: int, count: int) -> None:
        """Write points with random vectors, and do what is due in the background."""
        random = np.random.default_rng(first)
        for number in range(first, first + count):
            terms = np.sort(random.permutation(TERMS)[:LENGTH]).astype(np.uint32)
            self.vectors[number] = terms, random.random(LENGTH, dtype=np.float32)
        ids = range(first, first + count)
        indices, values = zip(*[self.vectors[number] for number in ids], strict=True)
        column = VectorColumn(SparseVectors.of(indices, values, str))
        write(self.collection, upsert(ids, {"s": column}, [{"k": number} for number in ids]))
        self.collection.optimize()

    def forget(self, ids: range) -> None:
        """Delete those points that there are."""
        write(self.collection, DeletePoints(ids=list(ids)))
        self.vectors = {number: own for number, own in self.vectors.items() if number not in ids}

    def files(self) -> list[Path]:
        """The files of postings, by their first rows."""
        found = self.collection.path.glob("postings-*")
        return sorted(found, key=lambda file: int(file.name.split("-")[2]))

    def ranges(self, collection: Collection | None = None) -> list[tuple[int, int, int]]:
        """The ranges of rows in memory, with the number of their vectors."""
        own = collection or self.collection
        space = own.state.spaces["s"]
        assert isinstance(space, SparseSpace)
        postings = own.indexes.postings.ranges(space)
        return [(one.start, one.stop, one.count) for one in postings]

    def check(self, below: int = 10**6) -> None:
        """Compare an answer, of points with lower numbers than `below`, with the definition."""
        only = Filter(must=(field("k", Range(lt=below)),)) if below < 10**6 else None
        found = self.collection.read(Query(VectorExample(QUERY), "s", only, limit=50))
        expected = {}
        for number, (terms, values) in self.vectors.items():
            if number >= below:
                continue
            shared = np.isin(terms, QUERY.indices)
            if shared.any():
                expected[number] = np.float32(values[shared].astype(np.float64).sum())
        best = sorted(expected, key=lambda number: (-expected[number], number))[:50]
        self.assertEqual([point.id for point in found], best)
        self.assertEqual([point.score for point in found], [expected[one] for one in best])


class Files(PostingsCase):
    """What is on disk."""

    def test_few_rows_have_none(self) -> None:
        self.add(0, 100)
        self.assertEqual((self.files(), self.ranges()), ([], []))
        self.check()

    def test_new_rows_are_joined_with_those_before(self) -> None:
        self.add(0, 500)
        self.assertEqual(self.ranges(), [(0, 500, 500)])
        self.add(500, 500)
        self.assertEqual(self.ranges(), [(0, 1000, 1000)])
        self.add(1000, 6000)
        self.add(7000, 500)
        self.assertEqual(self.ranges(), [(0, 7000, 7000), (7000, 7500, 500)])
        self.assertEqual(len(self.files()), 2)
        self.check()

    def test_a_start_reads_them(self) -> None:
        self.add(0, 5000)
        self.add(5000, 420)
        expected = self.ranges()
        self.assertEqual(len(expected), 2)
        self.collection = self.reopen().get("c")
        self.assertEqual(self.ranges(), expected)
        self.assertFalse(self.collection.is_checkpoint_due())
        self.check()

    def test_damaged_ones_are_made_again(self) -> None:
        self.add(0, 5000)
        self.add(5000, 420)
        for place, damage in ((1, 100), (0, 5000), (0, None)):
            self.catalog.close()
            file = self.files()[place]
            data = bytearray(file.read_bytes())
            if damage is None:
                del data[-10:]
            else:
                data[damage] ^= 1
            file.write_bytes(data)
            with self.assertLogs("vexfs.engine", "WARNING") as logs:
                self.collection = self.reopen().get("c")
            self.assertIn("are made again", logs.output[0])
            self.assertEqual(self.ranges(), [] if place == 0 else [(0, 5000, 5000)])
            self.check()
            self.collection.optimize()
            self.check()
            self.assertEqual(self.ranges()[-1][1], 5420)
            self.collection = self.reopen().get("c")
            self.assertEqual(self.ranges()[-1][1], 5420)

    def test_they_go_with_their_name(self) -> None:
        self.add(0, 500)
        self.assertEqual(len(self.files()), 1)
        write(self.collection, DeleteVectorName("s"))
        self.collection.optimize()
        self.assertEqual(self.files(), [])

    def test_they_go_with_dead_rows(self) -> None:
        self.add(0, 1000)
        gone = list(range(0, 1000, 3))
        write(self.collection, DeletePoints(ids=gone))
        for number in gone:
            del self.vectors[number]
        self.check()
        self.collection.optimize()
        self.assertEqual(self.ranges(), [(0, 1000, 666)])
        self.assertEqual(len(self.files()), 1)
        self.check()

    def test_the_last_points_may_be_deleted(self) -> None:
        self.add(0, 1000)
        for first, left in ((600, (0, 600, 600)), (300, (0, 300, 300))):
            self.forget(range(first, 1000))
            self.collection = self.reopen().get("c")
            self.check()
            self.collection.optimize()
            self.check()
            # Postings are made for rows that can be read after a start, and once.
            for _ in range(2):
                self.assertEqual(self.ranges(), [left] if left[2] * LENGTH >= 8192 else [])
                self.assertFalse(self.collection.is_checkpoint_due())
                self.collection = self.reopen().get("c")
                self.check()
        self.add(1000, 1000)
        self.check()
        self.forget(range(1900, 2000))
        self.collection = self.reopen().get("c")
        self.check()
        self.add(2000, 10)
        self.check()


class Datatypes(PostingsCase):
    """Postings of several datatypes."""

    def setUp(self) -> None:
        super().setUp()
        self.add(0, 1000)

    def change(self, datatype: Datatype | None) -> None:
        """Set the datatype of the index."""
        index = SparseIndexParams(datatype=datatype)
        write(self.collection, UpdateCollection(sparse_vectors={"s": SparseVectorParams(index)}))

    def scores(self) -> dict[PointId, float]:
        """The scores of all points, 0 of those that are not found."""
        found = self.collection.read(Query(VectorExample(QUERY), "s", limit=10**4))
        return {**dict.fromkeys(self.vectors, 0.0), **{point.id: point.score for point in found}}

    def test_a_change_renews_the_postings(self) -> None:
        (before,), exact = self.files(), self.scores()
        size = before.stat().st_size
        for datatype, bytes_each, most in ((Datatype.FLOAT16, 2, 2e-3), (Datatype.UINT8, 1, 2e-2)):
            self.change(datatype)
            self.assertTrue(self.collection.is_checkpoint_due())
            self.collection.optimize()
            (file,) = self.files()
            self.assertEqual(size - file.stat().st_size, (4 - bytes_each) * 1000 * LENGTH)
            rounded = self.scores()
            self.assertEqual(rounded.keys(), exact.keys())
            errors = [abs(rounded[own] - exact[own]) for own in exact]
            self.assertGreater(max(errors), 0)
            self.assertLess(max(errors), most)
            self.assertFalse(self.collection.is_checkpoint_due())
            self.collection = self.reopen().get("c")
            self.assertEqual((self.files(), self.scores()), ([file], rounded))
            self.assertFalse(self.collection.is_checkpoint_due())
        self.change(Datatype.FLOAT32)
        self.collection.optimize()
        self.assertEqual((self.files(), self.scores()), ([before], exact))

    def test_new_points_have_their_values_until_postings_are_made(self) -> None:
        self.change(Datatype.UINT8)
        self.collection.optimize()
        self.add(1000, 100)
        new = range(1000, 1100)
        exact = {
            number: np.float32(values[np.isin(terms, QUERY.indices)].astype(np.float64).sum())
            for number, (terms, values) in self.vectors.items()
        }
        found = self.scores()
        self.assertEqual([found[number] for number in new], [exact[number] for number in new])
        self.assertNotEqual([found[number] for number in range(9)], [exact[n] for n in range(9)])
        self.add(1100, 900)
        found = self.scores()
        self.assertNotEqual([found[number] for number in new], [exact[number] for number in new])

    def test_scans_use_the_weights_of_the_postings(self) -> None:
        self.change(Datatype.UINT8)
        self.collection.optimize()
        expected = self.scores()
        index = SparseIndexParams(full_scan_threshold=10**6, datatype=Datatype.UINT8)
        write(self.collection, UpdateCollection(sparse_vectors={"s": SparseVectorParams(index)}))
        self.assertEqual(self.scores(), expected)


class Snapshots(PostingsCase):
    """Snapshots of before."""

    query = Query(VectorExample(QUERY), using="s", limit=5000)

    def found(self, snapshot: Snapshot) -> list[tuple[PointId, float]]:
        """The points that a snapshot finds, and their scores."""
        (found,) = answer(snapshot, [self.query])
        assert not isinstance(found, Exception)
        return [(point.id, point.score) for point in found]

    def test_they_answer_as_before(self) -> None:
        def merge() -> None:
            self.add(500, 600)
            self.assertEqual(self.ranges(), [(0, 1100, 1100)])

        def renew() -> None:
            self.forget(range(200, 800))
            self.collection.optimize()
            self.assertEqual(self.ranges(), [(0, 1100, 500)])

        def replace() -> None:
            # The same points with other vectors, in rows after those with postings.
            self.add(0, 200)

        self.add(0, 500)
        changes = [merge, renew, replace, self.collection.optimize, lambda: self.add(1100, 3)]
        with ExitStack() as stack:
            held = []
            for change in changes:
                snapshot = stack.enter_context(self.collection.snapshot())
                held.append((snapshot, self.found(snapshot)))
                change()
                for own, expected in held:
                    self.assertEqual(self.found(own), expected)
                self.check()


class ScanCase(PostingsCase):
    """Whether searches use postings, or score the candidates from their vectors."""

    def setUp(self) -> None:
        super().setUp()
        self.asked = 0
        of = PostingsCache.of

        def counted(*arguments: Any) -> Any:
            self.asked += 1
            return of(*arguments)

        self.patch(PostingsCache, "of", counted)

    def uses_postings(self, below: int = 10**6) -> bool:
        """Whether a search, whose answer is checked, asks for postings."""
        before = self.asked
        self.check(below)
        return self.asked > before

    def set_threshold(self, threshold: int) -> None:
        """Change it."""
        index = SparseIndexParams(full_scan_threshold=threshold)
        write(self.collection, UpdateCollection(sparse_vectors={"s": SparseVectorParams(index)}))


class ScansByThreshold(ScanCase):
    """Searches with a threshold."""

    index = SparseIndexParams(full_scan_threshold=300)

    def test_candidates_below_the_threshold_are_scanned(self) -> None:
        self.add(0, 1000)
        self.assertFalse(self.uses_postings(299))
        self.assertTrue(self.uses_postings(300))
        self.assertTrue(self.uses_postings())

    def test_it_holds_without_a_filter(self) -> None:
        self.add(0, 299)
        self.assertFalse(self.uses_postings())
        self.add(299, 1)
        self.assertTrue(self.uses_postings())

    def test_a_change_takes_effect_at_once(self) -> None:
        self.add(0, 1000)
        self.set_threshold(1001)
        self.assertFalse(self.uses_postings())
        self.set_threshold(0)
        self.assertTrue(self.uses_postings(1))
        self.set_threshold(2**64 - 1)
        self.assertFalse(self.uses_postings())

    def test_batches(self) -> None:
        self.add(0, 1000)
        queries = [Query(VectorExample(QUERY), "s", limit=limit) for limit in (3, 50)]
        by_postings = self.collection.read(QueryBatch(queries))
        before = self.asked
        self.set_threshold(1001)
        self.assertEqual(self.collection.read(QueryBatch(queries)), by_postings)
        self.assertEqual(self.asked, before)


class ScansByCost(ScanCase):
    """Searches without a threshold."""

    def test_a_filter_that_leaves_few_rows_leads_to_a_scan(self) -> None:
        self.add(0, 1600)
        self.assertFalse(self.uses_postings(99))
        self.assertTrue(self.uses_postings(100))

    def test_few_rows_without_a_filter_do_not(self) -> None:
        self.add(0, 1)
        self.assertTrue(self.uses_postings())
