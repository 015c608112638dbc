"""Decoding of the forms of queries from JSON.

The public functions raise DomainErrors. `path` is the path of the value in the request, for
validation errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...jsonform.converter import describe, located, reader_of
from ...model.errors import FormatError
from ...model.query_forms import (
    DEFAULT_RRF_K,
    Context,
    ContextPair,
    Dbsf,
    Discover,
    Example,
    FeedbackItem,
    Fusion,
    Mmr,
    NaiveStrategy,
    OrderBy,
    QueryForm,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
    Rrf,
    Sample,
    check_candidates,
    check_examples_given,
)
from ...model.validation import validate
from .examples import read_example, read_nearest
from .fields import (
    Reader,
    optional,
    present,
    read_float32,
    read_list,
    read_object,
    read_unsigned,
    required,
)
from .formulas import read_formula
from .reads import read_order_by

T = TypeVar("T")

read_strategy: Reader[RecommendStrategy] = reader_of(RecommendStrategy)


def read_form(value: Any, path: str, limit: int) -> QueryForm:
    """A query: an object of one of the forms, or an example to which points shall be near.

    `limit` is that of the query or prefetch.
    """
    if type(value) is dict:
        for name, read in _FORMS.items():
            if name in value:
                form = read(value, path)
                check_candidates(form, limit, path)
                return form
        if "indices" not in value and "model" not in value:
            raise FormatError("data did not match any variant of untagged enum QueryInterface")
    return read_nearest(value, path)


def read_each(value: Any, read: Callable[[Any, str], T], path: str) -> tuple[T, ...]:
    """A list, each element decoded by `read`."""
    found = []
    for index, item in enumerate(read_list(value)):
        found.append(located(f"[{index}]", read, item, f"{path}[{index}]"))
    return tuple(found)


def one_or_more(value: Any) -> Any:
    """A list, or one element in its place; null is an empty list."""
    if value is None:
        return []
    return value if type(value) is list else [value]


def _example(body: dict[str, Any], name: str, path: str) -> Example:
    return located(name, read_example, present(body, name), f"{path}.{name}")


def _examples(body: dict[str, Any], name: str, path: str) -> tuple[Example, ...]:
    return optional(body, name, lambda value: read_each(value, read_example, f"{path}.{name}"), ())


def _read_nearest(body: dict[str, Any], path: str) -> QueryForm:
    nearest = located("nearest", read_nearest, present(body, "nearest"), f"{path}.nearest")
    if body.get("mmr") is None:
        return nearest
    options = located("mmr", read_object, body["mmr"], "Mmr")
    given: dict[str, Any] = {}
    readers: tuple[tuple[str, Reader[Any]], ...] = (
        ("diversity", read_float32),
        ("candidates_limit", read_unsigned),
    )
    for name, read in readers:
        if options.get(name) is not None:
            given[name] = located(f"mmr.{name}", read, options[name])
    mmr = Mmr(nearest, **given)
    validate(mmr, f"{path}.mmr")
    return mmr


def _read_recommend(body: dict[str, Any], path: str) -> Recommend:
    path = f"{path}.recommend"
    own = located("recommend", read_object, body["recommend"], "RecommendInput")
    recommend = Recommend(
        _examples(own, "positive", path),
        _examples(own, "negative", path),
        optional(own, "strategy", read_strategy, RecommendStrategy.AVERAGE_VECTOR),
    )
    check_examples_given(recommend, path)
    return recommend


def _read_pair(value: Any, path: str) -> ContextPair:
    body = read_object(value, "ContextPair")
    return ContextPair(_example(body, "positive", path), _example(body, "negative", path))


def _read_pairs(value: Any, path: str) -> tuple[ContextPair, ...]:
    return read_each(one_or_more(value), _read_pair, path)


def _read_discover(body: dict[str, Any], path: str) -> Discover:
    path = f"{path}.discover"
    own = located("discover", read_object, body["discover"], "DiscoverInput")
    target = _example(own, "target", path)
    if "context" not in own:
        raise FormatError("discover: missing field `context`")
    return Discover(target, located("context", _read_pairs, own["context"], f"{path}.context"))


def _read_context(body: dict[str, Any], path: str) -> Context:
    return Context(located("context", _read_pairs, body["context"], f"{path}.context"))


def _read_order(body: dict[str, Any], _: str) -> OrderBy:
    return required(body, "order_by", read_order_by)


def _read_fusion(body: dict[str, Any], _: str) -> Fusion:
    kind = body["fusion"]
    if kind == "rrf":
        return Rrf()
    if kind == "dbsf":
        return Dbsf()
    shown = describe(kind)
    raise FormatError(f"fusion: unknown variant {shown}, expected `rrf` or `dbsf`")


def _read_rrf(body: dict[str, Any], path: str) -> Rrf:
    own = located("rrf", read_object, body["rrf"], "Rrf")
    k = optional(own, "k", read_unsigned, DEFAULT_RRF_K)
    rrf = Rrf(k, optional(own, "weights", _read_weights, None))
    validate(rrf, f"{path}.rrf")
    return rrf


def _read_weights(value: Any) -> tuple[float, ...]:
    return tuple(map(read_float32, read_list(value)))


def _read_sample(body: dict[str, Any], _: str) -> Sample:
    if body["sample"] != "random":
        shown = describe(body["sample"])
        raise FormatError(f"sample: unknown variant {shown}, expected `random`")
    return Sample()


def _read_feedback_item(value: Any, path: str) -> FeedbackItem:
    body = read_object(value, "FeedbackItem")
    return FeedbackItem(_example(body, "example", path), required(body, "score", read_float32))


def _read_feedback(body: dict[str, Any], path: str) -> RelevanceFeedback:
    path = f"{path}.relevance_feedback"
    own = located(
        "relevance_feedback", read_object, body["relevance_feedback"], "RelevanceFeedbackInput"
    )
    target = _example(own, "target", path)
    items = read_each(present(own, "feedback"), _read_feedback_item, f"{path}.feedback")
    strategy = required(own, "strategy", _read_naive)
    validate(strategy, f"{path}.strategy.naive")
    feedback = RelevanceFeedback(target, items, strategy)
    check_examples_given(feedback, path)
    return feedback


def _read_naive(value: Any) -> NaiveStrategy:
    if type(value) is not dict or "naive" not in value:
        raise FormatError("data did not match any variant of untagged enum FeedbackStrategy")
    own = located("naive", read_object, value["naive"], "NaiveFeedbackStrategyParams")
    return NaiveStrategy(*(required(own, name, read_float32) for name in ("a", "b", "c")))


_FORMS: Mapping[str, Callable[[dict[str, Any], str], QueryForm]] = {
    "nearest": _read_nearest,
    "recommend": _read_recommend,
    "discover": _read_discover,
    "context": _read_context,
    "order_by": _read_order,
    "fusion": _read_fusion,
    "rrf": _read_rrf,
    "formula": read_formula,
    "sample": _read_sample,
    "relevance_feedback": _read_feedback,
}
"""Readers of forms by the member that determines the form."""
