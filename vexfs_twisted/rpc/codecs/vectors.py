"""Vectors on the wire: columns of rows coming in, single vectors going out.

Walking the floats of a message one by one would cost several microseconds a vector. A serialized
dense `Vector` ends in its packed little-endian floats, so the bytes of all rows are joined and seen
as one array: a microsecond a row, whatever form the client chose. Rows that do not fit that picture
are read the ordinary way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from ...model.errors import NotSupported
from ...model.vectors import UNNAMED, NamedVectors, Vector, VectorColumn
from ..generated import points_pb2 as pb

_DATA = b"\x0a"
"""Tag of `Vector.data` and of `DenseVector.data`: field 1, length-delimited."""
_DENSE = b"\xaa\x06"
"""Tag of `Vector.dense` and of `VectorOutput.dense`: field 101, length-delimited."""


@define
class _Rows:
    """The vectors of one name: each serialized, and the number of the point that it belongs to."""

    serialized: list[bytes] = field(factory=list)
    positions: list[int] = field(factory=list)


def read_columns(points: Sequence[pb.PointStruct | pb.PointVectors]) -> dict[str, VectorColumn]:
    """The vectors of `points` by name, each a column. Raises NotSupported unless all are dense."""
    names: defaultdict[str, _Rows] = defaultdict(_Rows)
    unnamed = names[UNNAMED]
    for position, point in enumerate(points):
        vectors = point.vectors
        kind = vectors.WhichOneof("vectors_options")
        if kind == "vector":
            unnamed.serialized.append(vectors.vector.SerializeToString())
            unnamed.positions.append(position)
        elif kind == "vectors":
            named = vectors.vectors.vectors
            for name in named:
                rows = names[name]
                rows.serialized.append(named[name].SerializeToString())
                rows.positions.append(position)
    return {name: _column(rows, len(points)) for name, rows in names.items() if rows.positions}


def _column(rows: _Rows, points: int) -> VectorColumn:
    positions = None
    if len(rows.positions) != points:
        positions = np.array(rows.positions, dtype=np.int64)
    data = _joined(rows.serialized)
    if data is not None:
        return VectorColumn.of(data, positions)
    vectors = [read_vector(pb.Vector.FromString(row)) for row in rows.serialized]
    dimensions = tuple(dict.fromkeys(len(vector) for vector in vectors))
    if len(dimensions) > 1:
        return VectorColumn.uneven(dimensions)
    return VectorColumn.of(np.stack(vectors), positions)


def _joined(rows: Sequence[bytes]) -> NDArray[np.float32] | None:
    """Serialized dense vectors as an array [n, dim]; None unless all have the same outline."""
    outline = rows[0]
    start = _floats_start(outline)
    if start is None or len(set(map(len, rows))) > 1:
        return None
    table = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), len(outline))
    if (table[:, :start] != table[0, :start]).any():
        return None
    floats = np.ascontiguousarray(table[:, start:]).view("<f4")
    return floats.astype(np.float32, copy=False)


def _floats_start(row: bytes) -> int | None:
    """Where the packed floats begin that a serialized `Vector` ends in.

    None unless it is a dense vector, in either form, with nothing else beside it.
    """
    position = 0
    if row.startswith(_DENSE):
        length, position = _varint(row, len(_DENSE))
        if position + length != len(row):
            return None
    if position == len(row):
        return position
    if not row.startswith(_DATA, position):
        return None
    length, position = _varint(row, position + len(_DATA))
    return position if position + length == len(row) else None


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, seven bits a byte, least first; and where it ends."""
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return number, position


def _as_varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def read_vector(message: pb.Vector) -> Vector:
    """One dense vector, in the current form or the older one. Raises NotSupported for others."""
    kind = message.WhichOneof("vector")
    if kind == "dense":
        return read_floats(message.dense.data)
    if kind is None and not (message.HasField("indices") or message.HasField("vectors_count")):
        return read_floats(message.data)
    raise unsupported_vector(kind or ("sparse" if message.HasField("indices") else "multi_dense"))


def unsupported_vector(kind: str) -> NotSupported:
    """The error for a vector of a kind, named as in its message, that this server cannot take."""
    if kind == "sparse":
        return NotSupported("Sparse vectors are not supported yet")
    if kind == "multi_dense":
        return NotSupported("Multivectors are not supported yet")
    return NotSupported("Inference of vectors from text, images or objects is not supported yet")


def read_floats(numbers: Iterable[float]) -> Vector:
    """A repeated float field as an array [dim]."""
    return np.asarray(numbers, dtype=np.float32)


@lru_cache(maxsize=64)
def _heads(size: int) -> tuple[bytes, bytes]:
    """What stands before `size` bytes of floats in `VectorOutput.data`, and in its `dense.data`."""
    data = _DATA + _as_varint(size)
    return data, _DENSE + _as_varint(len(data) + size) + data


def _write_vector(vector: Vector, message: pb.VectorOutput) -> None:
    """Put a vector into `message` twice: `dense` is what clients read now, `data` what they did."""
    floats = vector.astype("<f4", copy=False).tobytes()
    data, dense = _heads(len(floats))
    message.MergeFromString(b"".join((data, floats, dense, floats)))


def write_vectors(vectors: NamedVectors, message: pb.VectorsOutput) -> None:
    """Put the vectors of a point into `message`: alone when only the unnamed one is there."""
    if len(vectors) == 1 and UNNAMED in vectors:
        _write_vector(vectors[UNNAMED], message.vector)
        return
    # Presence must be said: a point without vectors has an empty map of them.
    message.vectors.SetInParent()
    named = message.vectors.vectors
    for name, vector in vectors.items():
        _write_vector(vector, named[name])
