"""Bare HTTP servers on Twisted, which answer every request with the same body.

    python -m benchmarks.bare_http resource|klein SIZE

`resource` is a Resource of twisted.web, `klein` a Klein app with routes of points. Prints its port
once it listens; the body has SIZE bytes.
"""

from __future__ import annotations

import subprocess
import sys

from klein import Klein
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Request, Site


class Constant(Resource):
    """Answers every request with the same body."""

    isLeaf = True

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    def render(self, request: Request) -> bytes:
        """The body."""
        request.content.read()
        request.setHeader(b"content-type", b"application/json")
        return self._body


def klein_app(body: bytes) -> Klein:
    """A Klein app whose routes of points answer with the same body."""
    app = Klein()

    @app.route("/collections/<name>/points", methods=["POST"])
    @app.route("/collections/<name>/points/<point>", methods=["GET", "POST"])
    def answer(request: Request, name: str, point: str = "") -> bytes:
        request.content.read()
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    return app


def serve_http(kind: str, size: int) -> None:
    """Run a Twisted server whose responses have a body of `size` bytes."""
    body = b"x" * size
    resource = Constant(body) if kind == "resource" else klein_app(body).resource()
    port = reactor.listenTCP(0, Site(resource), interface="127.0.0.1")  # type: ignore[attr-defined]
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    reactor.run()  # type: ignore[attr-defined]


class BareServer:
    """A bare server as a process, in a `with` block; `size` is that of its bodies, in bytes."""

    def __init__(self, kind: str, size: int) -> None:
        command = [sys.executable, "-m", "benchmarks.bare_http", kind, str(size)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        if self._process.stdout is None:
            raise RuntimeError("the baseline server has no output")
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> BareServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    serve_http(sys.argv[1], int(sys.argv[2]))
