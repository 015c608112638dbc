from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import (
    BadInput,
    BadRequest,
    DomainError,
    NotSupported,
    ValidationError,
)
from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, MatchAny, MatchValue
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    NO_PAYLOAD,
    Acorn,
    Count,
    NearestToPoint,
    NearestToVector,
    PayloadMode,
    PayloadSelector,
    Quantization,
    Query,
    Record,
    ScoredPoint,
    Scroll,
    SearchParams,
    Selection,
)
from vexfs_twisted.model.updates import DeletePoints, UpdateResult, UpdateStatus, Upsert
from vexfs_twisted.rpc.codecs.fields import read_collection_name, read_timeout
from vexfs_twisted.rpc.codecs.filters import read_filter
from vexfs_twisted.rpc.codecs.points import (
    read_count,
    read_delete,
    read_scroll,
    read_upsert,
    write_records,
    write_scored,
    write_update_result,
)
from vexfs_twisted.rpc.codecs.queries import read_each, read_query, read_search
from vexfs_twisted.rpc.codecs.selections import read_selection
from vexfs_twisted.rpc.codecs.vectors import parse_upsert
from vexfs_twisted.rpc.generated import collections_pb2
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common
from vexfs_twisted.rpc.generated.json_with_int_pb2 import Value

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def number(value: int) -> common.PointId:
    return common.PointId(num=value)


def dense(*values: float) -> pb.Vector:
    return pb.Vector(dense=pb.DenseVector(data=values))


def nearest(*values: float) -> pb.Query:
    return pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=values)))


def field(key: str, **predicates: object) -> common.Condition:
    return common.Condition(field=common.FieldCondition(key=key, **predicates))  # type: ignore[arg-type]


def read_sent(message: pb.UpsertPoints) -> Upsert:
    """The upsert that a server reads from the bytes of `message`."""
    return read_upsert(parse_upsert(message.SerializeToString()))


class UpsertTests(SynchronousTestCase):
    def test_points_become_columns(self) -> None:
        upsert = read_sent(
            pb.UpsertPoints(
                points=[
                    pb.PointStruct(
                        id=number(0),
                        vectors=pb.Vectors(vector=dense(1, 2)),
                        payload={"a": Value(integer_value=1)},
                    ),
                    pb.PointStruct(id=common.PointId(uuid=UUID.upper())),
                    pb.PointStruct(
                        id=number(2**64 - 1), vectors=pb.Vectors(vector=pb.Vector(data=[3, 4]))
                    ),
                ]
            )
        )
        self.assertEqual(list(upsert.ids), [0, UUID, 2**64 - 1])
        self.assertEqual(list(upsert.payloads), [b'{"a":1}', b"{}", b"{}"])
        (column,) = upsert.vectors.values()
        self.assertEqual(column.data.tolist(), [[1, 2], [3, 4]])
        assert column.positions is not None
        self.assertEqual(column.positions.tolist(), [0, 2])

    def test_every_point_having_a_vector_needs_no_positions(self) -> None:
        points = [
            pb.PointStruct(id=number(n), vectors=pb.Vectors(vector=dense(n, n))) for n in range(3)
        ]
        (column,) = read_sent(pb.UpsertPoints(points=points)).vectors.values()
        self.assertIsNone(column.positions)
        self.assertEqual(column.data.tolist(), [[0, 0], [1, 1], [2, 2]])

    def test_uneven_rows_tell_their_lengths(self) -> None:
        points = [
            pb.PointStruct(id=number(1), vectors=pb.Vectors(vector=dense(1, 2))),
            pb.PointStruct(id=number(2), vectors=pb.Vectors(vector=dense(1, 2, 3))),
        ]
        (column,) = read_sent(pb.UpsertPoints(points=points)).vectors.values()
        self.assertEqual(column.dimensions, (2, 3))

    def test_rows_with_fields_of_a_later_release_are_still_read(self) -> None:
        unknown = b"\xf8\x3f\x01"
        vector = pb.Vector.FromString(dense(1, 2).SerializeToString() + unknown)
        self.assertIn(unknown, vector.SerializeToString())
        points = [pb.PointStruct(id=number(1), vectors=pb.Vectors(vector=vector))]
        (column,) = read_sent(pb.UpsertPoints(points=points)).vectors.values()
        self.assertEqual(column.data.tolist(), [[1, 2]])

    def test_refusals(self) -> None:
        sparse = pb.Vector(sparse=pb.SparseVector(values=[1], indices=[1]))
        old_sparse = pb.Vector(data=[1], indices=pb.SparseIndices(data=[1]))
        multi = pb.Vector(multi_dense=pb.MultiDenseVector(vectors=[pb.DenseVector(data=[1])]))
        document = pb.Vector(document=pb.Document(text="x", model="m"))
        for vector in (sparse, old_sparse, multi, document):
            point = pb.PointStruct(id=number(1), vectors=pb.Vectors(vector=vector))
            self.assertRaises(NotSupported, read_sent, pb.UpsertPoints(points=[point]))
        for request, error in (
            (pb.UpsertPoints(points=[pb.PointStruct()]), BadInput),
            (pb.UpsertPoints(update_filter=common.Filter()), NotSupported),
            (pb.UpsertPoints(update_mode=pb.UpdateMode.InsertOnly), NotSupported),
            (pb.UpsertPoints(shard_key_selector=shard_key("x")), BadInput),
        ):
            self.assertRaises(error, read_sent, request)

    def test_empty_shard_key_selector_is_none(self) -> None:
        request = pb.UpsertPoints(shard_key_selector=pb.ShardKeySelector())
        self.assertEqual(list(read_sent(request).ids), [])


