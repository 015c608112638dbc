"""A light HTTP client in a process of its own: it costs a third of what the server does."""

from __future__ import annotations

import os
import select
import socket
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from attrs import frozen

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\nContent-Length: "
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@frozen
class HttpServer:
    """A server on this machine and its process."""

    pid: int
    port: int


@frozen
class HttpPace:
    """Calls per second, and the server's processor time for each, in microseconds."""

    rate: float
    processor: float


class HttpLoad:
    """The client process, as a context manager."""

    def __init__(self) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def __enter__(self) -> HttpLoad:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.shutdown()

    def answer(self, server: HttpServer, request: bytes) -> bytes:
        """The body of the response to a request."""
        return self._process.submit(_answer, server.port, request).result()

    def pace(
        self, server: HttpServer, request: bytes, connections: int, seconds: float
    ) -> HttpPace:
        """The pace of a request that is repeated for `seconds` over each of the connections."""
        before = _processor_s(server.pid)
        count, took = self._process.submit(
            _repeat, server.port, request, connections, seconds
        ).result()
        used = _processor_s(server.pid) - before
        return HttpPace(count / took, used / count * 1e6)


def request_of(method: str, path: str, body: bytes = b"") -> bytes:
    """A complete request, with the headers that clients usually send."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost:6333", "Accept: */*"]
    lines += ["Accept-Encoding: gzip, deflate", "Connection: keep-alive", "User-Agent: load/1.0"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _processor_s(pid: int) -> float:
    """The processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _answer(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        return _received(connection).partition(_HEAD_END)[2]


def _repeat(port: int, request: bytes, connections: int, seconds: float) -> tuple[int, float]:
    """The number of responses, and the seconds in which they came."""
    opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    by_number = {own.fileno(): own for own in opened}
    poll = select.epoll()
    for own in opened:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(own, select.EPOLLIN)
        own.sendall(request)
    count, started = 0, perf_counter()
    ends = started + seconds
    while perf_counter() < ends:
        for number, _ in poll.poll():
            own = by_number[number]
            _received(own)
            own.sendall(request)
            count += 1
    took = perf_counter() - started
    for own in opened:
        own.close()
    poll.close()
    return count, took


def _received(connection: socket.socket) -> bytes:
    """One response. Raises RuntimeError unless it is a success of known length."""
    data = connection.recv(1 << 20)
    while (end := data.find(_HEAD_END)) < 0:
        data += _more(connection)
    place = data.find(_LENGTH, 0, end)
    if not data.startswith(b"HTTP/1.1 200") or place < 0:
        raise RuntimeError(data[:end].decode())
    place += len(_LENGTH)
    length = end + len(_HEAD_END) + int(data[place : data.index(b"\r", place)])
    while len(data) < length:
        data += _more(connection)
    return data


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise RuntimeError("the server has closed the connection")
    return data
