"""Room in files that is given back to the device."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import SkipTest

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.storage import hole_punching as holes_module
from vexfs_twisted.engine.storage.hole_punching import holes, may_have_holes, punch, runs
from vexfs_twisted.engine.vectors.encodings import Float32
from vexfs_twisted.engine.vectors.vector_file import VectorFile

PAGE = 4096
SHARED_MEMORY = Path("/dev/shm")


class HolesTests(SynchronousTestCase):
    """Where holes may be."""

    def found(self, free: list[bool], offset: int, row_size: int) -> list[tuple[int, int]]:
        return list(holes(*runs(np.array(free, dtype=np.bool_), 0), offset, row_size))

    def test_a_hole_is_of_whole_pages(self) -> None:
        self.assertEqual(self.found([True] * 10, 0, 1000), [(0, 2 * PAGE)])
        self.assertEqual(self.found([True] * 10, 1, 1000), [(PAGE, PAGE)])
        self.assertEqual(self.found([False, True, True], PAGE, PAGE), [(2 * PAGE, 2 * PAGE)])
        self.assertEqual(self.found([True, False] * 8, 0, PAGE - 1), [])
        self.assertEqual(self.found([], 0, PAGE), [])

    @given(
        free=st.lists(st.booleans(), max_size=40),
        offset=st.integers(0, 2 * PAGE),
        row_size=st.integers(1, 2 * PAGE),
    )
    def test_holes_are_the_pages_of_free_rows_alone(
        self, free: list[bool], offset: int, row_size: int
    ) -> None:
        is_free = np.repeat(np.array(free, dtype=np.bool_), row_size)
        taken = np.ones(-(-(offset + len(is_free)) // PAGE) * PAGE + PAGE, dtype=np.bool_)
        taken[offset : offset + len(is_free)] = np.logical_not(is_free)
        expected = np.logical_not(taken.reshape(-1, PAGE).any(axis=1))
        pages: NDArray[np.bool_] = np.zeros(len(expected), dtype=np.bool_)
        for start, size in self.found(free, offset, row_size):
            self.assertEqual((start % PAGE, size % PAGE), (0, 0))
            self.assertFalse(pages[start // PAGE : (start + size) // PAGE].any())
            pages[start // PAGE : (start + size) // PAGE] = True
        np.testing.assert_array_equal(pages, expected)


class PunchTests(SynchronousTestCase):
    """Holes in real files."""

    def test_a_vector_file_keeps_its_length_and_its_other_rows(self) -> None:
        path = Path(self.mktemp())
        VectorFile.create(path, Float32(), 1024)
        file = VectorFile.open(path, Float32(), 1024, 0)
        self.addCleanup(file.close)
        if not may_have_holes(path.parent):
            raise SkipTest("needs a file system whose holes can be read at any time")
        rows = np.random.default_rng(1).random((20, 1024), dtype=np.float32)
        file.write(0, rows)
        file.sync()
        before = path.stat()
        is_free = np.zeros(10, dtype=np.bool_)
        is_free[2:9] = True
        file.give_back(*runs(is_free, 5))
        after = path.stat()
        self.assertEqual(after.st_size, before.st_size)
        self.assertEqual(before.st_blocks - after.st_blocks, 7 * 8)
        np.testing.assert_array_equal(file.matrix[:7], rows[:7])
        np.testing.assert_array_equal(file.matrix[14:20], rows[14:])
        self.assertFalse(file.matrix[7:14].any())

    def test_what_cannot_be_is_an_error(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"x")
        descriptor = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        self.assertRaises(OSError, punch, descriptor, 0, PAGE)


class NoHolesTests(SynchronousTestCase):
    """Files where a hole takes room by being read: the kernel ends the process if there is none."""

    def setUp(self) -> None:
        if not SHARED_MEMORY.is_dir():
            raise SkipTest(f"needs {SHARED_MEMORY}")
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-holes-", dir=SHARED_MEMORY))
        self.addCleanup(shutil.rmtree, self.home)
        self.path = self.home / "file"

    def opened(self, rows: int = 0) -> VectorFile:
        """The file, of rows of one page."""
        if not self.path.exists():
            VectorFile.create(self.path, Float32(), PAGE // 4)
        file = VectorFile.open(self.path, Float32(), PAGE // 4, rows)
        self.addCleanup(file.close)
        self.assertFalse(may_have_holes(self.home))
        return file

    def pages(self) -> int:
        """How many pages of the device the file takes, beside its header."""
        return self.path.stat().st_blocks * 512 // PAGE - 1

    def test_it_is_known_or_tried_out(self) -> None:
        self.assertFalse(holes_module._is_read_for_nothing(self.home))
        self.assertFalse(may_have_holes(self.home / "nothing"))
        descriptors = os.listdir("/proc/self/fd")
        here = Path(self.mktemp()).parent
        if may_have_holes(here):
            self.assertTrue(holes_module._is_read_for_nothing(here))
        self.assertEqual(os.listdir("/proc/self/fd"), descriptors)

    def test_rows_between_those_that_are_written_have_room(self) -> None:
        file = self.opened()
        row = np.ones((1, PAGE // 4), dtype=np.float32)
        for start, pages in ((0, 1), (10, 11), (3, 11), (12, 13)):
            file.write(start, row)
            self.assertEqual(self.pages(), pages)
        self.assertTrue(file.matrix[[0, 3, 10, 12]].all())
        self.assertFalse(file.matrix[[1, 2, 4, 9, 11]].any())

    def test_rows_get_room_when_a_file_is_opened(self) -> None:
        self.opened().write(0, np.ones((1, PAGE // 4), dtype=np.float32))
        with self.path.open("r+b") as file:
            file.seek(9 * PAGE)
            file.write(b"x")
        self.assertEqual(self.pages(), 2)
        self.opened(9).fill(9)
        self.assertEqual(self.pages(), 9)

    def test_nothing_is_given_back_but_what_was_never_there(self) -> None:
        file = self.opened()
        file.write(0, np.ones((10, PAGE // 4), dtype=np.float32))
        file.give_back(*runs(np.ones(5, dtype=np.bool_), 2))
        self.assertEqual(self.pages(), 10)
        file.drop_after(4)
        self.assertEqual(self.pages(), 4)
        file.write(8, np.ones((1, PAGE // 4), dtype=np.float32))
        self.assertEqual(self.pages(), 9)

    def test_more_rows_to_be_read_take_no_room(self) -> None:
        file = self.opened()
        file.make_room(1000)
        self.assertGreaterEqual(len(file.matrix), 1000)
        self.assertEqual(self.pages(), 0)
