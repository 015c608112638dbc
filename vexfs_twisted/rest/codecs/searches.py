"""Decoding of the older requests from JSON: search, recommend and discover.

They become the same queries as those of the universal endpoint. The public functions raise
DomainErrors. `path` is the path of a value in the request, for validation errors.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from ...jsonform.converter import located
from ...model.errors import FormatError
from ...model.queries import NO_PAYLOAD, Query, check_finite, check_query_vector
from ...model.query_forms import (
    ContextPair,
    Example,
    QueryForm,
    Recommend,
    RecommendStrategy,
    VectorExample,
    check_older_recommend,
    older_discover,
)
from ...model.validation import validate
from ...model.vectors import UNNAMED
from .examples import read_dense_or_sparse, read_example
from .fields import (
    optional,
    present,
    read_number,
    read_object,
    read_string,
    read_unsigned,
    refuse_shard_key,
    required,
)
from .filters import read_optional_filter
from .gathering import MAX_ELEMENTS, Gathered, gathered
from .queries import gather_queries, read_lookup_location
from .query_forms import read_each, read_strategy
from .search_params import read_params
from .selectors import read_selection

Reader = Callable[[Any, str], Query]


def read_search(value: Any, path: str = "search_request") -> Query:
    """A search: a vector, optionally named, and a limit."""
    body = read_object(value, "SearchRequest")
    refuse_shard_key(body)
    return _whole(body, path, read_search_parts(body, path))


def read_recommend(value: Any, path: str = "recommend_request") -> Query:
    """A recommendation by positive and negative examples."""
    body = read_object(value, "RecommendRequest")
    refuse_shard_key(body)
    return _whole(body, path, read_recommend_parts(body, path))


def read_discover(value: Any, path: str = "discover_request") -> Query:
    """A discovery by a target and pairs of examples, of which one may be missing."""
    body = read_object(value, "DiscoverRequest")
    refuse_shard_key(body)
    target = optional(body, "target", lambda own: _read_example(own, f"{path}.target"), None)
    pairs = optional(body, "context", lambda own: _read_pairs(own, f"{path}.context"), ())
    return _whole(body, path, _targets(body, older_discover(target, pairs)))


def read_search_parts(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The parts of a search that a search for groups has too, by name."""
    name, form = required(body, "vector", lambda own: _read_named(own, f"{path}.vector"))
    threshold = optional(body, "score_threshold", read_number, None)
    return {"form": form, "using": name, "score_threshold": threshold}


def read_recommend_parts(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The parts of a recommendation that one of groups has too, by name."""
    form = Recommend(
        _examples(body, "positive", path),
        _examples(body, "negative", path),
        optional(body, "strategy", read_strategy, RecommendStrategy.AVERAGE_VECTOR),
    )
    check_older_recommend(form)
    threshold = optional(body, "score_threshold", read_number, None)
    return {**_targets(body, form), "score_threshold": threshold}


def read_common_parts(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The parts that all older requests have, by name."""
    return {
        "filter": read_optional_filter(body, f"{path}.filter"),
        "params": read_params(body, path),
        "selection": read_selection(body, NO_PAYLOAD, takes_null=True),
    }


def _whole(body: dict[str, Any], path: str, parts: dict[str, Any]) -> Query:
    limit_name = "limit" if body.get("top") is None else "top"
    query = Query(
        **parts,
        **read_common_parts(body, path),
        limit=required(body, limit_name, read_unsigned),
        offset=optional(body, "offset", read_unsigned, 0),
    )
    validate(query, path)
    return query


def _targets(body: dict[str, Any], form: QueryForm) -> dict[str, Any]:
    return {
        "form": form,
        "using": optional(body, "using", read_string, UNNAMED),
        "lookup_from": optional(body, "lookup_from", read_lookup_location, None),
    }


def _read_named(value: Any, path: str) -> tuple[str, VectorExample]:
    if type(value) is dict and "name" in value:
        name = required(value, "name", read_string)
        return name, required(value, "vector", lambda own: _read_nearest(own, path))
    if type(value) is not list:
        raise FormatError("data did not match any variant of untagged enum NamedVectorStruct")
    return UNNAMED, _read_nearest(value, path)


def _read_nearest(value: Any, path: str) -> VectorExample:
    vector = read_dense_or_sparse(value, path)
    check_query_vector(vector)
    return VectorExample(vector)


def _read_example(value: Any, path: str) -> Example:
    if type(value) is int or type(value) is str:
        return read_example(value, path)
    vector = read_dense_or_sparse(value, path)
    check_finite(vector)
    return VectorExample(vector)


def _examples(body: dict[str, Any], name: str, path: str) -> tuple[Example, ...]:
    return optional(body, name, lambda own: read_each(own, _read_example, f"{path}.{name}"), ())


def _read_pair(value: Any, path: str) -> ContextPair:
    body = read_object(value, "ContextExamplePair")
    positive, negative = (
        located(name, _read_example, present(body, name), f"{path}.{name}")
        for name in ("positive", "negative")
    )
    return ContextPair(positive, negative)


def _read_pairs(value: Any, path: str) -> tuple[ContextPair, ...]:
    return read_each(value, _read_pair, path)


def _gather(read: Reader, name: str) -> Callable[[], Gathered[list[Query]]]:
    """A maker of gatherers of a batch, whose elements have `name` in their paths."""

    def gather() -> Gathered[list[Query]]:
        def read_some(searches: list[Any], start: int) -> list[Query]:
            numbered = enumerate(searches, start)
            return [read(item, f"searches[{i}].{name}") for i, item in numbered]

        return Gathered(read_some, MAX_ELEMENTS)

    return gather


gather_searches = _gather(read_search, "search_request")
gather_recommendations = _gather(read_recommend, "recommend_request")
gather_discoveries = _gather(read_discover, "discover_request")


def _batch(name: str, gather: Callable[[], Gathered[list[Query]]]) -> Callable[[Any], list[Query]]:
    def read_list(searches: Any) -> Gathered[list[Query]]:
        return gathered(searches, Gathered, gather)

    def read(value: Any) -> list[Query]:
        body = read_object(value, name)
        return list(chain.from_iterable(required(body, "searches", read_list).parts()))

    return read


read_query_batch = _batch("QueryRequestBatch", gather_queries)
read_search_batch = _batch("SearchRequestBatch", gather_searches)
read_recommend_batch = _batch("RecommendRequestBatch", gather_recommendations)
read_discover_batch = _batch("DiscoverRequestBatch", gather_discoveries)
