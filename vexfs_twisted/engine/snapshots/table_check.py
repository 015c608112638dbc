"""Reads all tables of a directory in a process of its own.

LMDB trusts its file: pages that somebody else has made may lead anywhere, and end the process that
reads them by a signal. This one reads every page that it could, so a signal is an answer.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .errors import UnusableArchive

_LONGEST_S = 3600.0

_PROGRAM = """
import sys
import lmdb

with lmdb.open(sys.argv[1], readonly=True, lock=False, max_dbs=32, map_size=1 << 20) as environment:
    environment.set_mapsize(0)
    with environment.begin() as transaction:
        names = [bytes(name) for name, _ in transaction.cursor()]
    for name in names:
        table = environment.open_db(name, create=False)
        with environment.begin() as transaction:
            cursor = transaction.cursor(table)
            count = sum(len(value) >= 0 for _, value in cursor)
            assert count == transaction.stat(table)["entries"]
"""


def check_tables(directory: Path) -> None:
    """Raise UnusableArchive unless all that is in the tables of a directory can be read. Blocks."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, str(directory)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnusableArchive("its tables cannot be read in time") from None
    if done.returncode < 0:
        raise UnusableArchive(f"its tables end their reader by signal {-done.returncode}")
    if done.returncode > 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise UnusableArchive(f"its tables cannot be read: {lines[-1]}")
