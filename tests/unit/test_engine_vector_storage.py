"""A storage of vectors by itself: what is written to it, and what its spaces show."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.errors import UnknownFormat, UnusableDataFolder
from vexfs_twisted.engine.storage.bitmap import Bitmap, BitmapBuilder
from vexfs_twisted.engine.storage.counters import Slot
from vexfs_twisted.engine.vector_index.space import SparseSpace
from vexfs_twisted.engine.vector_storage.committed import CommittedVectors
from vexfs_twisted.engine.vector_storage.files import create_storage, open_storage
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.vector_kinds import DenseVectors, SparseVectors

PARAMS = VectorParams(Distance.DOT, 2)
SPARSE = SparseVectorParams()


def vectors(*rows: tuple[float, float]) -> DenseVectors:
    return DenseVectors(np.array(rows, dtype=np.float32).reshape(-1, 2))


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def bitmap(room: int, *numbers: int) -> Bitmap:
    draft = BitmapBuilder(Bitmap.empty().with_room(room))
    draft.add(rows(*numbers))
    return draft.freeze(room)


class StorageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-storage-"))
        self.addCleanup(shutil.rmtree, self.path)
        create_storage(self.path, PARAMS, 1)
        present = Bitmap.empty()
        self.storage, self.empty = open_storage(
            self.path, PARAMS, CommittedVectors(Slot(1), present)
        )
        self.addCleanup(lambda: self.storage.close())

    def test_appended_vectors_are_read_and_kept(self) -> None:
        self.storage.append(rows(0, 2), vectors((1, 2), (3, 4)))
        self.storage.append(rows(), vectors())
        self.storage.sync()
        space = self.storage.space(self.empty, bitmap(3, 0, 2), 3)
        self.assertEqual(space.read(rows(2, 0)), vectors((3, 4), (1, 2)))
        self.assertEqual(space.recorded.norm_bound, 5)
        self.storage.close()
        self.storage, again = open_storage(
            self.path, PARAMS, CommittedVectors(Slot(1, 5.0), space.present, 3)
        )
        self.assertEqual(again.read(slice(0, 3)), space.read(slice(0, 3)))
        self.assertEqual(again.recorded.norm_bound, 5)

    def test_points_move_with_and_without_new_vectors(self) -> None:
        self.storage.append(rows(0, 1), vectors((1, 1), (2, 2)))
        before = self.storage.space(self.empty, bitmap(4, 0, 1), 4)
        self.storage.begin(before)
        # Of four points the first keeps its vector, the second and the third get one, the last of
        # those given at a place, and the fourth has none.
        has_vector = np.array([True, True, True, False])
        given = rows(2, 1, 2), vectors((7, 7), (8, 8), (9, 9))
        self.storage.rewrite(rows(0, 1, 2, 3), rows(4, 5, 6, 7), has_vector, given)
        after = self.storage.space(before, bitmap(8, 4, 5, 6), 8)
        self.assertEqual(after.read(rows(4, 5, 6)), vectors((1, 1), (8, 8), (9, 9)))
        self.assertEqual(after.read(rows(0, 1)), vectors((1, 1), (2, 2)))

    def test_a_move_of_points_without_vectors_writes_nothing(self) -> None:
        self.storage.rewrite(rows(0), rows(1), np.array([False]), None)
        space = self.storage.space(self.empty, bitmap(2), 2)
        self.assertEqual(space.norm_bound, 0)

    def test_what_a_failed_commit_wrote_does_not_count(self) -> None:
        self.storage.append(rows(0), vectors((300, 400)))
        self.storage.begin(self.empty)
        self.storage.append(rows(0), vectors((3, 4)))
        space = self.storage.space(self.empty, bitmap(1, 0), 1)
        self.assertEqual(space.read(rows(0)), vectors((3, 4)))
        self.assertEqual(space.norm_bound, 5)

    def test_a_storage_without_its_files(self) -> None:
        other = evolve(PARAMS, datatype=Datatype.UINT8)
        for params, slot in ((PARAMS, 2), (other, 1)):
            with self.assertRaises(UnusableDataFolder):
                open_storage(self.path, params, CommittedVectors(Slot(slot), Bitmap.empty()))


class RaggedStorageTests(SynchronousTestCase):
    """Files of sparse vectors, which are not what they should be."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-storage-"))
        self.addCleanup(shutil.rmtree, self.path)
        create_storage(self.path, SPARSE, 1)
        storage, empty = open_storage(self.path, SPARSE, CommittedVectors(Slot(1), Bitmap.empty()))
        storage.append(rows(0, 2), sparse_vectors(100_000))
        storage.sync()
        self.present = storage.space(empty, bitmap(3, 0, 2), 3).present
        storage.close()

    def opened(self) -> SparseSpace:
        storage, space = open_storage(self.path, SPARSE, CommittedVectors(Slot(1), self.present, 3))
        self.addCleanup(storage.close)
        assert isinstance(space, SparseSpace)
        return space

    def test_rows_without_a_vector_have_no_elements(self) -> None:
        space = self.opened()
        self.assertEqual(space.offsets.tolist(), [0, 100_000, 100_000, 200_000])
        offsets, indices, values = space.elements(slice(1, 3))
        self.assertEqual(offsets.tolist(), [0, 0, 100_000])
        self.assertEqual((len(indices), len(values)), (100_000, 100_000))
        self.assertTrue(np.shares_memory(indices, space.indices))
        self.assertEqual(space.read(rows(2, 0)), sparse_vectors(100_000).take(rows(1, 0)))
        self.assertFalse(space.indices.flags.writeable)

    def test_files_that_are_missing_or_too_short(self) -> None:
        for suffix in ("offsets", "indices", "f32"):
            path = self.path / f"vectors-1.{suffix}"
            whole = path.read_bytes()
            path.write_bytes(whole[:4100])
            with self.assertRaisesRegex(
                UnusableDataFolder, f"{path.name} at byte [0-9]+: it ends there"
            ):
                self.opened()
            path.unlink()
            with self.assertRaisesRegex(UnusableDataFolder, path.name):
                self.opened()
            path.write_bytes(whole)
        self.opened()

    def test_files_with_another_header(self) -> None:
        for suffix in ("offsets", "indices", "f32"):
            path = self.path / f"vectors-1.{suffix}"
            whole = path.read_bytes()
            for head in (b"x" * 8, whole[:8] + b"\x63\0\0\0", whole[:12] + b"\x07\0\0\0"):
                path.write_bytes(head + whole[len(head) :])
                self.assertRaises(UnknownFormat, self.opened)
            path.write_bytes(whole)

    def test_offsets_that_cannot_be(self) -> None:
        path = self.path / "vectors-1.offsets"
        whole = path.read_bytes()
        for place, value in ((0, 1), (3, -1)):
            changed = bytearray(whole)
            changed[4096 + 8 * place : 4104 + 8 * place] = value.to_bytes(8, "little", signed=True)
            path.write_bytes(changed)
            with self.assertRaisesRegex(
                UnusableDataFolder, "vectors-1.offsets at byte [0-9]+: the offset"
            ):
                self.opened()


def sparse_vectors(length: int) -> SparseVectors:
    """Two long sparse vectors."""
    indices = np.tile(np.arange(length, dtype=np.uint32), 2)
    values = np.arange(2 * length, dtype=np.float32)
    return SparseVectors.from_arrays(np.array([length, length]), indices, values)
