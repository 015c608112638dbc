"""IOperations over gRPC: a client that speaks to the real server through our own schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import message_factory
from twisted.internet.defer import Deferred
from zope.interface import implementer

from tests.contract import collection_messages, point_messages, query_messages, update_messages
from tests.contract.client_parts import REFUSALS, deferred, error_from
from vexfs_twisted.interfaces import IOperations
from vexfs_twisted.model.collection import (
    Alias,
    AliasAction,
    ClusterInfo,
    CollectionInfo,
    CollectionInfoRequest,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.commands import VectorNameCommand
from vexfs_twisted.model.distance_matrix import DistanceMatrix, MatrixRequest
from vexfs_twisted.model.errors import (
    AlreadyExists,
    DomainError,
    Forbidden,
    InternalError,
    NotFound,
    NotSupported,
    RateLimited,
    StorageFull,
    TimedOut,
    Unavailable,
    ValidationError,
)
from vexfs_twisted.model.groups import GroupQuery, PointGroup
from vexfs_twisted.model.queries import (
    Count,
    Facet,
    FacetHit,
    Page,
    Query,
    QueryBatch,
    Record,
    Retrieve,
    ScoredPoint,
    Scroll,
)
from vexfs_twisted.model.reads import Answer, ReadRequest
from vexfs_twisted.model.updates import Update, UpdateResult
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.generated import collections_pb2 as pb
from vexfs_twisted.rpc.generated import points_pb2

ERRORS: Mapping[grpc.StatusCode, tuple[type[DomainError], ...]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (*REFUSALS, ValidationError),
    grpc.StatusCode.NOT_FOUND: (NotFound,),
    grpc.StatusCode.ALREADY_EXISTS: (AlreadyExists,),
    grpc.StatusCode.PERMISSION_DENIED: (Forbidden,),
    grpc.StatusCode.UNIMPLEMENTED: (NotSupported,),
    grpc.StatusCode.DEADLINE_EXCEEDED: (TimedOut,),
    grpc.StatusCode.UNAVAILABLE: (Unavailable,),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (StorageFull, RateLimited),
    grpc.StatusCode.INTERNAL: (InternalError,),
}


_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Clients of one server in one process would share a connection.
    ("grpc.use_local_subchannel_pool", 1),
]


class RpcClient:
    """Calls to one server by the full name of the method."""

    def __init__(self, reactor: Any, port: int) -> None:
        self._reactor = reactor
        self.port = port
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)

    def call(self, method: str, request: Any, **options: Any) -> Deferred[Any]:
        """The response to `request`; fails with grpc.RpcError. `method` is "Points/Upsert"."""
        service, _, name = method.partition("/")
        kind = POOL.FindServiceByName(f"qdrant.{service}").methods_by_name[name].output_type
        response_class = message_factory.GetMessageClass(kind)
        return self.call_raw(
            f"/qdrant.{method}", request.SerializeToString(), **options
        ).addCallback(response_class.FromString)

    def call_raw(self, path: str, request: bytes, **options: Any) -> Deferred[bytes]:
        """The bytes that answer the bytes `request`."""
        answered: Deferred[bytes] = Deferred()

        def settle(future: Any) -> None:
            error = future.exception()
            fire = answered.callback if error is None else answered.errback
            fire(future.result() if error is None else error)

        method: Any = self.channel.unary_unary(path)
        future = method.future(request, **options)
        future.add_done_callback(lambda done: self._reactor.callFromThread(settle, done))
        return answered

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()


@implementer(IOperations)
class RpcOperations:
    """IOperations by gRPC."""

    def __init__(self, client: RpcClient) -> None:
        self._client = client

    @deferred
    async def create_collection(self, name: str, request: CreateCollection) -> bool:
        message = collection_messages.create_collection(name, request)
        return (await self._call("Collections/Create", message)).result

    @deferred
    async def update_collection(self, name: str, request: UpdateCollection) -> bool:
        message = collection_messages.update_collection(name, request)
        return (await self._call("Collections/Update", message)).result

    @deferred
    async def delete_collection(self, name: str) -> bool:
        message = pb.DeleteCollection(collection_name=name)
        return (await self._call("Collections/Delete", message)).result

    @deferred
    async def list_collections(self) -> list[str]:
        response = await self._call("Collections/List", pb.ListCollectionsRequest())
        # The order is not specified on the wire.
        return sorted(collection.name for collection in response.collections)

    @deferred
    async def collection_exists(self, name: str) -> bool:
        message = pb.CollectionExistsRequest(collection_name=name)
        return (await self._call("Collections/CollectionExists", message)).result.exists

    @deferred
    async def read(
        self, name: str, request: ReadRequest[Answer], timeout: float | None = None
    ) -> Answer:
        return await _READS[type(request)](self, name, request, timeout)

    async def _info(
        self, name: str, _: CollectionInfoRequest, timeout: float | None
    ) -> CollectionInfo:
        message = pb.GetCollectionInfoRequest(collection_name=name)
        response = await self._call("Collections/Get", message)
        return collection_messages.read_collection_info(response.result)

    @deferred
    async def cluster_info(self, name: str) -> ClusterInfo:
        message = pb.CollectionClusterInfoRequest(collection_name=name)
        response = await self._call("Collections/CollectionClusterInfo", message)
        return collection_messages.read_cluster_info(response)

    @deferred
    async def update_aliases(self, actions: Sequence[AliasAction]) -> bool:
        message = pb.ChangeAliases(actions=map(collection_messages.alias_action, actions))
        return (await self._call("Collections/UpdateAliases", message)).result

    @deferred
    async def list_aliases(self, collection_name: str | None = None) -> list[Alias]:
        if collection_name is None:
            response = await self._call("Collections/ListAliases", pb.ListAliasesRequest())
        else:
            message = pb.ListCollectionAliasesRequest(collection_name=collection_name)
            response = await self._call("Collections/ListCollectionAliases", message)
        return [Alias(alias.alias_name, alias.collection_name) for alias in response.aliases]

    @deferred
    async def update(
        self,
        name: str,
        update: Update | VectorNameCommand,
        wait: bool = False,
        timeout: float | None = None,
    ) -> UpdateResult:
        method, message = update_messages.update_call(name, update, _waiting(wait, timeout))
        response = await self._call(f"Points/{method}", message)
        return point_messages.read_update_result(response.result)

    @deferred
    async def update_batch(
        self, name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> list[UpdateResult]:
        operations = map(update_messages.batch_operation, updates)
        message = points_pb2.UpdateBatchPoints(
            collection_name=name, operations=operations, **_waiting(wait, timeout)
        )
        response = await self._call("Points/UpdateBatch", message)
        return list(map(point_messages.read_update_result, response.result))

    async def _retrieve(self, name: str, request: Retrieve, timeout: float | None) -> list[Record]:
        message = point_messages.get(name, request.ids, request.selection, _timeout(timeout))
        response = await self._call("Points/Get", message)
        return [point_messages.read_record(r, request.selection) for r in response.result]

    async def _scroll(self, name: str, request: Scroll, timeout: float | None) -> Page:
        message = point_messages.scroll(name, request, _timeout(timeout))
        response = await self._call("Points/Scroll", message)
        records = [point_messages.read_record(r, request.selection) for r in response.result]
        if not response.HasField("next_page_offset"):
            return Page(records, None)
        return Page(records, point_messages.read_point_id(response.next_page_offset))

    async def _count(self, name: str, request: Count, timeout: float | None) -> int:
        message = point_messages.count(name, request, _timeout(timeout))
        return (await self._call("Points/Count", message)).result.count

    async def _facet(self, name: str, request: Facet, timeout: float | None) -> list[FacetHit]:
        message = point_messages.facet(name, request, _timeout(timeout))
        response = await self._call("Points/Facet", message)
        return list(map(point_messages.read_facet_hit, response.hits))

    async def _query(self, name: str, query: Query, timeout: float | None) -> Sequence[ScoredPoint]:
        message = query_messages.query(name, query, _timeout(timeout))
        response = await self._call("Points/Query", message)
        return [point_messages.read_scored_point(p, query.selection) for p in response.result]

    async def _query_batch(
        self, name: str, request: QueryBatch, timeout: float | None
    ) -> list[Sequence[ScoredPoint]]:
        messages = [query_messages.query(name, query, {}) for query in request.queries]
        parts: dict[str, Any] = {"query_points": messages, **_timeout(timeout)}
        batch = points_pb2.QueryBatchPoints(collection_name=name, **parts)
        response = await self._call("Points/QueryBatch", batch)
        return [
            [point_messages.read_scored_point(point, query.selection) for point in hits.result]
            for hits, query in zip(response.result, request.queries, strict=True)
        ]

    async def _groups(
        self, name: str, request: GroupQuery, timeout: float | None
    ) -> list[PointGroup]:
        message = query_messages.group_query(name, request, _timeout(timeout))
        response = await self._call("Points/QueryGroups", message)
        return [point_messages.read_group(group, request) for group in response.result.groups]

    async def _matrix(
        self, name: str, request: MatrixRequest, timeout: float | None
    ) -> DistanceMatrix:
        message = point_messages.matrix(name, request, _timeout(timeout))
        offsets = await self._call("Points/SearchMatrixOffsets", message)
        pairs = await self._call("Points/SearchMatrixPairs", message)
        matrix = point_messages.read_matrix(offsets.result)
        point_messages.check_pairs(pairs.result, matrix)
        return matrix

    async def _call(self, method: str, message: Any) -> Any:
        try:
            response = await self._client.call(method, message)
        except grpc.RpcError as error:
            call: Any = error
            raise error_from(call.details(), ERRORS[call.code()]) from None
        assert response.time > 0, "a response without its time"
        return response


_READS: Mapping[type[ReadRequest[Any]], Callable[..., Awaitable[Any]]] = {
    CollectionInfoRequest: RpcOperations._info,
    Retrieve: RpcOperations._retrieve,
    Scroll: RpcOperations._scroll,
    Count: RpcOperations._count,
    Facet: RpcOperations._facet,
    Query: RpcOperations._query,
    QueryBatch: RpcOperations._query_batch,
    GroupQuery: RpcOperations._groups,
    MatrixRequest: RpcOperations._matrix,
}


def _waiting(wait: bool, timeout: float | None) -> dict[str, Any]:
    return {"wait": wait} | _timeout(timeout)


def _timeout(timeout: float | None) -> dict[str, int]:
    return {} if timeout is None else {"timeout": int(timeout)}
