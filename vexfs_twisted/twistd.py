"""What the daemon needs of twistd that a plugin does not get by itself.

twistd reports success to the shell before a Deferred of startService has fired, exits with 0 when
it fails, cuts the reason off after 100 bytes, and knows nothing of the daemon's log format. All
four are put right with what twistd hands to a plugin: its options, and the application that becomes
the parent of the service.
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
"""What the waiting parent reads from its pipe, at most 100 bytes, and shows from the third on."""


class TwistdDaemon(Daemon):
    """The daemon under twistd."""

    def __init__(self, config: Config, reactor: Any, options: TwistdOptions) -> None:
        super().__init__(config, reactor, self._tell_twistd)
        self._options = options
        self._observer = log_observer(config, options, reactor.callFromThread)
        self._status_pipe: int | None = None
        # The process that daemonizes has its standard streams on /dev/null by the time it fails.
        self._terminal = None if options.get("nodaemon") else os.dup(2)

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Become part of the application, and give it the log observer of our format."""
        super().setServiceParent(parent)
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)

    def startService(self) -> None:
        """Begin, and let the shell wait for the outcome.

        The parent process of a twistd that daemonizes waits at a pipe for one status. Taken out of
        the options here, it is written when the start has ended rather than begun.
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
            # After everything else that twistd does on its way out, such as removing its pid file.
            atexit.register(exit_with_failure)


def exit_with_failure() -> None:
    """End the process with status 1, at the very end of its life."""
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
