"""Decoding of the parameters of searches from JSON. Errors are DomainErrors."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ...jsonform.converter import reader_of
from ...model.errors import FormatError
from ...model.search_params import Idf, SearchParams
from .fields import Reader, optional, present, read_object
from .filters import read_filter

_IDF = "idf"
_read_plain_params: Reader[SearchParams] = reader_of(SearchParams)


def read_params(body: dict[str, Any], path: str) -> SearchParams:
    """The member `params` of a request, by default that of no parameters.

    `path` is the path of the request, for validation errors.
    """
    return optional(body, "params", lambda value: _read(value, f"{path}.params"), SearchParams())


def _read(value: Any, path: str) -> SearchParams:
    body = read_object(value, "SearchParams")
    idf = body.get(_IDF)
    if idf is None:
        return _read_plain_params(body)
    params = _read_plain_params({**body, _IDF: None})
    return evolve(params, idf=optional(body, _IDF, lambda own: _read_idf(own, path), None))


def _read_idf(value: Any, path: str) -> Idf:
    if value == "global":
        return Idf()
    if type(value) is dict:
        return Idf(read_filter(present(value, "corpus"), f"{path}.idf.corpus"))
    raise FormatError("data did not match any variant of untagged enum IdfParams")
