"""IOperations over REST: a client that speaks HTTP to the real site."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers
from zope.interface import implementer

from tests.contract import model_json
from tests.contract.client_parts import REFUSALS, deferred, error_from
from tests.contract.update_json import batch_operation, update_call
from tests.query_json import group_query_to_json, query_to_json, selection_to_json
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
from vexfs_twisted.model.optimizations import Optimizations, OptimizationsRequest
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
from vexfs_twisted.model.updates import Update, UpdateResult, Upsert

ERRORS: Mapping[int, tuple[type[DomainError], ...]] = {
    400: REFUSALS,
    403: (Forbidden,),
    404: (NotFound,),
    408: (TimedOut,),
    409: (AlreadyExists,),
    422: (ValidationError,),
    429: (RateLimited,),
    500: (InternalError,),
    501: (NotSupported,),
    503: (Unavailable,),
    507: (StorageFull,),
}

CheckResponse = Callable[[str, str, int, str, bytes], None]
"""Checks an answer against the API's description: method, path, status, Content-Type, body."""


class Response(NamedTuple):
    """One answer, with its body as it came."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def content_type(self) -> str:
        (content_type,) = self.headers.getRawHeaders("Content-Type", [])
        assert isinstance(content_type, str)
        return content_type

    def check(self, check: CheckResponse, method: str, path: str) -> None:
        """Hold the answer against the API's description."""
        check(method, path.partition("?")[0], self.status, self.content_type, self.body)

    @property
    def error(self) -> str:
        """The text of an error."""
        text: str = self.json["status"]["error"]
        return text


