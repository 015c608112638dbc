"""Queries of every form over all kinds of vectors, against the local mode of the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models

from tests import IS_LONG, examples
from tests.engine_support import EngineTestCase, upsert, write
from tests.query_trees import Ground, dense_vectors, multi_vectors, sparse_vectors
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    Modifier,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseIndexParams,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Dbsf,
    Discover,
    Example,
    FeedbackItem,
    Mmr,
    NaiveStrategy,
    PointExample,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
    Rrf,
    VectorExample,
)
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors, SparseVector, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

COUNT = 40
SIZES = {"a": 4, "b": 6}
NAMES = [*SIZES, "multi", "sparse"]
MULTI_SIZE = 3
TERMS = 12
TOLERANCE = 2e-5

GROUND = Ground(
    vectors={
        **{name: dense_vectors(size) for name, size in SIZES.items()},
        "multi": multi_vectors(MULTI_SIZE),
        "sparse": sparse_vectors(TERMS),
    },
    ids=st.integers(0, COUNT - 1),
)
"""The vectors and points that query trees may refer to; there are no other collections."""

Pair = tuple[Any, Any]
"""A value of the model, and the same for the client."""


def _vectors(name: str) -> st.SearchStrategy[Pair]:
    numbers = st.integers(-40, 40).filter(bool).map(lambda number: number / 8)
    if name == "sparse":
        weights = st.dictionaries(st.integers(0, TERMS), numbers, min_size=1, max_size=5)
        return weights.map(_sparse_pair)
    if name == "multi":
        row = st.lists(numbers, min_size=MULTI_SIZE, max_size=MULTI_SIZE)
        return st.lists(row, min_size=1, max_size=3).map(_multi_pair)
    size = SIZES[name]
    lists = st.lists(numbers, min_size=size, max_size=size)
    return lists.map(lambda own: (VectorExample(np.array(own, dtype=np.float32)), own))


def _sparse_pair(weights: dict[int, float]) -> Pair:
    ordered = dict(sorted(weights.items()))
    indices, values = list(ordered), list(ordered.values())
    ours = SparseVector(np.array(indices, np.uint32), np.array(values, np.float32))
    return VectorExample(ours), models.SparseVector(indices=indices, values=values)


def _multi_pair(rows: list[list[float]]) -> Pair:
    return VectorExample(MultiVector(np.array(rows, dtype=np.float32))), rows


def _points() -> st.SearchStrategy[Pair]:
    return st.integers(0, COUNT - 1).map(lambda number: (PointExample(number), number))


def _examples(name: str, stored: bool) -> st.SearchStrategy[Pair]:
    return _vectors(name) | _points() if stored else _vectors(name)


@st.composite
def _recommend(draw: st.DrawFn, name: str, stored: bool) -> Pair:
    strategy = draw(st.sampled_from(RecommendStrategy))
    positive = draw(st.lists(_examples(name, stored), min_size=1, max_size=3))
    negative = draw(st.lists(_examples(name, stored), max_size=3))
    ours = Recommend(_firsts(positive), _firsts(negative), strategy)
    theirs = models.RecommendInput(
        positive=_seconds(positive),
        negative=_seconds(negative),
        strategy=models.RecommendStrategy(strategy.value),
    )
    return ours, models.RecommendQuery(recommend=theirs)


def _is_decided(pair: tuple[Pair, Pair]) -> bool:
    """Whether the examples of a pair differ in direction.

    Else points are as similar to one as to the other, and rounding decides in the local mode.
    """
    (one, _), (other, _) = pair
    first, second = _direction(one), _direction(other)
    if first is None or second is None:
        return bool(one != other)
    return first.shape != second.shape or not np.allclose(first, second, atol=1e-5)


def _direction(example: Example) -> np.ndarray | None:
    """The rows of a vector, of length one, in an order of their own; None of a stored point."""
    if isinstance(example, PointExample):
        return None
    vector = example.vector
    if isinstance(vector, SparseVector):
        rows = np.zeros((1, TERMS + 1))
        rows[0, vector.indices] = vector.values
    else:
        rows = np.atleast_2d(vector.rows if isinstance(vector, MultiVector) else vector)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[np.lexsort(rows.T)]


@st.composite
def _pairs(draw: st.DrawFn, name: str, stored: bool, least: int = 0) -> Pair:
    pairs = st.tuples(_examples(name, stored), _examples(name, stored)).filter(_is_decided)
    drawn = draw(st.lists(pairs, min_size=least, max_size=3))
    ours = tuple(ContextPair(first[0], second[0]) for first, second in drawn)
    theirs = [models.ContextPair(positive=p[1], negative=n[1]) for p, n in drawn]
    return ours, theirs


@st.composite
def _discover(draw: st.DrawFn, name: str, stored: bool) -> Pair:
    target, pairs = draw(_examples(name, stored)), draw(_pairs(name, stored))
    theirs = models.DiscoverInput(target=target[1], context=pairs[1])
    return Discover(target[0], pairs[0]), models.DiscoverQuery(discover=theirs)


@st.composite
def _context(draw: st.DrawFn, name: str, stored: bool) -> Pair:
    ours, theirs = draw(_pairs(name, stored, least=1))
    return Context(ours), models.ContextQuery(context=theirs)


@st.composite
def _mmr(draw: st.DrawFn, name: str, stored: bool) -> Pair:
    example = draw(_examples(name, stored))
    diversity = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    most = draw(st.none() | st.integers(1, COUNT))
    theirs = models.Mmr(diversity=diversity, candidates_limit=most)
    return Mmr(example[0], diversity, most), models.NearestQuery(nearest=example[1], mmr=theirs)


@st.composite
def _feedback(draw: st.DrawFn, name: str, stored: bool) -> Pair:
    target = draw(_examples(name, stored))
    items = draw(
        st.lists(st.tuples(_examples(name, stored), st.integers(-4, 4)), min_size=1, max_size=4)
    )
    a, b, c = draw(st.tuples(*[st.sampled_from([0.5, 1.0, 2.0])] * 3))
    ours = RelevanceFeedback(
        target[0],
        tuple(FeedbackItem(example[0], score / 4) for example, score in items),
        NaiveStrategy(a=a, b=b, c=c),
    )
    theirs = models.RelevanceFeedbackInput(
        target=target[1],
        feedback=[models.FeedbackItem(example=own[1], score=score / 4) for own, score in items],
        strategy=models.NaiveFeedbackStrategy(
            naive=models.NaiveFeedbackStrategyParams(a=a, b=b, c=c)
        ),
    )
    return ours, models.RelevanceFeedbackQuery(relevance_feedback=theirs)


def _forms(name: str, stored: bool) -> st.SearchStrategy[Pair]:
    forms = [
        _examples(name, stored),
        _recommend(name, stored),
        _discover(name, stored),
        _context(name, stored),
    ]
    if name in SIZES:
        # The local mode knows relevance feedback for dense vectors only.
        forms.append(_feedback(name, stored))
    return st.one_of(forms)


def _filters() -> st.SearchStrategy[Pair]:
    def of(number: int) -> Pair:
        condition = FieldCondition(PayloadPath.parse("k"), MatchValue(number))
        theirs = models.FieldCondition(key="k", match=models.MatchValue(value=number))
        return Filter(must_not=(condition,)), models.Filter(must_not=[theirs])

    return st.none().map(lambda _: (None, None)) | st.integers(0, 3).map(of)


@st.composite
def _prefetches(draw: st.DrawFn) -> Pair:
    name = draw(st.sampled_from(NAMES))
    # The local mode excludes only the points of its own level, so there are none in prefetches.
    # In a context many points have equal scores, and a limit may keep any of them.
    forms = _forms(name, False).filter(lambda own: not isinstance(own[0], Context))
    # Likewise where many sparse vectors share no term with the examples, and where points lie
    # between the rows of a multivector: by Manhattan they are all as far from it.
    if name == "sparse":
        forms = _vectors(name)
    elif name == "multi":
        forms = _vectors(name).filter(lambda own: len(own[1]) == 1)
    form = draw(forms)
    filter_, limit = draw(_filters()), draw(st.integers(1, COUNT))
    ours = Prefetch(form[0], name, filter_[0], limit=limit)
    theirs = models.Prefetch(query=form[1], using=name, filter=filter_[1], limit=limit)
    return ours, theirs


@st.composite
def _queries(draw: st.DrawFn) -> tuple[Query, dict[str, Any]]:
    """A query, and the arguments of the same for the client."""
    name = draw(st.sampled_from(NAMES))
    prefetches = draw(st.lists(_prefetches(), max_size=3))
    forms = _forms(name, not prefetches)
    if name != "sparse":
        # The local mode selects for diversity by values without idf.
        forms |= _mmr(name, not prefetches)
    form: Pair = draw(forms)
    is_fused: bool = draw(st.booleans())
    if prefetches and is_fused:
        k = draw(st.integers(1, 5))
        fusions: list[Pair] = [
            (Rrf(k), models.RrfQuery(rrf=models.Rrf(k=k))),
            (Dbsf(), models.FusionQuery(fusion=models.Fusion.DBSF)),
        ]
        form = draw(st.sampled_from(fusions))
    is_fusion = isinstance(form[0], Rrf | Dbsf)
    filter_, limit = draw(_filters()), draw(st.integers(1, COUNT))
    offset = draw(st.integers(0, 5))
    ours = Query(
        form[0],
        "" if is_fusion else name,
        filter_[0],
        limit=limit,
        offset=offset,
        prefetch=_firsts(prefetches),
    )
    theirs = {
        "query": form[1],
        "using": None if is_fusion else name,
        "query_filter": filter_[1],
        "limit": limit,
        "offset": offset,
        "prefetch": _seconds(prefetches) or None,
    }
    return ours, theirs


def _firsts(pairs: list[Pair]) -> tuple[Any, ...]:
    return tuple(first for first, _ in pairs)


def _seconds(pairs: list[Pair]) -> list[Any]:
    return [second for _, second in pairs]


def in_collection(distance: Distance, datatype: Datatype | None = None) -> CreateCollection:
    """The collection, where the sparse vector has the idf modifier for one of the metrics."""
    modifier = Modifier.IDF if distance is Distance.DOT else None
    config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
    vectors = {
        name: VectorParams(distance, size, datatype=datatype) for name, size in SIZES.items()
    }
    vectors["multi"] = VectorParams(
        distance, MULTI_SIZE, datatype=datatype, multivector_config=config
    )
    index = SparseIndexParams(datatype=datatype)
    return CreateCollection(
        vectors=vectors, sparse_vectors={"sparse": SparseVectorParams(index, modifier)}
    )


def _theirs(distance: Distance) -> dict[str, Any]:
    """The same for the client."""
    modifier = models.Modifier.IDF if distance is Distance.DOT else None
    metric = models.Distance(distance.value)
    config = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    vectors = {
        name: models.VectorParams(size=size, distance=metric) for name, size in SIZES.items()
    }
    vectors["multi"] = models.VectorParams(
        size=MULTI_SIZE, distance=metric, multivector_config=config
    )
    sparse = {"sparse": models.SparseVectorParams(modifier=modifier)}
    return {"vectors_config": vectors, "sparse_vectors_config": sparse}


def _random_data(distance: Distance) -> dict[str, list[Any]]:
    """The vectors of the points by their names: arrays, or pairs of them for sparse ones."""
    random = np.random.default_rng(list(Distance).index(distance))
    data: dict[str, list[Any]] = {
        name: list(random.standard_normal((COUNT, size), dtype=np.float32))
        for name, size in SIZES.items()
    }
    shapes = [(int(random.integers(1, 5)), MULTI_SIZE) for _ in range(COUNT)]
    data["multi"] = [random.standard_normal(shape, dtype=np.float32) for shape in shapes]
    terms = [np.sort(random.permutation(TERMS)[: 1 + n % 5]) for n in range(COUNT)]
    data["sparse"] = [
        (own.astype(np.uint32), random.standard_normal(len(own), dtype=np.float32)) for own in terms
    ]
    return data


def _columns(data: dict[str, list[Any]]) -> dict[str, VectorColumn]:
    indices, values = zip(*data["sparse"], strict=True)
    return {
        **{name: VectorColumn.of(np.stack(data[name])) for name in SIZES},
        "multi": VectorColumn(MultiVectors.of([MultiVector(own) for own in data["multi"]])),
        "sparse": VectorColumn(SparseVectors.of(indices, values, str)),
    }


def random_points(distance: Distance) -> dict[str, VectorColumn]:
    """The vectors of forty points with vectors of every kind."""
    return _columns(_random_data(distance))


def check_points(
    case: EngineTestCase,
    ours: Sequence[Any],
    theirs: Sequence[Any],
    everything: Sequence[Any],
    query: object,
    tolerance: float,
) -> None:
    """Assert that as many points are alike: their scores, and ids where no other score is near.

    `everything` is what they find without a limit.
    """
    scores = np.array([point.score for point in ours])
    expected = np.array([point.score for point in theirs])
    close = np.isclose(scores, expected, rtol=tolerance, atol=tolerance)
    case.assertTrue(close.all(), (query, scores, expected))
    every = np.array([point.score for point in everything])
    for position, point in enumerate(theirs):
        # Points of equal scores may come in any order, and a limit keep any of them.
        near = np.isclose(every, point.score, rtol=4 * tolerance, atol=4 * tolerance)
        if np.count_nonzero(near) == 1:
            case.assertEqual(ours[position].id, point.id, query)


class PreparedCase(EngineTestCase):
    """Forty points with vectors of every kind, of one metric, here and in the local mode."""

    def prepare(self, distance: Distance) -> tuple[Collection, QdrantClient]:
        data = _random_data(distance)
        payloads = [{"k": number % 4} for number in range(COUNT)]
        collection = self.catalog.create(distance.value, in_collection(distance))
        columns = _columns(data)
        indices, values = zip(*data["sparse"], strict=True)
        write(collection, upsert(range(COUNT), columns, payloads))
        client = QdrantClient(":memory:")
        self.addCleanup(client.close)
        client.create_collection("c", **_theirs(distance))
        points = [
            models.PointStruct(
                id=number,
                vector={
                    **{name: data[name][number].tolist() for name in [*SIZES, "multi"]},
                    "sparse": models.SparseVector(
                        indices=indices[number].tolist(), values=values[number].tolist()
                    ),
                },
                payload=payloads[number],
            )
            for number in range(COUNT)
        ]
        client.upsert("c", points)
        return collection, client


class QueryOracle(PreparedCase):
    """Queries here and in the local mode."""

    def compare(self, distance: Distance) -> None:
        collection, client = self.prepare(distance)

        @settings(max_examples=examples(60), derandomize=not IS_LONG)
        @given(_queries())
        def check(query: tuple[Query, dict[str, Any]]) -> None:
            ours = collection.read(query[0])
            theirs = client.query_points("c", **query[1]).points
            self.assertEqual(len(ours), len(theirs), query)
            everything = theirs
            if not isinstance(query[0].form, Mmr):
                whole = {**query[1], "limit": 10 * COUNT, "offset": 0}
                everything = client.query_points("c", **whole).points
            check_points(self, ours, theirs, everything, query, TOLERANCE)

        check()

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)
