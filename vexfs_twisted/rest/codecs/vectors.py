"""Vectors between JSON lists and float32 arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, error
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...jsonform.converter import describe
from ...model.errors import FormatError, NotSupported
from ...model.vectors import UNNAMED, NamedVectors, Vector, VectorColumn

Label = Callable[[int], str]
"""Says where in the request a row stands, for errors."""

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
    first = rows[0]
    dimension = len(first) if type(first) is list else 0
    if not dimension:
        return VectorColumn.uneven(_dimensions(rows, label))
    pack = Struct(f"{dimension}f").pack
    try:
        # Not into one buffer made beforehand: a long first row would size it for all the others.
        packed = bytearray().join([pack(*row) for row in rows])
    except (error, TypeError):
        return VectorColumn.uneven(_dimensions(rows, label))
    data = np.frombuffer(packed, dtype=np.float32).reshape(len(rows), dimension)
    _refuse_booleans(data, rows, label)
    return VectorColumn.of(data, positions)


def read_vector(value: Any, place: str) -> Vector:
    """One vector, shape [dim]. Raises as `read_column` does."""
    column = read_column([value], lambda _: place)
    return column.data[0] if value else np.empty(0, dtype=np.float32)


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
            raise NotSupported("Sparse vectors are not supported yet")
        if is_inference(row):
            raise no_inference()
    if type(row) is not list:
        raise FormatError(f"{place}: invalid type: {describe(row)}, expected a vector")
    if row and all(type(item) is list for item in row):
        raise NotSupported("Multivectors are not supported yet")
    for number in row:
        if type(number) is not float and type(number) is not int:
            raise FormatError(f"{place}: invalid type: {describe(number)}, expected a number")


def vectors_to_json(vectors: NamedVectors) -> Any:
    """The vectors of a point: a lone unnamed one is a bare list, others are members by name."""
    if len(vectors) == 1 and UNNAMED in vectors:
        return vectors[UNNAMED]
    return vectors
