"""Decoding of objects in place of vectors: documents, and images and objects, which are refused.

The public functions raise FormatError, ValidationError, BadInput and InferenceError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...embedding.documents import Document, embed_documents, embed_query, no_inference
from ...model.errors import FormatError, Problem, ValidationError
from ...model.vector_kinds import Label, SparseVector, SparseVectors


def is_inference(value: dict[str, Any]) -> bool:
    """Whether an object is in place of a vector, instead of being a vector or a map of them."""
    return type(value.get("model")) is str


def read_documents(values: Sequence[dict[str, Any]], label: Label) -> SparseVectors:
    """The vectors of one or more documents to store; `label` names one in errors."""
    return embed_documents([_document(value, label(index)) for index, value in enumerate(values)])


def read_query_document(value: dict[str, Any], place: str) -> SparseVector:
    """The vector of a document to search for; `place` is its path in the body."""
    return embed_query(_document(value, place))


def _document(value: dict[str, Any], place: str) -> Document:
    if not value["model"]:
        raise ValidationError([Problem(f"{place}.model", "must be 1 characters or longer")])
    options = value.get("options")
    if options is None or type(options) is dict:
        if type(value.get("text")) is str:
            return Document(value["text"], value["model"], options)
        if "image" in value or "object" in value:
            raise no_inference()
    raise FormatError(f"{place}: data did not match any variant of untagged enum Vector")
