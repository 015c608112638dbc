"""Baseline servers without any work behind them. Prints its port once it listens.

    python -m benchmarks.bare grpc|queue

`queue` is the completion queue of grpcio, driven directly: what a call costs below our server.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import grpc.aio
from grpc._cython import cygrpc  # type: ignore[attr-defined]


class Echo(grpc.GenericRpcHandler):
    """Answers every unary call with its own bytes."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The same handler for every method."""
        return grpc.unary_unary_rpc_method_handler(self._echo)

    async def _echo(self, request: bytes, _: object) -> bytes:
        return request


async def serve_grpc() -> None:
    """Run a grpc.aio server that echoes requests."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def serve_queue() -> None:
    """Answer every call with 300 bytes."""
    queue = cygrpc.CompletionQueue()
    server = cygrpc.Server((("grpc.so_reuseport", 0),), False)
    server.register_completion_queue(queue)
    port = server.add_http2_port(b"127.0.0.1:0")
    server.start()
    for _ in range(64):
        server.request_call(queue, queue, None)
    print(port, flush=True)
    while True:
        event = queue.poll()
        if event.tag is None:
            server.request_call(queue, queue, None)
            receive(event.call)
        else:
            event.tag(event)


def receive(call: cygrpc.Call) -> None:
    """Read the request of a call, and answer it."""

    def answer(_: object) -> None:
        operations = (
            cygrpc.SendInitialMetadataOperation((), 0),
            cygrpc.SendMessageOperation(b"x" * 300, 0),
            cygrpc.SendStatusFromServerOperation((), 0, b"", 0),
        )
        call.start_server_batch(operations, is_over)

    call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), answer)
    call.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(0),), is_over)


def is_over(_: object) -> None:
    """The response is out, or the call is over."""


if __name__ == "__main__":
    if sys.argv[1] == "grpc":
        asyncio.run(serve_grpc())
    else:
        serve_queue()
