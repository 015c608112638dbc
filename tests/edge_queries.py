"""Queries in the words of qdrant-edge-py, which holds Qdrant's own engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import qdrant_edge as edge
from attrs import evolve

from tests.filter_json import filter_to_json
from tests.filters.edge import edge_filter
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.formula import (
    Apply,
    Constant,
    DatetimeConstant,
    Decay,
    DecayKind,
    Div,
    Expression,
    FilterTest,
    Formula,
    Function,
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
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Dbsf,
    Direction,
    Discover,
    Example,
    Mmr,
    OrderBy,
    PointExample,
    QueryForm,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
    Rrf,
    Sample,
    VectorExample,
    examples_of,
    with_examples,
)
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector, Vector, Vectors


def edge_query(query: Query, limit: int, offset: int = 0) -> Any:
    """A query with another limit and offset."""
    return edge.QueryRequest(
        limit,
        offset,
        edge_form(query.form, query.using),
        list(map(_prefetch, query.prefetch)),
        filter=_filter(query.filter),
        score_threshold=query.score_threshold,
        params=_params(query.params),
    )


def _prefetch(prefetch: Prefetch) -> Any:
    return edge.Prefetch(
        prefetch.limit,
        edge_form(prefetch.form, prefetch.using),
        list(map(_prefetch, prefetch.prefetch)),
        filter=_filter(prefetch.filter),
        score_threshold=prefetch.score_threshold,
        params=_params(prefetch.params),
    )


def _params(params: SearchParams) -> Any:
    """Parameters; of the kinds of search there is only idf."""
    idf = None if params.idf is None else edge.IdfParams(_filter(params.idf.corpus))
    return edge.SearchParams(idf=idf)


def _filter(filter_: Filter | None) -> Any:
    return None if filter_ is None else edge_filter(filter_to_json(filter_))


def without_points(query: Query, vectors: Mapping[str, Vectors], distance: Distance) -> Query:
    """The query with the vectors of points in place of these, and a filter that excludes them.

    `vectors` are those of the points 0, 1 and so on, by name, as they were written.
    """
    ids = frozenset(_points_of(query))
    if not ids:
        return query

    def replaced(level: Any) -> Any:
        def looked_up(example: Example) -> Example:
            if isinstance(example, VectorExample):
                return example
            assert isinstance(example.id, int)
            return VectorExample(_stored(vectors[level.using].vector(example.id), distance))

        form = None if level.form is None else with_examples(level.form, looked_up)
        return evolve(level, form=form, prefetch=tuple(map(replaced, level.prefetch)))

    own = () if query.filter is None else (query.filter,)
    found: Query = evolve(replaced(query), filter=Filter(must=own, must_not=(HasId(ids),)))
    return found


def _points_of(level: Query | Prefetch) -> Iterator[PointId]:
    for example in examples_of(level.form):
        if isinstance(example, PointExample):
            yield example.id
    for prefetch in level.prefetch:
        yield from _points_of(prefetch)


def _stored(vector: Vector, distance: Distance) -> Vector:
    """The vector as the engine returns it."""
    if isinstance(vector, SparseVector) or distance is not Distance.COSINE:
        return vector
    if isinstance(vector, MultiVector):
        return MultiVector(vector.rows / np.linalg.norm(vector.rows, axis=1, keepdims=True))
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def edge_vector(vector: Vector) -> Any:
    """A vector of any kind."""
    if isinstance(vector, SparseVector):
        return edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
    rows = vector.rows if isinstance(vector, MultiVector) else vector
    return rows.tolist()


def edge_form(form: QueryForm | None, using: str) -> Any:
    """A form. Its examples are vectors."""
    return None if form is None else _FORMS[type(form)](form, using)


def _example(example: Example) -> Any:
    assert isinstance(example, VectorExample)
    return edge_vector(example.vector)


def _pairs(pairs: Iterable[ContextPair]) -> list[Any]:
    return [edge.ContextPair(_example(own.positive), _example(own.negative)) for own in pairs]


def _recommend(form: Recommend, using: str) -> Any:
    if form.strategy is RecommendStrategy.AVERAGE_VECTOR:
        # Clients of the engine compute it, and search by it.
        sides = (form.positive, form.negative)
        vectors = ([own.vector for own in side if isinstance(own, VectorExample)] for side in sides)
        return edge.Query.Nearest(edge_vector(_average(*vectors)), using)
    kinds = {
        RecommendStrategy.BEST_SCORE: edge.Query.RecommendBestScore,
        RecommendStrategy.SUM_SCORES: edge.Query.RecommendSumScores,
    }
    positive, negative = (list(map(_example, own)) for own in (form.positive, form.negative))
    return kinds[form.strategy](edge.RecommendQuery(positive, negative), using)


def _average(positive: Sequence[Vector], negative: Sequence[Vector]) -> Vector:
    """The mean of positive vectors, or twice that minus the mean of negative ones.

    Of multivectors the rows of all, those of negative ones negated.
    """
    signed = [(2.0 if negative else 1.0) / len(positive)] * len(positive)
    signed += [-1.0 / max(len(negative), 1)] * len(negative)
    every = [*positive, *negative]
    if isinstance(every[0], MultiVector):
        rows = [own.rows for own in every if isinstance(own, MultiVector)]
        return MultiVector(
            np.concatenate([np.sign(scale) * own for scale, own in zip(signed, rows, strict=True)])
        )
    if isinstance(every[0], SparseVector):
        sums: Counter[int] = Counter()
        for scale, own in zip(signed, every, strict=True):
            assert isinstance(own, SparseVector)
            for term, value in zip(own.indices.tolist(), own.values.tolist(), strict=True):
                sums[term] += scale * value
        terms = sorted(sums)
        values = np.array([sums[term] for term in terms], dtype=np.float32)
        return SparseVector(np.array(terms, dtype=np.uint32), values)
    mean = np.array(signed) @ np.array(every, dtype=np.float64)
    return np.asarray(mean, dtype=np.float32)


def _discover(form: Discover, using: str) -> Any:
    query = edge.DiscoverQuery(_example(form.target), _pairs(form.context))
    return edge.Query.Discover(query, using)


def _feedback(form: RelevanceFeedback, using: str) -> Any:
    items = [edge.FeedbackItem(_example(own.example), own.score) for own in form.feedback]
    strategy = edge.NaiveFeedbackStrategy(form.strategy.a, form.strategy.b, form.strategy.c)
    query = edge.FeedbackNaiveQuery(_example(form.target), items, strategy)
    return edge.Query.FeedbackNaive(query, using)


def _mmr(form: Mmr, using: str) -> Any:
    assert form.candidates_limit is not None
    return edge.Mmr(_example(form.nearest), 1 - form.diversity, form.candidates_limit, using)


def _order_by(form: OrderBy, _: str) -> Any:
    ascends = form.direction is Direction.ASC
    direction = edge.Direction.Asc if ascends else edge.Direction.Desc
    return edge.OrderBy(form.key.text, direction, form.start_from)


def _rrf(form: Rrf, _: str) -> Any:
    weights = None if form.weights is None else list(form.weights)
    return edge.Fusion.Rrf(form.k, weights)


_FORMS: Mapping[type, Callable[[Any, str], Any]] = {
    VectorExample: lambda form, using: edge.Query.Nearest(edge_vector(form.vector), using),
    Recommend: _recommend,
    Discover: _discover,
    Context: lambda form, using: edge.Query.Context(edge.ContextQuery(_pairs(form.pairs)), using),
    RelevanceFeedback: _feedback,
    Mmr: _mmr,
    OrderBy: _order_by,
    Rrf: _rrf,
    Dbsf: lambda *_: edge.Fusion.Dbsf(),
    Sample: lambda *_: edge.Sample.Random,
    Formula: lambda form, _: edge_formula(form),
}


def edge_formula(formula: Formula) -> Any:
    """A formula."""
    return edge.Formula(_expression(formula.expression), dict(formula.defaults))


_OF: Any = edge.Expression
_FUNCTIONS = {
    Function.NEG: _OF.Neg,
    Function.ABS: _OF.Abs,
    Function.SQRT: _OF.Sqrt,
    Function.EXP: _OF.Exp,
    Function.LOG10: _OF.Log10,
    Function.LN: _OF.Ln,
    Function.ACOSH: _OF.Acosh,
}
_DECAYS = {
    DecayKind.LINEAR: edge.DecayKind.Lin,
    DecayKind.EXPONENTIAL: edge.DecayKind.Exp,
    DecayKind.GAUSSIAN: edge.DecayKind.Gauss,
}


def _expression(node: Expression) -> Any:
    return _EXPRESSIONS[type(node)](node)


def _each(operands: Iterable[Expression]) -> list[Any]:
    return list(map(_expression, operands))


def _geo_distance(node: GeoDistance) -> Any:
    return _OF.GeoDistance(edge.GeoPoint(node.origin.lon, node.origin.lat), node.to.text)


def _div(node: Div) -> Any:
    return _OF.Div(_expression(node.left), _expression(node.right), node.by_zero_default)


def _decay(node: Decay) -> Any:
    x, target = _each((node.x, node.target))
    return _OF.Decay(_DECAYS[node.kind], x, target, node.midpoint, node.scale)


_EXPRESSIONS: Mapping[type, Callable[[Any], Any]] = {
    Constant: lambda node: _OF.Constant(node.value),
    Score: lambda node: _OF.Variable(f"$score[{node.position}]"),
    PayloadNumber: lambda node: _OF.Variable(node.path.text),
    FilterTest: lambda node: _OF.Condition(_filter(node.filter)),
    DatetimeConstant: lambda node: _OF.Datetime(node.text),
    PayloadDatetime: lambda node: _OF.DatetimeKey(node.path.text),
    GeoDistance: _geo_distance,
    Mult: lambda node: _OF.Mult(_each(node.operands)),
    Sum: lambda node: _OF.Sum(_each(node.operands)),
    Max: lambda node: _OF.Max(_each(node.operands)),
    Min: lambda node: _OF.Min(_each(node.operands)),
    Apply: lambda node: _FUNCTIONS[node.function](_expression(node.operand)),
    Div: _div,
    Pow: lambda node: _OF.Pow(*_each((node.base, node.exponent))),
    Decay: _decay,
}
