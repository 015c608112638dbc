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
from functools import partial
from typing import Any

from twisted.application.service import IServiceCollection
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from .config import Config
from .daemon import Daemon, ReadConfig
from .logs import stream_observer
from .stdio_log import terminal

TwistdOptions = MutableMapping[str, Any]

_FAILED = b"1 cannot start"
"""What the waiting parent reads from its pipe: at most 100 bytes, shown from the third on."""


class TwistdDaemon(Daemon):
    """The daemon under twistd."""

    def __init__(
        self, config: Config, read: ReadConfig, reactor: Any, options: TwistdOptions
    ) -> None:
        super().__init__(config, read, reactor, self._tell_twistd)
        self._options = options
        self._file = log_file(options)
        self._observer = None
        if not (options.get("logger") or options.get("syslog")):
            stream: Any = self._file or terminal()
            self._observer = stream_observer(stream, config.log_format)
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

    def begin(self) -> None:
        """Begin, and rotate the log file at each SIGUSR1, as twistd does."""
        super().begin()
        if self._file is not None:
            rotate = partial(self._replace_file, self._file.rotate)
            signal.signal(signal.SIGUSR1, lambda *_: self._reactor.callFromThread(rotate))

    def reopen_log(self) -> None:
        """Write on in the file that has the name of the log by now, after it was renamed."""
        if self._file is not None:
            self._replace_file(self._file.reopen)

    def _replace_file(self, replace: Callable[[], object]) -> None:
        assert self._observer is not None
        with self._observer.lock:
            replace()

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


def log_file(options: TwistdOptions) -> LogFile | None:
    """The file that twistd's options say the log is written to.

    None for the terminal, and when they ask for syslog or for an observer of their own.
    """
    if options.get("logger") or options.get("syslog"):
        return None
    name = options.get("logfile")
    if name == "-" or not (name or not options.get("nodaemon")):
        return None
    file: LogFile = LogFile.fromFullPath(name or "twistd.log")
    return file
