"""Decoding of objects in place of vectors: documents, and images and objects, which are refused.

The public functions raise FormatError, ValidationError, BadInput and InferenceError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...embedding.documents import Document, embed_documents, embed_query, no_inference
from ...model.errors import FormatError, Problem, ValidationError
from ...model.vector_kinds import Label, SparseVector, SparseVectors


def read_documents(
    values: Sequence[dict[str, Any]], label: Label, checked_label: Label
) -> SparseVectors:
    """The vectors of one or more documents to store.

    `label` names one in errors, `checked_label` in those about its content.
    """
    return embed_documents([
        _document(value, label(index), checked_label(index)) for index, value in enumerate(values)
    ])  # fmt: skip


def read_query_document(value: dict[str, Any], place: str) -> SparseVector:
    """The vector of a document to search for; `place` is its path in the body."""
    return embed_query(_document(value, place, place))


def _document(value: dict[str, Any], place: str, checked_place: str) -> Document:
    model, options = value.get("model"), value.get("options")
    if type(model) is str and (options is None or type(options) is dict):
        if not model:
            text = "must be 1 characters or longer"
            raise ValidationError([Problem(f"{checked_place}.model", text)])
        if type(value.get("text")) is str:
            return Document(value["text"], model, options)
        if "image" in value or "object" in value:
            raise no_inference()
    raise FormatError(f"{place}: data did not match any variant of untagged enum Vector")
