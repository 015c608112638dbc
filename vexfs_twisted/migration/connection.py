"""Calls of a Qdrant-compatible server over gRPC, retried while it cannot answer."""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import Any, Generic, TypeVar

import grpc
from attrs import frozen
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from ..rpc.generated import collections_pb2, points_pb2, qdrant_pb2
from .errors import AlreadyThere, MigrationError, Missing, Refused, TooLarge, Unreachable
from .servers import ServerUrl

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

LARGEST_PAGE = 8 << 20
"""Bytes of the answer to `page_call` at most."""

LARGEST_ANSWER = 512 << 20
"""Bytes of any other answer at most."""

ATTEMPT_SECONDS = 120.0
"""How long one attempt of a call may take."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_PASSING = {
    StatusCode.UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.ABORTED,
}
_TOO_LARGE = re.compile("larger than|too large", re.IGNORECASE)


@frozen
class Method(Generic[Request, Response]):
    """A unary method: its path, and the type of its answers."""

    path: str
    response: type[Response]


_DONE = collections_pb2.CollectionOperationResponse
_UPDATED = points_pb2.PointsOperationResponse
_INFO = collections_pb2.GetCollectionInfoResponse

HEALTH: Method[qdrant_pb2.HealthCheckRequest, qdrant_pb2.HealthCheckReply] = Method(
    "/qdrant.Qdrant/HealthCheck", qdrant_pb2.HealthCheckReply
)
LIST: Method[collections_pb2.ListCollectionsRequest, collections_pb2.ListCollectionsResponse] = (
    Method("/qdrant.Collections/List", collections_pb2.ListCollectionsResponse)
)
INFO: Method[collections_pb2.GetCollectionInfoRequest, collections_pb2.GetCollectionInfoResponse]
INFO = Method("/qdrant.Collections/Get", _INFO)
ALIASES: Method[collections_pb2.ListAliasesRequest, collections_pb2.ListAliasesResponse] = Method(
    "/qdrant.Collections/ListAliases", collections_pb2.ListAliasesResponse
)
CREATE: Method[collections_pb2.CreateCollection, collections_pb2.CollectionOperationResponse]
CREATE = Method("/qdrant.Collections/Create", _DONE)
UPDATE: Method[collections_pb2.UpdateCollection, collections_pb2.CollectionOperationResponse]
UPDATE = Method("/qdrant.Collections/Update", _DONE)
DELETE: Method[collections_pb2.DeleteCollection, collections_pb2.CollectionOperationResponse]
DELETE = Method("/qdrant.Collections/Delete", _DONE)
CHANGE_ALIASES: Method[collections_pb2.ChangeAliases, collections_pb2.CollectionOperationResponse]
CHANGE_ALIASES = Method("/qdrant.Collections/UpdateAliases", _DONE)
CREATE_INDEX: Method[points_pb2.CreateFieldIndexCollection, points_pb2.PointsOperationResponse]
CREATE_INDEX = Method("/qdrant.Points/CreateFieldIndex", _UPDATED)
SCROLL: Method[points_pb2.ScrollPoints, points_pb2.ScrollResponse] = Method(
    "/qdrant.Points/Scroll", points_pb2.ScrollResponse
)
GET: Method[points_pb2.GetPoints, points_pb2.GetResponse] = Method(
    "/qdrant.Points/Get", points_pb2.GetResponse
)
COUNT: Method[points_pb2.CountPoints, points_pb2.CountResponse] = Method(
    "/qdrant.Points/Count", points_pb2.CountResponse
)
UPSERT: Method[points_pb2.UpsertPoints, points_pb2.PointsOperationResponse] = Method(
    "/qdrant.Points/Upsert", _UPDATED
)


class Connection:
    """A channel to one server. Used within one asyncio loop.

    `patience`: seconds for which a call is retried that fails for a reason that may pass.
    """

    def __init__(self, url: ServerUrl, patience: float) -> None:
        self.url = url
        self.retries = 0
        self._patience = patience
        self._metadata = () if url.api_key is None else (("api-key", url.api_key),)
        self._channel = _channel(url, LARGEST_ANSWER)
        self._pages = _channel(url, LARGEST_PAGE)
        # Only one answer at a time may be that large.
        self._large = asyncio.Lock()

    async def close(self) -> None:
        """Close the channels, and end what is under way."""
        await self._channel.close()
        await self._pages.close()

    async def greet(self) -> str:
        """The name and version of the server. It is asked once: a wrong URL is told at once."""
        request = qdrant_pb2.HealthCheckRequest()
        data = request.SerializeToString()
        answer, _ = await self._attempted(self._channel, HEALTH, data, patience=0)
        return f"{answer.title} {answer.version}"

    async def call(self, method: Method[Request, Response], request: Request) -> Response:
        """The answer to a call, of which one is made at a time. Raises MigrationErrors."""
        data = request.SerializeToString()
        async with self._large:
            answer, _ = await self._attempted(self._channel, method, data, self._patience)
        return answer

    async def page_call(
        self, method: Method[Request, Response], data: bytes
    ) -> tuple[Response, int]:
        """The answer to a call about some points, and its size in bytes.

        `data` is the request, so that nobody keeps its message meanwhile. Raises MigrationErrors:
        TooLarge if the answer has more than LARGEST_PAGE bytes.
        """
        return await self._attempted(self._pages, method, data, self._patience)

    async def _attempted(
        self,
        channel: grpc.aio.Channel,
        method: Method[Request, Response],
        data: bytes,
        patience: float,
    ) -> tuple[Response, int]:
        until = time.monotonic() + patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._attempt(channel, method, data)
            except grpc.aio.AioRpcError as error:
                if not _may_pass(error):
                    raise self._refusal(error) from None
                left = until - time.monotonic()
                if left <= 0:
                    raise self._unreachable(error) from None
            self.retries += 1
            # A random part, so that pages that failed together do not come back together.
            await asyncio.sleep(min(pause * random.uniform(0.5, 1.0), left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _attempt(
        self, channel: grpc.aio.Channel, method: Method[Request, Response], data: bytes
    ) -> tuple[Response, int]:
        stub: Any = channel.unary_unary(method.path)
        answer: bytes = await stub(data, timeout=ATTEMPT_SECONDS, metadata=self._metadata)
        try:
            return method.response.FromString(answer), len(answer)
        except DecodeError as error:
            raise MigrationError(f"{self.url} sent an answer that is none: {error}") from None

    def _refusal(self, error: grpc.aio.AioRpcError) -> MigrationError:
        code, details = error.code(), error.details() or ""
        text = f"{self.url} refuses: {details} ({code.name})"
        if _is_too_large(error):
            return TooLarge(text)
        if code is StatusCode.NOT_FOUND:
            return Missing(text)
        if code is StatusCode.ALREADY_EXISTS:
            return AlreadyThere(text)
        return Refused(text, is_input=code is StatusCode.INVALID_ARGUMENT)

    def _unreachable(self, error: grpc.aio.AioRpcError) -> Unreachable:
        text = f"{self.url} does not answer: {error.details()} ({error.code().name})"
        if error.code() is StatusCode.UNAVAILABLE:
            text += f". The URL must name its port of gRPC; is that {self.url.port}?"
        return Unreachable(text)


def _channel(url: ServerUrl, largest: int) -> grpc.aio.Channel:
    """A channel whose answers have `largest` bytes at most."""
    options = [
        ("grpc.max_receive_message_length", largest),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_reconnect_backoff_ms", 5000),
        # A proxy of the environment cannot reach this machine.
        ("grpc.enable_http_proxy", int(not url.is_local)),
    ]
    if not url.is_tls:
        return grpc.aio.insecure_channel(url.address, options)
    credentials = grpc.ssl_channel_credentials(url.ca_certificate)
    return grpc.aio.secure_channel(url.address, credentials, options)


def _is_too_large(error: grpc.aio.AioRpcError) -> bool:
    if error.code() is StatusCode.OUT_OF_RANGE:
        return True
    exhausted = error.code() is StatusCode.RESOURCE_EXHAUSTED
    return exhausted and _TOO_LARGE.search(error.details() or "") is not None


def _may_pass(error: grpc.aio.AioRpcError) -> bool:
    return error.code() in _PASSING and not _is_too_large(error)
