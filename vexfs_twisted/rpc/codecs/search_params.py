"""Decoding of the parameters of searches. Raises DomainErrors."""

from __future__ import annotations

from typing import Any

from ...model.search_params import Acorn, Idf, Quantization, SearchParams
from ..generated import points_pb2 as pb
from .fields import given
from .filters import read_optional_filter


def read_params(message: pb.SearchParams, path: str) -> SearchParams:
    """The parameters of a search; `path` is their path in the request."""
    parts: dict[str, Any] = given(message, "hnsw_ef", "exact", "indexed_only")
    if message.HasField("quantization"):
        names = ("ignore", "rescore", "oversampling")
        parts["quantization"] = Quantization(**given(message.quantization, *names))
    if message.HasField("acorn"):
        parts["acorn"] = Acorn(**given(message.acorn, "enable", "max_selectivity"))
    if message.HasField("idf"):
        corpus = read_optional_filter(message.idf, f"{path}.idf.corpus", "corpus")
        parts["idf"] = Idf(corpus)
    return SearchParams(**parts)
