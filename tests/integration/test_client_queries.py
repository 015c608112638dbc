"""The official client sends queries of every form to the daemon and, beside it, to its local mode.

The client spells each query itself, in JSON or in messages.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

from tests.integration.test_official_client import ClientCase

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import models

    from tests.integration import client_support as support

COUNT = 60


class RestQueryTests(ClientCase):
    """Each form over REST; the class below does the same over gRPC."""

    def setUp(self) -> None:
        super().setUp()
        vectors = self.unnamed(models.Distance.COSINE)
        self.create({"image": vectors, "text": vectors})
        self.generator = np.random.default_rng(5)
        points = support.random_points(self.generator, COUNT)
        for point in points:
            point.vector = {"image": self.vector(), "text": self.vector()}
        self.upsert(points)
        self.ids: list[Any] = [point.id for point in points]

    def vector(self) -> list[float]:
        return support.random_vector(self.generator, support.SIZE)

    def both(self, query: Any, **arguments: Any) -> None:
        """Send a query to both, alone and in a batch, and compare the answers."""
        given: dict[str, Any] = {"using": "image", "limit": 20, "with_payload": True} | arguments
        ours, theirs = (
            client.query_points(self.collection, query=query, **given).points
            for client in self.clients
        )
        self.assertGreater(len(ours), 0)
        support.assert_same_hits(ours, theirs)
        request = models.QueryRequest(query=query, **given)
        batch = self.client.query_batch_points(self.collection, requests=[request, request])
        for answer in batch:
            support.assert_same_hits(answer.points, theirs)

    def test_nearest(self) -> None:
        self.both(self.vector())
        self.both(self.ids[3])
        self.both(models.NearestQuery(nearest=self.ids[4]), offset=3)

    def test_diversity(self) -> None:
        mmr = models.Mmr(diversity=0.4, candidates_limit=30)
        self.both(models.NearestQuery(nearest=self.vector(), mmr=mmr), limit=8)

    def test_recommend(self) -> None:
        for strategy in models.RecommendStrategy:
            examples = models.RecommendInput(
                positive=[self.ids[1], self.vector()], negative=[self.ids[2]], strategy=strategy
            )
            self.both(models.RecommendQuery(recommend=examples))

    def test_discover_and_context(self) -> None:
        pair = models.ContextPair(positive=self.ids[1], negative=self.vector())
        other = models.ContextPair(positive=self.vector(), negative=self.ids[7])
        discover = models.DiscoverInput(target=self.ids[5], context=[pair, other])
        self.both(models.DiscoverQuery(discover=discover))
        self.both(models.DiscoverQuery(discover=models.DiscoverInput(target=1, context=pair)))
        self.both(models.ContextQuery(context=[pair, other]), limit=COUNT)

    def test_order(self) -> None:
        schema = models.PayloadSchemaType.INTEGER
        self.client.create_payload_index(self.collection, "number", schema, wait=True)
        order = models.OrderBy(key="number", direction=models.Direction.DESC, start_from=30)
        for order_by in ("number", order):
            query = models.OrderByQuery(order_by=order_by)
            ours, theirs = (
                client.query_points(self.collection, query=query, limit=20, with_payload=True)
                for client in self.clients
            )
            # The local mode scores them by 1.
            self.assertEqual({point.score for point in ours.points}, {0.0})
            support.assert_same_points(ours.points, theirs.points)
            for point in ours.points:
                self.assertEqual(point.order_value, (point.payload or {})["number"])

    def test_feedback(self) -> None:
        feedback = [
            models.FeedbackItem(example=self.ids[1], score=0.9),
            models.FeedbackItem(example=self.vector(), score=0.25),
        ]
        naive = models.NaiveFeedbackStrategyParams(a=0.5, b=0.75, c=0.25)
        strategy = models.NaiveFeedbackStrategy(naive=naive)
        whole = models.RelevanceFeedbackInput(
            target=self.vector(), feedback=feedback, strategy=strategy
        )
        self.both(models.RelevanceFeedbackQuery(relevance_feedback=whole))

    def test_prefetches(self) -> None:
        is_red = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
        red = models.Prefetch(
            query=self.vector(), using="text", limit=15, filter=models.Filter(must_not=[is_red])
        )
        near = models.Prefetch(query=self.vector(), using="image", limit=10)
        deep = models.Prefetch(prefetch=[red, near], query=self.vector(), using="text", limit=12)
        self.both(self.vector(), prefetch=[deep, near])
        for fusion in models.Fusion:
            query = models.FusionQuery(fusion=fusion)
            self.both(query, prefetch=[deep, red], using=None)
        weighted = models.RrfQuery(rrf=models.Rrf(k=5, weights=[0.5, 2.0]))
        self.both(weighted, prefetch=[deep, red], using=None)

    def test_formulas(self) -> None:
        near = models.Prefetch(query=self.vector(), using="image", limit=20)
        other = models.Prefetch(query=self.vector(), using="text", limit=20)
        is_red = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
        decay = models.DecayParamsExpression(x="number", target=30.0, scale=10.0, midpoint=0.25)
        defaults = {"number": 5, "count": 2.5, "$score[1]": 0.125}
        expression: Any
        for expression in (
            0.5,
            "$score[1]",
            models.SumExpression(sum=["$score", models.MultExpression(mult=[is_red, 0.75])]),
            models.MultExpression(mult=["number", models.NegExpression(neg="$score")]),
            models.DivExpression(
                div=models.DivParams(left="$score", right="count", by_zero_default=0)
            ),
            models.SqrtExpression(sqrt=models.AbsExpression(abs="$score")),
            models.PowExpression(pow=models.PowParams(base=2.0, exponent="$score")),
            models.ExpExpression(exp="$score"),
            models.Log10Expression(log10=models.SumExpression(sum=["number", 1.0])),
            models.LnExpression(ln=models.SumExpression(sum=["number", 1.0])),
            models.LinDecayExpression(lin_decay=decay),
            models.ExpDecayExpression(exp_decay=decay),
            models.GaussDecayExpression(gauss_decay=decay),
        ):
            query = models.FormulaQuery(formula=expression, defaults=defaults)
            self.both(query, prefetch=[near, other], using=None, limit=40)

    def test_formulas_that_are_refused(self) -> None:
        near = models.Prefetch(query=self.vector(), using="image", limit=20)
        for expression, text in (
            ("$foo", "Invalid reserved word: $foo"),
            ("$score[]", "Invalid reserved variable: $score[]"),
            ("nothing", "Expected number value for nothing in the payload and/or in the formula"),
        ):
            query = models.FormulaQuery(formula=expression)

            def ask(query: Any = query) -> object:
                return self.client.query_points(self.collection, query=query, prefetch=near)

            self.assertIn(text, self.refused(ask, 400, grpc.StatusCode.INVALID_ARGUMENT))

    def test_a_sample(self) -> None:
        query = models.SampleQuery(sample=models.Sample.RANDOM)
        points = self.client.query_points(self.collection, query=query, limit=COUNT).points
        self.assertEqual(sorted(map(str, self.ids)), sorted(str(point.id) for point in points))

    def test_groups(self) -> None:
        vector = self.vector()
        ours, theirs = (
            client.query_points_groups(
                self.collection, "tags", query=vector, using="image", limit=4, group_size=3
            ).groups
            for client in self.clients
        )
        self.assertEqual([group.id for group in ours], [group.id for group in theirs])
        for mine, other in zip(ours, theirs, strict=True):
            support.assert_same_hits(mine.hits, other.hits)

    def test_groups_with_lookups(self) -> None:
        other = f"{self.collection}-groups"
        self.addCleanup(self.client.delete_collection, other)
        for client in self.clients:
            client.create_collection(other, vectors_config={})
            payload: dict[str, Any] = {"a": 1}
            records = [models.PointStruct(id=i, vector={}, payload=payload) for i in range(5)]
            client.upsert(other, records, wait=True)
        lookup = models.WithLookup(collection=other, with_payload=["a"])
        for with_lookup in (other, lookup):
            ours, theirs = (
                client.query_points_groups(
                    self.collection,
                    "count",
                    query=self.ids[1],
                    using="image",
                    limit=8,
                    with_lookup=with_lookup,
                ).groups
                for client in self.clients
            )
            found = {group.id: group.lookup for group in ours}
            self.assertEqual(found.keys(), {group.id for group in theirs})
            for key, record in found.items():
                if int(key) < 5:
                    assert record is not None
                    self.assertEqual((record.id, record.payload), (key, {"a": 1}))
                else:
                    self.assertIsNone(record)

    def test_lookups(self) -> None:
        other = f"{self.collection}-examples"
        self.addCleanup(self.client.delete_collection, other)
        example = models.PointStruct(id=77, vector={"own": self.vector()})
        for client in self.clients:
            client.create_collection(other, {"own": self.unnamed(models.Distance.COSINE)})
            client.upsert(other, [example], wait=True)
        location = models.LookupLocation(collection=other, vector="own")
        self.both(77, lookup_from=location)
        inner = models.Prefetch(query=77, using="text", lookup_from=location, limit=9)
        self.both(self.vector(), prefetch=inner)

    def test_matrices(self) -> None:
        ours, theirs = (
            client.search_matrix_offsets(self.collection, sample=COUNT, limit=4, using="image")
            for client in self.clients
        )
        self.assertEqual(len(ours.ids), COUNT)
        self.assertEqual(set(ours.ids), set(theirs.ids))
        self.assertEqual(len(ours.scores), len(theirs.scores))
        pairs = self.client.search_matrix_pairs(
            self.collection, sample=COUNT, limit=4, using="image"
        ).pairs
        found = {(pair.a, pair.b): pair.score for pair in pairs}
        for row, column, score in zip(
            theirs.offsets_row, theirs.offsets_col, theirs.scores, strict=True
        ):
            key = theirs.ids[row], theirs.ids[column]
            np.testing.assert_allclose(found[key], score, rtol=1e-4, atol=1e-5)

    def test_refusals(self) -> None:
        missing = models.LookupLocation(collection="nowhere")
        for query, arguments, status, code, text in (
            (
                models.FusionQuery(fusion=models.Fusion.RRF),
                {"using": "image"},
                400,
                grpc.StatusCode.INVALID_ARGUMENT,
                "Fusion queries cannot be combined with the 'using' field.",
            ),
            (
                self.vector(),
                {"using": "image", "lookup_from": missing},
                404,
                grpc.StatusCode.NOT_FOUND,
                "Not found: Collection nowhere not found",
            ),
            (
                self.vector(),
                {"using": "nothing"},
                400,
                grpc.StatusCode.INVALID_ARGUMENT,
                "Not existing vector name error: nothing",
            ),
        ):
            given: dict[str, Any] = dict(arguments)

            def ask(query: Any = query, given: dict[str, Any] = given) -> object:
                return self.client.query_points(self.collection, query=query, **given)

            self.assertIn(text, self.refused(ask, status, code))


class RpcQueryTests(RestQueryTests):
    """The same over gRPC."""

    prefer_grpc = True

    def test_formulas_of_messages(self) -> None:
        """The expressions that are in messages, and not in JSON."""
        near = models.Prefetch(query=self.vector(), using="image", limit=20)
        above = models.SumExpression(sum=[1.0, models.AbsExpression(abs="$score")])
        for expression in (
            models.MaxExpression(max=["number", 20.0, "$score"]),
            models.MinExpression(min=[models.NegExpression(neg="$score"), 0.125]),
            models.AcoshExpression(acosh=above),
        ):
            query = models.FormulaQuery(formula=expression, defaults={"number": 5})
            self.both(query, prefetch=near, using=None)
        query = models.FormulaQuery(formula=models.AcoshExpression(acosh=0.5))

        def ask() -> object:
            return self.client.query_points(self.collection, query=query, prefetch=near)

        text = self.refused(ask, 400, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("The expression acosh(0.5) = NaN produced a non-finite number", text)
