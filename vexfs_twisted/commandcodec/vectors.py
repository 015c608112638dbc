"""Columns of vectors, as the bytes of their arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ..model.vectors import VectorColumn
from .generated import commands_pb2 as pb
from .messages import UndecodableCommand, missing


def encode_columns(columns: Mapping[str, VectorColumn]) -> Iterator[pb.VectorColumn]:
    """Columns by vector name, in their order."""
    for name, column in columns.items():
        yield pb.VectorColumn(name=name, dense=_encode_dense(column))


def decode_columns(messages: Iterable[pb.VectorColumn]) -> dict[str, VectorColumn]:
    """The inverse of `encode_columns`; the arrays are read-only."""
    columns: dict[str, VectorColumn] = {}
    for message in messages:
        if message.WhichOneof("kind") is None:
            raise missing(message, "kind")
        if message.name in columns:
            raise UndecodableCommand("two columns of one vector name")
        columns[message.name] = _decode_dense(message.dense)
    return columns


def _encode_dense(column: VectorColumn) -> pb.DenseColumn:
    rows, width = column.data.shape
    message = pb.DenseColumn(
        rows=rows,
        width=width,
        data=column.data.astype("<f4", copy=False).tobytes(),
        dimensions=column.dimensions,
    )
    if column.positions is not None:
        message.positions = column.positions.astype("<i8", copy=False).tobytes()
    return message


def _decode_dense(message: pb.DenseColumn) -> VectorColumn:
    rows, width = message.rows, message.width
    if len(message.data) != 4 * rows * width:
        raise UndecodableCommand(f"{len(message.data)} bytes for {rows} vectors of {width}")
    data = np.frombuffer(message.data, "<f4").astype(np.float32, copy=False).reshape(rows, width)
    positions = None
    if message.HasField("positions"):
        if len(message.positions) != 8 * rows:
            raise UndecodableCommand(f"{len(message.positions)} bytes for {rows} positions")
        positions = np.frombuffer(message.positions, "<i8").astype(np.int64, copy=False)
    return VectorColumn(data, positions, tuple(message.dimensions))
