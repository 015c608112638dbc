"""A client process that sends prepared requests and measures every response time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from multiprocessing import get_context
from time import perf_counter

import grpc.aio
import numpy as np
from attrs import frozen

from .load import read_answer

Send = Callable[[bytes], Awaitable[bytes]]

_UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


@frozen
class GrpcMethod:
    """A unary method of a server; requests are serialized messages."""

    port: int
    name: str


@frozen
class HttpPath:
    """A path of a server to which JSON requests are posted."""

    port: int
    path: str


Place = GrpcMethod | HttpPath


@frozen
class Pace:
    """Throughput in calls per second, and percentiles of the latency in milliseconds."""

    rate: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, durations: Sequence[float], seconds: float) -> Pace:
        """The pace of calls that took `durations`, in seconds, over `seconds` of wall time."""
        percentiles = np.percentile(np.array(durations) * 1e3, (50, 95, 99)).tolist()
        return cls(len(durations) / seconds, *percentiles)


class Caller:
    """A client process, as a context manager."""

    def __init__(self) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.shutdown()

    def answers(self, place: Place, requests: Sequence[bytes]) -> list[bytes]:
        """Send the requests sequentially; returns the response to each."""
        return self._process.submit(_answers, place, requests).result()

    def pace(self, place: Place, requests: Sequence[bytes], in_flight: int, seconds: float) -> Pace:
        """The pace of `requests`, repeated for `seconds` with `in_flight` calls at a time."""
        return self._process.submit(_pace, place, requests, in_flight, seconds).result()


def _answers(place: Place, requests: Sequence[bytes]) -> list[bytes]:
    async def run() -> list[bytes]:
        async with _Connections(place, 1) as senders:
            return [await senders[0](request) for request in requests]

    return asyncio.run(run())


def _pace(place: Place, requests: Sequence[bytes], in_flight: int, seconds: float) -> Pace:
    async def run() -> Pace:
        async with _Connections(place, in_flight) as senders:
            queue = cycle(requests)
            await asyncio.gather(*(send(next(queue)) for send in senders))
            durations: list[float] = []
            started = perf_counter()
            loops = (_repeat(send, queue, started + seconds, durations) for send in senders)
            await asyncio.gather(*loops)
            return Pace.of(durations, perf_counter() - started)

    return asyncio.run(run())


async def _repeat(send: Send, queue: Iterator[bytes], ends: float, durations: list[float]) -> None:
    now = perf_counter()
    while now < ends:
        await send(next(queue))
        durations.append(perf_counter() - now)
        now = perf_counter()


class _Connections:
    """An asynchronous context manager that yields `count` functions to send a request.

    One HTTP connection each, or one shared gRPC channel.
    """

    def __init__(self, place: Place, count: int) -> None:
        self._place = place
        self._count = count
        self._close: list[Callable[[], object]] = []

    async def __aenter__(self) -> Sequence[Send]:
        if isinstance(self._place, GrpcMethod):
            address = f"127.0.0.1:{self._place.port}"
            channel = grpc.aio.insecure_channel(address, options=_UNLIMITED)
            self._close.append(channel.close)
            method: Send = channel.unary_unary(self._place.name)
            return [method] * self._count
        return [await self._poster(self._place) for _ in range(self._count)]

    async def __aexit__(self, *_: object) -> None:
        for close in self._close:
            closing = close()
            if closing is not None:
                await closing  # type: ignore[misc]

    async def _poster(self, place: HttpPath) -> Send:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        self._close.append(writer.close)
        head = f"POST {place.path} HTTP/1.1\r\nHost: localhost\r\n"
        head += "Content-Type: application/json\r\n"

        async def send(request: bytes) -> bytes:
            writer.write(f"{head}Content-Length: {len(request)}\r\n\r\n".encode() + request)
            return await read_answer(reader)

        return send
