"""A process that answers reads, and passes on everything else; see `processes.messages`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import rmtree
from threading import Thread
from typing import Any, TextIO

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from . import allocator, file_limit
from .collector import spare_the_collector, without_collector
from .config import Config
from .lifecycle import SequentialService
from .logs import get_logger
from .processes.messages import RELOAD, STOP, Order
from .reloading import Reloader
from .stdio_log import capture

log = get_logger("vexfs.processes")

_FIGURES_S = 0.5
"""Seconds after which figures are sent again."""


class Reader:
    """Serves an order until the process that writes says to stop, or ends.

    `reactor` is the real one; messages are written to `pipe`. `status` is the exit status.
    """

    def __init__(self, order: Order, reactor: Any, pipe: TextIO) -> None:
        self.status = 1
        self._order = order
        self._reactor = reactor
        self._pipe = pipe
        self._service: SequentialService | None = None
        self._reloader: Reloader | None = None
        self._changed: Config | None = None

    def start(self) -> None:
        """Begin, once the reactor runs."""
        capture()
        Thread(target=self._listen, name="order", daemon=True).start()
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        allocator.set_up()
        file_limit.raise_limit()
        with without_collector():
            from .reader_composition import build_reader

        service, performance, reloader = build_reader(self._order, self._reactor)
        await service.startService()
        self._service = service
        self._reloader = reloader
        if self._changed is not None:
            self._reload(self._changed)
        spare_the_collector()
        figures = LoopingCall(lambda: self._send({"figures": performance.dump_changes()}))
        figures.start(_FIGURES_S, now=False)
        self._send({"ready": os.getpid()})

    def _failed(self, failure: Any) -> None:
        log.error("cannot start", reason=str(failure.value), exc_info=failure)
        self._reactor.stop()

    def _send(self, message: dict[str, Any]) -> None:
        self._pipe.write(orjson.dumps(message).decode() + "\n")

    def _listen(self) -> None:
        """In a thread: the input says what to do, or ends with the process at its other end."""
        while (message := sys.stdin.buffer.read(len(STOP))) == RELOAD:
            config = Order.load(sys.stdin.buffer).config
            self._reactor.callFromThread(self._reload, config)
        if message != STOP:
            # What is acknowledged from now on may not be seen here. Nobody else is left to remove
            # the sockets.
            rmtree(Path(self._order.rest_socket).parent, ignore_errors=True)
            os._exit(1)
        self._reactor.callFromThread(self._stop)

    def _reload(self, config: Config) -> None:
        """Use changed settings; a reader that is starting uses them once it serves."""
        self._changed = config
        if self._reloader is not None:
            Deferred.fromCoroutine(self._reloader.apply(config)).addErrback(self._not_reloaded)

    def _not_reloaded(self, failure: Any) -> None:
        log.error("the reload has failed", exc_info=failure)

    def _stop(self) -> None:
        service = self._service
        stopped = Deferred.fromCoroutine(_nothing()) if service is None else service.stopService()
        stopped.addCallbacks(self._stopped, self._failed)

    def _stopped(self, _: object) -> None:
        self.status = 0
        self._reactor.stop()


async def _nothing() -> None:
    """The service has not started."""
