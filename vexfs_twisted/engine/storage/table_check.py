"""Checks the tables of a collection before LMDB maps them.

LMDB trusts its pages: a damaged one may end the process. So the pages are checked first, and what
is suspicious is read by LMDB in a process of its own only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from attrs import evolve

from ...model.damage import Damage
from .page_check import check_pages
from .tables import TABLES_FILE

SMALL_TABLES = 32 << 20
"""The pages of a file of so many bytes are checked in less than 0.1 s."""

_READ_SECONDS = 120
_LEAST_BYTES_PER_SECOND = 4 << 20
_MOST_TEXT = 200


def check_tables(path: Path, *, every: bool) -> list[Damage]:
    """What is damaged in the tables in the directory `path`, which no process has open.

    All pages are checked if `every` is set or the file is small. Otherwise those that lead to
    others are, which are about a hundredth. Raises OSError.
    """
    file = path / TABLES_FILE
    found = check_pages(file, every=every or os.path.getsize(file) <= SMALL_TABLES)
    if not found:
        return []
    first, *others = found
    outcome = failure_elsewhere(path) or "LMDB reads it without an error"
    return [evolve(first, text=f"{first.text} ({outcome})"), *others]


def failure_elsewhere(path: Path) -> str | None:
    """What ends a process that reads all records of the tables by LMDB, in words; None: nothing."""
    seconds = _READ_SECONDS + os.path.getsize(path / TABLES_FILE) // _LEAST_BYTES_PER_SECOND
    command = [sys.executable, "-m", "vexfs_twisted.engine.storage.read_tables", os.fspath(path)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return f"reading it does not end within {seconds} s"
    except OSError as error:
        return f"it could not be read by another process: {error.strerror}"
    if done.returncode < 0:
        return f"reading it ends the process with {signal.Signals(-done.returncode).name}"
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return f"reading it fails: {lines[-1][:_MOST_TEXT] if lines else done.returncode}"
