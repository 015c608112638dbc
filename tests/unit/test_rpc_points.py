from __future__ import annotations

from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import (
    DomainError,
    MalformedMessage,
    ValidationError,
)
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    NO_PAYLOAD,
    Count,
    Facet,
    FacetHit,
    LookupLocation,
    PayloadMode,
    PayloadSelector,
    Query,
    Record,
    ScoredPoint,
    Scroll,
    Selection,
)
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Direction,
    Discover,
    OrderBy,
    PointExample,
    Recommend,
    RecommendStrategy,
    VectorExample,
)
from vexfs_twisted.model.search_params import Acorn, Quantization, SearchParams
from vexfs_twisted.model.vector_kinds import SparseVector
from vexfs_twisted.rpc.codecs.fields import read_collection_name, read_timeout
from vexfs_twisted.rpc.codecs.points import (
    read_count,
    read_facet,
    read_scroll,
    write_facet,
    write_records,
    write_scored,
)
from vexfs_twisted.rpc.codecs.queries import read_each, read_query
from vexfs_twisted.rpc.codecs.searches import read_discover, read_recommend, read_search
from vexfs_twisted.rpc.codecs.selections import read_selection
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common

K = PayloadPath.parse("k")
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def number(value: int) -> common.PointId:
    return common.PointId(num=value)


def dense(*values: float) -> pb.Vector:
    return pb.Vector(dense=pb.DenseVector(data=values))


def nearest(*values: float) -> pb.Query:
    return pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=values)))


