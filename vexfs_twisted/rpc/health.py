"""The gRPC health service as specified in grpc/health/v1/health.proto, behind our middleware.

That of grpcio decodes, waits and watches outside of our middleware, and without a limit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from twisted.internet.defer import Deferred

from ..middleware import Method
from ..model.errors import NotFound
from ..readiness import Readiness
from .middleware import Answers, RequestReader, StreamLimit, with_middleware
from .stream_call import StreamCall
from .transport.call import Accept
from .wire import Wire

SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_Status = health_pb2.HealthCheckResponse

# These messages are newer than the type stubs.
_ListRequest: Any = health_pb2.HealthListRequest  # type: ignore[attr-defined]
_ListResponse: Any = health_pb2.HealthListResponse  # type: ignore[attr-defined]


class Health:
    """Reports SERVING from when the server is ready until it stops. In the reactor thread.

    No API key is needed: health checkers may have none. The only known service is the server as a
    whole, which has the empty name.
    """

    def __init__(self, wire: Wire, readiness: Readiness) -> None:
        self._requests = RequestReader(health_pb2.HealthCheckRequest, wire)
        self._lists = RequestReader(_ListRequest, wire)
        self._wire = wire
        self._watches = StreamLimit(wire.settings.max_watches, "watches of health")
        self._readiness = readiness
        self._is_stopping = False
        self._changed: set[Deferred[None]] = set()
        readiness.call_when_ready(self._wake)

    @property
    def watches(self) -> int:
        """The number of open watches."""
        return self._watches.taken

    def handlers(self) -> dict[str, Accept]:
        """The handlers of its methods, by path."""
        methods: Mapping[str, tuple[Answers, bool]] = {
            "Check": (self._check, False),
            "List": (self._list, False),
            "Watch": (self._watch, True),
        }
        return {
            f"/{SERVICE}/{name}": with_middleware(
                Method("grpc", f"{SERVICE}/{name}", is_stream, True), answers, self._wire
            )
            for name, (answers, is_stream) in methods.items()
        }

    def stop(self) -> None:
        """Report NOT_SERVING to all watchers, and end all watches."""
        self._is_stopping = True
        self._wake()

    def _wake(self) -> None:
        """Let watches look at the status again."""
        changed, self._changed = self._changed, set()
        for watch in changed:
            watch.callback(None)

    def _statuses(self) -> Mapping[str, int]:
        is_serving = self._readiness.is_ready and not self._is_stopping
        return {"": _Status.SERVING if is_serving else _Status.NOT_SERVING}

    async def _check(self, call: StreamCall) -> AsyncGenerator[Message]:
        request = await self._requests.only(call)
        status = self._statuses().get(request.service)
        if status is None:
            raise NotFound(f"no service of the name `{request.service}` is known here")
        yield _Status(status=status)

    async def _list(self, call: StreamCall) -> AsyncGenerator[Message]:
        await self._lists.only(call)
        told = {name: _Status(status=status) for name, status in self._statuses().items()}
        yield _ListResponse(statuses=told)

    async def _watch(self, call: StreamCall) -> AsyncGenerator[Message]:
        with self._watches:
            request = await self._requests.only(call)
            told = None
            while True:
                status = self._statuses().get(request.service, _Status.SERVICE_UNKNOWN)
                if status != told:
                    yield _Status(status=status)
                    told = status
                elif self._is_stopping:
                    return
                else:
                    await self._change()

    async def _change(self) -> None:
        changed: Deferred[None] = Deferred()
        self._changed.add(changed)
        try:
            await changed
        finally:
            self._changed.discard(changed)
