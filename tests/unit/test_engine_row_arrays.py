"""Arrays by row number."""

from __future__ import annotations

import os

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.storage.row_arrays import rows_of_zeros

ROWS = 20_000_000


def resident() -> int:
    """The bytes that this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class RowsOfZerosTests(SynchronousTestCase):
    def test_only_rows_that_are_written_to_take_memory(self) -> None:
        # Room in the heap, where zeros would be written out.
        np.ones(1 << 20).sum()
        before = resident()
        rows = rows_of_zeros(ROWS, "u8")
        rows[-1000:] = np.arange(1000)
        self.assertLess(resident() - before, ROWS)
        self.assertEqual(rows[[0, ROWS // 2, -1]].tolist(), [0, 0, 999])

    def test_kinds_and_no_rows(self) -> None:
        keys = rows_of_zeros(3, "S9")
        keys[1] = b"\1\2"
        self.assertEqual(keys.tolist(), [b"", b"\1\2", b""])
        self.assertEqual(rows_of_zeros(0, "u8").shape, (0,))
