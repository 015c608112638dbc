"""What tests share: the folder of shared data, free ports, and a daemon as a real process."""

from __future__ import annotations

import atexit
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.server_process import ServerDied, ServerProcess, clean_environment

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))


def shared_path(*names: str) -> Path:
    """A file or folder of ../shared. Skips the calling test, by name, where it is absent."""
    path = ROOT.parent.joinpath("shared", *names)
    if not path.exists():
        raise SkipTest(f"needs ../shared/{'/'.join(names)}")
    return path


class DaemonDied(ServerDied):
    """The daemon ended before it was ready."""


class DaemonProcess(ServerProcess):
    """The server as a process of its own, on ports that the system chooses.

    `start` returns when it listens; then `rest_url`, `http_port`, `grpc_address` and `grpc_port`
    tell where. Started again it keeps its ports, so that clients made before a restart still find
    it. Use it in plain tests, or in a thread.

    `command` "twistd" runs the twistd plugin in the foreground, "console" the vexfs-qdrant command.
    """

    kind = "daemon"
    died = DaemonDied

    def __init__(
        self,
        data: Path | str | None = None,
        *options: str,
        command: str = "console",
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(data)
        self.http_port = 0
        self.grpc_port = 0
        self._options = options
        self._command = command
        self._environment = environment or {}

    @property
    def rest_url(self) -> str:
        """Where REST listens, for a client."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        """Where gRPC listens, for a channel."""
        return f"127.0.0.1:{self.grpc_port}"

    def command_line(self) -> list[str]:
        """The command, with a data folder, ports and the log format."""
        commands = {
            "console": [str(SCRIPTS / "vexfs-qdrant")],
            "twistd": [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "vexfs-qdrant"],
        }
        return [
            *commands[self._command],
            f"--storage-path={self.data}",
            f"--http-port={self.http_port}",
            f"--grpc-port={self.grpc_port}",
            "--log-format=json",
            *self._options,
        ]

    def environment(self) -> dict[str, str]:
        """The environment with what this daemon was given beside."""
        return super().environment() | self._environment

    def is_ready(self, event: dict[str, Any]) -> bool:
        """Take note of where it listens, once it does."""
        if event["event"] != "listening":
            return False
        self.http_port = _port(event["rest"])
        self.grpc_port = _port(event["grpc"]) if event["grpc"] != "off" else 0
        return True


@cache
def shared_daemon(name: str) -> DaemonProcess:
    """A daemon for tests that leave it running and clean up: it ends with the test process."""
    daemon = DaemonProcess()
    atexit.register(daemon.close)
    return daemon.start()


def _port(address: str) -> int:
    found = re.search(r":(\d+)$", address)
    if found is None:
        raise AssertionError(f"no port in {address!r}")
    return int(found.group(1))


def run_python(
    *arguments: str, cwd: Path | str | None = None, seconds: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run this Python with `arguments` and wait; what it wrote is text."""
    return run_command([sys.executable, *arguments], cwd=cwd, seconds=seconds)


def run_or_kill(command: Sequence[str], lines: int | None = None, delay: float = 0.0) -> int | None:
    """Run a command that writes `done` at its end; its exit status, or None if it was killed.

    It is killed `delay` seconds after it has written so many lines; None: never.
    """
    with subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for written, line in enumerate(process.stdout, 1):
            if line == "done\n":
                return process.wait()
            if written == lines:
                time.sleep(delay)
                process.kill()
    if lines is None:
        raise AssertionError(f"the command ended early with status {process.returncode}")
    return None


def run_command(
    command: Sequence[str],
    cwd: Path | str | None = None,
    environment: dict[str, str] | None = None,
    seconds: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command and wait; what it wrote is text."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment() | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