class ReadTests(SynchronousTestCase):
    def test_scroll_defaults(self) -> None:
        self.assertEqual(
            read_scroll(pb.ScrollPoints()), Scroll(limit=10, selection=Selection(ALL_PAYLOAD))
        )

    def test_scroll(self) -> None:
        request = pb.ScrollPoints(
            limit=3,
            offset=number(0),
            filter=common.Filter(must=[has_id(1)]),
            with_payload=pb.WithPayloadSelector(enable=False),
            with_vectors=pb.WithVectorsSelector(enable=True),
        )
        expected = Scroll(
            limit=3,
            offset=0,
            filter=Filter(must=(HasId(frozenset([1])),)),
            selection=Selection(NO_PAYLOAD, vectors=True),
        )
        self.assertEqual(read_scroll(request), expected)

    def test_scroll_of_nothing(self) -> None:
        error = self.assertRaises(ValidationError, read_scroll, pb.ScrollPoints(limit=0))
        self.assertEqual(error.message, "[limit: value 0 invalid, must be 1 or larger]")

    def test_order_by(self) -> None:
        for order_by, expected in (
            (pb.OrderBy(key="k"), OrderBy(K)),
            (pb.OrderBy(key="k", direction=pb.Direction.Asc), OrderBy(K)),
            (pb.OrderBy(key="k", direction=pb.Direction.Desc), OrderBy(K, Direction.DESC)),
            (start_from(integer=0), OrderBy(K, start_from=0)),
            (start_from(float=0.5), OrderBy(K, start_from=0.5)),
            (start_from(datetime="1970-01-01T00:00:01Z"), OrderBy(K, start_from=1_000_000)),
        ):
            scroll = read_scroll(pb.ScrollPoints(order_by=order_by))
            self.assertEqual(repr(scroll.order_by), repr(expected))
        moment = start_from()
        moment.start_from.timestamp.seconds = 2
        scroll = read_scroll(pb.ScrollPoints(order_by=moment))
        self.assertEqual(scroll.order_by, OrderBy(K, start_from=2_000_000))

    def test_orders_that_make_no_sense(self) -> None:
        for order_by, error in (
            (pb.OrderBy(), MalformedMessage),
            (pb.OrderBy(key="k", start_from=pb.StartFrom()), MalformedMessage),
            (start_from(datetime="yesterday"), MalformedMessage),
        ):
            self.assertRaises(error, read_scroll, pb.ScrollPoints(order_by=order_by))

    def test_facet(self) -> None:
        self.assertEqual(read_facet(pb.FacetCounts(key="k")), Facet(K, limit=10, exact=False))
        request = pb.FacetCounts(
            key="k", limit=3, exact=True, filter=common.Filter(must=[has_id(1)])
        )
        expected = Facet(K, 3, Filter(must=(HasId(frozenset([1])),)), exact=True)
        self.assertEqual(read_facet(request), expected)
        self.assertRaises(MalformedMessage, read_facet, pb.FacetCounts())
        error = self.assertRaises(ValidationError, read_facet, pb.FacetCounts(key="k", limit=0))
        self.assertEqual(error.message, "[limit: value 0 invalid, must be 1 or larger]")

    def test_count(self) -> None:
        self.assertEqual(read_count(pb.CountPoints()), Count(exact=True))
        request = pb.CountPoints(exact=False, filter=common.Filter(must_not=[has_id(1)]))
        self.assertEqual(
            read_count(request), Count(Filter(must_not=(HasId(frozenset([1])),)), exact=False)
        )

    def test_selectors(self) -> None:
        include = pb.PayloadIncludeSelector(fields=["a.b", "c"])
        exclude = pb.PayloadExcludeSelector(fields=["d[]"])
        request = pb.GetPoints(
            with_payload=pb.WithPayloadSelector(include=include),
            with_vectors=pb.WithVectorsSelector(include=pb.VectorsSelector(names=["x", ""])),
        )
        paths = tuple(map(PayloadPath.parse, ("a.b", "c")))
        self.assertEqual(
            read_selection(request),
            Selection(PayloadSelector(PayloadMode.INCLUDE, paths), ("x", "")),
        )
        request = pb.GetPoints(with_payload=pb.WithPayloadSelector(exclude=exclude))
        self.assertEqual(
            read_selection(request).payload,
            PayloadSelector(PayloadMode.EXCLUDE, (PayloadPath.parse("d[]"),)),
        )
        self.assertEqual(read_selection(pb.GetPoints()), Selection(NO_PAYLOAD, vectors=False))

    def test_selector_with_a_bad_path(self) -> None:
        include = pb.PayloadIncludeSelector(fields=["a b"])
        request = pb.GetPoints(with_payload=pb.WithPayloadSelector(include=include))
        self.assertRaises(MalformedMessage, read_selection, request)

    def test_timeout(self) -> None:
        self.assertIsNone(read_timeout(pb.GetPoints()))
        self.assertEqual(read_timeout(pb.GetPoints(timeout=3)), 3)
        error = self.assertRaises(ValidationError, read_timeout, pb.GetPoints(timeout=0))
        self.assertEqual(error.message, "[timeout: value 0 invalid, must be 1 or larger]")

    def test_collection_name(self) -> None:
        self.assertEqual(read_collection_name("c"), "c")
        for name in ("", "x" * 256):
            self.assertRaises(ValidationError, read_collection_name, name)


def start_from(**value: Any) -> pb.OrderBy:
    return pb.OrderBy(key="k", start_from=pb.StartFrom(**value))


def has_id(*ids: int) -> common.Condition:
    return common.Condition(has_id=common.HasIdCondition(has_id=map(number, ids)))


