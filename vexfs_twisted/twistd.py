"""Integration with twistd beyond what it offers to a plugin.

twistd reports success to the shell before a Deferred of startService has fired, exits with 0 when
it fails, cuts the reason off after 100 bytes, and knows nothing of the daemon's log format. All
four are corrected through what twistd hands to a plugin: its options, and the application that
becomes the parent of the service.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

from twisted.application.service import IServiceCollection
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from .config import Config
from .daemon import Daemon
from .logs import stream_observer
from .stdio_log import terminal

TwistdOptions = MutableMapping[str, Any]

_FAILED = b"1 cannot start"
"""What the waiting parent reads from its pipe: at most 100 bytes, shown from the third on."""


class TwistdDaemon(Daemon):
    """The daemon under twistd."""

    def __init__(self, config: Config, reactor: Any, options: TwistdOptions) -> None:
        super().__init__(config, reactor, self._tell_twistd)
        self._options = options
        self._observer = log_observer(config, options, reactor.callFromThread)
        self._status_pipe: int | None = None
        # A daemonized process has its standard streams on /dev/null by the time it fails.
        self._terminal = None if options.get("nodaemon") else os.dup(2)

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Attach to the application, and set our log observer on it."""
        super().setServiceParent(parent)
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)

    def startService(self) -> None:
        """Start, and make the shell wait for the outcome.

        The parent process of a twistd that daemonizes waits at a pipe for one status. The pipe
        is taken out of the options here, so that the status is written after the start has ended,
        rather than after it has begun.
        """
        self._status_pipe = self._options.pop("statusPipe", None)
        super().startService()

    def _tell_twistd(self, reason: str | None) -> None:
        pipe, self._status_pipe = self._status_pipe, None
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            if reason is not None:
                line = f"vexfs-qdrant: cannot start: {reason}\n"
                with suppress(OSError):
                    os.write(terminal, line.encode("utf-8", "backslashreplace"))
            os.close(terminal)
        if pipe is not None:
            with suppress(OSError):
                os.write(pipe, b"0" if reason is None else _FAILED)
                os.close(pipe)
        if reason is not None:
            # Runs after everything else that twistd does at exit, such as removing its pid file.
            atexit.register(exit_with_failure)


def exit_with_failure() -> None:
    """End the process with status 1, at the very end of its exit."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(1)


def log_observer(
    config: Config, options: TwistdOptions, call_in_reactor: Callable[..., object]
) -> ILogObserver | None:
    """An observer in the format of `config` that writes where twistd's options say.

    None when they ask for syslog or for an observer of their own. As with twistd's own log files,
    SIGUSR1 begins a new one.
    """
    if options.get("logger") or options.get("syslog"):
        return None
    name = options.get("logfile")
    if name == "-" or not (name or not options.get("nodaemon")):
        return stream_observer(terminal(), config.log_format, config.log_level)
    stream: Any = LogFile.fromFullPath(name or "twistd.log")
    signal.signal(signal.SIGUSR1, lambda *_: call_in_reactor(stream.rotate))
    return stream_observer(stream, config.log_format, config.log_level)
