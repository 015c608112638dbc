"""Query trees of every form over all kinds of vectors, against Qdrant's engine, qdrant-edge-py.

Strategies are made once: hypothesis takes longer to make and check one than to draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
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
    Expression,
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
    Example,
    FeedbackItem,
    Mmr,
    NaiveStrategy,
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
)
from vexfs_twisted.model.search_params import Idf, SearchParams
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector, Vectors

edge: Any
edge_queries: Any
try:
    import qdrant_edge as edge

    from tests import edge_queries
except ImportError:
    edge = edge_queries = None

TOLERANCE = 1e-5
TERMS = 12
MULTI_SIZE = 3
EVERY = 10 * COUNT
"""A limit above the number of points, and of their values in an order."""

_NUMBER = PayloadPath.parse("n")
_LIST = PayloadPath.parse("list")
_UNRANKED = Sample | OrderBy | None
"""Forms that give their points no score: edge answers 1, the server 0 for the first two."""


@cache
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


@cache
def _examples(name: str) -> st.SearchStrategy[Example]:
    return _vectors(name) | st.integers(0, COUNT - 1).map(PointExample)


@cache
def _some(name: str, least: int = 0) -> st.SearchStrategy[Any]:
    return st.lists(_examples(name), min_size=least, max_size=3).map(tuple)


@cache
def _pairs(name: str, least: int = 0) -> st.SearchStrategy[Any]:
    pairs = st.builds(ContextPair, _examples(name), _examples(name))
    return st.lists(pairs, min_size=least, max_size=3).map(tuple)


@cache
def _by_examples(name: str, is_prefetch: bool) -> st.SearchStrategy[QueryForm]:
    """The forms that compare vectors of a name with examples."""
    feedback = st.builds(FeedbackItem, _examples(name), st.integers(-4, 4).map(lambda n: n / 4))
    numbers = st.sampled_from([0.5, 1.0, 2.0])
    strategies = st.sampled_from(RecommendStrategy)
    forms: list[st.SearchStrategy[Any]] = [
        _examples(name),
        st.builds(Recommend, _some(name, 1), _some(name), strategies),
        st.builds(Discover, _examples(name), _pairs(name)),
        st.builds(Context, _pairs(name, 1)),
        st.builds(
            RelevanceFeedback,
            _examples(name),
            st.lists(feedback, min_size=1, max_size=4).map(tuple),
            st.builds(NaiveStrategy, numbers, numbers, numbers),
        ),
    ]
    if name != "sparse" and not is_prefetch:
        # Edge refuses those of sparse vectors, and does not diversify prefetches as it does others:
        # see docs/differences.md.
        diversity = st.sampled_from([0.0, 0.25, 0.5, 1.0])
        forms.append(st.builds(Mmr, _examples(name), diversity, st.integers(1, COUNT)))
    return st.one_of(forms)


@cache
def _orders() -> st.SearchStrategy[OrderBy]:
    """Orders of a field with one value, and of one with several, some of which are equal."""
    starts = st.none() | st.integers(-5, COUNT)
    return st.builds(OrderBy, st.sampled_from([_NUMBER, _LIST]), st.sampled_from(Direction), starts)


@cache
def _ranked(prefetches: int) -> st.SearchStrategy[QueryForm]:
    """Fusions by rank of so many prefetches."""
    each = st.sampled_from([0.0, 0.5, 1.0, 3.0])
    weights = st.lists(each, min_size=prefetches, max_size=prefetches).map(tuple)
    return st.builds(Rrf, st.integers(1, 60), st.none() | weights)


@st.composite
def _merging(draw: st.DrawFn, below: Sequence[Prefetch]) -> QueryForm:
    """A form that scores or merges prefetches."""
    kind = draw(st.sampled_from([Rrf, Dbsf, Formula]))
    # Edge orders what it fuses by distribution by the values of an order first.
    if kind is Rrf or (kind is Dbsf and any(map(_has_order_values, below))):
        return draw(_ranked(len(below)))
    if kind is Dbsf:
        return Dbsf()
    # No score of a prefetch without a meaning is in a formula.
    scored = [place for place, own in enumerate(below) if not isinstance(own.form, _UNRANKED)]
    number: Expression = Mult((Constant(0.5), PayloadNumber(_NUMBER)))
    return Formula(Sum((*map(Score, scored), number)), {"$score": 0.25, "$score[1]": -2.0})


def _has_order_values(level: Prefetch) -> bool:
    """Whether edge returns points of a prefetch with the values by which they were ordered."""
    if isinstance(level.form, Rrf | Dbsf):
        return any(map(_has_order_values, level.prefetch))
    return isinstance(level.form, OrderBy)


@cache
def _filters() -> st.SearchStrategy[Filter | None]:
    def of(number: int) -> Filter:
        return Filter(must_not=(FieldCondition(PayloadPath.parse("k"), MatchValue(number)),))

    return st.none() | st.integers(0, 3).map(of)


@cache
def _others(is_prefetched: bool) -> st.SearchStrategy[QueryForm | None]:
    """The forms that compare nothing; a merge has one, a leaf may have none."""
    forms = _orders() | st.just(Sample())
    return forms if is_prefetched else forms | st.none()


@cache
def _thresholds() -> st.SearchStrategy[float | None]:
    return st.none() | st.sampled_from([-1.03, 0.01, 0.53, 2.02])


def _has_threshold(distance: Distance, form: QueryForm | None) -> bool:
    """Whether a form has scores that edge and the server compare alike.

    Scores of forms with several examples are larger for better points under every metric. Edge
    compares them with a threshold as if they were distances: see docs/differences.md.
    """
    if isinstance(form, Recommend) and form.strategy is RecommendStrategy.AVERAGE_VECTOR:
        return True
    is_compared = isinstance(form, VectorExample | PointExample | Mmr | Rrf | Dbsf | Formula)
    return is_compared or (distance.larger_is_nearer and not isinstance(form, _UNRANKED))


class _Kind(Enum):
    """What a level does."""

    SEARCH = "compares all points with examples"
    RESCORING = "compares the points of prefetches with examples"
    MERGE = "merges or scores prefetches"
    OTHER = "orders or samples points"


@cache
@st.composite
def _parts(
    draw: st.DrawFn, distance: Distance, kind: _Kind, depth: int, is_prefetch: bool
) -> dict[str, Any]:
    """The parts of a query or prefetch with at most `depth` levels of prefetches below it."""
    name: str = draw(st.sampled_from(NAMES))
    least = 1 if kind in (_Kind.RESCORING, _Kind.MERGE) else 0
    most = 0 if kind is _Kind.SEARCH or not depth else 2
    below = [draw(_prefetches(distance, depth - 1)) for _ in range(draw(st.integers(least, most)))]
    form: QueryForm | None
    if kind is _Kind.MERGE:
        form = draw(_merging(below))
    elif kind is _Kind.OTHER:
        form = draw(_others(bool(below)))
    else:
        form = draw(_by_examples(name, is_prefetch))
    params = SearchParams()
    if name == "sparse" and distance is Distance.DOT and next(examples_of(form), None):
        params = SearchParams(idf=draw(_corpora()))
    return {
        "form": form,
        "using": "" if isinstance(form, Rrf | Dbsf) else name,
        "filter": draw(_filters()),
        "params": params,
        "prefetch": tuple(below),
        "score_threshold": draw(_thresholds()) if _has_threshold(distance, form) else None,
    }


@cache
def _corpora() -> st.SearchStrategy[Idf | None]:
    return st.builds(Idf, _filters()) | st.none()


_KINDS_OF_PREFETCHES = [_Kind.SEARCH, _Kind.SEARCH, _Kind.OTHER, _Kind.RESCORING, _Kind.MERGE]


@cache
@st.composite
def _prefetches(draw: st.DrawFn, distance: Distance, depth: int) -> Prefetch:
    kind = draw(st.sampled_from(_KINDS_OF_PREFETCHES if depth else _KINDS_OF_PREFETCHES[:3]))
    limit = draw(st.integers(1, 2 * COUNT))
    return Prefetch(
        **draw(_parts(distance, kind, depth, True)), limit=limit if limit <= COUNT else EVERY
    )


@cache
@st.composite
def _queries(draw: st.DrawFn, distance: Distance, kind: _Kind) -> Query:
    limit, offset = draw(st.integers(1, COUNT)), draw(st.integers(0, 5))
    return Query(**draw(_parts(distance, kind, 2, False)), limit=limit, offset=offset)


class AgainstEdge(EngineTestCase):
    """Forty points with vectors of every kind, of one metric, here and in a shard of edge."""

    def setUp(self) -> None:
        if edge is None:
            raise SkipTest("needs qdrant-edge-py")
        super().setUp()

    def prepare(self, distance: Distance) -> tuple[Collection, Any, Mapping[str, Vectors]]:
        columns = random_points(distance)
        payloads = [
            {"k": number % 4, "n": number, "list": [number % 7, number - 3]}
            for number in range(COUNT)
        ]
        collection = self.catalog.create(distance.value, in_collection(distance))
        write(collection, upsert(range(COUNT), columns, payloads))
        shard = self.shard(distance)
        for field in (_NUMBER, _LIST):
            write(collection, CreateFieldIndex(field, FieldSchema(FieldType.INTEGER)))
            integer = edge.PayloadSchemaType.Integer
            shard.update(edge.UpdateOperation.create_field_index(field.text, integer))
        points = []
        for number, payload in enumerate(payloads):
            vectors = {
                name: edge_queries.edge_vector(own.vectors.vector(number))
                for name, own in columns.items()
            }
            points.append(edge.Point(number, vectors, payload))
        shard.update(edge.UpdateOperation.upsert_points(points))
        return collection, shard, {name: own.vectors for name, own in columns.items()}

    def shard(self, distance: Distance) -> Any:
        """An empty shard of edge with the vectors of `in_collection`."""
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
        return shard

    def compare(self, distance: Distance) -> None:
        prepared = self.prepare(distance)
        for kind in _Kind:
            self.compare_queries(distance, kind, *prepared)

    def compare_queries(
        self,
        distance: Distance,
        kind: _Kind,
        collection: Collection,
        shard: Any,
        vectors: Mapping[str, Vectors],
    ) -> None:
        # Of each kind apart: hypothesis draws many examples that are much alike.
        @settings(max_examples=examples(25), derandomize=not IS_LONG)
        @given(_queries(distance, kind))
        def check(query: Query) -> None:
            own = edge_queries.without_points(query, vectors, distance)
            assume(_is_decided(shard, own))
            ours = collection.read(query)
            theirs = shard.query(edge_queries.edge_query(own, query.limit, query.offset))
            self.assertEqual(len(ours), len(theirs), query)
            if isinstance(query.form, Sample):
                return
            if isinstance(query.form, OrderBy):
                self.check_order(ours, theirs, query)
                return
            everything = theirs
            if not isinstance(query.form, Mmr):
                everything = shard.query(edge_queries.edge_query(own, EVERY))
            check_points(self, ours, theirs, everything, query, TOLERANCE)

        check()

    def check_order(self, ours: Sequence[Any], theirs: Sequence[Any], query: Query) -> None:
        """Assert that points have the same values; edge orders equal ones as it happens."""
        values = [point.order_value for point in ours]
        self.assertEqual(values, [point.order_value for point in theirs], query)
        found = [(point.order_value, point.id) for point in ours]
        assert isinstance(query.form, OrderBy)
        sign = 1 if query.form.direction is Direction.ASC else -1
        self.assertEqual(found, sorted(found, key=lambda pair: (sign * pair[0], pair[1])), query)
        if query.form.key == _NUMBER:
            self.assertEqual([point.id for point in ours], [point.id for point in theirs], query)

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot_with_idf(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)


def _is_decided(shard: Any, query: Query) -> bool:
    """Whether no choice among points of equal scores in a prefetch has an effect on the answer."""
    return all(_are_decided(shard, query, below, query.filter) for below in query.prefetch)


def _are_decided(
    shard: Any, above: Query | Prefetch, level: Prefetch, outer: Filter | None
) -> bool:
    own = tuple(filter_ for filter_ in (outer, level.filter) if filter_ is not None)
    filter_ = Filter(must=own)
    if not all(_are_decided(shard, level, below, filter_) for below in level.prefetch):
        return False
    if level.form is None or (isinstance(level.form, OrderBy) and level.form.key == _NUMBER):
        return True
    # Ranks count in a fusion by them, and for what a limit keeps.
    if level.limit >= EVERY and not isinstance(above.form, Rrf):
        return True
    if isinstance(level.form, Sample | OrderBy):
        return False
    whole = Query(
        level.form,
        level.using,
        filter_,
        level.params,
        prefetch=level.prefetch,
        score_threshold=level.score_threshold,
    )
    scores = np.sort([own.score for own in shard.query(edge_queries.edge_query(whole, EVERY))])
    return not np.isclose(scores[1:], scores[:-1], rtol=TOLERANCE, atol=TOLERANCE).any()
