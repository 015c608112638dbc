"""Formulas over prefetches, against the local mode of the client."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models

from tests import IS_LONG, examples
from tests.engine_support import EngineTestCase, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.formula import (
    Apply,
    Constant,
    DatetimeConstant,
    Decay,
    DecayKind,
    Div,
    FilterTest,
    Formula,
    Function,
    GeoDistance,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Pow,
    Score,
    Sum,
)
from vexfs_twisted.model.geo import GeoPoint
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import VectorExample

COUNT = 24
SIZE = 4
NOON = "2024-05-01T12:00:00Z"
NOON_S = 1714564800.0

Pair = tuple[Any, Any]
"""A value of the model, and the same for the client."""

_numbers = st.integers(-12, 12).map(lambda number: number / 4)
_CLIENT_FUNCTIONS = {
    Function.NEG: lambda own: models.NegExpression(neg=own),
    Function.ABS: lambda own: models.AbsExpression(abs=own),
    Function.SQRT: lambda own: models.SqrtExpression(sqrt=own),
    Function.EXP: lambda own: models.ExpExpression(exp=own),
    Function.LOG10: lambda own: models.Log10Expression(log10=own),
    Function.LN: lambda own: models.LnExpression(ln=own),
}
_CLIENT_DECAYS = {
    DecayKind.LINEAR: lambda own: models.LinDecayExpression(lin_decay=own),
    DecayKind.EXPONENTIAL: lambda own: models.ExpDecayExpression(exp_decay=own),
    DecayKind.GAUSSIAN: lambda own: models.GaussDecayExpression(gauss_decay=own),
}


def _path(text: str) -> PayloadPath:
    return PayloadPath.parse(text)


def _leaves() -> st.SearchStrategy[Pair]:
    condition = FieldCondition(_path("k"), MatchValue(1))
    theirs = models.FieldCondition(key="k", match=models.MatchValue(value=1))
    fixed: list[Pair] = [
        (Score(), "$score"),
        (Score(1), "$score[1]"),
        (PayloadNumber(_path("n")), "n"),
        (PayloadNumber(_path("some")), "some"),
        (FilterTest(Filter(must=(condition,))), theirs),
        (
            GeoDistance(GeoPoint(2.0, 41.0), _path("at")),
            models.GeoDistance(
                geo_distance=models.GeoDistanceParams(
                    origin=models.GeoPoint(lon=2.0, lat=41.0), to="at"
                )
            ),
        ),
        (DatetimeConstant(NOON_S, NOON), models.DatetimeExpression(datetime=NOON)),
        (PayloadDatetime(_path("when")), models.DatetimeKeyExpression(datetime_key="when")),
    ]
    return st.sampled_from(fixed) | _numbers.map(lambda own: (Constant(own), own))


def _nodes(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map(
            lambda own: (
                Mult(tuple(first for first, _ in own)),
                models.MultExpression(mult=[second for _, second in own]),
            )
        ),
        several.map(
            lambda own: (
                Sum(tuple(first for first, _ in own)),
                models.SumExpression(sum=[second for _, second in own]),
            )
        ),
        st.tuples(st.sampled_from(list(_CLIENT_FUNCTIONS)), inner).map(
            lambda own: (Apply(own[0], own[1][0]), _CLIENT_FUNCTIONS[own[0]](own[1][1]))
        ),
        st.tuples(inner, inner, st.none() | _numbers).map(
            lambda own: (
                Div(own[0][0], own[1][0], own[2]),
                models.DivExpression(
                    div=models.DivParams(left=own[0][1], right=own[1][1], by_zero_default=own[2])
                ),
            )
        ),
        st.tuples(inner, _numbers).map(
            lambda own: (
                Pow(own[0][0], Constant(own[1])),
                models.PowExpression(pow=models.PowParams(base=own[0][1], exponent=own[1])),
            )
        ),
        st.tuples(st.sampled_from(DecayKind), inner, inner, st.sampled_from([0.5, 2.0, 1e6])).map(
            lambda own: (
                Decay(own[0], own[1][0], own[2][0], own[3], 0.25),
                _CLIENT_DECAYS[own[0]](
                    models.DecayParamsExpression(
                        x=own[1][1], target=own[2][1], scale=own[3], midpoint=0.25
                    )
                ),
            )
        ),
    )


class FormulaOracle(EngineTestCase):
    """Points with numbers, some without, here and in the local mode."""

    def prepare(self) -> tuple[Collection, QdrantClient, list[list[float]]]:
        random = np.random.default_rng(7)
        data = random.standard_normal((COUNT, SIZE), dtype=np.float32)
        payloads: list[dict[str, Any]] = [
            {
                "n": number - 8,
                "k": number % 3,
                "at": {"lon": number / 2, "lat": 40 - number / 4},
                "when": f"2024-05-{1 + number:02}T00:00:00Z",
            }
            for number in range(COUNT)
        ]
        for number in range(0, COUNT, 2):
            payloads[number]["some"] = [number / 3]
        for number in range(1, COUNT, 6):
            payloads[number]["some"] = []
        params = VectorParams(Distance.DOT, SIZE)
        collection = self.catalog.create("c", CreateCollection(vectors={"": params}))
        write(collection, upsert(range(COUNT), data, payloads))
        client = QdrantClient(":memory:")
        self.addCleanup(client.close)
        client.create_collection("c", models.VectorParams(size=SIZE, distance=models.Distance.DOT))
        client.upsert(
            "c",
            [
                models.PointStruct(id=number, vector=data[number].tolist(), payload=payload)
                for number, payload in enumerate(payloads)
            ],
        )
        return collection, client, data[:2].tolist()

    def test_formulas(self) -> None:
        collection, client, vectors = self.prepare()
        prefetch = tuple(
            Prefetch(VectorExample(np.array(own, dtype=np.float32)), limit=limit)
            for own, limit in zip(vectors, (10, 8), strict=True)
        )
        theirs = [
            models.Prefetch(query=own, limit=limit)
            for own, limit in zip(vectors, (10, 8), strict=True)
        ]

        @settings(max_examples=examples(200), derandomize=not IS_LONG)
        @given(st.recursive(_leaves(), _nodes, max_leaves=6), st.booleans())
        def check(expression: Pair, has_defaults: bool) -> None:
            defaults = {"some": 1.5, "$score[1]": 0.25} if has_defaults else {}
            query = Query(Formula(expression[0], defaults), limit=COUNT, prefetch=prefetch)
            try:
                expected = client.query_points(
                    "c",
                    prefetch=theirs,
                    query=models.FormulaQuery(formula=expression[1], defaults=defaults),
                    limit=COUNT,
                ).points
            except (ValueError, ZeroDivisionError, OverflowError):
                self.assertRaises(DomainError, collection.read, query)
                return
            try:
                found = collection.read(query)
            except DomainError as error:
                # Only numbers beyond the range of a 32-bit float; the local mode has 64 bits.
                self.assertIn("non-finite", error.message)
                return
            scores = {point.id: point.score for point in found}
            self.assertEqual(len(scores), len(expected))
            for point in expected:
                close = np.isclose(scores[point.id], point.score, rtol=1e-4, atol=1e-5)  # type: ignore[index]
                self.assertTrue(close, (query, point, scores))
            self.assertEqual(list(scores.values()), sorted(scores.values(), reverse=True))

        check()
