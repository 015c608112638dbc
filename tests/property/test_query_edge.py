"""Queries of every form over all kinds of vectors, against Qdrant's own engine, qdrant-edge-py."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest

from tests import IS_LONG, examples
from tests.engine_support import EngineTestCase, upsert, write
from tests.property.test_query_oracle import (
    COUNT,
    NAMES,
    SIZES,
    check_points,
    in_collection,
    random_points,
)
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.formula import (
    Constant,
    Formula,
    Mult,
    PayloadNumber,
    Score,
    Sum,
)
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Dbsf,
    Direction,
    Discover,
    FeedbackItem,
    Mmr,
    NaiveStrategy,
    OrderBy,
    QueryForm,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
    Rrf,
    Sample,
    VectorExample,
)
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector, Vector

edge: Any
try:
    edge = import_module("qdrant_edge")
except ImportError:
    edge = None

TOLERANCE = 1e-5
TERMS = 12
MULTI_SIZE = 3


@st.composite
def _vectors(draw: st.DrawFn, name: str) -> VectorExample:
    """Vectors of normal deviates, so that scores are equal only where a form makes them so."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if name == "sparse":
        terms = np.sort(random.permutation(TERMS)[:5]).astype(np.uint32)
        return VectorExample(SparseVector(terms, random.standard_normal(5, dtype=np.float32)))
    if name == "multi":
        shape = (int(random.integers(1, 4)), MULTI_SIZE)
        return VectorExample(MultiVector(random.standard_normal(shape, dtype=np.float32)))
    return VectorExample(random.standard_normal(SIZES[name], dtype=np.float32))


def _some(name: str, least: int = 0) -> st.SearchStrategy[Any]:
    return st.lists(_vectors(name), min_size=least, max_size=3).map(tuple)


def _pairs(name: str, least: int = 0) -> st.SearchStrategy[Any]:
    pairs = st.builds(ContextPair, _vectors(name), _vectors(name))
    return st.lists(pairs, min_size=least, max_size=3).map(tuple)


def _forms(name: str) -> st.SearchStrategy[QueryForm]:
    """The forms that compare vectors of a name with examples.

    Edge has no average vector: clients of its engine compute it and search by it.
    """
    strategies = st.sampled_from([RecommendStrategy.BEST_SCORE, RecommendStrategy.SUM_SCORES])
    feedback = st.builds(FeedbackItem, _vectors(name), st.integers(-4, 4).map(lambda n: n / 4))
    numbers = st.sampled_from([0.5, 1.0, 2.0])
    return st.one_of(
        _vectors(name),
        st.builds(Recommend, _some(name, 1), _some(name), strategies),
        st.builds(Discover, _vectors(name), _pairs(name)),
        st.builds(Context, _pairs(name, 1)),
        st.builds(
            RelevanceFeedback,
            _vectors(name),
            st.lists(feedback, min_size=1, max_size=4).map(tuple),
            st.builds(NaiveStrategy, numbers, numbers, numbers),
        ),
    )


def _filters() -> st.SearchStrategy[Filter | None]:
    def of(number: int) -> Filter:
        return Filter(must_not=(FieldCondition(PayloadPath.parse("k"), MatchValue(number)),))

    return st.none() | st.integers(0, 3).map(of)


@st.composite
def _prefetches(draw: st.DrawFn, depth: int = 1) -> Prefetch:
    name: str = draw(st.sampled_from(NAMES))
    below: list[Prefetch] = []
    if depth and draw(st.booleans()):
        below = draw(st.lists(_prefetches(depth - 1), min_size=1, max_size=2))
    # In a context or by pairs many points have equal scores, and a limit may keep any of them.
    form = draw(_vectors(name))
    limit: int = draw(st.integers(1, COUNT))
    return Prefetch(form, name, draw(_filters()), limit=limit, prefetch=tuple(below))