class QueryTests(SynchronousTestCase):
    def test_nothing_set(self) -> None:
        self.assertEqual(read_query(pb.QueryPoints()), Query())

    def test_everything_set(self) -> None:
        request = pb.QueryPoints(
            query=nearest(0.5, 1.5),
            using="image",
            filter=common.Filter(must=[has_id(1)]),
            params=pb.SearchParams(
                hnsw_ef=3,
                exact=True,
                indexed_only=True,
                quantization=pb.QuantizationSearchParams(
                    ignore=True, rescore=False, oversampling=2.0
                ),
                acorn=pb.AcornSearchParams(enable=True, max_selectivity=0.5),
            ),
            score_threshold=0.0,
            limit=2**64 - 1,
            offset=7,
            with_payload=pb.WithPayloadSelector(enable=True),
            with_vectors=pb.WithVectorsSelector(enable=True),
        )
        expected = Query(
            form=VectorExample(np.array([0.5, 1.5], np.float32)),
            using="image",
            filter=Filter(must=(HasId(frozenset([1])),)),
            params=SearchParams(
                hnsw_ef=3,
                exact=True,
                quantization=Quantization(ignore=True, rescore=False, oversampling=2.0),
                indexed_only=True,
                acorn=Acorn(enable=True, max_selectivity=0.5),
            ),
            score_threshold=0.0,
            limit=2**64 - 1,
            offset=7,
            selection=Selection(ALL_PAYLOAD, vectors=True),
        )
        self.assertEqual(read_query(request), expected)

    def test_by_id(self) -> None:
        request = pb.QueryPoints(query=pb.Query(nearest=pb.VectorInput(id=number(0))))
        self.assertEqual(read_query(request).form, PointExample(0))

    def test_older_search(self) -> None:
        request = pb.SearchPoints(vector=[1, 2], limit=3, vector_name="v", score_threshold=0.5)
        expected = Query(
            form=VectorExample(np.array([1, 2], np.float32)),
            using="v",
            score_threshold=0.5,
            limit=3,
        )
        self.assertEqual(read_search(request), expected)

    def test_older_search_needs_a_limit(self) -> None:
        error = self.assertRaises(ValidationError, read_search, pb.SearchPoints(vector=[1]))
        self.assertEqual(error.message, "[limit: value 0 invalid, must be 1 or larger]")

    def test_batch_says_which(self) -> None:
        batch = [pb.QueryPoints(), pb.QueryPoints(limit=0)]
        error = self.assertRaises(ValidationError, read_each, batch, "query_points", read_query)
        self.assertEqual(
            error.message, "[query_points[1].limit: value 0 invalid, must be 1 or larger]"
        )

    def test_bad_vectors(self) -> None:
        for query in (nearest(), nearest(float("nan")), nearest(float("inf"), 1)):
            self.assertRaises(DomainError, read_query, pb.QueryPoints(query=query))

    def test_params_out_of_range(self) -> None:
        request = pb.QueryPoints(params=pb.SearchParams(hnsw_ef=0))
        error = self.assertRaises(ValidationError, read_query, request)
        self.assertIn("params.hnsw_ef", error.message)

    def test_sparse_vectors_of_older_searches(self) -> None:
        for path in ("", "search_points[1]"):
            search = pb.SearchPoints(
                vector=[1, 2], limit=1, sparse_indices=pb.SparseIndices(data=[7, 3])
            )
            sparse = SparseVector(np.array([3, 7], np.uint32), np.array([2, 1], np.float32))
            self.assertEqual(read_search(search, path).form, VectorExample(sparse))
        search = pb.SearchPoints(vector=[1], limit=1, sparse_indices=pb.SparseIndices(data=[7, 3]))
        error = self.assertRaises(ValidationError, read_search, search)
        self.assertIn("vector.values: Validation error: must be the same length", error.message)

    def test_recommendations(self) -> None:
        message = pb.RecommendPoints(
            positive=[number(1)],
            negative=[number(2)],
            positive_vectors=[dense(1, 2)],
            negative_vectors=[pb.Vector(data=[3, 4])],
            strategy=pb.RecommendStrategy.SumScores,
            limit=3,
            offset=1,
            using="v",
            score_threshold=0.5,
            lookup_from=pb.LookupLocation(collection_name="b", vector_name="w"),
        )
        positive, negative = (
            VectorExample(np.array(own, dtype=np.float32)) for own in ([1, 2], [3, 4])
        )
        form = Recommend(
            (PointExample(1), positive), (PointExample(2), negative), RecommendStrategy.SUM_SCORES
        )
        location = LookupLocation("b", "w")
        expected = Query(form, "v", score_threshold=0.5, limit=3, offset=1, lookup_from=location)
        self.assertEqual(read_recommend(message), expected)

    def test_discoveries(self) -> None:
        target = pb.TargetVector(single=pb.VectorExample(id=number(2)))
        pair = pb.ContextExamplePair(
            positive=pb.VectorExample(id=number(1)),
            negative=pb.VectorExample(vector=dense(1, 2)),
        )
        pairs = (ContextPair(PointExample(1), VectorExample(np.array([1, 2], np.float32))),)
        for message, form in (
            (pb.DiscoverPoints(target=target, context=[pair]), Discover(PointExample(2), pairs)),
            (pb.DiscoverPoints(target=target), Discover(PointExample(2))),
            (pb.DiscoverPoints(context=[pair]), Context(pairs)),
        ):
            message.limit = 1
            self.assertEqual(read_discover(message), Query(form, limit=1))

    def test_queries_that_say_nothing(self) -> None:
        for query in (pb.Query(), pb.Query(nearest=pb.VectorInput())):
            self.assertRaises(MalformedMessage, read_query, pb.QueryPoints(query=query))


