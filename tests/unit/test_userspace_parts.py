"""Parts of the userspace device by themselves: caller memory, the budget, mount points."""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from pathlib import Path
from threading import Event, Thread

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_device.budget import Budget
from vexfs_device.caller_memory import CallerMemory
from vexfs_device.errors import Refusal, answering
from vexfs_device.mount import MountError, checked_mountpoint

NO_PROCESS = 2**22 + 1  # More than the kernel ever counts to.


class Memory(SynchronousTestCase):
    def setUp(self) -> None:
        self.memory = CallerMemory(os.getpid())

    def test_bytes_go_both_ways(self) -> None:
        theirs = (ctypes.c_uint64 * 3)(1, 2, 3)
        ours = np.zeros(3, dtype="<u8")
        self.memory.read(ctypes.addressof(theirs), ours)
        self.assertEqual(ours.tolist(), [1, 2, 3])
        self.memory.write(ctypes.addressof(theirs) + 8, np.array([7], dtype="<u8"))
        self.assertEqual(list(theirs), [1, 7, 3])

    def test_nothing_is_moved_from_or_to_anywhere(self) -> None:
        self.memory.read(1, np.zeros(0))
        self.memory.write(1, np.zeros(0))

    def test_bad_addresses(self) -> None:
        ours = np.zeros(2, dtype="<u8")
        for address in (1, 2**63, 2**64 - 8, 2**64 - 16):
            for move in (self.memory.read, self.memory.write):
                error = self.assertRaises(Refusal, move, address, ours)
                self.assertEqual(error.errno, errno.EFAULT)

    def test_a_caller_that_cannot_be_reached(self) -> None:
        for pid in (0, NO_PROCESS):
            error = self.assertRaises(Refusal, CallerMemory(pid).read, 4096, np.zeros(1))
            self.assertEqual(error.errno, errno.EPERM)


class Budgets(SynchronousTestCase):
    def test_more_than_there_is_waits_until_there_is(self) -> None:
        budget, order, held = Budget(10), list[str](), Event()

        def take() -> None:
            held.set()
            with budget.taken(5):
                order.append("second")

        with budget.taken(6):
            waiting = Thread(target=take)
            waiting.start()
            held.wait(10)
            waiting.join(0.05)
            order.append("first")
        waiting.join(10)
        self.assertEqual(order, ["first", "second"])

    def test_more_than_there_ever_is_is_refused(self) -> None:
        budget = Budget(10)
        for _ in range(3):
            error = self.assertRaises(Refusal, budget.taken(11).__enter__)
            self.assertEqual(error.errno, errno.ENOMEM)
        with budget.taken(10):
            pass


class Faults(SynchronousTestCase):
    def told(self, fault: Exception) -> int | None:
        @answering
        def broken() -> None:
            raise fault

        return self.assertRaises(Refusal, broken).errno

    def test_a_fault_inside_is_no_error_of_the_caller(self) -> None:
        self.assertEqual(self.told(FileNotFoundError(errno.ENOENT, "a file of ours")), errno.EIO)
        self.assertEqual(self.told(ValueError("a bug")), errno.EIO)
        self.assertEqual(len(self.flushLoggedErrors(FileNotFoundError, ValueError)), 2)
        self.assertEqual(self.told(OSError(errno.ENOSPC, "full")), errno.ENOSPC)
        self.assertEqual(self.told(MemoryError()), errno.ENOMEM)


class MountPoints(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.data = self.home / "data"

    def test_an_empty_directory_is_good(self) -> None:
        mount = self.home / "mount"
        mount.mkdir(0o750)
        self.assertEqual(checked_mountpoint(mount, self.data).st_mode & 0o777, 0o750)

    def test_others_are_not(self) -> None:
        empty, file = self.home / "empty", self.home / "file"
        empty.mkdir()
        file.touch()
        link = self.home / "link"
        link.symlink_to(empty)
        for mount, data, reason in (
            (self.home / "nothing", self.data, "No such file"),
            (file, self.data, "is no directory"),
            (self.home, Path("/elsewhere"), "is not empty"),
            (empty, empty / "data", "must not lie in"),
            (empty, link, "must not lie in"),
        ):
            error = self.assertRaises(MountError, checked_mountpoint, mount, data)
            self.assertIn(reason, str(error))
