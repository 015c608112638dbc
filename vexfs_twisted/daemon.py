"""The server process: builds the components, starts, announces and stops them."""

from __future__ import annotations

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
from .certificates import CertificateError
from .collector import spare_the_collector, without_collector
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

_EXPECTED = (
    EngineStartError,
    CannotListenError,
    OSError,
    DomainError,
    DeviceError,
    CertificateError,
)
"""Errors of a start that have a cause outside of the program."""

Report = Callable[[str | None], None]
"""Callback for the outcome: None once the server listens, or the reason why it does not, and later
the reason why it could not be stopped cleanly."""


class Daemon(Service):
    """The server as twistd or the console command runs it.

    `reactor` is the real one. The components are built and started once it runs, which is after
    twistd has daemonized: threads and descriptors would not survive the fork. A failed start is
    logged in one line, reported, and stops the reactor. SIGTERM, SIGINT and SIGHUP stop the reactor
    too, and so the components, in order. Unlike the reactor's own handlers they leave the exit
    status 0.
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
        """Start the components once the reactor runs."""
        super().startService()
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # Settings are not reloaded while the server runs, so SIGHUP stops it cleanly, too. Under
        # nohup, where SIGHUP is ignored, the server is meant to outlive the terminal.
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
            with without_collector():
                # Imported late: grpc and faiss must not be loaded in a process that forks later.
                from .composition import build

            self._parts = build(self._config, self._reactor)
            await self._parts.service.startService()
        except StartAbandoned:
            log.info("stopped before the start was done")
        except Exception as error:
            self._fail(error)
        else:
            spare_the_collector()
            log.info("listening", **self._parts.addresses())
            if not self._config.api_keys and not ip_address(self._config.host).is_loopback:
                log.warning("reachable beyond this machine without a key", host=self._config.host)
            notify_manager("READY=1", os.environ)
            self._report(None)

    def _fail(self, error: Exception) -> None:
        """Log a failure: an expected one as one line, an unexpected one with its traceback."""
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
        """Stop the components in order. Fires when all are drained and closed."""
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
