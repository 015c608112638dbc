"""A small gRPC-Web client, for tests."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from http.client import HTTPConnection
from struct import pack, unpack_from
from typing import Any

import attrs

from tests.support import DaemonProcess


@attrs.frozen
class WebAnswer:
    """The answer to a call: HTTP headers, messages and trailers."""

    http_status: int
    headers: Mapping[str, str]
    messages: list[bytes]
    trailers: Mapping[str, str]

    @property
    def status(self) -> int:
        """The gRPC status."""
        return int(self.trailers["grpc-status"])


def framed(*messages: bytes) -> bytes:
    """A body with messages."""
    return b"".join(pack(">BI", 0, len(message)) + message for message in messages)


def parsed(status: int, headers: Mapping[str, str], body: bytes) -> WebAnswer:
    """The answer in a response."""
    if headers.get("content-type", "").startswith("application/grpc-web-text"):
        quads = [body[start : start + 4] for start in range(0, len(body), 4)]
        body = b"".join(map(b64decode, quads))
    messages, trailers, start = [], {}, 0
    while start < len(body):
        kind, size = unpack_from(">BI", body, start)
        data = body[start + 5 : start + 5 + size]
        start += 5 + size
        if kind == 0x80:
            lines = data.decode().splitlines()
            trailers = dict(line.split(": ", 1) for line in lines)
            assert start == len(body), "something follows the trailers"
        else:
            messages.append(data)
    return WebAnswer(status, headers, messages, trailers)


def call(
    daemon: DaemonProcess,
    method: str,
    request: Any,
    headers: Mapping[str, str] | None = None,
    *,
    as_text: bool = False,
) -> WebAnswer:
    """Call a method with one message, or with a body of bytes."""
    body = request if isinstance(request, bytes) else framed(request.SerializeToString())
    kind = "application/grpc-web-text" if as_text else "application/grpc-web+proto"
    wire = HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)
    try:
        told = {"Content-Type": kind, **(headers or {})}
        wire.request("POST", method, b64encode(body) if as_text else body, told)
        response = wire.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return parsed(response.status, found, response.read())
    finally:
        wire.close()
