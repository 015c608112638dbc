"""The columns of vectors of every kind against lists of the same vectors."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.vector_kinds import (
    DenseVectors,
    MultiVector,
    MultiVectors,
    SparseVector,
    SparseVectors,
    Vector,
    Vectors,
    concat,
    vector_content,
)
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.model.vectors_draft import VectorsDraft

floats = st.floats(width=32, allow_nan=False)
indices = st.integers(0, 2**32 - 1) | st.integers(0, 5)

Listed = list[Vector]


def array(numbers: list[float]) -> NDArray[np.float32]:
    return np.array(numbers, dtype=np.float32)


# Each strategy is made once: hypothesis takes longer to make and check one than to draw.
@cache
def rows_of(dimension: int) -> st.SearchStrategy[NDArray[np.float32]]:
    return st.lists(floats, min_size=dimension, max_size=dimension).map(array)


@cache
def dense_rows(dimension: int) -> st.SearchStrategy[list[NDArray[np.float32]]]:
    return st.lists(rows_of(dimension), max_size=6)


@cache
def multi_rows(dimension: int) -> st.SearchStrategy[list[list[NDArray[np.float32]]]]:
    return st.lists(st.lists(rows_of(dimension), min_size=1, max_size=4), max_size=6)


@st.composite
def dense_columns(draw: st.DrawFn, dimension: int) -> tuple[Vectors, Listed]:
    rows = draw(dense_rows(dimension))
    data = np.array(rows, dtype=np.float32).reshape(len(rows), dimension)
    return DenseVectors(data), list(rows)


@st.composite
def multi_columns(draw: st.DrawFn, dimension: int) -> tuple[Vectors, Listed]:
    vectors = [MultiVector.of(rows, "vector") for rows in draw(multi_rows(dimension))]
    if not vectors:
        empty = np.empty((0, dimension), dtype=np.float32)
        return MultiVectors(np.zeros(1, dtype=np.int64), empty), []
    return MultiVectors.of(vectors), list(vectors)


sparse_items = st.lists(st.dictionaries(indices, floats, max_size=5), max_size=6)


@st.composite
def sparse_columns(draw: st.DrawFn) -> tuple[Vectors, Listed]:
    given_as = [list(items.items()) for items in draw(sparse_items)]
    keys = [np.array([k for k, _ in items], dtype=np.uint32) for items in given_as]
    values = [array([v for _, v in items]) for items in given_as]
    listed: Listed = []
    for items in map(sorted, given_as):
        own = np.array([k for k, _ in items], dtype=np.uint32)
        listed.append(SparseVector(own, array([v for _, v in items])))
    return SparseVectors.of(keys, values, str), listed


@cache
def several_of(dimension: int) -> st.SearchStrategy[list[tuple[Vectors, Listed]]]:
    kinds = (dense_columns(dimension), multi_columns(dimension), sparse_columns())
    return st.one_of([st.lists(columns, min_size=1, max_size=4) for columns in kinds])


several = st.integers(1, 4).flatmap(several_of)
"""Columns of one kind and dimension, each with the list of its vectors."""

columns = several.map(lambda found: found[0])


class ColumnTests(SynchronousTestCase):
    def check(self, column: Vectors, listed: Listed) -> None:
        self.assertEqual(len(column), len(listed))
        self.assertEqual(list(map(vector_content, column)), list(map(vector_content, listed)))
        own = [column.vector(row) for row in range(len(column))]
        self.assertEqual(list(map(vector_content, own)), list(map(vector_content, listed)))
        self.assertTrue(all(part.flags.c_contiguous for part in column.arrays()))

    @given(columns)
    def test_a_column_holds_its_vectors(self, pair: tuple[Vectors, Listed]) -> None:
        column, listed = pair
        self.check(column, listed)
        if not isinstance(column, SparseVectors):
            self.assertEqual(column.dimensions, (column.data.shape[1],))
        self.assertEqual(column.nbytes, sum(part.nbytes for part in column.arrays()))

    @given(columns, st.data())
    def test_take(self, pair: tuple[Vectors, Listed], data: st.DataObject) -> None:
        column, listed = pair
        count = len(listed)
        places = st.integers(-count, max(count - 1, -count))
        rows = data.draw(st.lists(places, max_size=8 if count else 0))
        self.check(column.take(np.array(rows, dtype=np.int64)), [listed[row] for row in rows])
        mask = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
        kept = [vector for vector, is_kept in zip(listed, mask, strict=True) if is_kept]
        self.check(column.take(np.array(mask, dtype=np.bool_)), kept)
        for outside in (count, -count - 1):
            self.assertRaises(IndexError, column.take, np.array([outside], dtype=np.int64))

    @given(columns, st.slices(6))
    def test_slices(self, pair: tuple[Vectors, Listed], part: slice) -> None:
        column, listed = pair
        self.check(column[part], listed[part])

    @given(several)
    def test_concat(self, pairs: list[tuple[Vectors, Listed]]) -> None:
        joined = concat([column for column, _ in pairs])
        self.check(joined, [vector for _, listed in pairs for vector in listed])
        draft = VectorsDraft()
        for column, _ in pairs:
            draft.add(column)
        self.assertEqual(draft.finish(), joined)

    @given(columns, st.integers(0, 6))
    def test_parts_make_the_whole(self, pair: tuple[Vectors, Listed], at: int) -> None:
        column, _ = pair
        self.assertEqual(concat([column[:at], column[at:]]), column)

    @given(columns)
    def test_round_trip_by_arrays(self, pair: tuple[Vectors, Listed]) -> None:
        column, _ = pair
        copies: list[NDArray[Any]] = [part.copy() for part in column.arrays()]
        again = type(column).from_arrays(*copies)
        self.assertEqual(again, column)
        self.assertEqual(hash(again), hash(column))

    @given(columns, columns)
    def test_equality(self, one: tuple[Vectors, Listed], other: tuple[Vectors, Listed]) -> None:
        (column, listed), (another, others) = one, other
        is_same = (
            type(column) is type(another)
            and column.dimensions == another.dimensions
            and list(map(vector_content, listed)) == list(map(vector_content, others))
        )
        self.assertEqual(column == another, is_same)

    @given(columns, st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
    def test_finite(self, pair: tuple[Vectors, Listed], bad: float, data: st.DataObject) -> None:
        column, _ = pair
        # allow_nan=False leaves infinities in.
        arrays = [part.copy() for part in column.arrays()]
        numbers = arrays[-1].reshape(-1)
        expected = bool(np.isfinite(numbers).all())
        self.assertEqual(type(column).from_arrays(*arrays).is_finite, expected)
        if numbers.size:
            numbers[data.draw(st.integers(0, numbers.size - 1))] = bad
            self.assertFalse(type(column).from_arrays(*arrays).is_finite)


class PlacedTests(SynchronousTestCase):
    """Columns whose vectors belong to some of the points of a request."""

    @given(columns, st.data())
    def test_points_between(self, pair: tuple[Vectors, Listed], data: st.DataObject) -> None:
        vectors, listed = pair
        gaps = data.draw(
            st.lists(st.integers(1, 3), min_size=len(listed), max_size=len(listed)) | st.none()
        )
        positions = None if gaps is None else np.cumsum(np.array(gaps, dtype=np.int64)) - 1
        column = VectorColumn(vectors, positions)
        at = dict(zip(column.places.tolist(), listed, strict=True))
        start = data.draw(st.integers(0, 8))
        stop = data.draw(st.integers(start, 20))
        part = column.between(start, stop)
        found = dict(zip(part.places.tolist(), part.vectors, strict=True))
        expected = {place - start: v for place, v in at.items() if start <= place < stop}
        self.assertEqual(
            {place: vector_content(v) for place, v in found.items()},
            {place: vector_content(v) for place, v in expected.items()},
        )
        self.assertTrue(part.joins(column))
        self.assertEqual(column.is_whole, positions is None)
