"""What tests share: the folder of shared data, free ports, and a daemon as a real process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import SkipTest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))

READY_SECONDS = 60.0
STOP_SECONDS = 60.0


def shared_path(*names: str) -> Path:
    """A file or folder of ../shared. Skips the calling test, by name, where it is absent."""
    path = ROOT.parent.joinpath("shared", *names)
    if not path.exists():
        raise SkipTest(f"needs ../shared/{'/'.join(names)}")
    return path


def clean_environment() -> dict[str, str]:
    """The environment without the settings of a server that someone has on this machine."""
    settings: tuple[str, ...] = ("QDRANT__", "API_", "LOGGING_LEVEL", "NOTIFY_SOCKET")
    settings += ("VEXFS_DEVICE", "VEXFS_REQUIRE_DEVICE")
    return {name: value for name, value in os.environ.items() if not name.startswith(settings)}


class DaemonDied(AssertionError):
    """The process ended before it was ready; the text holds its log."""


class DaemonProcess:
    """The server as a process of its own, on ports that the system chooses.

    `start` returns when it listens; then `rest_url`, `http_port`, `grpc_address` and `grpc_port`
    tell where. The same object may be started again: it keeps its data folder, and its ports, so
    that clients made before a restart still find it. Everything blocks; use it in plain tests, or
    in a thread.

    `command` "twistd" runs the twistd plugin in the foreground, "console" the vexfs-qdrant command.
    `data` is a folder to keep the store in; without it there is a temporary one, gone after
    `close`. `with DaemonProcess() as daemon` starts and closes.
    """

    def __init__(
        self,
        data: Path | str | None = None,
        *options: str,
        command: str = "console",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-test-"))
        self.data = Path(data) if data is not None else self.home / "data"
        self.http_port = 0
        self.grpc_port = 0
        self._options = options
        self._command = command
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = self.home / "log"

    def __enter__(self) -> DaemonProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def rest_url(self) -> str:
        """Where REST listens, for a client."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        """Where gRPC listens, for a channel."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    def log_text(self) -> str:
        """Everything the process has written since it was first started."""
        return self._log_path.read_text() if self._log_path.exists() else ""

    def log_events(self) -> list[dict[str, Any]]:
        """The log lines that are JSON, decoded."""
        lines = self.log_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process and return it at once."""
        if self._process is not None:
            raise AssertionError("this daemon is running already")
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command_line(),
                cwd=self.home,
                env=clean_environment() | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._process

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

    def start(self) -> DaemonProcess:
        """Start the process and wait until it listens. Raises DaemonDied when it ends instead."""
        seen = len(self.log_events())
        process = self.launch()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for event in self._new_events(seen):
                if event["event"] == "listening":
                    self.http_port = _port(event["rest"])
                    self.grpc_port = _port(event["grpc"]) if event["grpc"] != "off" else 0
                    return self
            if process.poll() is not None:
                self._process = None
                raise DaemonDied(f"status {process.returncode}\n{self.log_text()}")
            time.sleep(0.02)
        self.kill()
        raise DaemonDied(f"not ready after {READY_SECONDS} s\n{self.log_text()}")

    def _new_events(self, seen: int) -> Iterator[dict[str, Any]]:
        # A line that is still being written is left for the next look.
        whole, _, _ = self.log_text().rpartition("\n")
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return (json.loads(line) for line in lines[seen:])

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until the process has ended by itself; its exit status."""
        process = self._running()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s\n{self.log_text()}") from None
        self._process = None
        return status

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Ask the process to stop and wait; its exit status."""
        self._running().send_signal(signal_number)
        return self.wait()

    def kill(self) -> None:
        """End the process as a power cut would, leaving it no time for anything."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def close(self) -> None:
        """End the process, if it runs, and remove its temporary folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("this daemon is not running")
        return self._process


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
