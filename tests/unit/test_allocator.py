"""Memory that the allocator gives back."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.allocator import trim

BLOCK = 100_000
"""Bytes: small enough to lie in a heap."""

BLOCKS = 500
KEPT = 50

MIB = 1 << 20

ENVIRONMENTS = 40

PROGRAM = """
import os, sys
import lmdb
from vexfs_twisted.allocator import set_up

directory, is_set_up, count = sys.argv[1], sys.argv[2] == "True", int(sys.argv[3])

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

if is_set_up:
    set_up()
before = resident()
environments = []
for number in range(count):
    # As a collection is made: its tables are written, closed, and opened again.
    lmdb.open(f"{directory}/{number}").close()
    environments.append(lmdb.open(f"{directory}/{number}"))
opened = resident()
for environment in environments:
    environment.close()
print(opened - before, resident() - before)
"""


def resident() -> int:
    """The bytes that this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def need_glibc() -> None:
    """Skip where there is nothing to be tried."""
    if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        raise SkipTest("needs glibc")


class TrimTests(SynchronousTestCase):
    def test_what_is_free_between_what_is_used(self) -> None:
        need_glibc()
        blocks = [b"x" * BLOCK for _ in range(BLOCKS)]
        kept = blocks[::KEPT]
        blocks.clear()
        before = resident()
        trim()
        given_back = before - resident()
        self.assertGreater(given_back, BLOCK * BLOCKS // 2)
        self.assertEqual({len(block) for block in kept}, {BLOCK})


class SetUpTests(SynchronousTestCase):
    def setUp(self) -> None:
        need_glibc()

    def taken(self, *, is_set_up: bool) -> tuple[int, int]:
        """The memory that open environments take, and what is left of it when they are closed."""
        with TemporaryDirectory() as directory:
            words = (directory, str(is_set_up), str(ENVIRONMENTS))
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *words], capture_output=True, check=True, text=True
            )
        opened, closed = map(int, done.stdout.split())
        return opened, closed

    def test_an_environment_takes_little_and_leaves_nothing(self) -> None:
        opened, closed = self.taken(is_set_up=True)
        self.assertLess(opened, ENVIRONMENTS * MIB // 2)
        self.assertLess(closed, ENVIRONMENTS * MIB // 4)

    def test_it_is_the_thresholds_that_do_it(self) -> None:
        opened, _ = self.taken(is_set_up=False)
        self.assertGreater(opened, ENVIRONMENTS * MIB)
