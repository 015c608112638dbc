"""The codec of vector columns: arrays as little-endian bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.vector_kinds import DenseVectors, MultiVectors, SparseVectors, Vectors
from ..model.vectors import VectorColumn
from .generated import commands_pb2 as pb
from .messages import UndecodableCommand, missing

_FLOAT, _INT64, _UINT32 = np.dtype("<f4"), np.dtype("<i8"), np.dtype("<u4")


def encode_columns(columns: Mapping[str, VectorColumn]) -> Iterator[pb.VectorColumn]:
    """Encode columns by vector name, in order."""
    for name, column in columns.items():
        message = pb.VectorColumn(name=name, dimensions=column.dimensions)
        _encode(column.vectors, message)
        if column.positions is not None:
            message.positions = _bytes(column.positions, _INT64)
        yield message


def decode_columns(messages: Iterable[pb.VectorColumn]) -> dict[str, VectorColumn]:
    """The inverse of `encode_columns`; the arrays are read-only. Raises UndecodableCommand."""
    columns: dict[str, VectorColumn] = {}
    for message in messages:
        if message.name in columns:
            raise UndecodableCommand("two columns of one vector name")
        vectors = _decode(message)
        positions = None
        if message.HasField("positions"):
            positions = _array(message.positions, _INT64)
            if len(positions) != len(vectors):
                raise UndecodableCommand(f"{len(positions)} positions of {len(vectors)} vectors")
        columns[message.name] = VectorColumn(vectors, positions, tuple(message.dimensions))
    return columns


def _encode(vectors: Vectors, message: pb.VectorColumn) -> None:
    if isinstance(vectors, DenseVectors):
        (data,) = vectors.arrays()
        rows, width = data.shape
        message.dense.CopyFrom(pb.DenseColumn(rows=rows, width=width, data=_bytes(data, _FLOAT)))
    elif isinstance(vectors, MultiVectors):
        lengths, data = vectors.arrays()
        message.multi.CopyFrom(
            pb.MultiColumn(
                lengths=_bytes(lengths, _INT64), width=data.shape[1], data=_bytes(data, _FLOAT)
            )
        )
    else:
        lengths, indices, values = vectors.arrays()
        message.sparse.CopyFrom(
            pb.SparseColumn(
                lengths=_bytes(lengths, _INT64),
                indices=_bytes(indices, _UINT32),
                values=_bytes(values, _FLOAT),
            )
        )


def _decode(message: pb.VectorColumn) -> Vectors:
    try:
        if message.HasField("dense"):
            dense = message.dense
            return DenseVectors.from_arrays(_matrix(dense.data, dense.rows, dense.width))
        if message.HasField("multi"):
            multi = message.multi
            lengths = _array(multi.lengths, _INT64)
            rows = int(lengths.sum())
            return MultiVectors.from_arrays(lengths, _matrix(multi.data, rows, multi.width))
        if message.HasField("sparse"):
            sparse = message.sparse
            return SparseVectors.from_arrays(
                _array(sparse.lengths, _INT64),
                _array(sparse.indices, _UINT32),
                _array(sparse.values, _FLOAT),
            )
    except ValueError as error:
        raise UndecodableCommand(f"invalid arrays of a vector column: {error}") from None
    raise missing(message, "kind")


def _matrix(data: bytes, rows: int, width: int) -> NDArray[Any]:
    if len(data) != _FLOAT.itemsize * rows * width:
        raise UndecodableCommand(f"{len(data)} bytes for {rows} rows of {width}")
    return _array(data, _FLOAT).reshape(rows, width)


def _array(data: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decode an array of a little-endian dtype, in native byte order. Raises UndecodableCommand."""
    if len(data) % dtype.itemsize:
        raise UndecodableCommand(f"{len(data)} bytes for items of {dtype.itemsize}")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)


def _bytes(array: NDArray[Any], dtype: np.dtype[Any]) -> bytes:
    return array.astype(dtype, copy=False).tobytes()
