"""Vectors between JSON lists and float32 arrays."""

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
    """The rows as one column, [n, dim]; integers become floats. `rows` must not be empty.

    Packing with `struct` takes 0.8 us for a row of 128 numbers, a third of what numpy takes to read
    nested lists; unlike numpy it refuses strings and null, and it yields the GIL between rows.
    Raises FormatError for a row that is no list of numbers, and NotSupported for other kinds of
    vectors. Rows of several lengths, or of none, make an uneven column.
    """
    data = _read_rows(rows, label)
    if data is None:
        return VectorColumn.uneven(_dimensions(rows, label))
    return VectorColumn.of(data, positions)


def _read_rows(rows: Sequence[Any], label: Label) -> NDArray[np.float32] | None:
    """The rows as an array, [n, dim]; None where they are no lists of numbers of one length."""
    first = rows[0]
    dimension = len(first) if type(first) is list else 0
    if not dimension:
        return None
    pack = Struct(f"{dimension}f").pack
    try:
        # Not into one buffer made beforehand: a long first row would size it for all the others.
        packed = bytearray().join([pack(*row) for row in rows])
    except (error, TypeError):
        return None
    data = np.frombuffer(packed, dtype=np.float32).reshape(len(rows), dimension)
    _refuse_booleans(data, rows, label)
    return data


def read_vector(value: Any, place: str) -> DenseVector:
    """One vector, shape [dim]. Raises as `read_column` does."""
    data = _read_rows([value], lambda _: place)
    if data is None:
        _check_row(value, place)
        return np.empty(0, dtype=np.float32)
    vector: DenseVector = data[0]
    return vector


def is_inference(value: dict[str, Any]) -> bool:
    """Whether an object asks for a vector to be made, rather than naming vectors."""
    return type(value.get(_INFERENCE_KEY)) is str


def no_inference() -> NotSupported:
    """The error for an object that asks for a vector to be made."""
    return NotSupported("Inference of vectors from text, images or objects is not supported yet")


def _refuse_booleans(data: NDArray[np.float32], rows: Sequence[Any], label: Label) -> None:
    """Raise for a row with a boolean in it.

    Only rows that hold a 0 or a 1 once packed are looked at: the types of every element would take
    longer than the packing.
    """
    suspects = ((data == 0) | (data == 1)).any(axis=1)
    for index in np.flatnonzero(suspects).tolist():
        if bool in map(type, rows[index]):
            _check_row(rows[index], label(index))


def _dimensions(rows: Sequence[Any], label: Label) -> tuple[int, ...]:
    """The distinct lengths of the rows, in the order met, once every row is found sound."""
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
    """The vectors of a point: a lone unnamed one stands by itself, others are members by name."""
    if len(vectors) == 1 and UNNAMED in vectors:
        return _vector_to_json(vectors[UNNAMED])
    return {name: _vector_to_json(vector) for name, vector in vectors.items()}


def _vector_to_json(vector: Vector) -> Any:
    """A list of numbers, a list of lists, or the object of a sparse vector."""
    if isinstance(vector, SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector.rows if isinstance(vector, MultiVector) else vector