@st.composite
def _queries(draw: st.DrawFn, distance: Distance) -> Query:
    name: str = draw(st.sampled_from(NAMES))
    below: list[Prefetch] = draw(st.lists(_prefetches(), max_size=2))
    forms: list[Any] = [_forms(name)] * 3
    number = PayloadNumber(PayloadPath.parse("n"))
    directions = st.sampled_from(Direction)
    if below:
        forms += [
            st.integers(1, 5).map(Rrf),
            st.just(Dbsf()),
            st.just(Formula(Sum((Score(), Mult((Constant(0.5), number)))), {"$score": 0.25})),
        ]
    else:
        starts = st.none() | st.integers(0, COUNT)
        forms.append(st.builds(OrderBy, st.just(PayloadPath.parse("n")), directions, starts))
        if name != "sparse":
            # Edge refuses those of sparse vectors.
            diversity = st.sampled_from([0.25, 0.5])
            forms.append(st.builds(Mmr, _vectors(name), diversity, st.just(COUNT)))
        forms.append(st.just(Sample()))
    form: QueryForm = draw(st.one_of(forms))
    threshold: float | None = None
    # Scores of the other forms are larger for better points under every metric. Edge compares them
    # with a threshold as if they were distances: see docs/differences.md.
    is_compared = isinstance(form, VectorExample | Rrf | Dbsf | Formula)
    if is_compared or (distance.larger_is_nearer and not isinstance(form, OrderBy | Mmr | Sample)):
        threshold = draw(st.none() | st.sampled_from([-1.03, 0.01, 0.53, 2.02]))
    return Query(
        form,
        "" if isinstance(form, Rrf | Dbsf) else name,
        draw(_filters()),
        limit=draw(st.integers(1, COUNT)),
        offset=draw(st.integers(0, 5)),
        prefetch=tuple(below),
        score_threshold=threshold,
    )


def _vector(vector: Vector) -> Any:
    """A vector in the words of edge."""
    if isinstance(vector, SparseVector):
        return edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
    rows = vector.rows if isinstance(vector, MultiVector) else vector
    return rows.tolist()


def _all(vectors: tuple[Any, ...]) -> list[Any]:
    return [_vector(own.vector) for own in vectors]


def _edge_pairs(pairs: tuple[ContextPair, ...]) -> list[Any]:
    return [edge.ContextPair(*_all((own.positive, own.negative))) for own in pairs]


def _edge_form(form: Any, using: str) -> Any:
    """A form in the words of edge."""
    match form:
        case VectorExample():
            return edge.Query.Nearest(_vector(form.vector), using)
        case Recommend():
            kinds = {
                RecommendStrategy.BEST_SCORE: edge.Query.RecommendBestScore,
                RecommendStrategy.SUM_SCORES: edge.Query.RecommendSumScores,
            }
            query = edge.RecommendQuery(_all(form.positive), _all(form.negative))
            return kinds[form.strategy](query, using)
        case Discover():
            (target,) = _all((form.target,))
            return edge.Query.Discover(edge.DiscoverQuery(target, _edge_pairs(form.context)), using)
        case Context():
            return edge.Query.Context(edge.ContextQuery(_edge_pairs(form.pairs)), using)
        case RelevanceFeedback():
            items = [edge.FeedbackItem(_all((own.example,))[0], own.score) for own in form.feedback]
            own = form.strategy
            strategy = edge.NaiveFeedbackStrategy(own.a, own.b, own.c)
            (target,) = _all((form.target,))
            query = edge.FeedbackNaiveQuery(target, items, strategy)
            return edge.Query.FeedbackNaive(query, using)
        case _:
            return _edge_other_form(form, using)


def _edge_other_form(form: Any, using: str) -> Any:
    """Forms other than those that score by examples only."""
    match form:
        case Mmr():
            (nearest,) = _all((form.nearest,))
            return edge.Mmr(nearest, 1 - form.diversity, form.candidates_limit, using)
        case Rrf():
            return edge.Fusion.Rrf(form.k)
        case Dbsf():
            return edge.Fusion.Dbsf()
        case Sample():
            return edge.Sample.Random
        case OrderBy():
            ascends = form.direction is Direction.ASC
            direction = edge.Direction.Asc if ascends else edge.Direction.Desc
            return edge.OrderBy("n", direction, form.start_from)
        case _:
            of = edge.Expression
            product = of.Mult([of.Constant(0.5), of.Variable("n")])
            return edge.Formula(of.Sum([of.Variable("$score"), product]), {"$score": 0.25})