def shard_key(name: str) -> pb.ShardKeySelector:
    return pb.ShardKeySelector(shard_keys=[collections_pb2.ShardKey(keyword=name)])


class DeleteTests(SynchronousTestCase):
    def test_by_ids(self) -> None:
        ids = pb.PointsIdsList(ids=[number(3), common.PointId(uuid=UUID)])
        request = pb.DeletePoints(points=pb.PointsSelector(points=ids))
        self.assertEqual(read_delete(request), DeletePoints(ids=[3, UUID]))

    def test_by_filter(self) -> None:
        request = pb.DeletePoints(points=pb.PointsSelector(filter=common.Filter()))
        self.assertEqual(read_delete(request), DeletePoints(filter=Filter()))

    def test_by_nothing(self) -> None:
        self.assertRaises(BadRequest, read_delete, pb.DeletePoints())


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
        request = pb.ScrollPoints(order_by=pb.OrderBy(key="k"))
        self.assertRaises(NotSupported, read_scroll, request)

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
        self.assertRaises(BadInput, read_selection, request)

    def test_timeout(self) -> None:
        self.assertIsNone(read_timeout(pb.GetPoints()))
        self.assertEqual(read_timeout(pb.GetPoints(timeout=3)), 3)
        error = self.assertRaises(ValidationError, read_timeout, pb.GetPoints(timeout=0))
        self.assertEqual(error.message, "[timeout: value 0 invalid, must be 1 or larger]")

    def test_collection_name(self) -> None:
        self.assertEqual(read_collection_name("c"), "c")
        for name in ("", "x" * 256):
            self.assertRaises(ValidationError, read_collection_name, name)


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
            target=NearestToVector(np.array([0.5, 1.5], np.float32)),
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
        self.assertEqual(read_query(request).target, NearestToPoint(0))

    def test_older_search(self) -> None:
        request = pb.SearchPoints(vector=[1, 2], limit=3, vector_name="v", score_threshold=0.5)
        expected = Query(
            target=NearestToVector(np.array([1, 2], np.float32)),
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

    def test_queries_of_later_work(self) -> None:
        sparse = pb.VectorInput(sparse=pb.SparseVector(values=[1], indices=[1]))
        for request in (
            pb.QueryPoints(prefetch=[pb.PrefetchQuery()]),
            pb.QueryPoints(lookup_from=pb.LookupLocation(collection_name="x")),
            pb.QueryPoints(query=pb.Query(fusion=pb.Fusion.RRF)),
            pb.QueryPoints(query=pb.Query(order_by=pb.OrderBy(key="k"))),
            pb.QueryPoints(query=pb.Query(nearest=sparse)),
            pb.QueryPoints(params=pb.SearchParams(idf=pb.IdfParams())),
        ):
            self.assertRaises(NotSupported, read_query, request)
        sparse_search = pb.SearchPoints(limit=1, sparse_indices=pb.SparseIndices(data=[1]))
        self.assertRaises(NotSupported, read_search, sparse_search)

    def test_queries_that_say_nothing(self) -> None:
        for query in (pb.Query(), pb.Query(nearest=pb.VectorInput())):
            self.assertRaises(BadRequest, read_query, pb.QueryPoints(query=query))


class FilterTests(SynchronousTestCase):
    """What a property test over well-formed filters leaves out."""

    def test_several_predicates_of_one_condition_are_alternatives(self) -> None:
        condition = field(
            "k",
            match=common.Match(keyword="x"),
            range=common.Range(),
        )
        (either,) = read_filter(common.Filter(must=[condition])).must
        assert isinstance(either, Filter)
        self.assertEqual(len(either.should), 2)

    def test_empty_list_of_values(self) -> None:
        condition = field("k", match=common.Match(integers=common.RepeatedIntegers()))
        expected = FieldCondition(PayloadPath.parse("k"), MatchAny(frozenset()))
        self.assertEqual(read_filter(common.Filter(must=[condition])).must, (expected,))

    def test_false_is_a_value(self) -> None:
        condition = field("k", match=common.Match(boolean=False))
        (found,) = read_filter(common.Filter(must=[condition])).must
        assert isinstance(found, FieldCondition)
        assert isinstance(found.predicate, MatchValue)
        self.assertIs(found.predicate.value, False)

    def test_refusals(self) -> None:
        for condition, error in (
            (common.Condition(), BadRequest),
            (field("k"), ValidationError),
            (field("a b", match=common.Match(integer=1)), BadInput),
            (field("k", match=common.Match()), BadRequest),
            (field("k", match=common.Match(text="x")), NotSupported),
            (field("k", is_null=False), NotSupported),
            (field("k", values_count=common.ValuesCount()), NotSupported),
            (field("k", datetime_range=common.DatetimeRange()), NotSupported),
            (common.Condition(is_empty=common.IsEmptyCondition(key="k")), NotSupported),
            (common.Condition(has_id=common.HasIdCondition(has_id=[common.PointId()])), BadInput),
        ):
            self.assertRaises(error, read_filter, common.Filter(should=[condition]))
        self.assertRaises(NotSupported, read_filter, common.Filter(min_should=common.MinShould()))


class ResultTests(SynchronousTestCase):
    def test_update_results(self) -> None:
        for status, number_ in (
            (UpdateStatus.ACKNOWLEDGED, 1),
            (UpdateStatus.COMPLETED, 2),
            (UpdateStatus.WAIT_TIMEOUT, 4),
        ):
            result = write_update_result(UpdateResult(0, status)).result
            self.assertEqual((result.operation_id, result.status), (0, number_))
            self.assertTrue(result.HasField("operation_id"))
        unknown = write_update_result(UpdateResult(None, UpdateStatus.WAIT_TIMEOUT))
        self.assertFalse(unknown.result.HasField("operation_id"))

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

    def test_scored_points(self) -> None:
        response = pb.QueryResponse()
        points = [ScoredPoint(1, 5, 0.25, None, None), ScoredPoint(UUID, 0, -1.0, b'{"a":1}', None)]
        write_scored(points, response.result)
        first, second = response.result
        self.assertEqual((first.id.num, first.version, first.score), (1, 5, 0.25))
        self.assertEqual((second.id.uuid, second.version, second.score), (UUID, 0, -1.0))
        self.assertEqual(second.payload["a"].integer_value, 1)
        self.assertFalse(first.HasField("shard_key"))
