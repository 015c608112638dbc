"""Memory that is given back."""

from __future__ import annotations

import ctypes
import os
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.storage.memory import give_back_memory

BLOCK = 100_000
"""Bytes: small enough to lie in a heap."""

BLOCKS = 500
KEPT = 50


def resident() -> int:
    """The bytes that this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class GiveBackTests(SynchronousTestCase):
    def test_what_is_free_between_what_is_used(self) -> None:
        if not hasattr(ctypes.CDLL(None), "malloc_trim"):
            raise SkipTest("needs a C library with malloc_trim")
        blocks = [b"x" * BLOCK for _ in range(BLOCKS)]
        kept = blocks[::KEPT]
        blocks.clear()
        before = resident()
        give_back_memory()
        given_back = before - resident()
        self.assertGreater(given_back, BLOCK * BLOCKS // 2)
        self.assertEqual({len(block) for block in kept}, {BLOCK})
