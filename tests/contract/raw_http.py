"""HTTP by hand: a connection on which a test decides what goes out, when, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure


class Reply(NamedTuple):
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class RawConnection(Protocol):
    """One connection. Answers must tell their length, as this server's do."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: list[tuple[int, Deferred[list[Reply]]]] = []
        self._replies: list[Reply] = []
        self.closed: Deferred[None] = Deferred()

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.transport is not None
        self.transport.write(data)

    def replies(self, count: int) -> Deferred[list[Reply]]:
        """The next `count` answers."""
        answered: Deferred[list[Reply]] = Deferred()
        self._waiting.append((count, answered))
        self._hand_out()
        return answered

    def disconnect(self) -> None:
        """Break the connection off."""
        transport: Any = self.transport
        transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        while (parsed := _parse(self._received)) is not None:
            reply, self._received = parsed
            self._replies.append(reply)
        self._hand_out()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(None)
        waiting, self._waiting = self._waiting, []
        for _, answered in waiting:
            answered.errback(reason)

    def _hand_out(self) -> None:
        while self._waiting and len(self._replies) >= self._waiting[0][0]:
            count, answered = self._waiting.pop(0)
            replies, self._replies = self._replies[:count], self._replies[count:]
            answered.callback(replies)


def _parse(data: bytes) -> tuple[Reply, bytes] | None:
    """The first whole answer in `data`, and what follows it."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    length = int(headers["content-length"])
    if len(rest) < length:
        return None
    return Reply(int(first.split()[1]), headers, rest[:length]), rest[length:]


def request(method: str, path: str, body: bytes = b"", headers: tuple[str, ...] = ()) -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def connect(reactor: Any, port: int) -> RawConnection:
    """A new connection."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    return await connectProtocol(endpoint, RawConnection())
