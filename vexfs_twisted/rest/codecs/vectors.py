"""Conversion of vectors between JSON lists and float32 arrays."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, error
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...jsonform.converter import describe
from ...model.errors import FormatError, NotSupported, no_multivectors, no_sparse_vectors
from ...model.vector_kinds import DenseVector, Label, MultiVector, SparseVector, Vector
from ...model.vectors import UNNAMED, NamedVectors, VectorColumn

_INFERENCE_KEY = "model"


def read_column(
    rows: Sequence[Any], label: Label, positions: NDArray[np.int64] | None = None
) -> VectorColumn:
    """The rows as one column, [n, dim] float32; integers become floats. `rows` must not be empty.

    `label` names a row in errors; `positions`, shape [n], are those of the column. Rows of
    different lengths, or empty ones, make an uneven column.

    Packing with `struct` takes 0.8 us for a row of 128 numbers, a third of what numpy takes to
    convert nested lists; unlike numpy it refuses strings and null, and it yields the GIL between
    rows. Raises FormatError for a row that is not a list of numbers, and NotSupported for other
    kinds of vectors.
    """
    data = _read_rows(rows, label)
    if data is None:
        return VectorColumn.uneven(_dimensions(rows, label))
    return VectorColumn.of(data, positions)


def _read_rows(rows: Sequence[Any], label: Label) -> NDArray[np.float32] | None:
    """The rows as an array, [n, dim]; None unless they are lists of numbers of one length > 0."""
    first = rows[0]
    dimension = len(first) if type(first) is list else 0
    if not dimension:
        return None
    pack = Struct(f"{dimension}f").pack
    try:
        # No buffer is allocated in advance: a long first row would determine the size of all.
        packed = bytearray().join([pack(*row) for row in rows])
    except (error, TypeError):
        return None
    data = np.frombuffer(packed, dtype=np.float32).reshape(len(rows), dimension)
    _refuse_booleans(data, rows, label)
    return data


def read_vector(value: Any, place: str) -> DenseVector:
    """One float32 vector, shape [dim]. Errors are those of `read_column`, at `place`."""
    data = _read_rows([value], lambda _: place)
    if data is None:
        _check_row(value, place)
        return np.empty(0, dtype=np.float32)
    vector: DenseVector = data[0]
    return vector


def is_inference(value: dict[str, Any]) -> bool:
    """Whether an object requests inference of a vector, instead of being a map of vectors."""
    return type(value.get(_INFERENCE_KEY)) is str


def no_inference() -> NotSupported:
    """The error for an object that requests inference of a vector."""
    return NotSupported("Inference of vectors from text, images or objects is not supported yet")


def _refuse_booleans(data: NDArray[np.float32], rows: Sequence[Any], label: Label) -> None:
    """Raise FormatError for a row with a boolean in it.

    Only rows with a 0 or a 1 after packing are checked: to check the type of every element would
    take longer than packing.
    """
    suspects = ((data == 0) | (data == 1)).any(axis=1)
    for index in np.flatnonzero(suspects).tolist():
        if bool in map(type, rows[index]):
            _check_row(rows[index], label(index))


def _dimensions(rows: Sequence[Any], label: Label) -> tuple[int, ...]:
    """The distinct lengths of the rows, in order of first occurrence, if every row is valid."""
    for index, row in enumerate(rows):
        _check_row(row, label(index))
    return tuple(dict.fromkeys(map(len, rows)))


def _check_row(row: Any, place: str) -> None:
    if type(row) is dict:
        if "indices" in row:
            raise no_sparse_vectors()
        if is_inference(row):
            raise no_inference()
    if type(row) is not list:
        raise FormatError(f"{place}: invalid type: {describe(row)}, expected a vector")
    if row and all(type(item) is list for item in row):
        raise no_multivectors()
    for number in row:
        if type(number) is not float and type(number) is not int:
            raise FormatError(f"{place}: invalid type: {describe(number)}, expected a number")


def vectors_to_json(vectors: NamedVectors) -> Any:
    """The vectors of a point: a lone unnamed one as it is, others as an object by name."""
    if len(vectors) == 1 and UNNAMED in vectors:
        return _vector_to_json(vectors[UNNAMED])
    return {name: _vector_to_json(vector) for name, vector in vectors.items()}


def _vector_to_json(vector: Vector) -> Any:
    """A list of numbers, a list of lists, or the object of a sparse vector."""
    if isinstance(vector, SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector.rows if isinstance(vector, MultiVector) else vector
