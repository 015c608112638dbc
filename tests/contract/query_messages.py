"""Queries as a gRPC client spells them.

Written beside the server's own codecs, not with them, so that a mistake there shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import asdict
from google.protobuf.message import Message

from tests.contract.filter_messages import filter_message, point_id
from tests.contract.generic_messages import enum_number, fill, json_value
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
    Max,
    Min,
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
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common


def fill_vector(message: Any, vector: Vector) -> None:
    """Set a vector of any kind in a message that has a field for each."""
    if isinstance(vector, SparseVector):
        message.sparse.SetInParent()
        message.sparse.indices.extend(vector.indices.tolist())
        message.sparse.values.extend(vector.values.tolist())
    elif isinstance(vector, MultiVector):
        message.multi_dense.SetInParent()
        for row in vector.rows.tolist():
            message.multi_dense.vectors.add(data=row)
    else:
        message.dense.SetInParent()
        message.dense.data.extend(vector.tolist())


def _example(example: Example) -> Any:
    message = pb.VectorInput()
    if isinstance(example, PointExample):
        message.id.CopyFrom(point_id(example.id))
    else:
        fill_vector(message, example.vector)
    return message


def _context(pairs: tuple[ContextPair, ...]) -> Any:
    return pb.ContextInput(
        pairs=[
            pb.ContextInputPair(positive=_example(own.positive), negative=_example(own.negative))
            for own in pairs
        ]
    )


def form_message(form: QueryForm) -> Any:
    """The form of a query as a message."""
    return _FORMS[type(form)](form)


def _nearest(form: Example) -> Any:
    return pb.Query(nearest=_example(form))


def _mmr(form: Mmr) -> Any:
    mmr = pb.Mmr(diversity=form.diversity, candidates_limit=form.candidates_limit)
    nearest = _example(form.nearest)
    return pb.Query(nearest_with_mmr=pb.NearestInputWithMmr(nearest=nearest, mmr=mmr))


def _recommend(form: Recommend) -> Any:
    strategy: Any = enum_number(pb.RecommendStrategy.DESCRIPTOR, form.strategy)
    positive, negative = map(_example, form.positive), map(_example, form.negative)
    recommend = pb.RecommendInput(positive=positive, negative=negative, strategy=strategy)
    return pb.Query(recommend=recommend)


def _discover(form: Discover) -> Any:
    target, context = _example(form.target), _context(form.context)
    return pb.Query(discover=pb.DiscoverInput(target=target, context=context))


def _order_by(form: OrderBy) -> Any:
    query = pb.Query()
    fill_order(query.order_by, form)
    return query


def _formula(form: Formula) -> Any:
    defaults = {name: json_value(value) for name, value in form.defaults.items()}
    formula = pb.Formula(expression=expression_message(form.expression), defaults=defaults)
    return pb.Query(formula=formula)


def _relevance_feedback(form: RelevanceFeedback) -> Any:
    naive = pb.NaiveFeedbackStrategy(**asdict(form.strategy))
    feedback = [
        pb.FeedbackItem(example=_example(item.example), score=item.score) for item in form.feedback
    ]
    return pb.Query(
        relevance_feedback=pb.RelevanceFeedbackInput(
            target=_example(form.target),
            feedback=feedback,
            strategy=pb.FeedbackStrategy(naive=naive),
        )
    )


_FORMS: Mapping[type, Callable[[Any], Any]] = {
    VectorExample: _nearest,
    PointExample: _nearest,
    Mmr: _mmr,
    Recommend: _recommend,
    Discover: _discover,
    Context: lambda form: pb.Query(context=_context(form.pairs)),
    OrderBy: _order_by,
    Rrf: lambda form: pb.Query(rrf=pb.Rrf(k=form.k, weights=form.weights or ())),
    Dbsf: lambda _: pb.Query(fusion=pb.Fusion.DBSF),
    Sample: lambda _: pb.Query(sample=pb.Sample.Random),
    Formula: _formula,
    RelevanceFeedback: _relevance_feedback,
}


def fill_order(message: Any, order_by: OrderBy) -> None:
    """Set the order of a payload field."""
    message.key = order_by.key.text
    directions = message.DESCRIPTOR.fields_by_name["direction"].enum_type
    message.direction = enum_number(directions, order_by.direction)
    if isinstance(order_by.start_from, int):
        message.start_from.integer = order_by.start_from
    elif order_by.start_from is not None:
        message.start_from.float = order_by.start_from


def expression_message(expression: Expression) -> Any:
    """An expression of a formula as a message."""
    message: Any = pb.Expression()
    name, value = _EXPRESSIONS[type(expression)](expression)
    if isinstance(value, Message):
        getattr(message, name).CopyFrom(value)
    else:
        setattr(message, name, value)
    return message


def _geo_distance(expression: GeoDistance) -> tuple[str, Any]:
    origin = common.GeoPoint(**asdict(expression.origin))
    return "geo_distance", pb.GeoDistance(origin=origin, to=expression.to.text)


def _mult(expression: Mult) -> tuple[str, Any]:
    return "mult", pb.MultExpression(mult=map(expression_message, expression.operands))


def _sum(expression: Sum) -> tuple[str, Any]:
    return "sum", pb.SumExpression(sum=map(expression_message, expression.operands))


def _div(expression: Div) -> tuple[str, Any]:
    left, right = map(expression_message, (expression.left, expression.right))
    default = expression.by_zero_default
    return "div", pb.DivExpression(left=left, right=right, by_zero_default=default)


def _pow(expression: Pow) -> tuple[str, Any]:
    base, exponent = map(expression_message, (expression.base, expression.exponent))
    return "pow", pb.PowExpression(base=base, exponent=exponent)


def _decay(expression: Decay) -> tuple[str, Any]:
    x, target = map(expression_message, (expression.x, expression.target))
    options = {"scale": expression.scale, "midpoint": expression.midpoint}
    return expression.kind.value, pb.DecayParamsExpression(x=x, target=target, **options)


_EXPRESSIONS: Mapping[type, Callable[[Any], tuple[str, Any]]] = {
    Constant: lambda own: ("constant", own.value),
    Score: lambda own: ("variable", f"$score[{own.position}]"),
    PayloadNumber: lambda own: ("variable", own.path.text),
    FilterTest: lambda own: ("condition", common.Condition(filter=filter_message(own.filter))),
    DatetimeConstant: lambda own: ("datetime", own.text),
    PayloadDatetime: lambda own: ("datetime_key", own.path.text),
    GeoDistance: _geo_distance,
    Mult: _mult,
    Sum: _sum,
    Max: lambda own: ("max", pb.MaxExpression(max=map(expression_message, own.operands))),
    Min: lambda own: ("min", pb.MinExpression(min=map(expression_message, own.operands))),
    Apply: lambda own: (own.function.value, expression_message(own.operand)),
    Div: _div,
    Pow: _pow,
    Decay: _decay,
}


def fill_params(message: Any, params: SearchParams) -> None:
    """Set the parameters of a search."""
    fill(message, params, skip=("idf",))
    if params.idf is not None:
        message.idf.SetInParent()
        if params.idf.corpus is not None:
            message.idf.corpus.CopyFrom(filter_message(params.idf.corpus))


def fill_tree(message: Any, query: Query | Prefetch) -> None:
    """Set the parts that a query and a prefetch have."""
    message.limit = query.limit
    if query.form is not None:
        message.query.CopyFrom(form_message(query.form))
    if query.using:
        message.using = query.using
    if query.score_threshold is not None:
        message.score_threshold = query.score_threshold
    fill_filter(message, query.filter)
    fill_params(message.params, query.params)
    for prefetch in query.prefetch:
        fill_tree(message.prefetch.add(), prefetch)
    if query.lookup_from is not None:
        message.lookup_from.collection_name = query.lookup_from.collection
        if query.lookup_from.vector is not None:
            message.lookup_from.vector_name = query.lookup_from.vector


def fill_filter(message: Any, filter: Filter | None) -> None:
    """Set the filter of a request."""
    if filter is not None:
        message.filter.CopyFrom(filter_message(filter))


def select(message: Any, selection: Selection) -> None:
    """Set what a read returns of each point."""
    paths = [path.text for path in selection.payload.paths]
    match selection.payload.mode:
        case PayloadMode.INCLUDE:
            message.with_payload.include.fields.extend(paths)
        case PayloadMode.EXCLUDE:
            message.with_payload.exclude.fields.extend(paths)
        case mode:
            message.with_payload.enable = mode is PayloadMode.ALL
    if isinstance(selection.vectors, bool):
        message.with_vectors.enable = selection.vectors
    else:
        message.with_vectors.include.names.extend(selection.vectors)


def query(name: str, request: Query, parts: Any) -> Any:
    """A query of the universal method."""
    message = pb.QueryPoints(collection_name=name, offset=request.offset, **parts)
    fill_tree(message, request)
    select(message, request.selection)
    return message


def group_query(name: str, request: GroupQuery, parts: Any) -> Any:
    """A query for groups."""
    message = pb.QueryPointGroups(
        collection_name=name,
        group_by=request.group_by.text,
        group_size=request.group_size,
        **parts,
    )
    fill_tree(message, request.query)
    select(message, request.query.selection)
    if request.lookup is not None:
        message.with_lookup.collection = request.lookup.collection
        select(message.with_lookup, request.lookup.selection)
    return message
