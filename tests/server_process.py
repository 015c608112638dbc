"""A server of ours as a process of its own, whose log tells when it is ready."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar, Self

READY_SECONDS = 60.0
STOP_SECONDS = 60.0


def clean_environment() -> dict[str, str]:
    """The environment without the settings of a server that someone has on this machine.

    Compiled modules are written, whatever it says: to compile all of them takes a program longer
    than all else until it listens.
    """
    left_out = ("QDRANT__", "API_", "LOGGING_LEVEL", "NOTIFY_SOCKET", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


class ServerDied(AssertionError):
    """The process ended before it was ready; the text holds its log."""


class ServerProcess:
    """What the processes of servers have in common. Everything blocks.

    The same object may be started again, and keeps its data folder. `passed` are descriptors that
    the process inherits. `data` is a folder to keep the
    store in; without it there is a temporary one, gone after `close`. A `with` block starts and
    closes.
    """

    kind: ClassVar[str]
    """What messages call the server."""

    died: ClassVar[type[ServerDied]]
    """What `start` raises when the process ends instead."""

    def __init__(self, data: Path | str | None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"vexfs-{self.kind}-"))
        self.data = Path(data) if data is not None else self.home / "data"
        self.passed: tuple[int, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = self.home / "log"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def command_line(self) -> list[str]:
        """The command that is run. Its log must be JSON."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The environment that it is run in."""
        return clean_environment()

    def is_ready(self, event: dict[str, Any]) -> bool:
        """Whether an event of the log says that the server is ready."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, which must be running."""
        if self._process is None:
            raise AssertionError(f"this {self.kind} is not running")
        return self._process

    def log_text(self) -> str:
        """Everything the process has written since it was first started."""
        return self._log_path.read_text() if self._log_path.exists() else ""

    def log_events(self) -> list[dict[str, Any]]:
        """The log lines that are JSON, decoded. A line that is still being written is left out."""
        whole, _, _ = self.log_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def start(self) -> Self:
        """Start the process and wait until it is ready. Raises `died` when it ends instead."""
        seen = len(self.log_events())
        process = self._launch()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if any(self.is_ready(event) for event in self.log_events()[seen:]):
                return self
            if process.poll() is not None:
                self._process = None
                raise self.died(f"status {process.returncode}\n{self.log_text()}")
            time.sleep(0.02)
        self.kill()
        raise self.died(f"not ready after {READY_SECONDS} s\n{self.log_text()}")

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until the process has ended by itself; its exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s\n{self.log_text()}") from None
        self._process = None
        return status

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Ask the process to stop and wait; its exit status."""
        self.process.send_signal(signal_number)
        return self.wait()

    def kill(self) -> None:
        """End the process as a power cut would, leaving it no time for anything."""
        process = self.process
        process.kill()
        process.wait()
        self._process = None

    def close(self) -> None:
        """End the process, if it runs, and remove its temporary folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            raise AssertionError(f"this {self.kind} is running already")
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command_line(),
                cwd=self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self.passed,
            )
        return self._process
