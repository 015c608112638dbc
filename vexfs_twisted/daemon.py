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
from twisted.python.failure import Failure

from . import allocator, file_limit
from .certificates import CertificateError
from .collector import spare_the_collector, without_collector
from .config import Config
from .engine.errors import EngineStartError
from .lifecycle import StartAbandoned
from .listening import EndpointError
from .logs import get_logger, hide
from .model.device import DeviceError
from .model.errors import DomainError
from .service_manager import ServiceManager
from .settings import ConfigError
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
    EndpointError,
)
"""Errors of a start that have a cause outside of the program."""

Report = Callable[[str | None], None]
"""Callback for the outcome: None once the server listens, or the reason why it does not, and later
the reason why it could not be stopped cleanly."""


ReadConfig = Callable[[], Config]
"""Reads the settings again, in a thread. Raises ConfigError."""


class Daemon(Service):
    """The server as twistd or the console command runs it.

    `reactor` is the real one. The components are built and started once it runs, which is after
    twistd has daemonized: threads and descriptors would not survive the fork. A failed start is
    logged in one line, reported, and stops the reactor. SIGTERM and SIGINT stop the reactor too,
    and so the components, in order. Unlike the reactor's own handlers they leave the exit status
    0. At SIGHUP the log is opened again, and settings and certificates are read again.
    """

    name = "vexfs-qdrant"

    def __init__(self, config: Config, read: ReadConfig, reactor: Any, report: Report) -> None:
        hide(config.secrets)
        self._config = config
        self._read = read
        self._manager = ServiceManager(reactor, os.environ)
        self._had_terminal = False
        self._is_serving = False
        self._is_reloading = False
        self._is_reload_due = False
        self._reactor = reactor
        self._report = report
        self._parts: Components | None = None
        self._is_ending = False

    def startService(self) -> None:
        """Start the components once the reactor runs."""
        super().startService()
        self._reactor.callWhenRunning(self.begin)

    def begin(self) -> None:
        """Take over the signals and the standard streams, and start the components."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # Under nohup, where SIGHUP is ignored, the server is meant to outlive the terminal.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_hangup)
        self._had_terminal = has_terminal()
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
            self._is_serving = True
            self._manager.ready()
            self._report(None)
            self._reload_if_due()

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

    def _on_hangup(self, number: int, _: FrameType | None) -> None:
        self._reactor.callFromThread(self._hang_up)

    def _hang_up(self) -> None:
        """Stop where the terminal has gone away, which nobody can type at any more; else reload."""
        if self._had_terminal and not has_terminal():
            self._end("SIGHUP")
            return
        self._is_reload_due = True
        self._reload_if_due()

    def _reload_if_due(self) -> None:
        if self._is_reload_due and self._is_serving and not self._is_reloading:
            self._is_reload_due = False
            self._is_reloading = True
            Deferred.fromCoroutine(self._reload()).addBoth(self._reloaded)

    async def _reload(self) -> None:
        assert self._parts is not None
        self._manager.reloading()
        self.reopen_log()
        log.info("reloading")
        reloader = self._parts.reloader
        try:
            config = await self._parts.run_in_thread(self._read)
        except ConfigError as error:
            log.error("settings cannot be used, those before stay in use", reason=str(error))
            config = reloader.config
        await reloader.apply(config)
        log.info("reloaded")

    def _reloaded(self, result: object) -> None:
        if isinstance(result, Failure):
            log.error("the reload has failed", exc_info=result)
        self._is_reloading = False
        if self._is_serving:
            self._manager.ready()
            self._reload_if_due()

    def reopen_log(self) -> None:
        """No-op: the log is on the terminal."""

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
        self._is_serving = False
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._parts is None:
            return
        self._manager.stopping()
        try:
            await self._parts.service.stopService()
        except Exception as error:
            self._report(f"the stop failed: {error}")
        else:
            log.info("stopped")


def has_terminal() -> bool:
    """Whether this process has a terminal that could send it signals."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
