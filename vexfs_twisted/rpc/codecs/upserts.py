"""Parsing of upserts: vectors that are all encoded alike are taken from the request as one array.

To protobuf every vector is a message of its own, whose floats are copied twice before they are
joined with the others. Where all points of a request have one dense vector of one name and length
at their end, as clients send them, the bytes before the floats are equal in all points. They are
found there, and the points are parsed without them.

Concatenated messages are one message with the fields of all, so a point is its vectors and what is
before them, if both are valid. Whatever is encoded otherwise is parsed as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from attrs import frozen
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from ...model.vectors import UNNAMED, VectorColumn
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb

_LARGE = 1 << 14
"""Smaller requests take no longer as a whole."""

_POINT = 0x1A
"""Tag of `UpsertPoints.points`: field 3, length-delimited."""

_FIXED = {1: 8, 5: 4}
"""Bytes of the wire types of a fixed length."""

_FLOAT_SIZE = 4


@frozen
class ParsedUpsert:
    """An upsert: `message` is without the vectors of its points if `columns` has them."""

    message: bulk.UpsertPoints
    columns: dict[str, VectorColumn] | None = None


def parse_upsert(data: bytes) -> ParsedUpsert:
    """Parse an upsert, in whatever encoding the client used. Raises DecodeError if malformed."""
    if len(data) >= _LARGE:
        found = _without_vectors(data)
        if found is not None:
            return found
    message = bulk.UpsertPoints.FromString(data)
    if message.ByteSize() != len(data):
        # The bulk schema keeps only the last of several packed pieces; reserializing joins them.
        whole = pb.UpsertPoints.FromString(data).SerializeToString()
        message = bulk.UpsertPoints.FromString(whole)
    return ParsedUpsert(message)


def _without_vectors(data: bytes) -> ParsedUpsert | None:
    """The parsed upsert if its vectors are all encoded alike; else None."""
    split = _split(data)
    if split is None:
        return None
    others, points = split
    tail = _tail(data[slice(*points[0])])
    if tail is None:
        return None
    name, head, size = tail
    length = len(head) + size
    view = memoryview(data)
    rows: list[memoryview] = []
    parts = others
    for start, end in points:
        cut = end - length
        if cut < start or not data.startswith(head, cut):
            return None
        rows.append(view[end - size : end])
        parts.append(b"\x1a%b%b" % (_varint(cut - start), data[start:cut]))
    try:
        message = bulk.UpsertPoints.FromString(b"".join(parts))
    except DecodeError:
        return None
    if any(point.HasField("vectors") for point in message.points):
        # More of them are before the last ones, to be merged with those.
        return None
    floats = np.frombuffer(b"".join(rows), dtype="<f4").reshape(len(rows), -1)
    vectors: NDArray[np.float32] = floats.astype(np.float32, copy=False)
    return ParsedUpsert(message, {name: VectorColumn.of(vectors)})


def _split(data: bytes) -> tuple[list[bytes], Sequence[tuple[int, int]]] | None:
    """The encoded fields other than points, and where the points are; None unless there are some.

    None for what is malformed.
    """
    others: list[bytes] = []
    points: list[tuple[int, int]] = []
    position, stop = 0, len(data)
    try:
        while position < stop:
            begin = position
            is_point = data[position] == _POINT
            if is_point:
                size, position = _read_varint(data, position + 1)
            else:
                tag, position = _read_varint(data, position)
                kind = tag & 7
                size = _FIXED.get(kind, 0)
                if kind == 0:
                    _, position = _read_varint(data, position)
                elif kind == 2:
                    size, position = _read_varint(data, position)
                elif not size:
                    return None
            end = position + size
            if end > stop:
                return None
            if is_point:
                points.append((position, end))
            else:
                others.append(data[begin:end])
            position = end
    except IndexError:
        return None
    return (others, points) if points else None


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A varint and the position after it. Raises IndexError at the end of the data."""
    value = data[position]
    position += 1
    if value < 0x80:
        return value, position
    value &= 0x7F
    shift = 7
    while True:
        part = data[position]
        position += 1
        value |= (part & 0x7F) << shift
        if part < 0x80:
            return value, position
        shift += 7


def _tail(point: bytes) -> tuple[str, bytes, int] | None:
    """The name of a point's only vector, the bytes before its floats, and the bytes of these.

    None unless it is a dense vector, not empty, at the end of the point, in its usual encoding.
    """
    try:
        vectors = bulk.PointStruct.FromString(point).vectors
    except DecodeError:
        return None
    name, vector = UNNAMED, vectors.vector
    if vectors.WhichOneof("vectors_options") == "vectors":
        named = vectors.vectors.vectors
        if len(named) != 1:
            return None
        (name,) = named
        vector = named[name]
        if name == UNNAMED:
            return None
    size = len(vector.dense.data) or len(vector.data)
    if not size or size % _FLOAT_SIZE:
        return None
    head = _head(name, size, is_older=not vector.dense.data)
    at = len(point) - size - len(head)
    return (name, head, size) if at >= 0 and point.startswith(head, at) else None


@lru_cache(maxsize=64)
def _head(name: str, size: int, *, is_older: bool) -> bytes:
    """What is before the floats, of `size` bytes, where a point has one dense vector."""
    data = bytes(size)
    vector = bulk.Vector(data=data) if is_older else bulk.Vector(dense=bulk.DenseVector(data=data))
    if name:
        vectors = bulk.Vectors(vectors=bulk.NamedVectors(vectors={name: vector}))
    else:
        vectors = bulk.Vectors(vector=vector)
    return bulk.PointStruct(vectors=vectors).SerializeToString()[:-size]


@lru_cache(maxsize=1024)
def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
