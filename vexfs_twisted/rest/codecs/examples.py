"""Decoding of examples of queries from JSON: vectors, or ids of points.

The public functions raise DomainErrors. `path` is the path of the value in the request.
"""

from __future__ import annotations

from typing import Any

from ...model.errors import FormatError
from ...model.queries import check_finite, check_query_vector
from ...model.query_forms import Example, PointExample, VectorExample
from ...model.vector_kinds import MultiVector, Vector
from .ids import read_id
from .vectors import is_inference, read_any_vector


def read_example(value: Any, path: str) -> Example:
    """An example: a vector of any kind, a document that becomes one, or the id of a point."""
    if type(value) is int or type(value) is str:
        return PointExample(read_id(value))
    vector = _read_vector(value, path)
    check_finite(vector)
    return VectorExample(vector)


def read_nearest(value: Any, path: str) -> Example:
    """The example of a search for its nearest points, which must not be an empty dense vector."""
    if type(value) is not list:
        return read_example(value, path)
    vector = read_any_vector(value, path)
    check_query_vector(vector)
    return VectorExample(vector)


def read_dense_or_sparse(value: Any, path: str) -> Vector:
    """A vector of a kind that older requests know.

    Raises FormatError for a multivector or a document.
    """
    is_document = type(value) is dict and is_inference(value)
    vector = None if is_document else _read_vector(value, path)
    if vector is None or isinstance(vector, MultiVector):
        raise FormatError("data did not match any variant of untagged enum VectorStruct")
    return vector


def _read_vector(value: Any, path: str) -> Vector:
    if type(value) is list or type(value) is dict:
        return read_any_vector(value, path)
    raise FormatError("data did not match any variant of untagged enum VectorInput")
