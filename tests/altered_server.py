"""A gRPC server that passes calls on to another one, and alters what a test wants altered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc

Alteration = Callable[[bytes, grpc.ServicerContext, Callable[[bytes], bytes]], bytes]
"""What answers a method: from the request, the call, and what asks the other server."""

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
]


class AlteredServer(grpc.GenericRpcHandler):
    """Passes unary calls on to the server at `address`. A `with` block starts and stops it.

    `alterations` are by the last part of the method's path. `calls` counts them by the same.
    """

    def __init__(self, address: str, **alterations: Alteration) -> None:
        self.alterations = alterations
        self.calls: dict[str, int] = {}
        self._channel = grpc.insecure_channel(address, _OPTIONS)
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=[self], options=_OPTIONS)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
        self._channel.close()

    def service(self, details: Any) -> Any:
        """How grpc asks for what handles a method."""
        name = details.method.rpartition("/")[2]
        ask: Any = self._channel.unary_unary(details.method)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls[name] = self.calls.get(name, 0) + 1
            metadata = tuple(context.invocation_metadata())
            kept = tuple(pair for pair in metadata if pair[0] == "api-key")

            def pass_on(message: bytes) -> bytes:
                answered: bytes = ask(message, metadata=kept)
                return answered

            try:
                if name in self.alterations:
                    return self.alterations[name](request, context, pass_on)
                return pass_on(request)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details() or "")
            raise AssertionError("not reached")

        return grpc.unary_unary_rpc_method_handler(answer)
