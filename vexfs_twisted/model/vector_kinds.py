"""The three kinds of vectors in columns: dense, multi (rows of a matrix each) and sparse (CSR).

A column of any kind has n vectors in numpy arrays and is immutable. Most code uses the methods that
all kinds share; only code for one kind uses its arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, Self, cast

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from . import ragged
from .errors import (
    Problem,
    ValidationError,
    empty_vector,
    not_sparse,
    unexplained,
)
from .ragged import Offsets

Matrix = NDArray[np.float32]

DenseVector = NDArray[np.float32]
"""One dense vector, shape [dim]."""

Rows = slice | NDArray[np.int64] | NDArray[np.bool_]
"""A selection of vectors of a column: a numpy index of rows."""

_BLOCK = 1 << 13
"""So many values are checked by one sum: few enough for one thread of the library."""

Label = Callable[[int], str]
"""Maps the number of a vector to its path in the request."""


def _content(array: NDArray[Any]) -> tuple[tuple[int, ...], bytes]:
    """The value by which arrays are compared."""
    return array.shape, array.tobytes()


@frozen
class MultiVector:
    """One multivector: `rows`, shape [n, dim], float32, n at least 1."""

    rows: Matrix = field(eq=_content)

    @classmethod
    def of(cls, rows: Sequence[DenseVector], place: str) -> MultiVector:
        """Create a multivector from the rows that a client sent at `place`.

        Raises ValidationError as `dimension_of` does.
        """
        cls.dimension_of([len(row) for row in rows], place)
        return cls(np.stack(rows))

    @staticmethod
    def dimension_of(lengths: Sequence[int], place: str) -> int:
        """The length of all rows, sent at `place`, of these lengths.

        Raises ValidationError if there are no rows, or one is empty or differs in length.
        """
        if not lengths:
            raise empty_vector(place)
        if 0 in lengths:
            raise ValidationError([Problem(f"{place}.data", "all vectors must be non-empty")])
        other = next((found for found in lengths if found != lengths[0]), None)
        if other is not None:
            text = "all vectors must have the same dimension, found vector with dimension"
            raise ValidationError([Problem(f"{place}.data", f"{text} {other}")])
        return lengths[0]

    @property
    def size(self) -> int:
        """The number of components."""
        return self.rows.size

    @property
    def nbytes(self) -> int:
        """The memory of the rows in bytes."""
        return self.rows.nbytes


@frozen
class SparseVector:
    """One sparse vector: ascending distinct `indices`, uint32, and `values`, float32, shape [n]."""

    indices: NDArray[np.uint32] = field(eq=_content)
    values: NDArray[np.float32] = field(eq=_content)

    @classmethod
    def of(
        cls, indices: NDArray[np.uint32], values: NDArray[np.float32], place: str
    ) -> SparseVector:
        """Create a sparse vector, sent at `place`, from indices in any order.

        Raises ValidationError as `SparseVectors.of` does.
        """
        return SparseVectors.of([indices], [values], lambda _: place).vector(0)

    @property
    def size(self) -> int:
        """The number of components that are stored."""
        return self.values.size

    @property
    def nbytes(self) -> int:
        """The memory of indices and values in bytes."""
        return self.indices.nbytes + self.values.nbytes


Vector = DenseVector | MultiVector | SparseVector
"""One vector of any kind."""


def vector_content(vector: Vector) -> object:
    """The value by which vectors are compared."""
    return _content(vector) if isinstance(vector, np.ndarray) else vector


class _Column(ABC):
    """The interface of columns of all kinds."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int:
        """The number of vectors."""

    @abstractmethod
    def vector(self, row: int) -> Vector:
        """Vector `row`, possibly a view."""

    @abstractmethod
    def take(self, rows: Rows) -> Self:
        """The selected vectors, in the order selected. Raises IndexError."""

    @abstractmethod
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The arrays of the column, C-contiguous, values last.

        Concatenated one by one, the arrays of several columns are those of their concatenation.
        """

    @classmethod
    @abstractmethod
    def from_arrays(cls, *arrays: NDArray[Any]) -> Self:
        """The inverse of `arrays`. Raises ValueError for invalid arrays."""

    @property
    @abstractmethod
    def dimensions(self) -> tuple[int, ...]:
        """The dimension of the vectors or their rows; empty for kinds without one."""

    @property
    def is_finite(self) -> bool:
        """Whether all values are finite."""
        values = self.arrays()[-1].ravel()
        blocks = (values[start : start + _BLOCK] for start in range(0, values.size, _BLOCK))
        # Infinity and NaN remain in a sum of squares, which takes much less time.
        return all(isfinite(np.vdot(own, own)) or np.isfinite(own).all() for own in blocks)

    @property
    def nbytes(self) -> int:
        """The memory of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays())

    def __getitem__(self, rows: slice) -> Self:
        return self.take(rows)

    def __iter__(self) -> Iterator[Vector]:
        return map(self.vector, range(len(self)))

    @classmethod
    def concat(cls, columns: Sequence[Self]) -> Self:
        """Concatenate one or more columns."""
        parts = zip(*(column.arrays() for column in columns), strict=True)
        return cls.from_arrays(*map(np.concatenate, parts))


