"""The stages of a REST call: what each costs in processor time.

    python -m benchmarks.rest_stages

Runs the server in this process, delivers requests to 16 of its connections without sockets, and
prints for each call of `benchmarks.rest` the microseconds of its stages, without those of the
stages within them. The last column is the sum. Measuring costs about a microsecond a stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread

from vexfs_twisted.composition import build
from vexfs_twisted.config import Config
from vexfs_twisted.logs import begin
from vexfs_twisted.middleware import MiddlewareChain
from vexfs_twisted.rest import dispatch, request_context
from vexfs_twisted.rest.dispatch import Dispatcher
from vexfs_twisted.rest.endpoints import points, search
from vexfs_twisted.rest.reads import Reads
from vexfs_twisted.rest.route_table import RouteTable
from vexfs_twisted.rest.transport.channel import StrictChannel
from vexfs_twisted.rest.transport.request import ApiRequest

from .rest import CONNECTIONS, Call, calls, fill

CALLS = 3_200

_STAGES: dict[str, list[tuple[Any, str]]] = {
    "parse": [(StrictChannel, "dataReceived")],
    "route": [(RouteTable, "find")],
    "call": [(Dispatcher, "answer")],
    "middleware": [(MiddlewareChain, "begin"), (MiddlewareChain, "end")],
    "decode": [
        (request_context, "parse"),
        (points, "read_retrieve"),
        (points, "read_count"),
        (points, "read_scroll"),
        (search, "read_query"),
    ],
    "read": [(Reads, "_begin"), (Reads, "_idle")],
    "encode": [
        (points, "record_to_json"),
        (request_context, "rows_to_json"),
        (dispatch, "result_response"),
    ],
    "write": [(ApiRequest, "respond")],
}


class Stages:
    """Adds up the time of stages, each without that of the stages it calls."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._within = [0.0]

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the functions of all stages meanwhile."""
        owners = [
            (owner, name, getattr(owner, name), stage)
            for stage, functions in _STAGES.items()
            for owner, name in functions
        ]
        for owner, name, function, stage in owners:
            setattr(owner, name, self._timed(stage, function))
        try:
            yield
        finally:
            for owner, name, function, _ in owners:
                setattr(owner, name, function)

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self._within.append(0.0)
            started = thread_time()
            try:
                return function(*args, **named)
            finally:
                took = thread_time() - started
                self.seconds[stage] += took - self._within.pop()
                self._within[-1] += took

        return call


async def profile(site: Any, call: Call) -> Counter[str]:
    """The seconds of all calls in each stage."""
    request = call.request()
    channels = []
    for _ in range(CONNECTIONS):
        channel = site.buildProtocol(None)
        channel.makeConnection(StringTransport())
        channels.append(channel)
    stages = Stages()
    await _repeat(channels, request, CALLS // 10)
    with stages.measured():
        await _repeat(channels, request, CALLS)
    for channel in channels:
        channel.connectionLost()
    return stages.seconds


async def _repeat(channels: list[Any], request: bytes, count: int) -> None:
    for _ in range(count // len(channels)):
        for channel in channels:
            channel.dataReceived(request)
        while any(channel.requests for channel in channels):
            await deferLater(reactor, 0)  # type: ignore[arg-type]
        for channel in channels:
            if not channel.transport.value().startswith(b"HTTP/1.1 200"):
                raise RuntimeError(channel.transport.value().decode())
            channel.transport.clear()


async def _run() -> None:
    begin("info")
    with TemporaryDirectory() as folder:
        config = Config(storage_path=folder, http_port=0, grpc_port=None)
        components = build(config, reactor)
        await components.service.startService()
        vector = await deferToThread(fill, components.rest.address().port)
        print(f"{'us of a call':<20}" + "".join(f"{stage:>11}" for stage in [*_STAGES, "sum"]))
        for call in calls(vector):
            seconds = await profile(components.rest._factory, call)
            row = [seconds[stage] / CALLS * 1e6 for stage in _STAGES]
            print(f"{call.title:<20}" + "".join(f"{own:>11.1f}" for own in [*row, sum(row)]))
        await components.service.stopService()


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(_run()))