def _edge_filter(filter_: Filter | None) -> Any:
    if filter_ is None:
        return None
    (condition,) = filter_.must_not
    assert isinstance(condition, FieldCondition)
    assert isinstance(condition.predicate, MatchValue)
    match = edge.MatchValue(condition.predicate.value)
    return edge.Filter(must_not=[edge.FieldCondition("k", match=match)])


def _edge_prefetch(prefetch: Prefetch) -> Any:
    return edge.Prefetch(
        prefetch.limit,
        _edge_form(prefetch.form, prefetch.using),
        list(map(_edge_prefetch, prefetch.prefetch)),
        filter=_edge_filter(prefetch.filter),
        score_threshold=prefetch.score_threshold,
    )


def _edge_query(query: Query, limit: int, offset: int) -> Any:
    return edge.QueryRequest(
        limit,
        offset,
        _edge_form(query.form, query.using),
        list(map(_edge_prefetch, query.prefetch)),
        filter=_edge_filter(query.filter),
        score_threshold=query.score_threshold,
    )


class AgainstEdge(EngineTestCase):
    """Forty points with vectors of every kind, of one metric, here and in a shard of edge."""

    def setUp(self) -> None:
        if edge is None:
            raise SkipTest("needs qdrant-edge-py")
        super().setUp()

    def prepare(self, distance: Distance) -> tuple[Collection, Any]:
        columns = random_points(distance)
        payloads = [{"k": number % 4, "n": number} for number in range(COUNT)]
        collection = self.catalog.create(distance.value, in_collection(distance))
        write(collection, upsert(range(COUNT), columns, payloads))
        index = CreateFieldIndex(PayloadPath.parse("n"), FieldSchema(FieldType.INTEGER))
        write(collection, index)
        metric = getattr(edge.Distance, distance.value)
        spaces = {name: edge.EdgeVectorParams(size, metric) for name, size in SIZES.items()}
        config = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
        spaces["multi"] = edge.EdgeVectorParams(MULTI_SIZE, metric, multivector_config=config)
        modifier = edge.Modifier.Idf if distance is Distance.DOT else None
        sparse = {"sparse": edge.EdgeSparseVectorParams(modifier=modifier)}
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        shard = edge.EdgeShard.create(str(path), edge.EdgeConfig(spaces, sparse))
        self.addCleanup(shard.close)
        schema = edge.PayloadSchemaType.Integer
        shard.update(edge.UpdateOperation.create_field_index("n", schema))
        points = [
            edge.Point(
                number,
                {name: _vector(own.vectors.vector(number)) for name, own in columns.items()},
                payloads[number],
            )
            for number in range(COUNT)
        ]
        shard.update(edge.UpdateOperation.upsert_points(points))
        return collection, shard

    def compare(self, distance: Distance) -> None:
        collection, shard = self.prepare(distance)

        @settings(max_examples=examples(30), derandomize=not IS_LONG)
        @given(_queries(distance))
        def check(query: Query) -> None:
            ours = collection.read(query)
            theirs = shard.query(_edge_query(query, query.limit, query.offset))
            self.assertEqual(len(ours), len(theirs), query)
            if isinstance(query.form, Sample):
                return
            if isinstance(query.form, OrderBy):
                # No score is meant: edge answers 1 for all points, the server 0.
                self.assertEqual([own.id for own in ours], [own.id for own in theirs], query)
                return
            everything = theirs
            if not isinstance(query.form, Mmr):
                everything = shard.query(_edge_query(query, 10 * COUNT, 0))
            check_points(self, ours, theirs, everything, query, TOLERANCE)

        check()

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot_with_idf(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)
