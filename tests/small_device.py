"""Small file systems that tests may fill. Mounting them takes a privileged user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

_PIECES = (1 << 16, 1 << 12, 1 << 9, 1)


def mounted(test: SynchronousTestCase, kind: str, size_mb: int) -> Path:
    """The root of a new file system of a kind, tmpfs or ext4, until the test ends.

    Skips the test, by name, where it cannot be mounted.
    """
    home = Path(tempfile.mkdtemp(prefix="vexfs-small-"))
    test.addCleanup(shutil.rmtree, home, ignore_errors=True)
    root = home / "root"
    root.mkdir()
    if kind == "tmpfs":
        commands = [["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(root)]]
    else:
        image = home / "image"
        with image.open("wb") as file:
            file.truncate(size_mb << 20)
        # Without blocks that only root may have.
        commands = [["mkfs.ext4", "-q", "-m", "0", str(image)]]
        commands += [["mount", "-o", "loop", str(image), str(root)]]
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise SkipTest(f"needs the right to mount {kind}") from None
    test.addCleanup(subprocess.run, ["umount", "--lazy", str(root)], check=True)
    return root


def fill(root: Path) -> None:
    """Leave no room on a file system, to the last byte."""
    with open(root / "filler", "ab", buffering=0) as file:
        for size in _PIECES:
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def make_room(root: Path) -> None:
    """Take away what `fill` has put there."""
    os.unlink(root / "filler")
