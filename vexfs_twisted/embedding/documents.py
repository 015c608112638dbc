"""Documents in place of vectors: texts with the name of the model that embeds them.

BM25 is the one model that is built in. Others would need an inference service, which there is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import orjson
from attrs import frozen

from ..model.errors import BadInput, InferenceError
from ..model.vector_kinds import SparseVector, SparseVectors
from .bm25 import Bm25
from .options import read_options

_SLICE = 1024
_BM25 = frozenset(("qdrant/bm25", "bm25"))


@frozen
class Document:
    """A text, the name of a model, and the options of the model as JSON values."""

    text: str
    model: str
    options: Mapping[str, Any] | None = None


def embed_documents(documents: Sequence[Document]) -> SparseVectors:
    """The vectors of one or more documents to store.

    Raises InferenceError for a model that is not built in, and BadInput for its options.
    """
    # Documents of one request mostly have the same options, which take longer to read than a text.
    found = []
    for _, group in groupby(documents, _key):
        alike = list(group)
        model = _model(alike[0])
        for start in range(0, len(alike), _SLICE):
            some = alike[start : start + _SLICE]
            found.append(model.documents([document.text for document in some]))
    return SparseVectors.concat(found)


def embed_query(document: Document) -> SparseVector:
    """The vector of a document to search for. Errors are those of `embed_documents`."""
    return _model(document).query(document.text)


def no_inference() -> InferenceError:
    """The error for what only an inference service could embed."""
    return InferenceError(
        "InferenceService is not initialized. Please check if it was properly configured and "
        "initialized during startup."
    )


def _key(document: Document) -> tuple[str, bytes]:
    """Equal for documents with the same model and options."""
    if not document.options:
        return document.model, b""
    try:
        return document.model, orjson.dumps(document.options)
    except orjson.JSONEncodeError:
        # Parsed JSON can be serialized, unless it is nested deeper than orjson serializes.
        raise BadInput("Invalid BM25 config: recursion limit exceeded") from None


def _model(document: Document) -> Bm25:
    if document.model.lower() not in _BM25:
        raise no_inference()
    return Bm25(read_options(document.options))