@frozen
class DenseVectors(_Column):
    """Vectors of one length: `data`, shape [n, dim], float32, C-contiguous."""

    data: Matrix = field(eq=_content)

    def __attrs_post_init__(self) -> None:
        _check_matrix(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[DenseVector]:
        return iter(self.data)

    def vector(self, row: int) -> DenseVector:
        """Vector `row`, shape [dim], a view."""
        vector: DenseVector = self.data[row]
        return vector

    def take(self, rows: Rows) -> DenseVectors:
        """The selected vectors; a view for a slice."""
        return DenseVectors(np.ascontiguousarray(self.data[rows]))

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """`data`."""
        return (self.data,)

    @classmethod
    def from_arrays(cls, *arrays: NDArray[Any]) -> DenseVectors:
        """The column over `data`."""
        (data,) = arrays
        return cls(data)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The length of every vector."""
        return (self.data.shape[1],)

    @property
    def nbytes(self) -> int:
        """The memory of `data` in bytes."""
        return self.data.nbytes


@frozen
class MultiVectors(_Column):
    """Multivectors of one dimension: vector r is rows offsets[r] to offsets[r + 1] of `data`.

    `offsets` has shape [n + 1], int64; `data` has shape [total, dim], float32, C-contiguous. Every
    vector has a row.
    """

    offsets: Offsets = field(eq=_content)
    data: Matrix = field(eq=_content)

    def __attrs_post_init__(self) -> None:
        _check_matrix(self.data)
        ragged.check_offsets(self.offsets, len(self.data), shortest=1)

    @classmethod
    def of(cls, vectors: Sequence[MultiVector]) -> MultiVectors:
        """Create a column from one or more vectors of one dimension."""
        rows = [vector.rows for vector in vectors]
        return cls(ragged.offsets_of([len(own) for own in rows]), np.concatenate(rows))

    @classmethod
    def of_single_rows(cls, vectors: DenseVectors) -> MultiVectors:
        """Create a column of multivectors with one row each."""
        return cls(np.arange(len(vectors) + 1, dtype=np.int64), vectors.data)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[Vector]:
        for start, stop in pairwise(self.offsets.tolist()):
            yield MultiVector(self.data[start:stop])

    def vector(self, row: int) -> MultiVector:
        """Vector `row`, a view."""
        return MultiVector(self.data[self.offsets[row] : self.offsets[row + 1]])

    def take(self, rows: Rows) -> MultiVectors:
        """The selected vectors; for a slice without a step, `data` is a view."""
        offsets, places = ragged.select(self.offsets, rows)
        return MultiVectors(offsets, self.data[places])

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The number of rows of each vector, shape [n], int64, and `data`."""
        return np.diff(self.offsets), self.data

    @classmethod
    def from_arrays(cls, *arrays: NDArray[Any]) -> MultiVectors:
        """The column of the numbers of rows and of the rows."""
        lengths, data = arrays
        return cls(ragged.offsets_of(lengths), data)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The length of every row."""
        return (self.data.shape[1],)


@frozen
class SparseVectors(_Column):
    """Sparse vectors in CSR: vector r is offsets[r] to offsets[r + 1] of `indices` and `values`.

    `offsets` has shape [n + 1], int64; `indices`, uint32, and `values`, float32, shape [total]. The
    indices of each vector ascend and are distinct; a vector may be empty.
    """

    offsets: Offsets = field(eq=_content)
    indices: NDArray[np.uint32] = field(eq=_content)
    values: NDArray[np.float32] = field(eq=_content)

    def __attrs_post_init__(self) -> None:
        indices, values = self.indices, self.values
        if indices.dtype != np.uint32 or values.dtype != np.float32:
            raise ValueError("indices must be uint32 and values float32")
        if indices.ndim != 1 or indices.shape != values.shape:
            raise ValueError("indices and values must have the same shape [total]")
        ragged.check_offsets(self.offsets, len(indices), shortest=0)
        if not _ascends(indices, ragged.row_of_each(self.offsets)).all():
            raise ValueError("the indices of a vector must ascend and be distinct")

    @classmethod
    def of(
        cls,
        indices: Sequence[NDArray[np.uint32]],
        values: Sequence[NDArray[np.float32]],
        label: Label,
    ) -> SparseVectors:
        """Create a column from vectors sent by a client, with indices in any order.

        Raises ValidationError for the first vector with different lengths or repeated indices.
        """
        lengths = [len(own) for own in indices], [len(own) for own in values]
        flat = np.concatenate([np.empty(0, dtype=np.uint32), *indices])
        numbers = np.concatenate([np.empty(0, dtype=np.float32), *values])
        return cls.of_flat(flat, numbers, *lengths, label)

    @classmethod
    def joined(cls, vectors: Sequence[SparseVector]) -> SparseVectors:
        """Create a column from one or more vectors."""
        offsets = ragged.offsets_of([own.size for own in vectors])
        indices = np.concatenate([own.indices for own in vectors])
        return cls(offsets, indices, np.concatenate([own.values for own in vectors]))

    @classmethod
    def of_flat(
        cls,
        flat: NDArray[np.uint32],
        numbers: NDArray[np.float32],
        lengths: Sequence[int],
        value_lengths: Sequence[int],
        label: Label,
    ) -> SparseVectors:
        """As `of`, with the indices of all vectors in `flat` and their values in `numbers`."""
        has_length = np.array(lengths, dtype=np.int64) == np.array(value_lengths, dtype=np.int64)
        offsets = ragged.offsets_of(lengths)
        rows = ragged.row_of_each(offsets)
        if has_length.all() and _ascends(flat, rows).all():
            return cls(offsets, flat, numbers)
        order = np.lexsort((flat, rows))
        flat = flat[order]
        is_distinct = np.ones(len(lengths), dtype=np.bool_)
        is_distinct[rows[1:][~_ascends(flat, rows)]] = False
        wrong = np.flatnonzero(~(has_length & is_distinct))
        if len(wrong):
            row = int(wrong[0])
            raise _invalid_sparse(label(row), has_length[row], is_distinct[row])
        return cls(offsets, flat, numbers[order])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[Vector]:
        for start, stop in pairwise(self.offsets.tolist()):
            yield SparseVector(self.indices[start:stop], self.values[start:stop])

    def vector(self, row: int) -> SparseVector:
        """Vector `row`, a view."""
        start, stop = self.offsets[row : row + 2]
        return SparseVector(self.indices[start:stop], self.values[start:stop])

    def take(self, rows: Rows) -> SparseVectors:
        """The selected vectors; for a slice without a step, indices and values are views."""
        offsets, places = ragged.select(self.offsets, rows)
        return SparseVectors(offsets, self.indices[places], self.values[places])

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The length of each vector, shape [n], int64, `indices` and `values`."""
        return np.diff(self.offsets), self.indices, self.values

    @classmethod
    def from_arrays(cls, *arrays: NDArray[Any]) -> SparseVectors:
        """The column of lengths, indices and values."""
        lengths, indices, values = arrays
        return cls(ragged.offsets_of(lengths), indices, values)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Empty: sparse vectors have no dimension."""
        return ()


Vectors = DenseVectors | MultiVectors | SparseVectors
"""A column of any kind."""


def concat(columns: Sequence[Vectors]) -> Vectors:
    """Concatenate one or more columns of one kind and dimension."""
    kind = type(columns[0])
    if any(type(column) is not kind for column in columns):
        raise ValueError("columns of several kinds cannot be joined")
    return cast("Vectors", cast("type[_Column]", kind).concat(columns))


def of_one_kind(columns: Sequence[Vectors]) -> Sequence[Vectors]:
    """Columns of one name as columns of one kind: dense vectors may be rows of multivectors.

    Raises BadInput if some are sparse and others are not.
    """
    kinds = set(map(type, columns))
    if len(kinds) <= 1:
        return columns
    if SparseVectors in kinds:
        raise not_sparse()
    return [
        MultiVectors.of_single_rows(column) if isinstance(column, DenseVectors) else column
        for column in columns
    ]


def _check_matrix(data: NDArray[Any]) -> None:
    if data.dtype != np.float32 or data.ndim != 2 or not data.flags.c_contiguous:
        raise ValueError("data must be float32, shape [n, dim], C-contiguous")


def _ascends(indices: NDArray[np.uint32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each index but the first begins a row or exceeds its predecessor."""
    ascends: NDArray[np.bool_] = (indices[1:] > indices[:-1]) | (rows[1:] != rows[:-1])
    return ascends


def _invalid_sparse(place: str, has_length: bool, is_distinct: bool) -> ValidationError:
    problems = []
    if not has_length:
        text = unexplained("must be the same length as indices")
        problems.append(Problem(f"{place}.values", text))
    if not is_distinct:
        problems.append(Problem(f"{place}.indices", unexplained("must be unique")))
    return ValidationError(problems)
