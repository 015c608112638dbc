"""Bitmaps in small chunks, so that rows are counted from a later one after few rows.

Every process that opens a folder needs the same chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vexfs_twisted.engine import salvage
from vexfs_twisted.engine.mvcc import recounting as states
from vexfs_twisted.engine.optimizer import dead_rows, moves, optimizer, plan, recounting
from vexfs_twisted.engine.storage import bitmap, bitmap_table, counters

ROWS = 64


def small_chunks() -> Iterator[tuple[Any, str, int]]:
    """The objects, names and values to patch, before anything is stored."""
    for module in (bitmap, bitmap_table, counters, states, recounting, salvage):
        yield module, "CHUNK_ROWS", ROWS
    for module in (bitmap, bitmap_table, salvage):
        yield module, "CHUNK_BYTES", ROWS // 8
    yield recounting, "LEAST_UNUSED", ROWS


def eager_moves() -> Iterator[tuple[Any, str, int]]:
    """The same for moves of points, as soon as few rows are live, and for freeing dead rows."""
    for name, value in (("LEAST_SPREAD", 50), ("SPREAD", 2), ("DENSE", 1), ("ROWS_AT_ONCE", 20)):
        yield moves, name, value
    yield plan, "LONG_RANGE", 50
    yield dead_rows, "LEAST_ROWS", 0
    yield optimizer, "QUIET_SECONDS", 0


def patch_small_chunks(patch: Callable[[Any, str, int], object]) -> None:
    """Patch all of that by the method of a test case."""
    for patched in small_chunks():
        patch(*patched)
