"""Files of vectors."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import Floats
from vexfs_twisted.engine.errors import UnknownFormat, UnusableDataFolder
from vexfs_twisted.engine.vectors.encodings import encoding_of
from vexfs_twisted.engine.vectors.vector_file import HEADER_SIZE, VectorFile


def random_rows(count: int, dimension: int) -> Floats:
    return np.random.default_rng(count).standard_normal((count, dimension), dtype=np.float32)


class VectorFileTests(SynchronousTestCase):
    """Writing and mapping."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        VectorFile.create(self.path, encoding_of(None), 5)

    def open(self, rows: int = 0) -> VectorFile:
        file = VectorFile.open(self.path, encoding_of(None), 5, rows)
        self.addCleanup(file.close)
        return file

    def test_rows_come_back_where_they_were_put(self) -> None:
        file, data = self.open(), random_rows(7, 5)
        file.write(3, data)
        np.testing.assert_array_equal(file.matrix[3:10], data)

    def test_rows_are_there_after_opening_again(self) -> None:
        data = random_rows(100_000, 5)
        file = VectorFile.open(self.path, encoding_of(None), 5, 0)
        file.write(0, data)
        file.sync()
        file.close()
        np.testing.assert_array_equal(self.open(100_000).matrix[:100_000], data)

    def test_an_empty_file_whose_rest_is_freed_opens_after_a_crash(self) -> None:
        file = self.open()

        def crash(descriptor: int, size: int) -> None:
            truncate(descriptor, size)
            raise KeyboardInterrupt

        truncate = os.ftruncate
        patched = self.patch(os, "ftruncate", crash)
        self.assertRaises(KeyboardInterrupt, file.drop_after, 0)
        patched.restore()
        self.assertEqual(len(self.open().matrix), 1)

    def test_an_array_taken_before_growth_stays_good(self) -> None:
        file, data = self.open(), random_rows(10, 5)
        file.write(0, data)
        old = file.matrix
        file.write(50_000, random_rows(1, 5))
        self.assertGreater(len(file.matrix), len(old))
        np.testing.assert_array_equal(old[:10], data)
        np.testing.assert_array_equal(file.matrix[:10], data)

    def test_growth_is_rare(self) -> None:
        file, maps = self.open(), set()
        for row in range(0, 200_000, 1000):
            file.write(row, np.zeros((1000, 5), dtype=np.float32))
            maps.add(len(file.matrix))
        self.assertLess(len(maps), 10)

    def test_nobody_writes_through_the_map(self) -> None:
        with self.assertRaises(ValueError):
            self.open().matrix[0, 0] = 1

    def test_the_layout_is_a_page_of_header_and_little_endian_rows(self) -> None:
        self.open().write(2, np.array([[1, 2, 3, 4, 5]], dtype=np.float32))
        content = self.path.read_bytes()
        self.assertEqual(content[:20], struct.pack("<8sIII", b"VEXFSVEC", 1, 5, 1))
        at = HEADER_SIZE + 2 * 5 * 4
        self.assertEqual(content[at : at + 20], struct.pack("<5f", 1, 2, 3, 4, 5))


class UnusableVectorFileTests(SynchronousTestCase):
    """Files that are not what they should be are refused by name."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        VectorFile.create(self.path, encoding_of(None), 5)

    def refused(self, kind: type[Exception], text: str, rows: int = 0) -> None:
        with self.assertRaises(kind) as caught:
            VectorFile.open(self.path, encoding_of(None), 5, rows)
        self.assertIn(self.path.name, str(caught.exception))
        self.assertIn(text, str(caught.exception))

    def overwrite(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def test_a_missing_file(self) -> None:
        self.path.unlink()
        self.refused(UnusableDataFolder, "No such file")

    def test_a_file_of_something_else(self) -> None:
        self.overwrite(0, b"RIFFWAVE")
        self.refused(UnknownFormat, "not a vector file")

    def test_an_unknown_version(self) -> None:
        self.overwrite(8, struct.pack("<I", 9))
        self.refused(UnknownFormat, "version 9")

    def test_an_unknown_data_type(self) -> None:
        self.overwrite(16, struct.pack("<I", 7))
        self.refused(UnknownFormat, "data type 7")

    def test_another_dimension(self) -> None:
        self.overwrite(12, struct.pack("<I", 6))
        self.refused(UnknownFormat, "dimension 6, not 5")

    def test_a_file_that_lost_rows(self) -> None:
        os.truncate(self.path, HEADER_SIZE + 20 * 99)
        self.refused(UnusableDataFolder, "99 of 100 rows are left", rows=100)

    def test_a_file_that_lost_its_header(self) -> None:
        os.truncate(self.path, 100)
        self.refused(UnusableDataFolder, "byte 100: it ends there, within its header")
