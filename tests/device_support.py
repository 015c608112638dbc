"""A userspace device as a real process, for tests that make real ioctl system calls."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.support import SCRIPTS, clean_environment

READY_SECONDS = 60.0
STOP_SECONDS = 60.0


def need_fuse() -> None:
    """Skip the calling test, by name, where no file system can be mounted."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise SkipTest("needs /dev/fuse")
    if shutil.which("fusermount3") is None:
        raise SkipTest("needs fuse3")
    os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")
    try:
        import_module("mfusepy")
    except (ImportError, OSError) as error:
        raise SkipTest(f"needs mfusepy and libfuse3: {error}") from None


class DeviceDied(AssertionError):
    """The process ended before it was ready; the text holds its log."""


class UserspaceDevice:
    """vexfs-device as a process of its own, mounted at `mount`.

    The same object may be started again: it keeps its data folder and its mount point. `data` is a
    folder to keep the vectors in; without it there is a temporary one, gone after `close`. Making
    one skips the test where FUSE is missing.
    """

    command: tuple[str, ...] = (str(SCRIPTS / "vexfs-device"),)

    def __init__(self, data: Path | str | None = None, *options: str) -> None:
        need_fuse()
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-device-"))
        self.data = Path(data) if data is not None else self.home / "data"
        self.mount = self.home / "mount"
        self.mount.mkdir()
        self._options = options
        self._log_path = self.home / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> UserspaceDevice:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process itself."""
        return self._running()

    def log_text(self) -> str:
        """Everything the process has written since it was first started."""
        return self._log_path.read_text() if self._log_path.exists() else ""

    def log_events(self) -> list[dict[str, Any]]:
        """The log lines that are JSON, decoded."""
        whole, _, _ = self.log_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def start(self) -> UserspaceDevice:
        """Start the process and wait until it is mounted. Raises DeviceDied if it ends instead."""
        seen = len(self.log_events())
        if self._process is not None:
            raise AssertionError("this device is running already")
        with self._log_path.open("ab") as log:
            self._process = process = subprocess.Popen(
                [
                    *self.command,
                    str(self.mount),
                    f"--data={self.data}",
                    "--log-format=json",
                    *self._options,
                ],
                cwd=self.home,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if any(event["event"] == "mounted" for event in self.log_events()[seen:]):
                return self
            if process.poll() is not None:
                self._process = None
                raise DeviceDied(f"status {process.returncode}\n{self.log_text()}")
            time.sleep(0.02)
        self.kill()
        raise DeviceDied(f"not ready after {READY_SECONDS} s\n{self.log_text()}")

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Ask the process to stop and wait; its exit status."""
        process = self._running()
        process.send_signal(signal_number)
        return self.wait()

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

    def kill(self) -> None:
        """End the process as a power cut would, and clear away the mount that it leaves behind."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None
        self.unmount()

    def unmount(self) -> None:
        """Unmount from outside, whatever the process does."""
        subprocess.run(
            ["fusermount3", "-u", "-z", str(self.mount)], check=False, capture_output=True
        )

    def close(self) -> None:
        """End the process, if it runs, and remove its temporary folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("this device is not running")
        return self._process


@cache
def shared_device() -> UserspaceDevice:
    """A device that many tests share, each with files of its own names."""
    device = UserspaceDevice().start()
    atexit.register(device.close)
    return device
