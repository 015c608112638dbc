"""Decoding of examples of queries: vectors, or ids of points. Raises DomainErrors.

`path` is the path of the message in the request, for validation errors.
"""

from __future__ import annotations

import numpy as np

from ...model.errors import MalformedMessage
from ...model.queries import check_finite, check_query_vector
from ...model.query_forms import Example, PointExample, VectorExample
from ...model.vector_kinds import MultiVector, SparseVector, Vector
from ..generated import points_pb2 as pb
from .ids import read_id
from .vectors import read_floats, unsupported_vector


def read_example(message: pb.VectorInput, path: str) -> Example:
    """An example: a vector of any kind, or the id of a point."""
    kind = message.WhichOneof("variant")
    if kind == "id":
        return PointExample(read_id(message.id))
    if kind == "dense":
        return vector_example(read_floats(message.dense.data))
    if kind == "sparse":
        return vector_example(read_sparse(message.sparse, path))
    if kind == "multi_dense":
        return vector_example(_read_multi(message.multi_dense, path))
    if kind is None:
        raise MalformedMessage("VectorInput variant is missing")
    raise unsupported_vector(kind)


def read_nearest(message: pb.VectorInput, path: str) -> Example:
    """The example of a search for its nearest points, which must not be an empty dense vector."""
    example = read_example(message, path)
    if isinstance(example, VectorExample):
        check_query_vector(example.vector)
    return example


def vector_example(vector: Vector) -> VectorExample:
    """A vector as an example. Raises BadInput if it is not finite."""
    check_finite(vector)
    return VectorExample(vector)


def read_sparse(message: pb.SparseVector, path: str) -> SparseVector:
    """A sparse vector."""
    indices = np.array(message.indices, dtype=np.uint32)
    return SparseVector.of(indices, read_floats(message.values), path)


def _read_multi(message: pb.MultiDenseVector, path: str) -> MultiVector:
    return MultiVector.of([read_floats(row.data) for row in message.vectors], path)


def read_vector_message(message: pb.Vector, path: str) -> Vector:
    """A vector of any kind, in the current form or the older one."""
    kind = message.WhichOneof("vector")
    if kind == "dense":
        return read_floats(message.dense.data)
    if kind == "sparse":
        return read_sparse(message.sparse, path)
    if kind == "multi_dense":
        return _read_multi(message.multi_dense, path)
    if kind is not None:
        raise unsupported_vector(kind)
    floats = read_floats(message.data)
    if message.HasField("indices"):
        return SparseVector.of(np.array(message.indices.data, dtype=np.uint32), floats, path)
    if not message.HasField("vectors_count"):
        return floats
    count = message.vectors_count
    if not count or len(floats) % count:
        text = f"The length of the data, {len(floats)}, is no multiple of vectors_count, {count}"
        raise MalformedMessage(text)
    return MultiVector.of(list(floats.reshape(count, -1)), path)
