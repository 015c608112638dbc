"""Decoding of documents in place of vectors.

The public functions raise MalformedMessage, ValidationError, BadInput and InferenceError.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...embedding.documents import Document, embed_documents, embed_query
from ...model.errors import Problem, ValidationError
from ...model.vector_kinds import SparseVector, SparseVectors
from ..generated import points_pb2 as pb
from .payloads import read_object


def read_documents(messages: Sequence[pb.Document], places: Sequence[str]) -> SparseVectors:
    """The vectors of one or more documents to store, at `places` of the request."""
    return embed_documents(list(map(_document, messages, places)))


def read_query_document(message: pb.Document, place: str) -> SparseVector:
    """The vector of a document to search for, at `place` of the request."""
    return embed_query(_document(message, place))


def _document(message: pb.Document, place: str) -> Document:
    if not message.model:
        raise ValidationError([Problem(f"{place}.model", "must be 1 characters or longer")])
    return Document(message.text, message.model, read_object(message.options))
