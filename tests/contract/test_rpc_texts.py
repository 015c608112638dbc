"""The literal texts of errors over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from tests.contract.providers import RpcCase
from tests.contract.rpc_client import RpcClient, RpcOperations
from tests.contract.texts import (
    EMPTY,
    LONG,
    NO_FACET,
    NO_ORDER,
    PINNED,
    SAYS_NOTHING,
    SLASH,
    TOO_LONG,
)
from tests.suites.values import Point, unnamed, upsert
from vexfs_twisted.rpc.generated import collections_pb2, points_pb2, qdrant_common_pb2


def _filter(**clauses: Any) -> Any:
    return qdrant_common_pb2.Filter(**clauses)


def _field() -> Any:
    field = qdrant_common_pb2.FieldCondition(key="k")
    return qdrant_common_pb2.Condition(field=field)


def _no_uuid() -> Any:
    return qdrant_common_pb2.PointId(uuid="x")


def _vector(numbers: Sequence[float]) -> Any:
    vector = points_pb2.Vector(dense=points_pb2.DenseVector(data=numbers))
    return points_pb2.Vectors(vectors=points_pb2.NamedVectors(vectors={"a": vector}))


def _selector(**choice: Any) -> Any:
    return points_pb2.PointsSelector(**choice)


def _rpc_cases() -> list[tuple[str, Any, str]]:
    """Methods of the service of points, messages, and the whole texts."""
    one = _selector(points=points_pb2.PointsIdsList(ids=[qdrant_common_pb2.PointId(num=1)]))
    none = _selector(points=points_pb2.PointsIdsList())
    names = points_pb2.VectorsSelector(names=[""])
    query = points_pb2.Query(nearest=points_pb2.VectorInput(dense=points_pb2.DenseVector(data=[1])))
    numbered = points_pb2.PointVectors(
        id=qdrant_common_pb2.PointId(num=1), vectors=_vector([1, 2, 3])
    )
    body = "Validation error in body: "
    return [
        ("Facet", points_pb2.FacetCounts(collection_name="c", key="k"), NO_FACET),
        (
            "Scroll",
            points_pb2.ScrollPoints(collection_name="c", order_by=points_pb2.OrderBy(key="k")),
            NO_ORDER,
        ),
        ("Delete", points_pb2.DeletePoints(collection_name="c", points=none), EMPTY),
        ("Upsert", points_pb2.UpsertPoints(collection_name="c"), EMPTY),
        (
            "Delete",
            points_pb2.DeletePoints(collection_name="c", points=_selector()),
            "Malformed PointsSelector type",
        ),
        (
            "ClearPayload",
            points_pb2.ClearPayloadPoints(collection_name="c", points=_selector()),
            "Malformed PointsSelector type",
        ),
        (
            "SetPayload",
            points_pb2.SetPayloadPoints(collection_name="c", points_selector=_selector()),
            "Malformed PointsSelector type",
        ),
        ("Delete", points_pb2.DeletePoints(collection_name="c"), "PointsSelector is missing"),
        (
            "SetPayload",
            points_pb2.SetPayloadPoints(collection_name="c"),
            "points_selector is expected",
        ),
        (
            "Get",
            points_pb2.GetPoints(collection_name="c", ids=[_no_uuid()]),
            "Unable to parse UUID: x",
        ),
        (
            "Get",
            points_pb2.GetPoints(collection_name="c", ids=[qdrant_common_pb2.PointId()]),
            "No ID options provided",
        ),
        (
            "Scroll",
            points_pb2.ScrollPoints(collection_name="c", offset=_no_uuid()),
            "Unable to parse UUID: x",
        ),
        (
            "Count",
            points_pb2.CountPoints(
                collection_name="c",
                filter=_filter(
                    must=[
                        qdrant_common_pb2.Condition(
                            has_id=qdrant_common_pb2.HasIdCondition(has_id=[_no_uuid()])
                        )
                    ]
                ),
            ),
            "Unable to parse UUID: x",
        ),
        (
            "Count",
            points_pb2.CountPoints(collection_name="c", filter=_filter(must=[_field()])),
            f"{body}[filter.must[0].__all__: {SAYS_NOTHING}]",
        ),
        (
            "Count",
            points_pb2.CountPoints(
                collection_name="c", filter=_filter(min_should=qdrant_common_pb2.MinShould())
            ),
            f"{body}[filter.min_should.min_count: min_count must be greater than 0]",
        ),
        (
            "UpdateVectors",
            points_pb2.UpdatePointVectors(collection_name="c"),
            f"{body}[points: must specify points to update]",
        ),
        (
            "DeleteVectors",
            points_pb2.DeletePointVectors(collection_name="c", points_selector=one),
            f"{body}[vectors.names: must specify vector names to delete]",
        ),
        (
            "DeleteVectors",
            points_pb2.DeletePointVectors(collection_name="c", points_selector=none, vectors=names),
            EMPTY,
        ),
        (
            "UpdateVectors",
            points_pb2.UpdatePointVectors(collection_name="named", points=[numbered]),
            "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'a'",
        ),
        (
            "Query",
            points_pb2.QueryPoints(collection_name="named", query=query, using="a"),
            "Wrong input: Vector dimension error: expected dim: 2, got 1 for vector 'a'",
        ),
        (
            "Query",
            points_pb2.QueryPoints(collection_name="c", query=query),
            "Wrong input: Vector dimension error: expected dim: 4, got 1",
        ),
        (
            "Count",
            points_pb2.CountPoints(collection_name="a/b"),
            f"{body}[collection_name: {SLASH}]",
        ),
        (
            "Query",
            points_pb2.QueryPoints(collection_name=LONG),
            f"{body}[collection_name: {TOO_LONG}]",
        ),
        ("Get", points_pb2.GetPoints(), f"{body}[collection_name: {TOO_LONG}]"),
        (
            "Facet",
            points_pb2.FacetCounts(collection_name="c", key="a b"),
            "Failed to parse json path: a b",
        ),
    ]


class RpcTexts(RpcCase):
    """Texts over gRPC, all with the status INVALID_ARGUMENT."""

    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()
        operations = RpcOperations(self.rpc)
        await operations.create_collection("c", unnamed())
        await operations.update("c", upsert(Point(1, [1, 2, 3, 4])), wait=True)

    async def check(self, method: str, message: Any, text: str) -> None:
        try:
            answer = await self.rpc.call(method, message)
        except grpc.RpcError as error:
            refused: Any = error
            self.assertIs(refused.code(), grpc.StatusCode.INVALID_ARGUMENT, (method, text))
            self.assertEqual(refused.details(), text, method)
        else:
            self.fail(f"{method} was answered: {answer}")

    async def test_of_points(self) -> None:
        params = collections_pb2.VectorParams(size=2, distance=collections_pb2.Dot)
        vectors = collections_pb2.VectorsConfig(
            params_map=collections_pb2.VectorParamsMap(map={"a": params})
        )
        create = collections_pb2.CreateCollection(collection_name="named", vectors_config=vectors)
        await self.rpc.call("Collections/Create", create)
        for method, message, text in _rpc_cases():
            await self.check(f"Points/{method}", message, text)

    async def test_of_collections(self) -> None:
        pinned = collections_pb2.VectorParams(
            size=2, distance=collections_pb2.Dot, memory=collections_pb2.Pinned
        )
        for method, message, text in (
            (
                "Get",
                collections_pb2.GetCollectionInfoRequest(collection_name="a/b"),
                f"Validation error in body: [collection_name: {SLASH}]",
            ),
            (
                "Create",
                collections_pb2.CreateCollection(collection_name="a/b"),
                f"Validation error in body: [collection_name: {SLASH}]",
            ),
            (
                "ListCollectionAliases",
                collections_pb2.ListCollectionAliasesRequest(collection_name=LONG),
                f"Validation error in body: [collection_name: {TOO_LONG}]",
            ),
            (
                "Create",
                collections_pb2.CreateCollection(
                    collection_name="n",
                    vectors_config=collections_pb2.VectorsConfig(params=pinned),
                ),
                f"Validation error in body: [vectors.memory: {PINNED.format('dense vector')}]",
            ),
        ):
            await self.check(f"Collections/{method}", message, text)

    async def test_an_empty_list_of_aliases(self) -> None:
        for name in ("missing", "c"):
            request = collections_pb2.ListCollectionAliasesRequest(collection_name=name)
            answer = await self.rpc.call("Collections/ListCollectionAliases", request)
            self.assertEqual(list(answer.aliases), [])
