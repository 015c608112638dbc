"""Load generators, each in a process of its own: only the work of the server is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter
from typing import Any

import grpc
import grpc.aio
from attrs import frozen

Call = Callable[[], Awaitable[object]]


@frozen
class GrpcCall:
    """One unary call, repeated: `request` is the serialized message, `connections` their number."""

    port: int
    method: str
    request: bytes
    connections: int = 1


def rate(target: GrpcCall, seconds: float, in_flight: int) -> float:
    """Calls per second of a client process with `in_flight` calls at a time."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_rate_here, target, seconds, in_flight).result()


def compare(
    baseline: GrpcCall,
    ours: GrpcCall,
    *,
    rounds: int = 5,
    seconds: float = 2.0,
    in_flight: int = 16,
) -> tuple[float, float, float]:
    """Median calls per second of both, and the median of their ratios, measured in turns."""
    pairs = [
        (rate(baseline, seconds, in_flight), rate(ours, seconds, in_flight)) for _ in range(rounds)
    ]
    return (
        median(base for base, _ in pairs),
        median(own for _, own in pairs),
        median(own / base for base, own in pairs),
    )


def _rate_here(target: GrpcCall, seconds: float, in_flight: int) -> float:
    return asyncio.run(_grpc_rate(target, seconds, in_flight))


async def _repeat(calls: Sequence[Call], seconds: float) -> float:
    """Repeat every call, all concurrently; returns the total rate."""
    await asyncio.gather(*(call() for call in calls))
    started = perf_counter()
    ends = started + seconds

    async def loop(call: Call) -> int:
        count = 0
        while perf_counter() < ends:
            await call()
            count += 1
        return count

    counts = await asyncio.gather(*(loop(call) for call in calls))
    return sum(counts) / (perf_counter() - started)


async def _grpc_rate(target: GrpcCall, seconds: float, in_flight: int) -> float:
    own = [("grpc.use_local_subchannel_pool", 1)]
    address = f"127.0.0.1:{target.port}"
    channels = [grpc.aio.insecure_channel(address, own) for _ in range(target.connections)]

    def caller(channel: grpc.aio.Channel) -> Call:
        method: Any = channel.unary_unary(target.method)

        async def call() -> object:
            return await method(target.request)

        return call

    try:
        callers = [caller(channels[number % len(channels)]) for number in range(in_flight)]
        return await _repeat(callers, seconds)
    finally:
        for channel in channels:
            await channel.close()


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """Read an HTTP response; returns its body. Raises RuntimeError unless it is a success."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
    length = fields.get(b"content-length")
    if length is not None:
        return await reader.readexactly(int(length))
    chunks = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(chunks)
