"""The contract of IVectorDevice, which every usable device must meet.

Mix `DeviceContract` into a trial SynchronousTestCase that has `make_device`.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tests.suites.device import score
from vexfs_twisted.interfaces import IVectorDevice, IVectorFile
from vexfs_twisted.model.device import (
    DeviceError,
    DeviceGone,
    DeviceMetric,
    DeviceRefused,
    FileTaken,
    Ids,
    Neighbours,
    NoSuchFile,
)

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase

    class Provider(SynchronousTestCase):
        """The base class that the contract expects."""

        def make_device(self) -> IVectorDevice:
            """Make a device without files; its resources are released by `addCleanup`."""

else:
    Provider = object

E = TypeVar("E", bound=Exception)

DIMENSIONS = 5
THREADS = 4
LARGE_IDS = np.array([2**64 - 1, 7, 2**63, 2**32, 0, 2**53 + 1], dtype=np.uint64)


def some_vectors(count: int, dimensions: int = DIMENSIONS, seed: int = 1) -> NDArray[np.float32]:
    """Vectors of different lengths, so that metrics rank them differently."""
    random = np.random.default_rng(seed)
    lengths = random.uniform(0.5, 4.0, (count, 1))
    return (random.standard_normal((count, dimensions)) * lengths).astype(np.float32)


def ids_from(start: int, count: int) -> Ids:
    """Ids from `start` on."""
    return np.arange(start, start + count, dtype=np.uint64)


class DeviceContract(Provider):
    """The tests."""

    def setUp(self) -> None:
        """Start from a device without files."""
        self.device = self.make_device()
        self.addCleanup(self.device.close)

    def file(self, name: str = "vectors", dimensions: int = DIMENSIONS) -> IVectorFile:
        """A new vector file, closed after the test."""
        file = self.device.create(name, dimensions)
        self.addCleanup(file.close)
        return file

    def filled(self, ids: Ids, vectors: NDArray[np.float32], name: str = "vectors") -> IVectorFile:
        """A new vector file with these vectors, closed after the test."""
        file = self.file(name, vectors.shape[1])
        file.insert(ids, vectors)
        return file

    def assert_nearest(
        self,
        found: Neighbours,
        ids: Ids,
        vectors: NDArray[np.float32],
        query: NDArray[np.float32],
        metric: DeviceMetric,
    ) -> None:
        """Assert that the neighbours found are the nearest of all, in order, with their scores."""
        self.assertEqual((found.ids.dtype, found.scores.dtype), (np.uint64, np.float32))
        expected = score(vectors, query, metric)
        order = np.argsort(-expected if metric.larger_is_nearer else expected, kind="stable")
        order = order[: len(found.ids)]
        self.assertEqual(found.ids.tolist(), ids[order].tolist(), metric)
        np.testing.assert_allclose(found.scores, expected[order], rtol=1e-4, atol=1e-4)

    def test_a_new_file_is_empty(self) -> None:
        file = self.file()
        meta = file.meta()
        self.assertEqual((file.name, meta.dimensions, meta.vector_count), ("vectors", 5, 0))
        for metric in DeviceMetric:
            found = file.search(some_vectors(1)[0], 3, metric)
            self.assertEqual((found.ids.tolist(), found.scores.tolist()), ([], []))

    def test_the_nearest_are_found_by_each_metric(self) -> None:
        vectors = some_vectors(300)
        ids = ids_from(1000, 300)[::-1].copy()
        file = self.filled(ids, vectors)
        for query in some_vectors(3, seed=2):
            for metric in DeviceMetric:
                for k in (1, 10, 299):
                    found = file.search(query, k, metric)
                    self.assertEqual(len(found.ids), k)
                    self.assert_nearest(found, ids, vectors, query, metric)

    def test_all_are_found_where_more_are_asked_for(self) -> None:
        vectors = some_vectors(7)
        file = self.filled(ids_from(40, 7), vectors)
        for metric in DeviceMetric:
            found = file.search(vectors[3], 20, metric)
            self.assertEqual(sorted(found.ids.tolist()), list(range(40, 47)))
            self.assert_nearest(found, ids_from(40, 7), vectors, vectors[3], metric)

    def test_ids_have_all_their_bits(self) -> None:
        vectors = some_vectors(len(LARGE_IDS))
        file = self.filled(LARGE_IDS, vectors)
        for vector_id, vector in zip(LARGE_IDS.tolist(), vectors, strict=True):
            nearest = file.search(vector, 1, DeviceMetric.EUCLIDEAN)
            self.assertEqual(nearest.ids.tolist(), [vector_id])

    def test_inserts_add_up(self) -> None:
        vectors = some_vectors(90)
        ids = ids_from(0, 90)
        file = self.file()
        for start in range(0, 90, 30):
            part = slice(start, start + 30)
            file.insert(ids[part], vectors[part])
            self.assertEqual(file.meta().vector_count, start + 30)
        found = file.search(vectors[0], 90, DeviceMetric.COSINE)
        self.assert_nearest(found, ids, vectors, vectors[0], DeviceMetric.COSINE)

    def test_an_insert_of_nothing_changes_nothing(self) -> None:
        file = self.file()
        file.insert(ids_from(0, 0), some_vectors(0))
        self.assertEqual(file.meta().vector_count, 0)

    def test_an_id_that_is_inserted_again_gets_the_new_vector(self) -> None:
        vectors, ids = some_vectors(20), ids_from(500, 20)
        file = self.filled(ids, vectors)
        before = vectors.copy()
        vectors[5:15] = some_vectors(10, seed=3)
        file.insert(ids[5:15], vectors[5:15])
        self.assertEqual(file.meta().vector_count, 20)
        for metric in DeviceMetric:
            for query in (before[7], vectors[7]):
                found = file.search(query, 30, metric)
                self.assertEqual(len(found.ids), 20)
                self.assert_nearest(found, ids, vectors, query, metric)

    def test_a_vector_of_zeros_has_no_direction(self) -> None:
        vectors = np.array([[0, 0], [1, 0], [-1, 0]], dtype=np.float32)
        file = self.filled(ids_from(1, 3), vectors)
        found = file.search(vectors[1], 3, DeviceMetric.COSINE)
        self.assertEqual(found.ids.tolist(), [2, 1, 3])
        np.testing.assert_allclose(found.scores, [1, 0, -1], atol=1e-6)

    def test_the_longest_vectors(self) -> None:
        vectors = some_vectors(3, 65536)
        file = self.filled(ids_from(1, 3), vectors)
        found = file.search(vectors[1], 1, DeviceMetric.COSINE)
        self.assertEqual(found.ids.tolist(), [2])
        np.testing.assert_allclose(found.scores, [1], rtol=1e-4)

    def test_vectors_of_one_component(self) -> None:
        vectors = np.array([[3], [-4], [1]], dtype=np.float32)
        file = self.filled(ids_from(1, 3), vectors)
        found = file.search(np.array([-1], dtype=np.float32), 3, DeviceMetric.EUCLIDEAN)
        self.assertEqual((found.ids.tolist(), found.scores.tolist()), ([3, 2, 1], [2, 3, 4]))

    def test_other_dimensions_are_refused_and_harm_nothing(self) -> None:
        vectors = some_vectors(4)
        file = self.filled(ids_from(1, 4), vectors)
        for dimensions in (DIMENSIONS - 1, DIMENSIONS + 1):
            wrong = some_vectors(2, dimensions)
            self.assertRaises(DeviceRefused, file.insert, ids_from(1, 2), wrong)
            self.assertRaises(DeviceRefused, file.search, wrong[0], 1, DeviceMetric.COSINE)
        found = file.search(vectors[2], 4, DeviceMetric.DOT_PRODUCT)
        self.assert_nearest(found, ids_from(1, 4), vectors, vectors[2], DeviceMetric.DOT_PRODUCT)

    def test_memory_that_lies_otherwise_is_not_taken(self) -> None:
        file, vectors, ids = self.file(), some_vectors(4), ids_from(1, 4)
        wrong: list[tuple[NDArray[np.generic], NDArray[np.generic]]] = [
            (ids, vectors.astype(np.float64)),
            (ids, np.asfortranarray(vectors)),
            (ids, vectors[0]),
            (ids[:2], some_vectors(4)[::2]),
            (ids[:3], vectors),
            (ids.astype(np.int64), vectors),
            (ids_from(1, 8)[::2], vectors),
        ]
        for given_ids, given in wrong:
            self.assertRaises(ValueError, file.insert, given_ids, given)
        for query in (vectors[:, 0], vectors, vectors[0].astype(np.float64)):
            self.assertRaises(ValueError, file.search, query, 1, DeviceMetric.COSINE)
        self.assertRaises(ValueError, file.search, vectors[0], 0, DeviceMetric.COSINE)
        self.assertEqual(file.meta().vector_count, 0)

    def test_each_file_has_vectors_of_its_own(self) -> None:
        first = self.filled(ids_from(1, 6), some_vectors(6), "first")
        second = self.filled(ids_from(10, 2), some_vectors(2, 3), "second")
        self.assertEqual((first.meta().vector_count, second.meta().vector_count), (6, 2))
        self.assertEqual((first.meta().dimensions, second.meta().dimensions), (5, 3))
        found = second.search(some_vectors(1, 3)[0], 9, DeviceMetric.COSINE)
        self.assertEqual(sorted(found.ids.tolist()), [10, 11])

    def test_a_file_opened_twice_is_one(self) -> None:
        file = self.filled(ids_from(1, 4), some_vectors(4))
        other = self.device.open("vectors")
        self.addCleanup(other.close)
        other.insert(ids_from(5, 2), some_vectors(2, seed=4))
        self.assertEqual((file.meta(), other.meta().vector_count), (other.meta(), 6))
        found = file.search(some_vectors(2, seed=4)[1], 1, DeviceMetric.EUCLIDEAN)
        self.assertEqual(found.ids.tolist(), [6])

    def test_vectors_outlast_the_closing_of_their_file(self) -> None:
        vectors = some_vectors(4)
        self.filled(ids_from(1, 4), vectors).close()
        file = self.device.open("vectors")
        self.addCleanup(file.close)
        self.assertEqual(file.meta().vector_count, 4)
        self.assertEqual(file.search(vectors[3], 1, DeviceMetric.EUCLIDEAN).ids.tolist(), [4])

    def test_files_are_listed_and_deleted(self) -> None:
        self.assertEqual(self.device.list_files(), [])
        for name in ("b", "a", "c"):
            self.filled(ids_from(1, 2), some_vectors(2), name).close()
        self.assertEqual(self.device.list_files(), ["a", "b", "c"])
        self.device.delete("b")
        self.assertEqual(self.device.list_files(), ["a", "c"])
        self.assertRaises(NoSuchFile, self.device.open, "b")
        self.assertRaises(NoSuchFile, self.device.delete, "b")

    def test_a_file_under_the_name_of_one_deleted_is_new(self) -> None:
        self.filled(ids_from(1, 2), some_vectors(2)).close()
        self.device.delete("vectors")
        file = self.file(dimensions=9)
        self.assertEqual((file.meta().dimensions, file.meta().vector_count), (9, 0))

    def test_a_file_that_was_deleted_works_or_says_that_it_is_away(self) -> None:
        vectors = some_vectors(2)
        file = self.filled(ids_from(1, 2), vectors)
        self.device.delete("vectors")
        try:
            found = file.search(vectors[0], 1, DeviceMetric.EUCLIDEAN)
        except (DeviceGone, NoSuchFile):
            return
        self.assertEqual(found.ids.tolist(), [1])

    def test_a_name_is_given_once(self) -> None:
        self.filled(ids_from(1, 2), some_vectors(2))
        self.assertRaises(FileTaken, self.device.create, "vectors", DIMENSIONS)
        file = self.device.open("vectors")
        self.addCleanup(file.close)
        self.assertEqual(file.meta().vector_count, 2)

    def test_names(self) -> None:
        names = sorted(["with space", ".hidden", "größe", "n" * 255, "100%", "-dash", "a\nb"])
        for name in names:
            self.file(name).close()
        self.assertEqual(self.device.list_files(), names)
        for name in names:
            self.device.open(name).close()
            self.device.delete(name)
        self.assertEqual(self.device.list_files(), [])

    def test_what_cannot_be_made_leaves_nothing_behind(self) -> None:
        for name in ("", ".", "..", "a/b", "a\0b", "n" * 256, "ö" * 128):
            self.assertRaises(DeviceRefused, self.device.create, name, DIMENSIONS)
            self.assertRaises(NoSuchFile, self.device.open, name)
        for dimensions in (-1, 0, 65537, 2**32 + 4):
            self.assertRaises(DeviceRefused, self.device.create, "wrong", dimensions)
        self.assertEqual(self.device.list_files(), [])

    def test_what_is_closed_takes_no_calls(self) -> None:
        vectors = some_vectors(2)
        file = self.filled(ids_from(1, 2), vectors)
        other = self.device.open("vectors")
        file.close()
        file.close()
        self.assertRaises(DeviceGone, file.meta)
        self.assertRaises(DeviceGone, file.insert, ids_from(1, 2), vectors)
        self.assertRaises(DeviceGone, file.search, vectors[0], 1, DeviceMetric.COSINE)
        self.assertEqual(other.meta().vector_count, 2)
        self.device.close()
        self.device.close()
        self.assertRaises(DeviceGone, other.meta)
        self.assertRaises(DeviceGone, self.device.list_files)
        self.assertRaises(DeviceGone, self.device.create, "late", DIMENSIONS)
        self.assertRaises(DeviceGone, self.device.open, "vectors")

    def test_several_threads_at_once(self) -> None:
        """Each inserts its share and searches meanwhile: every answer is true, none is lost."""
        vectors = some_vectors(THREADS * 60)
        ids = ids_from(0, len(vectors))
        file = self.file()
        problems: list[object] = []

        def work(number: int) -> None:
            try:
                for start in range(number * 60, number * 60 + 60, 10):
                    part = slice(start, start + 10)
                    file.insert(ids[part], vectors[part])
                    found = file.search(vectors[start], 5, DeviceMetric.EUCLIDEAN)
                    rows = found.ids.astype(np.int64)
                    truth = score(vectors[rows], vectors[start], DeviceMetric.EUCLIDEAN)
                    is_true = np.allclose(found.scores, truth, rtol=1e-4, atol=2e-3)
                    if found.ids[0] != start or not is_true:
                        problems.append((start, found.ids, found.scores, truth))
            except DeviceError as error:
                problems.append(error)

        threads = [Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(file.meta().vector_count, len(vectors))
        found = file.search(vectors[0], len(vectors), DeviceMetric.DOT_PRODUCT)
        self.assert_nearest(found, ids, vectors, vectors[0], DeviceMetric.DOT_PRODUCT)
