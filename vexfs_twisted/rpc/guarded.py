"""Methods that are not ours, or nobody's, behind the same interceptors as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from ..interception import Kind
from ..model.errors import NotSupported
from .passages import Context
from .wire import Wire

Answers = Callable[[Any, Context], AsyncIterator[Any]]
"""A handler of a stream of messages, which answers with another."""

_UNKNOWN = Kind("grpc", "unknown")
_LATER = frozenset(
    f"/qdrant.StorageRead/{name}"
    for name in (
        "ListFiles",
        "FileExists",
        "FileLength",
        "ReadBytes",
        "ReadBytesStream",
        "ReadWhole",
        "ReadBatch",
    )
)
"""Methods of Qdrant whose messages are not even described here."""


def guarded(
    kind: Kind, answers: Answers, wire: Wire, target: str = ""
) -> Callable[[Any, Context], Awaitable[None]]:
    """The same handler, whose calls pass the interceptors."""

    async def handle(messages: Any, context: Context) -> None:
        passage = wire.passage(kind, context, target)
        try:
            with passage:
                async for answer in answers(messages, context):
                    await context.write(answer)
        except Exception as error:
            status = passage.status_of(error)
        else:
            return
        # Outside of the try: abort raises, and must not be taken for an error of the call.
        await context.abort(status.code, status.details, status.metadata)

    return handle


class UnknownMethods(grpc.GenericRpcHandler):
    """Answers calls of methods that no other handler has. No message of them is read."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler of one call."""
        path = handler_call_details.method

        async def refuse(messages: Any, context: Context) -> AsyncIterator[Any]:
            if path in _LATER:
                name = path.removeprefix("/").replace("/", ".")
                raise NotSupported(f"The method {name} is not supported yet")
            raise NotSupported(f"There is no method {path}")
            yield

        return grpc.stream_stream_rpc_method_handler(guarded(_UNKNOWN, refuse, self._wire, path))
