"""The daemon for twistd, and in the foreground. The only module that touches the global reactor."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn, cast

import attrs
from twisted.application.service import IService
from twisted.logger import globalLogBeginner
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from . import QDRANT_VERSION, __version__, logs
from .collector import without_collector
from .config import Config, settings
from .config_loader import load_config
from .left_out import leave_out_libraries
from .service_manager import inherited_sockets
from .settings import ConfigError
from .stdio_log import terminal

_CONFIG_PATH = "config-path"


def _parameters() -> list[list[str | None]]:
    """The options of twisted.python.usage for every setting that has one."""
    parameters: list[list[str | None]] = [
        [_CONFIG_PATH, None, None, "YAML file with settings, under Qdrant's keys"]
    ]
    for _, setting, default in settings():
        if setting.option is not None and not (setting.is_switch or setting.is_repeated):
            shown = "none" if default in (None, ()) else default
            parameters.append([setting.option, None, None, f"{setting.help} (default: {shown})"])
    return parameters


def _switches() -> dict[str, str]:
    """The options that take no value, each with its help."""
    return {
        setting.option: setting.help
        for _, setting, _ in settings()
        if setting.option is not None and setting.is_switch
    }


class Options(UsageOptions):
    """The command line. After parsing, `config` holds the settings from all sources.

    A usage error ends the process with one line and status 1, where twistd would print its whole
    usage to standard output.
    """

    synopsis = "[options]"
    longdesc = (
        "A Qdrant-compatible vector database server. Settings are taken from these options, then "
        "from the environment, then from the file. `vexfs-qdrant probe PATH` tells whether a VexFS "
        "device is sound; `vexfs-qdrant adopt` brings back collections that the catalog does not "
        "know; `vexfs-qdrant snapshot` and `vexfs-qdrant restore` save and restore collections."
    )
    optParameters = _parameters()
    optFlags = [[name, None, text] for name, text in _switches().items()]  # noqa: RUF012
    config: Config

    opt_h = UsageOptions.opt_help

    def opt_snapshot(self, file_and_name: str) -> None:
        """restore the snapshot in FILE as COLLECTION at the start: FILE:COLLECTION"""  # noqa: D400, D403, D415
        self["snapshot"] = "\n".join(filter(None, [self.get("snapshot"), file_and_name]))

    def opt_rest_endpoint(self, endpoint: str) -> None:
        """listen here for REST, rather than at host and port: unix:PATH, tcp:PORT, ..."""  # noqa: D403
        self["rest-endpoint"] = "\n".join(filter(None, [self.get("rest-endpoint"), endpoint]))

    def getSynopsis(self) -> str:
        """The first lines of the help. Under twistd, what precedes the options is twistd's."""
        if self.parent is not None:
            return super().getSynopsis()
        return (
            "Usage: vexfs-qdrant [options]\n"
            "       vexfs-qdrant probe [options] PATH\n"
            "       vexfs-qdrant adopt [options] [DIRECTORY [NAME]]\n"
            "       vexfs-qdrant snapshot [options] [COLLECTION]\n"
            "       vexfs-qdrant restore [options] FILE [COLLECTION]"
        )

    def parseArgs(self, *words: str) -> None:
        """Refuse positional arguments; the error names the first."""
        if words:
            raise UsageError(f"unexpected argument {words[0]!r}, see --help")

    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        print(f"vexfs-qdrant {__version__} (Qdrant interface {QDRANT_VERSION})")  # noqa: T201
        sys.exit(0)

    def parseOptions(self, options: Any = None) -> None:
        """Parse the command line and gather the settings."""
        try:
            super().parseOptions(options)
            self.config = self.read()
        except (UsageError, ConfigError) as error:
            line = " ".join(str(error).split())
            sys.stderr.write(f"vexfs-qdrant: {line}\n")
            raise SystemExit(1) from None

    def read(self) -> Config:
        """The settings as they are by now: the file may have changed. Raises ConfigError."""
        return load_config(self._given(), os.environ, self[_CONFIG_PATH])

    def _given(self) -> dict[str, str]:
        given: dict[str, str | int | None] = dict(self)
        del given[_CONFIG_PATH]
        for name in _switches():
            # The parser has 0 for an absent switch, which must not override other sources.
            given[name] = "true" if given[name] else None
        return {name: str(value) for name, value in given.items() if value is not None}


def makeService(options: Options) -> IService:
    """The daemon as a service for twistd. Nothing is opened before it starts."""
    from twisted.internet import reactor

    from .twistd import TwistdDaemon

    logs.begin(options.config.log_level)
    twistd: Any = options.parent
    return TwistdDaemon(options.config, options.read, reactor, twistd)


def run_daemon(arguments: list[str]) -> int:
    """Run the daemon in the foreground until it is stopped; returns the exit status."""
    options = Options()
    options.parseOptions(arguments)
    # Before Twisted takes them from the environment.
    inherited = inherited_sockets(os.environ)
    config = attrs.evolve(options.config, inherited=tuple(inherited))
    leave_out_libraries(keeps_tls=config.enable_tls)
    with without_collector():
        from twisted.internet import reactor

        from .daemon import Daemon

    logs.begin(config.log_level)
    observer = logs.stream_observer(terminal(), config.log_format)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    failures: list[str] = []

    def report(reason: str | None) -> None:
        if reason is not None:
            failures.append(reason)

    daemon = Daemon(config, options.read, reactor, report)
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.run()
    return 1 if failures else 0


def run_reader() -> int:
    """Serve reads for the process that has started this one; returns the exit status."""
    with without_collector():
        from .processes.messages import Order

        order = Order.load(sys.stdin.buffer)
        leave_out_libraries(keeps_tls=order.config.enable_tls)
        from twisted.internet import reactor

        from .reader import Reader

    pipe = terminal()
    logs.begin(order.config.log_level)
    logs.hide(order.config.secrets)
    observer = logs.stream_observer(pipe, "json")
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    # Whoever stops a group of processes stops this one by way of the one that writes.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    reader, running = Reader(order, reactor, pipe), cast(Any, reactor)
    running.callWhenRunning(reader.start)
    running.run(installSignalHandlers=False)
    return reader.status
