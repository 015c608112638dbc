"""Codecs of vectors: columns from requests, single vectors in responses.

Iterating over the floats of a message would take several microseconds per vector. Upserts are
therefore parsed with the schema of proto/bulk.proto, in which the packed floats of a vector are
bytes: joined, the rows of a request are one array, at 0.5 us per row of 128. Rows in other
encodings are parsed with the ordinary schema. See `upserts` for rows that are all encoded alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import cast

import numpy as np
from attrs import define, field
from google.protobuf.internal.containers import RepeatedScalarFieldContainer
from numpy.typing import NDArray

from ...embedding.documents import no_inference
from ...model.errors import (
    MalformedMessage,
    empty_vector,
    not_sparse,
)
from ...model.vector_kinds import (
    DenseVector,
    Label,
    MultiVector,
    MultiVectors,
    SparseVector,
    SparseVectors,
    Vector,
)
from ...model.vectors import UNNAMED, NamedVectors, VectorColumn
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb
from .inference import read_documents, read_query_document
from .varints import encode_varint

_FLOAT_SIZE = 4
_DATA = b"\x0a"
"""Tag of `DenseVector.data`: field 1, length-delimited."""
_DENSE = b"\xaa\x06"
"""Tag of `VectorOutput.dense`: field 101, length-delimited."""


Point = bulk.PointStruct | pb.PointStruct | pb.PointVectors


@define
class _Rows:
    """The vectors of one name, and the indexes of their points."""

    vectors: list[bulk.Vector] = field(factory=list)
    positions: list[int] = field(factory=list)

    def first_empty(self) -> int:
        """The index of the first point with an empty vector, of which there must be one."""
        pairs = zip(self.positions, self.vectors, strict=True)
        found = ((point, read_vector_message(_in_full(vector))) for point, vector in pairs)
        return next(point for point, vector in found if not vector.size)


def read_columns(points: Sequence[Point]) -> dict[str, VectorColumn]:
    """The vectors of `points` as columns by name.

    Raises MalformedMessage for a point without the field `vectors`, ValidationError for an empty
    dense vector, BadInput if only some vectors of a name are sparse, and otherwise as
    `read_vector_message`.
    """
    if points and not isinstance(points[0], bulk.PointStruct):
        points = list(map(_in_bulk, points))
    return _read_bulk(cast("Sequence[bulk.PointStruct]", points))


def _read_bulk(points: Sequence[bulk.PointStruct]) -> dict[str, VectorColumn]:
    # The common case: every point has the unnamed vector, in the current form.
    data = _joined([point.vectors.vector.dense.data for point in points])
    if data is not None:
        return {UNNAMED: VectorColumn.of(data)}
    names: defaultdict[str, _Rows] = defaultdict(_Rows)
    unnamed = names[UNNAMED]
    for position, point in enumerate(points):
        vectors = point.vectors
        kind = vectors.WhichOneof("vectors_options")
        if kind == "vector":
            unnamed.vectors.append(vectors.vector)
            unnamed.positions.append(position)
        elif kind == "vectors":
            named = vectors.vectors.vectors
            for name in named:
                rows = names[name]
                rows.vectors.append(named[name])
                rows.positions.append(position)
        else:
            raise MalformedMessage("Expected some vectors")
    columns = {
        name: _column(rows, len(points), name) for name, rows in names.items() if rows.positions
    }
    _refuse_empty(names, columns)
    return columns


def _refuse_empty(names: Mapping[str, _Rows], columns: Mapping[str, VectorColumn]) -> None:
    """Raise ValidationError for the first point that has an empty vector."""
    found = [
        (names[name].first_empty(), name)
        for name, column in columns.items()
        if 0 in column.dimensions
    ]
    if found:
        point, name = min(found)
        raise empty_vector(f"points[{point}].vectors{'.?' if name else ''}")


def _in_bulk(point: Point) -> bulk.PointStruct:
    """The vectors of a point, parsed with the bulk schema."""
    return bulk.PointStruct(vectors=bulk.Vectors.FromString(point.vectors.SerializeToString()))


def _column(rows: _Rows, points: int, name: str) -> VectorColumn:
    positions = None
    if len(rows.positions) != points:
        positions = np.array(rows.positions, dtype=np.int64)
    data = _joined(list(map(_packed_floats, rows.vectors)))
    if data is not None:
        return VectorColumn.of(data, positions)
    tail = ".?" if name else ""

    def place(row: int) -> str:
        return f"points[{rows.positions[row]}].vectors{tail}"

    column = _sparse_column(rows.vectors, place) or _multi_column(rows.vectors)
    if column is not None:
        return VectorColumn(column, positions)
    vectors = _read_each(rows.vectors, list(map(place, range(len(rows.vectors)))))
    kinds = set(map(type, vectors))
    if SparseVector in kinds:
        if len(kinds) > 1:
            raise not_sparse()
        return VectorColumn(SparseVectors.joined(cast("list[SparseVector]", vectors)), positions)
    lines = [_lines(cast("DenseVector | MultiVector", own)) for own in vectors]
    dimensions = tuple(dict.fromkeys(own.shape[1] for own in lines))
    if len(dimensions) > 1 or 0 in dimensions:
        return VectorColumn.uneven(dimensions)
    if MultiVector in kinds:
        return VectorColumn(MultiVectors.of(list(map(MultiVector, lines))), positions)
    return VectorColumn.of(np.concatenate(lines), positions)


def _sparse_column(vectors: Sequence[bulk.Vector], label: Label) -> SparseVectors | None:
    """The vectors as a column; None unless all are sparse, not empty, and have packed floats.

    Raises ValidationError for the first vector that is not valid.
    """
    messages = [vector.sparse for vector in vectors if vector.HasField("sparse")]
    lengths = [len(message.indices) for message in messages]
    values = [message.values for message in messages]
    sizes = [len(own) for own in values]
    if len(messages) < len(vectors) or 0 in lengths:
        return None
    if sizes != [_FLOAT_SIZE * length for length in lengths]:
        return None
    keys = np.array(list(chain.from_iterable(m.indices for m in messages)), dtype=np.uint32)
    numbers = np.frombuffer(b"".join(values), dtype="<f4").astype(np.float32, copy=False)
    return SparseVectors.of_flat(keys, numbers, lengths, lengths, label)


def _multi_column(vectors: Sequence[bulk.Vector]) -> MultiVectors | None:
    """The vectors as a column; None unless all are multivectors of packed rows of one length."""
    lengths = [len(vector.multi_dense.vectors) for vector in vectors]
    if 0 in lengths:
        return None
    data = _joined([row.data for vector in vectors for row in vector.multi_dense.vectors])
    return None if data is None else MultiVectors.from_arrays(np.array(lengths), data)


def _read_each(messages: Sequence[bulk.Vector], places: Sequence[str]) -> list[Vector]:
    """Vectors of any kind, one by one but for documents, which are embedded together."""
    is_document = [message.WhichOneof("vector") == "document" for message in messages]
    embedded: Iterator[Vector] = iter(())
    if any(is_document):
        documents = [message.document for message in compress(messages, is_document)]
        embedded = iter(read_documents(documents, list(compress(places, is_document))))
    # The ordinary schema decodes what are unknown fields to the bulk one, such as unpacked floats.
    return [
        next(embedded) if is_one else read_vector_message(_in_full(message), place)
        for message, place, is_one in zip(messages, places, is_document, strict=True)
    ]


def _lines(vector: DenseVector | MultiVector) -> NDArray[np.float32]:
    """The rows of a multivector, or a dense vector as the only row."""
    return vector.rows if isinstance(vector, MultiVector) else vector[np.newaxis]


def _in_full(message: bulk.Vector) -> pb.Vector:
    """A vector parsed with the ordinary schema."""
    return pb.Vector.FromString(message.SerializeToString())


def _packed_floats(message: bulk.Vector) -> bytes:
    """The packed floats of a dense vector, in the current form or the older one; else b""."""
    data = message.dense.data
    if data:
        return bytes(data)
    is_other = message.WhichOneof("vector") is not None or message.HasField("indices")
    return b"" if is_other or message.HasField("vectors_count") else message.data


def _joined(rows: Sequence[bytes]) -> NDArray[np.float32] | None:
    """Packed floats as an array [n, dim]; None unless all rows have one length above 0."""
    size = len(rows[0]) if rows else 0
    if not size or size % _FLOAT_SIZE or len(set(map(len, rows))) > 1:
        return None
    floats = np.frombuffer(b"".join(rows), dtype="<f4")
    return floats.reshape(len(rows), -1).astype(np.float32, copy=False)


def read_vector_message(
    message: pb.Vector | pb.DenseVector | pb.SparseVector | pb.MultiDenseVector | pb.Document,
    place: str = "vector",
) -> Vector:
    """Decode a vector of any kind; a Vector in the current form or the older one.

    A dense vector may be empty. `place` is its path in the request. Raises ValidationError for
    multivectors and sparse vectors that are not valid, MalformedMessage for rows that do not share
    the numbers of the older form evenly, and as `read_query_document` for a document, which is one
    to search for. Images and objects raise InferenceError.
    """
    if isinstance(message, pb.DenseVector):
        return read_floats(message.data)
    if isinstance(message, pb.SparseVector):
        return _sparse(message.indices, message.values, place)
    if isinstance(message, pb.MultiDenseVector):
        return MultiVector.of([read_floats(row.data) for row in message.vectors], place)
    if isinstance(message, pb.Document):
        return read_query_document(message, place)
    kind = message.WhichOneof("vector")
    if kind in ("dense", "sparse", "multi_dense", "document"):
        return read_vector_message(getattr(message, kind), place)
    if kind is not None:
        raise no_inference()
    if message.HasField("indices"):
        return _sparse(message.indices.data, message.data, place)
    numbers = read_floats(message.data)
    if not message.HasField("vectors_count"):
        return numbers
    count = message.vectors_count
    if not count or len(numbers) % count:
        raise MalformedMessage(
            "Data length is not divisible by vectors count. "
            f"Data length: {len(numbers)}, vectors count: {count}"
        )
    # However many empty rows a request of a few bytes claims, no list is made of them.
    rows = list(numbers.reshape(count, -1)) if numbers.size else [numbers]
    return MultiVector.of(rows, place)


def _sparse(
    indices: RepeatedScalarFieldContainer[int],
    values: RepeatedScalarFieldContainer[float],
    place: str,
) -> SparseVector:
    return SparseVector.of(np.array(list(indices), np.uint32), read_floats(values), place)


def read_floats(numbers: RepeatedScalarFieldContainer[float]) -> DenseVector:
    """A repeated float field as a float32 array [dim], read-only."""
    # Iterating would create an object per number; serialized, they are an array already.
    message = pb.DenseVector()
    message.data.MergeFrom(numbers)
    packed = message.SerializeToString()
    offset = len(packed) - len(numbers) * _FLOAT_SIZE
    return np.frombuffer(packed, dtype="<f4", offset=offset).astype(np.float32, copy=False)


@lru_cache(maxsize=64)
def _head(size: int) -> bytes:
    """The tags and lengths before `size` bytes of floats in `VectorOutput.dense`."""
    data = _DATA + encode_varint(size)
    return _DENSE + encode_varint(len(data) + size) + data


def _packed(numbers: DenseVector) -> bytes:
    """The encoding of a message with these floats in field 1, as DenseVector and SparseVector."""
    floats = numbers.astype("<f4", copy=False).tobytes()
    return _DATA + encode_varint(len(floats)) + floats


def _write_vector(vector: Vector, message: pb.VectorOutput) -> None:
    """Write a vector into `message` in the current form; the older fields stay empty."""
    if isinstance(vector, MultiVector):
        message.multi_dense.SetInParent()
        for row in vector.rows:
            message.multi_dense.vectors.add().MergeFromString(_packed(row))
        return
    if isinstance(vector, SparseVector):
        message.sparse.MergeFromString(_packed(vector.values))
        message.sparse.indices.extend(vector.indices.tolist())
        return
    floats = vector.astype("<f4", copy=False).tobytes()
    message.MergeFromString(_head(len(floats)) + floats)


def write_vectors(vectors: NamedVectors, message: pb.VectorsOutput) -> None:
    """Write the vectors of a point into `message`: as one vector if it is only the unnamed one."""
    if len(vectors) == 1 and UNNAMED in vectors:
        _write_vector(vectors[UNNAMED], message.vector)
        return
    # Sets presence explicitly: a point without vectors has an empty map.
    message.vectors.SetInParent()
    named = message.vectors.vectors
    for name, vector in vectors.items():
        _write_vector(vector, named[name])
