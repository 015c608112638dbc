"""Decoding of the forms of queries. The public functions raise DomainErrors.

`path` is the path of the message in the request, for validation errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from google.protobuf.message import Message

from ...model.errors import MalformedMessage, NotSupported
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
from ..generated import points_pb2 as pb
from .examples import read_example, read_nearest
from .fields import given, known, read_enum
from .formulas import read_formula
from .points import read_order_by

STRATEGIES = {
    pb.RecommendStrategy.AverageVector: RecommendStrategy.AVERAGE_VECTOR,
    pb.RecommendStrategy.BestScore: RecommendStrategy.BEST_SCORE,
    pb.RecommendStrategy.SumScores: RecommendStrategy.SUM_SCORES,
}
_FUSIONS: Mapping[int, Fusion] = {pb.Fusion.RRF: Rrf(), pb.Fusion.DBSF: Dbsf()}


def read_form(message: pb.Query, path: str, limit: int) -> QueryForm:
    """The form of a query or prefetch of that limit."""
    kind = message.WhichOneof("variant")
    if kind is None:
        raise MalformedMessage("Query variant is missing")
    read = _FORMS.get(kind)
    if read is None:
        raise NotSupported(f"The query kind `{kind}` is not supported yet")
    path = f"{path}.{kind}"
    form = read(getattr(message, kind), path)
    check_candidates(form, limit, path)
    return form


def read_strategy(message: Any) -> RecommendStrategy:
    """The strategy of a recommendation, the average of vectors by default."""
    return read_enum(message, "strategy", STRATEGIES) or RecommendStrategy.AVERAGE_VECTOR


def _example(message: Message, name: str, path: str) -> Example:
    if not message.HasField(name):
        raise MalformedMessage(f"{message.DESCRIPTOR.name} {name} is missing")
    return read_example(getattr(message, name), f"{path}.{name}")


def _examples(messages: Iterable[pb.VectorInput], path: str) -> tuple[Example, ...]:
    numbered = enumerate(messages)
    return tuple(read_example(message, f"{path}[{index}]") for index, message in numbered)


def _read_mmr(message: pb.NearestInputWithMmr, path: str) -> Mmr:
    if not message.HasField("nearest"):
        raise MalformedMessage("NearestInputWithMmr nearest is missing")
    if not message.HasField("mmr"):
        raise MalformedMessage("NearestInputWithMmr mmr is missing")
    nearest = read_nearest(message.nearest, f"{path}.nearest")
    mmr = Mmr(nearest, **given(message.mmr, "diversity", "candidates_limit"))
    validate(mmr, f"{path}.mmr")
    return mmr


def _read_recommend(message: pb.RecommendInput, path: str) -> Recommend:
    recommend = Recommend(
        _examples(message.positive, f"{path}.positive"),
        _examples(message.negative, f"{path}.negative"),
        read_strategy(message),
    )
    check_examples_given(recommend, path)
    return recommend


def _read_discover(message: pb.DiscoverInput, path: str) -> Discover:
    target = _example(message, "target", path)
    if not message.HasField("context"):
        raise MalformedMessage("DiscoverInput context is missing")
    return Discover(target, _pairs(message.context, f"{path}.context"))


def _read_context(message: pb.ContextInput, path: str) -> Context:
    return Context(_pairs(message, path))


def _pairs(message: pb.ContextInput, path: str) -> tuple[ContextPair, ...]:
    found = []
    for index, pair in enumerate(message.pairs):
        place = f"{path}.pairs[{index}]"
        found.append(
            ContextPair(_example(pair, "positive", place), _example(pair, "negative", place))
        )
    return tuple(found)


def _read_rrf(message: pb.Rrf, path: str) -> Rrf:
    k = message.k if message.HasField("k") else DEFAULT_RRF_K
    rrf = Rrf(k, tuple(map(_finite, message.weights)) or None)
    validate(rrf, path)
    return rrf


def _read_fusion(number: int, _: str) -> Fusion:
    return known(number, "fusion", _FUSIONS)


def _read_sample(number: int, _: str) -> Sample:
    return known(number, "sample", {pb.Sample.Random: Sample()})


def _finite(number: float) -> float:
    if not isfinite(number):
        raise MalformedMessage(f"the number {number} is not finite")
    return number


def _read_feedback(message: pb.RelevanceFeedbackInput, path: str) -> RelevanceFeedback:
    target = _example(message, "target", path)
    items = tuple(
        FeedbackItem(_example(item, "example", f"{path}.feedback[{index}]"), _finite(item.score))
        for index, item in enumerate(message.feedback)
    )
    if message.strategy.WhichOneof("variant") is None:
        raise MalformedMessage("RelevanceFeedbackInput strategy is missing")
    naive = message.strategy.naive
    strategy = NaiveStrategy(*map(_finite, (naive.a, naive.b, naive.c)))
    validate(strategy, f"{path}.strategy.naive")
    feedback = RelevanceFeedback(target, items, strategy)
    check_examples_given(feedback, path)
    return feedback


_FORMS: Mapping[str, Callable[[Any, str], QueryForm]] = {
    "nearest": read_nearest,
    "nearest_with_mmr": _read_mmr,
    "recommend": _read_recommend,
    "discover": _read_discover,
    "context": _read_context,
    "order_by": lambda message, _: read_order_by(message),
    "fusion": _read_fusion,
    "rrf": _read_rrf,
    "formula": read_formula,
    "sample": _read_sample,
    "relevance_feedback": _read_feedback,
}
"""Decoders of forms by kind."""
