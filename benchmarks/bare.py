"""Baseline servers without any work behind them. Prints its port once it listens.

    python -m benchmarks.bare grpc|queue|klein

`queue` is the completion queue of grpcio, driven directly: what a call costs below our server.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import grpc.aio
from grpc._cython import cygrpc  # type: ignore[attr-defined]
from klein import Klein
from twisted.internet import reactor
from twisted.web.iweb import IRequest
from twisted.web.server import Site

BODY = b'{"result":{"id":1,"payload":{"k":1},"vector":[0.1,0.2,0.3,0.4]},"status":"ok","time":0.0}'


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


def serve_klein() -> None:
    """Run a Klein resource with one route and a constant response."""
    app = Klein()

    @app.route("/collections/<name>/points/<point>")
    def get(request: IRequest, name: str, point: str) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return BODY

    port = reactor.listenTCP(0, Site(app.resource()), interface="127.0.0.1")  # type: ignore[attr-defined]
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    if sys.argv[1] == "grpc":
        asyncio.run(serve_grpc())
    elif sys.argv[1] == "queue":
        serve_queue()
    else:
        serve_klein()
