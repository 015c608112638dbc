"""What vectors of each kind refuse, and in which words."""

from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.collection import CollectionParams
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.errors import BadInput, ValidationError
from vexfs_twisted.model.queries import Record, Retrieve, Selection, check_query_vector
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import UpdateVectors, Upsert, check_update
from vexfs_twisted.model.vector_kinds import (
    DenseVectors,
    MultiVector,
    MultiVectors,
    SparseVector,
    SparseVectors,
    concat,
)
from vexfs_twisted.model.vectors import VectorColumn

PLACE = "points[0].vector.?"


def numbers(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def keys(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint32)


SPARSE = SparseVector(keys(1, 7), numbers(0.5, -1))
MULTI = MultiVector(np.ones((2, 3), dtype=np.float32))


class MultiTests(SynchronousTestCase):
    def refused(self, *rows: np.ndarray) -> str:
        return self.assertRaises(ValidationError, MultiVector.of, rows, PLACE).message

    def test_rows_must_fit(self) -> None:
        empty = "[points[0].vector.?.data: all vectors must be non-empty]"
        text = "[points[0].vector.?.data: all vectors must have the same dimension, "
        self.assertEqual(
            self.refused(), "[points[0].vector.?.vector: dense vector must not be empty]"
        )
        self.assertEqual(self.refused(numbers()), empty)
        self.assertEqual(self.refused(numbers(1, 2), numbers()), empty)
        self.assertEqual(
            self.refused(numbers(1, 2), numbers(1, 2, 3)),
            text + "found vector with dimension 3]",
        )

    def test_arrays_must_fit(self) -> None:
        data = np.ones((3, 2), dtype=np.float32)
        for offsets in ([0, 2], [1, 3], [0, 3, 3], [0, 4, 3], []):
            with self.assertRaises(ValueError):
                MultiVectors(np.array(offsets, dtype=np.int64), data)
        with self.assertRaises(ValueError):
            MultiVectors(np.array([0, 3], dtype=np.int32), data)


class SparseTests(SynchronousTestCase):
    def refused(self, indices: np.ndarray, values: np.ndarray) -> str:
        return self.assertRaises(ValidationError, SparseVector.of, indices, values, PLACE).message

    def test_indices_are_put_in_order(self) -> None:
        vector = SparseVector.of(keys(9, 2**32 - 1, 0), numbers(1, 2, 3), PLACE)
        self.assertEqual(vector, SparseVector(keys(0, 9, 2**32 - 1), numbers(3, 1, 2)))
        self.assertEqual(SparseVector.of(keys(), numbers(), PLACE).size, 0)

    def test_lengths_and_repeated_indices(self) -> None:
        length = f"{PLACE}.values: Validation error: must be the same length as indices [{{}}]"
        unique = f"{PLACE}.indices: Validation error: must be unique [{{}}]"
        self.assertEqual(self.refused(keys(1, 2), numbers(1)), f"[{length}]")
        self.assertEqual(self.refused(keys(3, 2, 3), numbers(1, 2, 3)), f"[{unique}]")
        self.assertEqual(self.refused(keys(3, 3), numbers(1)), f"[{length}; {unique}]")

    def test_the_first_wrong_vector_is_told(self) -> None:
        indices = [keys(5, 1), keys(), keys(4, 4), keys(2)]
        values = [numbers(1, 2), numbers(), numbers(1, 2), numbers()]
        error = self.assertRaises(
            ValidationError, SparseVectors.of, indices, values, lambda row: f"at[{row}]"
        )
        self.assertEqual(error.problems[0].path, "at[2].indices")

    def test_arrays_must_fit(self) -> None:
        offsets = np.array([0, 2], dtype=np.int64)
        for indices in (keys(2, 1), keys(1, 1), keys(1)):
            with self.assertRaises(ValueError):
                SparseVectors(offsets, indices, numbers(1, 2))
        # What descends from one vector to the next is as it should be.
        SparseVectors(np.array([0, 1, 2], dtype=np.int64), keys(2, 1), numbers(1, 2))


class RefusalTests(SynchronousTestCase):
    """Vectors of one kind where another is needed."""

    def test_columns(self) -> None:
        multi_config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        params = CollectionParams(
            vectors={
                "a": VectorParams(Distance.DOT, 3),
                "m": VectorParams(Distance.DOT, 3, multivector_config=multi_config),
            },
            sparse_vectors={"s": SparseVectorParams()},
        )
        sparse = VectorColumn(SparseVectors.of([SPARSE.indices], [SPARSE.values], str))
        multi = VectorColumn(MultiVectors.of([MULTI]))
        size = MULTI.rows.shape[1]
        dense = VectorColumn.of(np.ones((1, size), dtype=np.float32))
        wrong_size = f"Vector dimension error: expected dim: 3, got {size}"
        no_sparse = "Conversion between sparse and regular vectors failed"
        cases = {
            ("a", sparse): no_sparse,
            ("m", sparse): no_sparse,
            ("s", sparse): None,
            ("a", multi): f"{wrong_size} for vector 'a'",
            ("m", multi): f"{wrong_size} for vector 'm'",
            ("s", multi): no_sparse,
            ("s", dense): no_sparse,
            ("unknown", sparse): "Not existing vector name error: unknown",
            ("unknown", multi): "Not existing vector name error: unknown",
        }
        fitting = VectorColumn(MultiVectors.of([MultiVector(np.ones((2, 3), dtype=np.float32))]))
        cases["a", fitting] = "Conversion between multi and regular vectors failed"
        cases["m", fitting] = None
        for (name, column), message in cases.items():
            for update in (
                Upsert([1], {name: column}, [b"{}"]),
                UpdateVectors([1], {name: column}),
            ):
                if message is None:
                    check_update(update, params)
                else:
                    error = self.assertRaises(BadInput, check_update, update, params)
                    self.assertEqual(error.message, f"Wrong input: {message}")

    def test_queries(self) -> None:
        for vector in (SPARSE, MULTI):
            check_query_vector(vector)
            self.assertEqual(VectorExample(vector), VectorExample(vector))
            self.assertNotEqual(VectorExample(vector), VectorExample(numbers(1)))

    def test_queries_must_be_finite(self) -> None:
        infinite = np.array([[1, np.inf]], dtype=np.float32)
        sparse = SparseVector(np.array([3, 7], dtype=np.uint32), infinite[0])
        for vector in (sparse, MultiVector(infinite), infinite[0]):
            self.assertRaises(BadInput, check_query_vector, vector)

    def test_answers_are_as_large_as_their_vectors(self) -> None:
        """An estimate by some points: every other one has a large vector."""
        large = MultiVector(np.ones((100, 10), dtype=np.float32))
        sparse = SparseVector(np.arange(1000, dtype=np.uint32), np.ones(1000, dtype=np.float32))
        for vector, size in ((large, 4000), (sparse, 8000), (large.rows[0], 40)):
            records = [
                Record(number, b"{}", {"x": vector} if number % 2 else {}) for number in range(1000)
            ]
            found = Retrieve([], Selection(vectors=True)).size_of(records)
            for wanted in (0.8 * 500 * size, 500 * size + 1000 * 400):
                self.assertEqual(found > wanted, wanted < 500 * size)

    def test_kinds_are_not_joined(self) -> None:
        dense = DenseVectors(np.ones((1, 3), dtype=np.float32))
        multi = MultiVectors.of([MULTI])
        self.assertFalse(VectorColumn(dense).joins(VectorColumn(multi)))
        with self.assertRaises(ValueError):
            concat([dense, multi])

    def test_dense_arrays_must_fit(self) -> None:
        for data in (np.ones(3), np.ones((1, 3)), np.ones((3, 2), dtype=np.float32).T):
            with self.assertRaises(ValueError):
                DenseVectors(data.astype(data.dtype))
