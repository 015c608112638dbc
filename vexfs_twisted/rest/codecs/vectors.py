"""Conversion of vectors of all kinds between JSON and arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from struct import Struct, error
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...jsonform.converter import describe
from ...model import ragged
from ...model.errors import DomainError, FormatError, not_sparse
from ...model.vector_kinds import (
    Label,
    MultiVector,
    MultiVectors,
    SparseVector,
    SparseVectors,
    Vector,
)
from ...model.vectors import UNNAMED, NamedVectors, VectorColumn
from .inference import read_documents, read_query_document

_INFERENCE_KEY = "model"

_INTEGERS = frozenset({int})
_NUMBERS = frozenset({int, float})
_LAST_INDEX = 2**32 - 1


def read_column(
    rows: Sequence[Any],
    label: Label,
    positions: NDArray[np.int64] | None = None,
    checked_label: Label | None = None,
) -> VectorColumn:
    """The rows as one column; integers become floats. `rows` must not be empty.

    A row is a list of numbers, a list of such lists, the object of a sparse vector, or a document,
    which becomes one. `positions`, shape [n], are those of the column. `label` names a row in
    errors, `checked_label`, the same by default, in those about its content. Rows of different
    lengths, or empty ones, make an uneven column.

    Packing with `struct` takes 0.8 us for a row of 128 numbers, a third of what numpy takes to
    convert nested lists; unlike numpy it refuses strings and null, and it yields the GIL between
    rows. Raises FormatError for a row that is not a vector, ValidationError for multivectors and
    sparse vectors that are not valid, BadInput if only some are sparse, and InferenceError and
    BadInput for documents that cannot be embedded.
    """
    data = _read_rows(rows, label)
    if data is not None:
        return VectorColumn.of(data, positions)
    is_sparse = set(map(_is_sparse, rows))
    if len(is_sparse) > 1:
        _check_rows(rows, label)
        raise not_sparse()
    if True in is_sparse:
        return VectorColumn(_read_sparse(rows, label, checked_label or label), positions)
    if any(map(_is_nested, rows)):
        return _read_multi(rows, positions, label, checked_label or label)
    _check_rows(rows, label)
    return VectorColumn.uneven(tuple(dict.fromkeys(map(len, rows))))


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


def _read_sparse(rows: Sequence[Any], label: Label, checked_label: Label) -> SparseVectors:
    """Sparse vectors, of which some may be documents."""
    documents = np.flatnonzero(list(map(is_inference, rows)))
    if not len(documents):
        return _read_pairs(rows, label, checked_label)
    try:
        if len(documents) == len(rows):
            return read_documents(rows, label, checked_label)
        pairs = np.setdiff1d(np.arange(len(rows)), documents)
        parts = [
            read([rows[row] for row in own], _of(own, label), _of(own, checked_label))
            for read, own in ((read_documents, documents), (_read_pairs, pairs))
        ]
        order = np.argsort(np.concatenate((documents, pairs)))
        return SparseVectors.concat(parts).take(order)
    except DomainError:
        _check_each(
            rows, lambda index, row: _read_sparse_row(row, label(index), checked_label(index))
        )
        raise


def _read_sparse_row(row: Any, place: str, checked_place: str) -> None:
    """Raise the error of a document or pair."""
    read = read_documents if is_inference(row) else _read_pairs
    read([row], lambda _: place, lambda _: checked_place)


def _of(places: NDArray[np.int64], label: Label) -> Label:
    """The label of the row at each of `places`."""
    return lambda index: label(int(places[index]))


def _read_pairs(rows: Sequence[Any], label: Label, checked_label: Label) -> SparseVectors:
    """Pairs of indices and values, converted all at once, at 0.1 us each."""
    try:
        indices = [row["indices"] for row in rows]
        values = [row["values"] for row in rows]
        if set(map(type, chain(indices, values))) <= {list}:
            flat, lengths = _packed(indices, "I", np.uint32)
            numbers, value_lengths = _packed(values, "f", np.float32)
            has_booleans = _have_booleans(flat, indices, lengths)
            if not (has_booleans or _have_booleans(numbers, values, value_lengths)):
                return SparseVectors.of_flat(flat, numbers, lengths, value_lengths, checked_label)
    except (error, KeyError, TypeError):
        pass
    _check_rows(rows, label)
    raise AssertionError("every row is sound")


def _packed(
    rows: Sequence[list[Any]], item: str, dtype: type[np.generic]
) -> tuple[NDArray[Any], list[int]]:
    """Rows of several lengths as one array, and their lengths; see `read_column` on `struct`."""
    lengths = list(map(len, rows))
    packs = {length: Struct(f"{length}{item}").pack for length in set(lengths)}
    parts = [packs[length](*row) for length, row in zip(lengths, rows, strict=True)]
    return np.frombuffer(bytearray().join(parts), dtype=dtype), lengths


def _have_booleans(data: NDArray[Any], rows: Sequence[list[Any]], lengths: Sequence[int]) -> bool:
    """Whether there are booleans in rows that are packed in `data`; see `_refuse_booleans`."""
    suspects = np.flatnonzero((data == 0) | (data == 1))
    found = np.unique(ragged.offsets_of(lengths).searchsorted(suspects, "right") - 1)
    return any(bool in map(type, rows[row]) for row in found.tolist())


def _read_multi(
    rows: Sequence[Any],
    positions: NDArray[np.int64] | None,
    label: Label,
    checked_label: Label,
) -> VectorColumn:
    """Multivectors, of which some may be a single row without a list around it."""
    parts = [row if _is_nested(row) else [row] for row in rows]
    flat = list(chain.from_iterable(parts))
    offsets = ragged.offsets_of(list(map(len, parts)))
    data = _read_rows(flat, lambda line: label(int(offsets.searchsorted(line, "right")) - 1))
    if data is not None:
        return VectorColumn(MultiVectors(offsets, data), positions)
    _check_rows(rows, label)
    dimensions: dict[int, None] = {}
    for number, part in enumerate(parts):
        own = list(map(len, part))
        is_empty = not rows[number]
        dimension = 0 if is_empty else MultiVector.dimension_of(own, checked_label(number))
        dimensions[dimension] = None
    return VectorColumn.uneven(tuple(dimensions))


def read_any_vector(value: Any, place: str) -> Vector:
    """One vector of any kind, sent at `place`; errors are those of `read_column`.

    A dense vector may be empty; a document is one to search for.
    """
    if type(value) is dict and is_inference(value):
        return read_query_document(value, place)
    column = read_column([value], lambda _: place)
    return column.vectors.vector(0) if len(column.vectors) else np.empty(0, dtype=np.float32)


def is_inference(value: dict[str, Any]) -> bool:
    """Whether an object is a document or the like in place of a vector, and no map of vectors."""
    return type(value.get(_INFERENCE_KEY)) is str


def _refuse_booleans(data: NDArray[np.float32], rows: Sequence[Any], label: Label) -> None:
    """Raise FormatError for a row with a boolean in it.

    Only rows with a 0 or a 1 after packing are checked: to check the type of every element would
    take longer than packing.
    """
    suspects = ((data == 0) | (data == 1)).any(axis=1)
    for index in np.flatnonzero(suspects).tolist():
        if bool in map(type, rows[index]):
            _check_row(rows[index], label(index))


def _is_sparse(row: Any) -> bool:
    return type(row) is dict and ("indices" in row or is_inference(row))


def _is_nested(row: Any) -> bool:
    return type(row) is list and len(row) > 0 and type(row[0]) is list


def _check_rows(rows: Sequence[Any], label: Label) -> None:
    """Raise the error of a row that is not a vector of any kind; see `_check_each`."""
    _check_each(rows, lambda index, row: _check_row(row, label(index)))


def _check_each(rows: Sequence[Any], check: Callable[[int, Any], None]) -> None:
    """Raise the first FormatError of the rows, or else the first other error.

    Of rows that come in slices, the errors of all slices are compared in this order as well.
    """
    other: DomainError | None = None
    for index, row in enumerate(rows):
        try:
            check(index, row)
        except FormatError:
            raise
        except DomainError as error:
            other = other or error
    if other is not None:
        raise other


def _check_row(row: Any, place: str) -> None:
    if type(row) is dict:
        if is_inference(row):
            read_query_document(row, place)
            return
        if "indices" in row:
            _check_sparse(row, place)
            return
    if type(row) is not list:
        raise FormatError(f"{place}: invalid type: {describe(row)}, expected a vector")
    for line in row if _is_nested(row) else [row]:
        if type(line) is not list:
            raise FormatError(f"{place}: invalid type: {describe(line)}, expected a vector")
        _check_numbers(line, place, _NUMBERS, "a number")


def _check_sparse(row: dict[str, Any], place: str) -> None:
    if "values" not in row:
        raise FormatError(f"{place}: missing field `values`")
    for name in ("indices", "values"):
        if type(row[name]) is not list:
            text = f"invalid type: {describe(row[name])}, expected a sequence"
            raise FormatError(f"{place}.{name}: {text}")
    _check_numbers(row["indices"], f"{place}.indices", _INTEGERS, "u32")
    outside = next((number for number in row["indices"] if not 0 <= number <= _LAST_INDEX), None)
    if outside is not None:
        text = f"invalid value: integer `{outside}`, expected u32"
        raise FormatError(f"{place}.indices: {text}")
    _check_numbers(row["values"], f"{place}.values", _NUMBERS, "a number")


def _check_numbers(numbers: list[Any], place: str, kinds: frozenset[type], name: str) -> None:
    for number in numbers:
        if type(number) not in kinds:
            raise FormatError(f"{place}: invalid type: {describe(number)}, expected {name}")


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