class ResultTests(SynchronousTestCase):
    def test_records(self) -> None:
        response = pb.GetResponse()
        vector = np.array([1, 2], np.float32)
        write_records(
            [
                Record(7, None, None),
                Record(UUID, b'{"a":[1,2.0]}', {"v": vector}),
                Record(0, b"{}", {}),
            ],
            response.result,
        )
        bare, full, empty = response.result
        self.assertEqual(bare.id.num, 7)
        self.assertFalse(bare.HasField("vectors"))
        self.assertFalse(bare.HasField("order_value"))
        self.assertEqual(full.id.uuid, UUID)
        kinds = [value.WhichOneof("kind") for value in full.payload["a"].list_value.values]
        self.assertEqual(kinds, ["integer_value", "double_value"])
        self.assertEqual(list(full.vectors.vectors.vectors["v"].dense.data), [1, 2])
        self.assertEqual(empty.id.WhichOneof("point_id_options"), "num")
        self.assertEqual(empty.vectors.WhichOneof("vectors_options"), "vectors")

    def test_order_values(self) -> None:
        response = pb.GetResponse()
        values = (0, -1, 0.5, 2**64 - 1)
        write_records([Record(1, None, None, value) for value in values], response.result)
        found = [record.order_value for record in response.result]
        kinds = [value.WhichOneof("variant") for value in found]
        self.assertEqual(kinds, ["int", "int", "float", "float"])
        numbers = [found[0].int, found[1].int, found[2].float, found[3].float]
        self.assertEqual(numbers, [0, -1, 0.5, float(2**64 - 1)])

    def test_facet_hits(self) -> None:
        hits = [FacetHit("x", 3), FacetHit(False, 2), FacetHit(0, 2**40)]
        written = write_facet(hits).hits
        kinds = [hit.value.WhichOneof("variant") for hit in written]
        self.assertEqual(kinds, ["string_value", "bool_value", "integer_value"])
        self.assertEqual([hit.count for hit in written], [3, 2, 2**40])
        self.assertEqual(written[0].value.string_value, "x")

    def test_a_batch_says_where_a_filter_is_wrong(self) -> None:
        wrong = common.Condition(field=common.FieldCondition(key="k"))
        batch = [pb.QueryPoints(), pb.QueryPoints(filter=common.Filter(must=[wrong]))]
        error = self.assertRaises(ValidationError, read_each, batch, "query_points", read_query)
        self.assertIn("[query_points[1].filter.must[0].__all__: ", error.message)

    def test_scored_points(self) -> None:
        response = pb.QueryResponse()
        points = [ScoredPoint(1, 5, 0.25, None, None), ScoredPoint(UUID, 0, -1.0, b'{"a":1}', None)]
        write_scored(points, response.result)
        first, second = response.result
        self.assertEqual((first.id.num, first.version, first.score), (1, 5, 0.25))
        self.assertEqual((second.id.uuid, second.version, second.score), (UUID, 0, -1.0))
        self.assertEqual(second.payload["a"].integer_value, 1)
        self.assertFalse(first.HasField("shard_key"))
