"""Where the time of a call over gRPC goes: a profile by stage.

    python -m benchmarks.stages DATA_FOLDER LOAD_PROGRAM [--keep FOLDER]

The server runs in this process, with a clock around the functions of each stage (about 0.5 us
each). Prints the median wall time of each stage in us, of Get, Count and Query, with 1 and with 16
calls in flight. The load program and the folder are those of benchmarks.wire.

accept: what the middleware does before the message is read. decode: the message and the model
values. wait: until the engine is called. read: the engine's time, divided by the calls that it
answers together. encode: the response. send: handing it to grpc.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from qdrant_client import grpc as messages
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from vexfs_twisted import logs
from vexfs_twisted.composition import Components, build
from vexfs_twisted.config import Config
from vexfs_twisted.rpc.transport.completion_queue import QueueCall
from vexfs_twisted.rpc.unary import UnaryHandler, _UnaryCall
from vexfs_twisted.storage.queues import CollectionQueues
from vexfs_twisted.storage.shared_reads import SharedReads

from .corpus import Corpus, real_corpus
from .engines import COLLECTION
from .wire import IN_FLIGHT, Messages, Program, filled_daemon, gets, parsed, queries

STAGES = ("accept", "decode", "wait", "read", "encode", "send")
EF = 16


class Clock:
    """The durations in seconds of each stage, by name."""

    def __init__(self) -> None:
        self.durations: defaultdict[str, list[float]] = defaultdict(list)
        self._submitted: dict[int, float] = {}

    def around(self, owner: type, name: str, stage: str) -> None:
        """Measure a method."""
        inner, durations = getattr(owner, name), self.durations

        @wraps(inner)
        def measured(*args: Any, **options: Any) -> Any:
            started = perf_counter()
            try:
                return inner(*args, **options)
            finally:
                durations[stage].append(perf_counter() - started)

        setattr(owner, name, measured)

    def at_submission(self, owner: type, name: str) -> None:
        """Note when a method is called with a read context, its second argument."""
        inner, submitted = getattr(owner, name), self._submitted

        @wraps(inner)
        def noted(self: Any, request: Any, context: Any, *args: Any, **options: Any) -> Any:
            submitted[id(context)] = perf_counter()
            return inner(self, request, context, *args, **options)

        setattr(owner, name, noted)

    def around_reads(self, owner: type, name: str, contexts: Callable[..., Sequence[Any]]) -> None:
        """Measure a method that answers reads; `contexts` tells theirs by its arguments."""
        inner, durations, submitted = getattr(owner, name), self.durations, self._submitted

        @wraps(inner)
        def measured(*args: Any) -> Any:
            started = perf_counter()
            keys = [id(context) for context in contexts(*args)]
            durations["wait"] += [started - submitted.pop(key, started) for key in keys]
            try:
                return inner(*args)
            finally:
                durations["read"].append((perf_counter() - started) / len(keys))

        setattr(owner, name, measured)


def instrument(clock: Clock) -> None:
    """Put the clock around every stage."""
    clock.around(_UnaryCall, "begin", "accept")
    clock.around(UnaryHandler, "decode", "decode")
    clock.at_submission(CollectionQueues, "read_direct")
    clock.around_reads(CollectionQueues, "_query_each", lambda *args: args[3])
    clock.around_reads(CollectionQueues, "_retrieve_each", lambda *args: args[2])
    clock.around_reads(SharedReads, "_read_each", lambda *args: args[2])
    clock.around(UnaryHandler, "encode", "encode")
    clock.around(QueueCall, "answer", "send")


def measure(clock: Clock, program: Program, rows: Sequence[tuple[str, Messages]]) -> None:
    """Print the profile of each row. In a thread: the reactor runs meanwhile."""
    print(f"{'median us':<28}" + "".join(f"{stage:>9}" for stage in STAGES) + f"{'calls/s':>10}")
    for name, calls in rows:
        for in_flight in IN_FLIGHT:
            program.run(calls, in_flight, 0.5)
            clock.durations.clear()
            load = program.run(calls, in_flight)
            medians = [median(clock.durations[stage] or [0.0]) * 1e6 for stage in STAGES]
            figures = "".join(f"{own:>9,.0f}" for own in medians)
            print(f"{f'{name}, {in_flight} in flight':<28}{figures}{load.rate:>10,.0f}", flush=True)


def rows_of(port: int, folder: Path, corpus: Corpus) -> list[tuple[str, Messages]]:
    """The calls that are profiled."""
    count = messages.CountPoints(collection_name=COLLECTION, exact=True).SerializeToString()
    each = (
        ("Get", gets(len(corpus))),
        ("Count", [count]),
        ("Query", queries(corpus.plain(), EF)),
    )
    return [
        (
            name,
            Messages.written(
                port, os.getpid(), f"/qdrant.Points/{name}", folder / f"{name}.messages", requests
            ),
        )
        for name, requests in each
    ]


async def run(parts: Components, clock: Clock, program: Program, corpus: Corpus) -> None:
    """Serve, and measure."""
    await parts.service.startService()
    try:
        assert parts.rpc is not None
        with tempfile.TemporaryDirectory() as folder:
            rows = rows_of(parts.rpc.port, Path(folder), corpus)
            await deferToThread(measure, clock, program, rows)
    finally:
        await parts.service.stopService()


def main() -> None:
    """Print the profile."""
    given = parsed(__doc__)
    corpus = real_corpus(given.data)
    logs.begin("warning")
    clock = Clock()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        with filled_daemon(folder, corpus):
            pass
        instrument(clock)
        data = str(folder / "data")
        config = Config(storage_path=data, http_port=0, grpc_port=0, rate_limit=0)
        done = Deferred.fromCoroutine(
            run(build(config, reactor), clock, Program(given.load), corpus)
        )
        failures: list[Any] = []
        done.addErrback(failures.append)
        done.addBoth(lambda _: reactor.stop())  # type: ignore[attr-defined]
        reactor.run()  # type: ignore[attr-defined]
    for failure in failures:
        sys.exit(failure.getTraceback())


if __name__ == "__main__":
    main()