class HttpClient:
    """Plain HTTP to one server."""

    def __init__(self, reactor: Any, port: int) -> None:
        self.port = port
        self._base = f"http://127.0.0.1:{port}"
        self._pool = HTTPConnectionPool(reactor)
        self._pool.retryAutomatically = False
        self._agent = Agent(reactor, self._pool)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer to one request."""
        fields = Headers({name: [value] for name, value in (headers or {}).items()})
        producer = None if body is None else FileBodyProducer(BytesIO(body))
        url = f"{self._base}{path}".encode()
        response = await self._agent.request(method.encode(), url, fields, producer)
        return Response(response.code, response.headers, await readBody(response))

    async def send_json(self, method: str, path: str, value: object) -> Response:
        """The answer to a request with a JSON body."""
        headers = {"Content-Type": "application/json"}
        # The standard library writes integers of any size, so that tests can send them.
        return await self.request(method, path, json.dumps(value).encode(), headers)

    def close(self) -> Deferred[None]:
        """Close all connections."""
        return self._pool.closeCachedConnections()


@implementer(IOperations)
class RestOperations:
    """IOperations by HTTP. `upsert_json` chooses the form of upserts."""

    def __init__(
        self,
        http: HttpClient,
        check: CheckResponse,
        upsert_json: Callable[[Upsert], Any] = model_json.upsert_rows,
    ) -> None:
        self._http = http
        self._check = check
        self._upsert_json = upsert_json

    @deferred
    async def create_collection(self, name: str, request: CreateCollection) -> bool:
        body = model_json.create_collection(request)
        return await self._call("PUT", "/collections/{collection_name}", name, body)

    @deferred
    async def update_collection(self, name: str, request: UpdateCollection) -> bool:
        body = model_json.update_collection(request)
        return await self._call("PATCH", "/collections/{collection_name}", name, body)

    @deferred
    async def delete_collection(self, name: str) -> bool:
        return await self._call("DELETE", "/collections/{collection_name}", name)

    @deferred
    async def list_collections(self) -> list[str]:
        result = await self._call("GET", "/collections")
        # The order is not specified on the wire.
        return sorted(collection["name"] for collection in result["collections"])

    @deferred
    async def collection_exists(self, name: str) -> bool:
        result = await self._call("GET", "/collections/{collection_name}/exists", name)
        return result["exists"]

    @deferred
    async def read(
        self, name: str, request: ReadRequest[Answer], timeout: float | None = None
    ) -> Answer:
        return await _READS[type(request)](self, name, request, timeout)

    async def _info(
        self, name: str, _: CollectionInfoRequest, timeout: float | None
    ) -> CollectionInfo:
        result = await self._call("GET", "/collections/{collection_name}", name)
        return model_json.read_collection_info(result)

    async def _optimizations(
        self, name: str, _: OptimizationsRequest, timeout: float | None
    ) -> Optimizations:
        path = "/collections/{collection_name}/optimizations"
        query = {"with": "queued,completed,idle_segments", "completed_limit": "100"}
        return model_json.read_optimizations(await self._call("GET", path, name, None, query))

    @deferred
    async def cluster_info(self, name: str) -> ClusterInfo:
        result = await self._call("GET", "/collections/{collection_name}/cluster", name)
        return model_json.read_cluster_info(result)

    @deferred
    async def update_aliases(self, actions: Sequence[AliasAction]) -> bool:
        body = {"actions": [model_json.alias_action(action) for action in actions]}
        return await self._call("POST", "/collections/aliases", body=body)

    @deferred
    async def list_aliases(self, collection_name: str | None = None) -> list[Alias]:
        if collection_name is None:
            result = await self._call("GET", "/aliases")
        else:
            path = "/collections/{collection_name}/aliases"
            result = await self._call("GET", path, collection_name)
        return [Alias(**alias) for alias in result["aliases"]]

    @deferred
    async def update(
        self,
        name: str,
        update: Update | VectorNameCommand,
        wait: bool = False,
        timeout: float | None = None,
    ) -> UpdateResult:
        method, path, body = update_call(update, self._upsert_json)
        route = "/collections/{collection_name}" + _literal(path)
        result = await self._call(method, route, name, body, _waiting(wait, timeout))
        return model_json.read_update_result(result)

    @deferred
    async def update_batch(
        self, name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> list[UpdateResult]:
        operations = [batch_operation(update, self._upsert_json) for update in updates]
        path = "/collections/{collection_name}/points/batch"
        body = {"operations": operations}
        result = await self._call("POST", path, name, body, _waiting(wait, timeout))
        return list(map(model_json.read_update_result, result))

    async def _retrieve(self, name: str, request: Retrieve, timeout: float | None) -> list[Record]:
        body = {"ids": list(request.ids), **selection_to_json(request.selection)}
        path = "/collections/{collection_name}/points"
        result = await self._call("POST", path, name, body, _timeout(timeout))
        return [model_json.read_record(record) for record in result]

    async def _scroll(self, name: str, request: Scroll, timeout: float | None) -> Page:
        path = "/collections/{collection_name}/points/scroll"
        result = await self._call("POST", path, name, model_json.scroll(request), _timeout(timeout))
        records = [model_json.read_record(record) for record in result["points"]]
        return Page(records, result["next_page_offset"])

    async def _count(self, name: str, request: Count, timeout: float | None) -> int:
        path = "/collections/{collection_name}/points/count"
        result = await self._call("POST", path, name, model_json.count(request), _timeout(timeout))
        return result["count"]

    async def _facet(self, name: str, request: Facet, timeout: float | None) -> list[FacetHit]:
        path = "/collections/{collection_name}/facet"
        result = await self._call("POST", path, name, model_json.facet(request), _timeout(timeout))
        return [FacetHit(**hit) for hit in result["hits"]]

    async def _query(self, name: str, query: Query, timeout: float | None) -> Sequence[ScoredPoint]:
        path = "/collections/{collection_name}/points/query"
        result = await self._call("POST", path, name, query_to_json(query), _timeout(timeout))
        return [model_json.read_scored_point(point) for point in result["points"]]

    async def _query_batch(
        self, name: str, request: QueryBatch, timeout: float | None
    ) -> list[Sequence[ScoredPoint]]:
        path = "/collections/{collection_name}/points/query/batch"
        body = {"searches": [query_to_json(query) for query in request.queries]}
        result = await self._call("POST", path, name, body, _timeout(timeout))
        return [list(map(model_json.read_scored_point, hits["points"])) for hits in result]

    async def _groups(
        self, name: str, request: GroupQuery, timeout: float | None
    ) -> list[PointGroup]:
        path = "/collections/{collection_name}/points/query/groups"
        body = group_query_to_json(request)
        result = await self._call("POST", path, name, body, _timeout(timeout))
        return list(map(model_json.read_group, result["groups"]))

    async def _matrix(
        self, name: str, request: MatrixRequest, timeout: float | None
    ) -> DistanceMatrix:
        path = "/collections/{collection_name}/points/search/matrix"
        body, parameters = model_json.matrix(request), _timeout(timeout)
        pairs = await self._call("POST", f"{path}/pairs", name, body, parameters)
        offsets = await self._call("POST", f"{path}/offsets", name, body, parameters)
        return model_json.read_matrix(pairs, offsets)

    async def _call(
        self,
        method: str,
        route: str,
        name: str | None = None,
        body: object = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        path = route if name is None else route.format(collection_name=_segment(name))
        if parameters:
            path = f"{path}?{urlencode(parameters)}"
        if body is None:
            response = await self._http.request(method, path)
        else:
            response = await self._http.send_json(method, path, body)
        response.check(self._check, method, path)
        if response.status != 200:
            raise error_from(response.error, ERRORS[response.status])
        answer = response.json
        assert answer.keys() == {"result", "status", "time"}, answer.keys()
        assert answer["status"] == "ok", answer["status"]
        return answer["result"]


def _segment(name: str) -> str:
    # A dot is a character like any other to quote, but a whole segment of dots means a folder.
    return quote(name, safe="").replace(".", "%2E")


def _literal(path: str) -> str:
    """A path that is formatted into itself."""
    return path.replace("{", "{{").replace("}", "}}")


_READS: Mapping[type[ReadRequest[Any]], Callable[..., Awaitable[Any]]] = {
    CollectionInfoRequest: RestOperations._info,
    OptimizationsRequest: RestOperations._optimizations,
    Retrieve: RestOperations._retrieve,
    Scroll: RestOperations._scroll,
    Count: RestOperations._count,
    Facet: RestOperations._facet,
    Query: RestOperations._query,
    QueryBatch: RestOperations._query_batch,
    GroupQuery: RestOperations._groups,
    MatrixRequest: RestOperations._matrix,
}


def _waiting(wait: bool, timeout: float | None) -> dict[str, str]:
    return {"wait": "true" if wait else "false"} | _timeout(timeout)


def _timeout(timeout: float | None) -> dict[str, str]:
    return {} if timeout is None else {"timeout": str(int(timeout))}
