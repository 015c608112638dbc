"""Room in files that is given back to the device."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.store.forms import Float32
from vexfs_twisted.engine.store.holes import holes, punch
from vexfs_twisted.engine.store.vectorfile import VectorFile

PAGE = 4096


class HolesTests(SynchronousTestCase):
    """Where holes may be."""

    def found(self, free: list[bool], offset: int, row_size: int) -> list[tuple[int, int]]:
        return list(holes(np.array(free, dtype=np.bool_), offset, row_size))

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
        rows = np.random.default_rng(1).random((20, 1024), dtype=np.float32)
        file.write(0, rows)
        file.sync()
        before = path.stat()
        is_free = np.zeros(10, dtype=np.bool_)
        is_free[2:9] = True
        file.give_back(5, is_free)
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
