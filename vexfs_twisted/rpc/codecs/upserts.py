"""Parsing of upserts: vectors that are all encoded alike are taken from the request as one array.

To protobuf every vector is a message of its own, whose floats are copied twice before they are
joined with the others. Where all points of a request have one dense vector of one name and length
at their end, as clients send them, the bytes before the floats are equal in all points. They are
found there, and the points are parsed without them.

Concatenated messages are one message with the fields of all, so a point is its vectors and what is
before them, if both are valid. Whatever is encoded otherwise is parsed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from ...model.vectors import UNNAMED, VectorColumn
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb
from .varints import encode_varint, read_varint

_LARGE = 1 << 14
"""Smaller requests take no longer as a whole."""

_POINT = 0x1A
"""Tag of `UpsertPoints.points`: field 3, length-delimited."""

_FIXED = {1: 8, 5: 4}
"""Bytes of the wire types of a fixed length."""

_FLOAT_SIZE = 4

_MOST_OTHERS = 64
"""Clients send a few fields beside the points, each once."""

_SHORT = 64
"""Vectors of fewer bytes take less memory than their places in the request would."""


@frozen
class ParsedUpsert:
    """An upsert: `message` is without the vectors of its points if `columns` has them."""

    message: bulk.UpsertPoints
    columns: dict[str, VectorColumn] | None = None


@frozen
class _Tail:
    """The end of a point: `head`, then `size` bytes of floats, the vector of `name`."""

    name: str
    head: bytes
    size: int

    @property
    def length(self) -> int:
        """The bytes of both."""
        return len(self.head) + self.size


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
    tail: _Tail | None = None
    view = memoryview(data)
    others: list[bytes] = []
    points: list[bytes] = []
    rows: list[memoryview] = []
    try:
        for is_point, begin, start, end in _fields(data):
            if not is_point:
                others.append(data[begin:end])
                if len(others) > _MOST_OTHERS:
                    return None
                continue
            # The first point decides, so that other requests are not walked for nothing.
            tail = tail or _tail_of(data[start:end])
            if tail is None:
                return None
            cut = end - tail.length
            if cut < start or not data.startswith(tail.head, cut):
                return None
            rows.append(view[end - tail.size : end])
            points.append(b"\x1a%b%b" % (encode_varint(cut - start), data[start:cut]))
        message = bulk.UpsertPoints.FromString(b"".join(others + points))
    except (IndexError, DecodeError):
        return None
    if tail is None or any(point.HasField("vectors") for point in message.points):
        # No points; or more vectors before the last ones, to be merged with those.
        return None
    floats = np.frombuffer(b"".join(rows), dtype="<f4").reshape(len(rows), -1)
    vectors: NDArray[np.float32] = floats.astype(np.float32, copy=False)
    return ParsedUpsert(message, {tail.name: VectorColumn.of(vectors)})


def _fields(data: bytes) -> Iterator[tuple[bool, int, int, int]]:
    """The fields of a message: whether it is a point, and where field, contents and end are.

    Raises IndexError for what is malformed, and for groups, which nobody sends.
    """
    position, stop = 0, len(data)
    while position < stop:
        begin = position
        is_point = data[position] == _POINT
        if is_point:
            size, position = read_varint(data, position + 1)
        else:
            tag, position = read_varint(data, position)
            kind = tag & 7
            size = _FIXED.get(kind, 0)
            if kind == 0:
                _, position = read_varint(data, position)
            elif kind == 2:
                size, position = read_varint(data, position)
            elif not size:
                raise IndexError("a group")
        end = position + size
        if end > stop:
            raise IndexError("a field ends after the message")
        yield is_point, begin, position, end
        position = end


def _tail_of(point: bytes) -> _Tail | None:
    """How a point ends, if it has one dense vector, at its end and in its usual encoding."""
    try:
        vectors = bulk.PointStruct.FromString(point).vectors
    except DecodeError:
        return None
    name, vector = UNNAMED, vectors.vector
    named = vectors.vectors.vectors
    if named:
        name = next(iter(named))
        vector = named[name]
        if len(named) > 1 or name == UNNAMED:
            return None
    size = len(vector.dense.data) or len(vector.data)
    if size < _SHORT or size % _FLOAT_SIZE:
        return None
    tail = _Tail(name, _head(name, size, is_older=not vector.dense.data), size)
    at = len(point) - tail.length
    return tail if at >= 0 and point.startswith(tail.head, at) else None


def _head(name: str, size: int, *, is_older: bool) -> bytes:
    """What is before the floats, of `size` bytes, where a point has one dense vector."""
    data = bytes(size)
    vector = bulk.Vector(data=data) if is_older else bulk.Vector(dense=bulk.DenseVector(data=data))
    if name:
        vectors = bulk.Vectors(vectors=bulk.NamedVectors(vectors={name: vector}))
    else:
        vectors = bulk.Vectors(vector=vector)
    return bulk.PointStruct(vectors=vectors).SerializeToString()[:-size]
