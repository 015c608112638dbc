"""Queries as REST clients spell them.

Written beside the server's own codecs, not with them, so that a mistake there shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from tests.filter_json import filter_to_json
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.formula import (
    Apply,
    Constant,
    DatetimeConstant,
    Decay,
    Div,
    Expression,
    FilterTest,
    Formula,
    GeoDistance,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Pow,
    Score,
    Sum,
)
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.queries import PayloadMode, Prefetch, Query, Selection
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Dbsf,
    Discover,
    Example,
    Mmr,
    OrderBy,
    PointExample,
    QueryForm,
    Recommend,
    RelevanceFeedback,
    Rrf,
    Sample,
    VectorExample,
)
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector, Vector

Json = dict[str, Any]


def with_given(body: Json, **parts: Any) -> Json:
    """`body` with those of the parts that are not None."""
    return body | {name: part for name, part in parts.items() if part is not None}


def vector_to_json(vector: Vector) -> Any:
    """A vector of any kind."""
    if isinstance(vector, SparseVector):
        return {"indices": vector.indices.tolist(), "values": vector.values.tolist()}
    rows = vector.rows if isinstance(vector, MultiVector) else vector
    return rows.tolist()


def example_to_json(example: Example) -> Any:
    """An example: a vector, or an id."""
    return example.id if isinstance(example, PointExample) else vector_to_json(example.vector)


def _pairs(pairs: tuple[ContextPair, ...]) -> Any:
    found = [
        {"positive": example_to_json(own.positive), "negative": example_to_json(own.negative)}
        for own in pairs
    ]
    return found[0] if len(found) == 1 else found


def form_to_json(form: QueryForm) -> Any:
    """The form of a query."""
    return _FORMS[type(form)](form)


def _mmr(form: Mmr) -> Json:
    options = with_given({"diversity": form.diversity}, candidates_limit=form.candidates_limit)
    return {"nearest": example_to_json(form.nearest), "mmr": options}


def _recommend(form: Recommend) -> Json:
    sides = {"positive": form.positive, "negative": form.negative}
    examples = {name: list(map(example_to_json, side)) for name, side in sides.items()}
    return {"recommend": examples | {"strategy": form.strategy.value}}


def _discover(form: Discover) -> Json:
    target = example_to_json(form.target)
    return {"discover": {"target": target, "context": _pairs(form.context) or None}}


def _formula(form: Formula) -> Json:
    return {"formula": expression_to_json(form.expression), "defaults": dict(form.defaults)}


def _relevance_feedback(form: RelevanceFeedback) -> Json:
    feedback = [
        {"example": example_to_json(item.example), "score": item.score} for item in form.feedback
    ]
    return {
        "relevance_feedback": {
            "target": example_to_json(form.target),
            "feedback": feedback,
            "strategy": {"naive": attrs.asdict(form.strategy)},
        }
    }


_FORMS: Mapping[type, Callable[[Any], Any]] = {
    VectorExample: example_to_json,
    PointExample: example_to_json,
    Mmr: _mmr,
    Recommend: _recommend,
    Discover: _discover,
    Context: lambda form: {"context": _pairs(form.pairs)},
    OrderBy: lambda form: {"order_by": order_to_json(form)},
    Rrf: lambda form: {"rrf": with_given({"k": form.k}, weights=form.weights)},
    Dbsf: lambda _: {"fusion": "dbsf"},
    Sample: lambda _: {"sample": "random"},
    Formula: _formula,
    RelevanceFeedback: _relevance_feedback,
}


def order_to_json(order: OrderBy) -> Json:
    """The order of a payload field."""
    body = {"key": order.key.text, "direction": order.direction.value}
    return with_given(body, start_from=order.start_from)


def expression_to_json(expression: Expression) -> Any:
    """An expression of a formula."""
    return _EXPRESSIONS[type(expression)](expression)


def _score(expression: Score) -> str:
    return f"$score[{expression.position}]" if expression.position else "$score"


def _geo_distance(expression: GeoDistance) -> Json:
    origin = attrs.asdict(expression.origin)
    return {"geo_distance": {"origin": origin, "to": expression.to.text}}


def _div(expression: Div) -> Json:
    left, right = map(expression_to_json, (expression.left, expression.right))
    default = expression.by_zero_default
    return {"div": with_given({"left": left, "right": right}, by_zero_default=default)}


def _pow(expression: Pow) -> Json:
    base, exponent = map(expression_to_json, (expression.base, expression.exponent))
    return {"pow": {"base": base, "exponent": exponent}}


def _decay(expression: Decay) -> Json:
    x, target = map(expression_to_json, (expression.x, expression.target))
    options = {"scale": expression.scale, "midpoint": expression.midpoint}
    return {expression.kind.value: {"x": x, "target": target, **options}}


_EXPRESSIONS: Mapping[type, Callable[[Any], Any]] = {
    Constant: lambda own: own.value,
    Score: _score,
    PayloadNumber: lambda own: own.path.text,
    FilterTest: lambda own: filter_to_json(own.filter),
    DatetimeConstant: lambda own: {"datetime": own.text},
    PayloadDatetime: lambda own: {"datetime_key": own.path.text},
    GeoDistance: _geo_distance,
    Mult: lambda own: {"mult": list(map(expression_to_json, own.operands))},
    Sum: lambda own: {"sum": list(map(expression_to_json, own.operands))},
    Apply: lambda own: {own.function.value: expression_to_json(own.operand)},
    Div: _div,
    Pow: _pow,
    Decay: _decay,
}


def params_to_json(params: SearchParams) -> Json:
    """The parameters of a search."""
    body: Json = {"exact": params.exact, "indexed_only": params.indexed_only}
    idf: Any = None
    if params.idf is not None:
        corpus = params.idf.corpus
        idf = "global" if corpus is None else {"corpus": filter_to_json(corpus)}
    return with_given(
        body,
        hnsw_ef=params.hnsw_ef,
        quantization=_plain(params.quantization),
        acorn=_plain(params.acorn),
        idf=idf,
    )


def _plain(value: Any) -> Json | None:
    return None if value is None else with_given({}, **attrs.asdict(value))


def tree_to_json(query: Query | Prefetch) -> Json:
    """The parts that a query and a prefetch have."""
    prefetches = list(map(tree_to_json, query.prefetch))
    location = query.lookup_from
    return with_given(
        {"limit": query.limit, "params": params_to_json(query.params)},
        query=None if query.form is None else form_to_json(query.form),
        using=query.using or None,
        filter=_filter(query.filter),
        score_threshold=query.score_threshold,
        prefetch=prefetches[0] if len(prefetches) == 1 else prefetches or None,
        lookup_from=_plain(location),
    )


def _filter(filter: Filter | None) -> Json | None:
    return None if filter is None else filter_to_json(filter)


def selection_to_json(selection: Selection) -> Json:
    """What a read returns of each point."""
    paths = [path.text for path in selection.payload.paths]
    payload: Any = {
        PayloadMode.ALL: True,
        PayloadMode.NONE: False,
        PayloadMode.INCLUDE: {"include": paths},
        PayloadMode.EXCLUDE: {"exclude": paths},
    }[selection.payload.mode]
    vectors = selection.vectors
    return {
        "with_payload": payload,
        "with_vector": vectors if isinstance(vectors, bool) else list(vectors),
    }


def query_to_json(query: Query) -> Json:
    """A query of the universal endpoint."""
    body = tree_to_json(query) | selection_to_json(query.selection)
    return body | {"offset": query.offset}


def group_query_to_json(request: GroupQuery) -> Json:
    """A query for groups."""
    lookup: Json | None = None
    if request.lookup is not None:
        selection = selection_to_json(request.lookup.selection)
        lookup = {"collection": request.lookup.collection, **selection}
    body = tree_to_json(request.query) | selection_to_json(request.query.selection)
    body |= {"group_by": request.group_by.text, "group_size": request.group_size}
    return with_given(body, with_lookup=lookup)


__all__ = [
    "Json",
    "form_to_json",
    "group_query_to_json",
    "order_to_json",
    "query_to_json",
    "selection_to_json",
    "vector_to_json",
    "with_given",
]
