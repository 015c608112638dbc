"""Queries of every form over dense vectors, against the local mode of the official client."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models

from tests.engine_support import EngineTestCase, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Dbsf,
    Discover,
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
from vexfs_twisted.model.vectors import VectorColumn

COUNT = 40
SIZES = {"a": 4, "b": 6}
TOLERANCE = 2e-5

Pair = tuple[Any, Any]
"""A value of the model, and the same for the client."""


def _vectors(name: str) -> st.SearchStrategy[Pair]:
    numbers = st.integers(-40, 40).filter(bool).map(lambda number: number / 8)
    size = SIZES[name]
    lists = st.lists(numbers, min_size=size, max_size=size)
    return lists.map(lambda own: (VectorExample(np.array(own, dtype=np.float32)), own))


def _points() -> st.SearchStrategy[Pair]:
    return st.integers(0, COUNT - 1).map(lambda number: (PointExample(number), number))


def _examples(name: str) -> st.SearchStrategy[Pair]:
    return _vectors(name) | _points()


@st.composite
def _recommend(draw: st.DrawFn, name: str) -> Pair:
    strategy = draw(st.sampled_from(RecommendStrategy))
    positive = draw(st.lists(_examples(name), min_size=1, max_size=3))
    negative = draw(st.lists(_examples(name), max_size=3))
    ours = Recommend(_firsts(positive), _firsts(negative), strategy)
    theirs = models.RecommendInput(
        positive=_seconds(positive),
        negative=_seconds(negative),
        strategy=models.RecommendStrategy(strategy.value),
    )
    return ours, models.RecommendQuery(recommend=theirs)


@st.composite
def _pairs(draw: st.DrawFn, name: str, least: int = 0) -> Pair:
    drawn = draw(st.lists(st.tuples(_examples(name), _examples(name)), min_size=least, max_size=3))
    ours = tuple(ContextPair(first[0], second[0]) for first, second in drawn)
    theirs = [models.ContextPair(positive=p[1], negative=n[1]) for p, n in drawn]
    return ours, theirs


@st.composite
def _discover(draw: st.DrawFn, name: str) -> Pair:
    target, pairs = draw(_examples(name)), draw(_pairs(name))
    theirs = models.DiscoverInput(target=target[1], context=pairs[1])
    return Discover(target[0], pairs[0]), models.DiscoverQuery(discover=theirs)


@st.composite
def _context(draw: st.DrawFn, name: str) -> Pair:
    ours, theirs = draw(_pairs(name, least=1))
    return Context(ours), models.ContextQuery(context=theirs)


@st.composite
def _mmr(draw: st.DrawFn, name: str) -> Pair:
    example = draw(_examples(name))
    diversity = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    most = draw(st.none() | st.integers(1, COUNT))
    theirs = models.Mmr(diversity=diversity, candidates_limit=most)
    return Mmr(example[0], diversity, most), models.NearestQuery(nearest=example[1], mmr=theirs)


@st.composite
def _feedback(draw: st.DrawFn, name: str) -> Pair:
    target = draw(_examples(name))
    items = draw(st.lists(st.tuples(_examples(name), st.integers(-4, 4)), min_size=1, max_size=4))
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


def _forms(name: str) -> st.SearchStrategy[Pair]:
    return st.one_of(
        _examples(name).map(lambda own: (own[0], own[1])),
        _recommend(name),
        _discover(name),
        _context(name),
        _feedback(name),
    )


def _filters() -> st.SearchStrategy[Pair]:
    def of(number: int) -> Pair:
        condition = FieldCondition(PayloadPath.parse("k"), MatchValue(number))
        theirs = models.FieldCondition(key="k", match=models.MatchValue(value=number))
        return Filter(must_not=(condition,)), models.Filter(must_not=[theirs])

    return st.none().map(lambda _: (None, None)) | st.integers(0, 3).map(of)


@st.composite
def _prefetches(draw: st.DrawFn) -> Pair:
    name = draw(st.sampled_from(list(SIZES)))
    # Many points have equal scores in a context: which of them a limit keeps is not defined.
    form = draw(_forms(name).filter(lambda own: not isinstance(own[0], Context)))
    filter_, limit = draw(_filters()), draw(st.integers(1, COUNT))
    ours = Prefetch(form[0], name, filter_[0], limit=limit)
    theirs = models.Prefetch(query=form[1], using=name, filter=filter_[1], limit=limit)
    return ours, theirs


@st.composite
def _queries(draw: st.DrawFn) -> tuple[Query, dict[str, Any]]:
    """A query, and the arguments of the same for the client."""
    name = draw(st.sampled_from(list(SIZES)))
    prefetches = draw(st.lists(_prefetches(), max_size=3))
    form = draw(_forms(name) | _mmr(name))
    if prefetches and draw(st.booleans()):
        k = draw(st.integers(1, 5))
        form = draw(
            st.sampled_from(
                [
                    (Rrf(k), models.RrfQuery(rrf=models.Rrf(k=k))),
                    (Dbsf(), models.FusionQuery(fusion=models.Fusion.DBSF)),
                ]
            )
        )
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


class QueryOracle(EngineTestCase):
    """Forty points with two vectors each, of one metric, here and in the local mode."""

    def prepare(self, distance: Distance) -> tuple[Collection, QdrantClient]:
        random = np.random.default_rng(list(Distance).index(distance))
        data = {
            name: random.standard_normal((COUNT, size), dtype=np.float32)
            for name, size in SIZES.items()
        }
        payloads = [{"k": number % 4} for number in range(COUNT)]
        params = {name: VectorParams(distance, size) for name, size in SIZES.items()}
        collection = self.catalog.create(distance.value, CreateCollection(vectors=params))
        columns = {name: VectorColumn.of(own) for name, own in data.items()}
        write(collection, upsert(range(COUNT), columns, payloads))
        client = QdrantClient(":memory:")
        self.addCleanup(client.close)
        client.create_collection(
            "c",
            vectors_config={
                name: models.VectorParams(size=size, distance=models.Distance(distance.value))
                for name, size in SIZES.items()
            },
        )
        points = [
            models.PointStruct(
                id=number,
                vector={name: own[number].tolist() for name, own in data.items()},
                payload=payloads[number],
            )
            for number in range(COUNT)
        ]
        client.upsert("c", points)
        return collection, client

    def compare(self, distance: Distance) -> None:
        collection, client = self.prepare(distance)

        @settings(max_examples=60, report_multiple_bugs=False)
        @given(_queries())
        def check(query: tuple[Query, dict[str, Any]]) -> None:
            ours = collection.read(query[0])
            theirs = client.query_points("c", **query[1]).points
            self.assertEqual(len(ours), len(theirs), query)
            scores = np.array([point.score for point in ours])
            expected = np.array([point.score for point in theirs])
            close = np.isclose(scores, expected, rtol=TOLERANCE, atol=TOLERANCE)
            self.assertTrue(close.all(), (query, scores, expected))
            found = {point.id: point.score for point in ours}
            for position, point in enumerate(theirs):
                gap = np.abs(np.delete(expected, position) - point.score)
                if not (gap < 4 * TOLERANCE * (1 + abs(point.score))).any():
                    self.assertEqual(ours[position].id, point.id, query)
                if point.id in found:
                    self.assertLess(abs(found[point.id] - point.score), 1e-3, query)

        check()

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)
