"""The gRPC health service as specified in grpc/health/v1/health.proto, behind our middleware.

That of grpcio decodes, waits and watches outside of our middleware, and without a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from ..middleware import Method
from ..model.errors import NotFound
from .call_context import Context
from .middleware import Answers, RequestReader, StreamLimit, with_middleware
from .wire import Wire

SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_Status = health_pb2.HealthCheckResponse

# These messages are newer than the type stubs.
_ListRequest: Any = health_pb2.HealthListRequest  # type: ignore[attr-defined]
_ListResponse: Any = health_pb2.HealthListResponse  # type: ignore[attr-defined]


class Health:
    """Reports SERVING until the server stops. Belongs to the event loop.

    No API key is needed: health checkers may have none. The only known service is the server as a
    whole, which has the empty name.
    """

    def __init__(self, wire: Wire) -> None:
        self._requests = RequestReader(health_pb2.HealthCheckRequest, wire)
        self._lists = RequestReader(_ListRequest, wire)
        self._wire = wire
        self._watches = StreamLimit(wire.settings.max_watches, "watches of health")
        self._stopping = asyncio.Event()

    @property
    def watches(self) -> int:
        """The number of open watches."""
        return self._watches.taken

    def handlers(self) -> grpc.GenericRpcHandler:
        """The handlers of its methods."""
        methods: Mapping[str, tuple[Answers, bool]] = {
            "Check": (self._check, False),
            "List": (self._list, False),
            "Watch": (self._watch, True),
        }
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            name: grpc.stream_stream_rpc_method_handler(
                with_middleware(
                    Method("grpc", f"{SERVICE}/{name}", is_stream, True), answers, self._wire
                )
            )
            for name, (answers, is_stream) in methods.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def stop(self) -> None:
        """Report NOT_SERVING to all watchers, and end all watches."""
        self._stopping.set()

    def _statuses(self) -> Mapping[str, int]:
        is_over = self._stopping.is_set()
        return {"": _Status.NOT_SERVING if is_over else _Status.SERVING}

    async def _check(self, context: Context) -> AsyncIterator[Message]:
        request = await self._requests.only(context)
        status = self._statuses().get(request.service)
        if status is None:
            raise NotFound(f"no service of the name `{request.service}` is known here")
        yield _Status(status=status)

    async def _list(self, context: Context) -> AsyncIterator[Message]:
        await self._lists.only(context)
        told = {name: _Status(status=status) for name, status in self._statuses().items()}
        yield _ListResponse(statuses=told)

    async def _watch(self, context: Context) -> AsyncIterator[Message]:
        with self._watches:
            request = await self._requests.only(context)
            known = self._statuses().get(request.service)
            yield _Status(status=_Status.SERVICE_UNKNOWN if known is None else known)
            await self._stopping.wait()
            if known == _Status.SERVING:
                yield _Status(status=_Status.NOT_SERVING)
