"""The REST wire in memory: requests as bytes through the real site, answers parsed from bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.client import HTTPResponse
from io import BytesIO
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from tests import openapi
from tests.recorded_operations import RecordedOperations
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site


@frozen
class Reply:
    """An answer as a client reads it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """What the envelope holds."""
        return self.json()["result"]

    @property
    def error(self) -> str:
        """The text of an error."""
        text: str = self.json()["status"]["error"]
        return text


class _Socket:
    """Lends bytes to http.client, which wants something like a socket."""

    def __init__(self, stream: BytesIO) -> None:
        self._stream = stream

    def makefile(self, _: str) -> BytesIO:
        return self._stream


def parse_replies(data: bytes, *methods: str) -> list[Reply]:
    """The answers in `data`, one for each of the methods that were asked with."""
    stream = BytesIO(data)
    # http.client closes the stream after an answer that ends its connection.
    stream.close = lambda: None  # type: ignore[method-assign]
    replies = []
    for method in methods:
        response = HTTPResponse(_Socket(stream), method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        replies.append(Reply(response.status, headers, body))
    if stream.read():
        raise AssertionError("more was answered than asked")
    return replies


class Connection:
    """One connection to a site, in memory. `pump` lets the server do what is to be done by now."""

    def __init__(self, site: Site, pump: Callable[[], object] = lambda: None) -> None:
        self._pump = pump
        self.transport = StringTransportWithDisconnection()
        protocol = site.buildProtocol(None)
        assert protocol is not None
        self.protocol: IProtocol = protocol
        self.transport.protocol = protocol
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Deliver bytes to the server, unless it has closed the connection."""
        if self.transport.connected:
            self.protocol.dataReceived(data)
            self._pump()

    def take(self) -> bytes:
        """What the server has written since the last call."""
        self._pump()
        data: bytes = self.transport.value()
        self.transport.clear()
        return data


def request_bytes(
    method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def inline(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Runs work at once, where the server would use a thread."""
    return maybeDeferred(function, *args)


class RestClient:
    """Asks a site for one thing at a time.

    Every answer is checked against the OpenAPI document of the interface, where that is here. What
    is made for it is torn down after `test`.
    """

    def __init__(
        self,
        test: SynchronousTestCase,
        operations: RecordedOperations | None = None,
        settings: RestSettings | None = None,
        run_in_thread: Callable[..., Deferred[Any]] = inline,
    ) -> None:
        self.operations = RecordedOperations(test) if operations is None else operations
        used = RestSettings() if settings is None else settings
        self.site = make_site(self.operations, used, Clock(), run_in_thread)
        self.connection = self.connect()

    def connect(self) -> Connection:
        """Another connection."""
        return Connection(self.site, self.operations.pump)

    def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and read its answer. `body`: bytes as they are, else as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.send(request_bytes(method, target, data, headers))
        (reply,) = parse_replies(self.connection.take(), method)
        if method not in ("HEAD", "OPTIONS") and openapi.is_here():
            kind, path = reply.headers["content-type"], target.partition("?")[0]
            openapi.check_answer(method, path, reply.status, kind, reply.body)
        return reply
