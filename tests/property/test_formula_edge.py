"""Formulas of every expression, against Qdrant's own engine, qdrant-edge-py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest

from tests import IS_LONG, examples
from tests.engine_support import EngineTestCase, unnamed, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, MatchValue, Range
from vexfs_twisted.model.formula import (
    Apply,
    Constant,
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
    datetime_constant,
)
from vexfs_twisted.model.geo import GeoPoint
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import VectorExample

edge: Any
edge_queries: Any
try:
    import qdrant_edge as edge

    from tests import edge_queries
except ImportError:
    edge = edge_queries = None

COUNT = 16
SIZE = 4
TOLERANCE = 1e-6


def _path(text: str) -> PayloadPath:
    return PayloadPath.parse(text)


def _payload(number: int) -> dict[str, Any]:
    """Numbers, datetimes and places, some of them missing, in arrays, or of another type.

    None is null, which the server takes for a missing value and edge for one of another type.
    """
    payload: dict[str, Any] = {
        "n": number - 6,
        "k": number % 3,
        "when": f"2024-05-{1 + number:02}T00:00:00.5Z",
        "at": {"lon": 20.0 * number - 150, "lat": 40 - 5.0 * number},
        "inner": {"x": [number / 4]},
        "few": [],
        "odd": number / 8,
    }
    if number % 4 == 1:
        payload["some"] = [number / 3]
        payload["then"] = "2023-02-28"
        payload["there"] = {"lon": 13.4, "lat": 52.5}
    if number == 7:
        payload["odd"] = [1, 2]
    return payload


_DEFAULTS = {
    "some": 1.5,
    "few": -2,
    "odd": 0.5,
    "then": "2024-01-01T00:00:00Z",
    "there": {"lon": 2.0, "lat": 41.0},
    "$score[1]": 0.25,
}
_FILTERS = (
    Filter(must=(FieldCondition(_path("k"), MatchValue(1)),)),
    Filter(should=(FieldCondition(_path("n"), Range(gte=0.5)), HasId(frozenset({2})))),
    Filter(must_not=(FieldCondition(_path("inner.x"), Range(lt=2.0)),)),
)
_numbers = st.integers(-12, 12).map(lambda number: number / 4)
_scales = st.sampled_from([0.5, 2.0, 1e6])


def _leaves() -> st.SearchStrategy[Expression]:
    numbers = ["n", "k", "some", "few", "inner.x", "inner.x[0]", "missing"]
    texts = ["2024-05-06T12:00:00Z", "2024-02-29", "2024-05-01T00:00:00+02:00"]
    origins = st.builds(GeoPoint, st.sampled_from([-170.5, 2.0, 180.0]), st.just(41.0))
    return st.one_of(
        _numbers.map(Constant),
        st.integers(0, 2).map(Score),
        st.sampled_from([PayloadNumber(_path(text)) for text in [*numbers, "odd"]]),
        st.sampled_from(_FILTERS).map(FilterTest),
        st.sampled_from(texts).map(datetime_constant),
        st.sampled_from(["when", "then"]).map(lambda text: PayloadDatetime(_path(text))),
        st.builds(GeoDistance, origins, st.sampled_from(["at", "there"]).map(_path)),
    )


def _several(inner: st.SearchStrategy[Expression], least: int = 0) -> Any:
    return st.lists(inner, min_size=least, max_size=3).map(tuple)


def _operations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    midpoints = st.sampled_from([0.25, 0.5, 0.875])
    return st.one_of(
        st.builds(Mult, _several(inner)),
        st.builds(Sum, _several(inner)),
        st.builds(Max, _several(inner, 1)),
        st.builds(Min, _several(inner, 1)),
        st.builds(Apply, st.sampled_from(Function), inner),
        st.builds(Div, inner, inner, st.none() | _numbers),
        st.builds(Pow, inner, inner | _numbers.map(Constant)),
        st.builds(Decay, st.sampled_from(DecayKind), inner, inner, _scales, midpoints),
    )


class FormulasAgainstEdge(EngineTestCase):
    """Sixteen points with payloads, here and in a shard of edge."""

    def setUp(self) -> None:
        if edge is None:
            raise SkipTest("needs qdrant-edge-py")
        super().setUp()

    def prepare(self) -> tuple[Collection, Any, Sequence[Prefetch]]:
        """The collection, the shard, and two prefetches that find some points each."""
        data = np.random.default_rng(7).standard_normal((COUNT, SIZE), dtype=np.float32)
        payloads = list(map(_payload, range(COUNT)))
        collection = self.catalog.create("c", unnamed(SIZE))
        write(collection, upsert(range(COUNT), data, payloads))
        # One of the fields has a column; the others are read from payloads first.
        write(collection, CreateFieldIndex(_path("n"), FieldSchema(FieldType.INTEGER)))
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        space = edge.EdgeVectorParams(SIZE, edge.Distance.Dot)
        shard = edge.EdgeShard.create(str(path), edge.EdgeConfig(space))
        self.addCleanup(shard.close)
        points = [edge.Point(n, data[n].tolist(), payloads[n]) for n in range(COUNT)]
        shard.update(edge.UpdateOperation.upsert_points(points))
        vectors = VectorExample(data[0]), VectorExample(data[1])
        prefetches = [Prefetch(vectors[0], limit=9), Prefetch(vectors[1], limit=6)]
        return collection, shard, prefetches

    def test_formulas(self) -> None:
        collection, shard, prefetches = self.prepare()

        @settings(max_examples=examples(250), derandomize=not IS_LONG)
        @given(
            st.recursive(_leaves(), _operations, max_leaves=5),
            st.booleans(),
            st.none() | _numbers,
        )
        def check(expression: Expression, has_defaults: bool, threshold: float | None) -> None:
            formula = Formula(expression, _DEFAULTS if has_defaults else {})
            query = Query(
                formula, limit=COUNT, prefetch=tuple(prefetches), score_threshold=threshold
            )
            found: list[Any] | None = None
            expected: list[Any] | None = None
            try:
                found = list(collection.read(query))
            except DomainError as error:
                refusal = error.message
            try:
                expected = shard.query(edge_queries.edge_query(query, COUNT))
            except Exception as error:  # edge has no class of its own for it
                refusal = str(error)
            if found is None or expected is None:
                self.assertIs(found, expected, (query, refusal))
                return
            scores = {point.id: point.score for point in found}
            self.assertEqual(scores.keys(), {point.id for point in expected}, query)
            for point in expected:
                close = np.isclose(scores[point.id], point.score, rtol=TOLERANCE, atol=0)
                self.assertTrue(close, (query, point.id, point.score, scores))
            self.assertEqual(list(scores.values()), sorted(scores.values(), reverse=True))

        check()
