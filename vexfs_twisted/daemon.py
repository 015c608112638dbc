"""The whole server in one process: its parts put together, started, announced and stopped."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from . import allocator, file_limit
from .config import Config
from .engine.errors import EngineStartError
from .lifecycle import StartAbandoned, notify_manager
from .logs import get_logger, hide
from .model.device import DeviceError
from .model.errors import DomainError
from .stdio_log import capture

if TYPE_CHECKING:
    from .composition import Components

log = get_logger("vexfs.daemon")

_EXPECTED = (EngineStartError, CannotListenError, OSError, DomainError, DeviceError)
"""What may keep a server from starting without being a fault of the program."""

_COLLECTED_AFTER = (2000, 10, 10)
"""New objects until the youngest are looked at, and rounds of those until older ones are."""

Report = Callable[[str | None], None]
"""Told how things went: None once the server listens, or the reason why it does not, and later the
reason why it could not be stopped in order."""


class Daemon(Service):
    """The server as twistd or the console command runs it.

    `reactor` is the real one. The parts are made and started once it runs, which is after a twistd
    has daemonized: threads and descriptors would not survive that. A start that fails is logged in
    one line, reported, and stops the reactor. SIGTERM, SIGINT and SIGHUP stop the reactor too, and
    so the parts, in order; unlike the reactor's own handlers they leave the exit status at 0.
    """

    name = "vexfs-qdrant"

    def __init__(self, config: Config, reactor: Any, report: Report) -> None:
        hide(config.api_keys)
        self._config = config
        self._reactor = reactor
        self._report = report
        self._parts: Components | None = None
        self._is_ending = False

    def startService(self) -> None:
        """Begin once the reactor runs."""
        super().startService()
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # Nothing is read again while the server runs, so this stops it in order, too. Whoever
        # started it with nohup wants it to outlive the terminal.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)
        capture()
        for notice in self._config.notices:
            log.warning("setting not used", notice=notice)
        Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        allocator.set_up()
        file_limit.raise_limit()
        try:
            # Not before: grpc and faiss must not be loaded in a process that is still to fork.
            from .composition import build

            self._parts = build(self._config, self._reactor)
            await self._parts.service.startService()
        except StartAbandoned:
            log.info("stopped before the start was done")
        except Exception as error:
            self._fail(error)
        else:
            _spare_the_collector()
            log.info("listening", **self._parts.addresses())
            if not self._config.api_keys and not ip_address(self._config.host).is_loopback:
                log.warning("reachable beyond this machine without a key", host=self._config.host)
            notify_manager("READY=1", os.environ)
            self._report(None)

    def _fail(self, error: Exception) -> None:
        """An expected failure is one line; an unexpected one brings its traceback."""
        is_expected = isinstance(error, _EXPECTED)
        log.error("cannot start", reason=str(error), exc_info=None if is_expected else error)
        self._parts = None
        self._report(str(error))
        self._end()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        # Python runs this between two instructions of the main thread, whatever that is doing.
        self._reactor.callFromThread(self._end, signal.Signals(number).name)

    def _end(self, signal_name: str | None = None) -> None:
        if self._is_ending:
            return
        self._is_ending = True
        if signal_name is not None:
            log.info("stopping", signal=signal_name)
        self._reactor.stop()

    def stopService(self) -> Deferred[None]:
        """Stop the parts in order. Fires when all is drained and closed."""
        super().stopService()
        self._is_ending = True
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._parts is None:
            return
        notify_manager("STOPPING=1", os.environ)
        try:
            await self._parts.service.stopService()
        except Exception as error:
            self._report(f"the stop failed: {error}")
        else:
            log.info("stopped")


def _spare_the_collector() -> None:
    """Let the garbage collector look only at what comes to be from now on, and less often.

    A batch of a thousand queries makes so many objects that it went through all modules and tables
    in the midst of it, holding the interpreter's lock: the slowest percent took twice as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
