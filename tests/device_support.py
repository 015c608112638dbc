"""A userspace device as a real process, for tests that make real ioctl system calls."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.server_process import ServerDied, ServerProcess
from tests.support import SCRIPTS


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


class DeviceDied(ServerDied):
    """The device ended before it was ready."""


class UserspaceDevice(ServerProcess):
    """vexfs-device as a process of its own, mounted at `mount`.

    Started again it keeps its mount point. Making one skips the test where FUSE is missing.
    """

    kind = "device"
    died = DeviceDied
    command: tuple[str, ...] = (str(SCRIPTS / "vexfs-device"),)

    def __init__(self, data: Path | str | None = None, *options: str) -> None:
        need_fuse()
        super().__init__(data)
        self.mount = self.home / "mount"
        self.mount.mkdir()
        self._options = options

    def command_line(self) -> list[str]:
        """The command, with the mount point, a data folder and the log format."""
        arguments = [str(self.mount), f"--data={self.data}", "--log-format=json"]
        return [*self.command, *arguments, *self._options]

    def is_ready(self, event: dict[str, Any]) -> bool:
        """It is once it is mounted."""
        return event["event"] == "mounted"

    def kill(self) -> None:
        """End the process as a power cut would, and clear away the mount that it leaves behind."""
        super().kill()
        self.unmount()

    def unmount(self) -> None:
        """Unmount from outside, whatever the process does."""
        subprocess.run(
            ["fusermount3", "-u", "-z", str(self.mount)], check=False, capture_output=True
        )


@cache
def shared_device() -> UserspaceDevice:
    """A device that many tests share, each with files of its own names."""
    device = UserspaceDevice().start()
    atexit.register(device.close)
    return device
