"""Decoding of documents in place of vectors; images and objects are refused.

The public functions raise MalformedMessage, ValidationError, BadInput and InferenceError.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...embedding.documents import Document, embed_documents, embed_query
from ...model.errors import Problem, ValidationError
from ...model.vector_kinds import SparseVector, SparseVectors
from ..generated import points_pb2 as pb
from .payloads import read_object


def read_documents(messages: Iterable[pb.Document]) -> SparseVectors:
    """The vectors of one or more documents to store."""
    return embed_documents(list(map(_document, messages)))


def read_query_document(message: pb.Document) -> SparseVector:
    """The vector of a document to search for."""
    return embed_query(_document(message))


def _document(message: pb.Document) -> Document:
    if not message.model:
        raise ValidationError([Problem("document.model", "must be 1 characters or longer")])
    return Document(message.text, message.model, read_object(message.options))
