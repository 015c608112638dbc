"""Decoding of examples of queries: vectors, or ids of points. Raises DomainErrors.

`path` is the path of the message in the request, for validation errors.
"""

from __future__ import annotations

from ...embedding.documents import no_inference
from ...model.errors import MalformedMessage
from ...model.queries import check_finite, check_query_vector
from ...model.query_forms import Example, PointExample, VectorExample
from ...model.vector_kinds import Vector
from ..generated import points_pb2 as pb
from .ids import read_id
from .vectors import read_floats, read_vector_message

_VECTORS = ("dense", "sparse", "multi_dense", "document")


def read_example(message: pb.VectorInput, path: str) -> Example:
    """An example: a vector of any kind, a document that becomes one, or the id of a point."""
    kind = message.WhichOneof("variant")
    if kind == "id":
        return PointExample(read_id(message.id))
    if kind in _VECTORS:
        return vector_example(read_vector_message(getattr(message, kind), path))
    if kind is None:
        raise MalformedMessage("VectorInput variant is missing")
    raise no_inference()


def read_nearest(message: pb.VectorInput, path: str) -> Example:
    """The example of a search for its nearest points, which must not be an empty dense vector."""
    # The common case, of which the costs count.
    if message.WhichOneof("variant") == "dense":
        vector = read_floats(message.dense.data)
        check_query_vector(vector)
        return VectorExample(vector)
    return read_example(message, path)


def vector_example(vector: Vector) -> VectorExample:
    """A vector as an example. Raises BadInput if it is not finite."""
    check_finite(vector)
    return VectorExample(vector)
