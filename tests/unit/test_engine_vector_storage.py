"""A storage of vectors by itself: what is written to it, and what its spaces show."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.errors import UnusableDataFolder
from vexfs_twisted.engine.storage.bitmap import Bitmap, BitmapBuilder
from vexfs_twisted.engine.storage.counters import Slot
from vexfs_twisted.engine.vector_storage.files import create_storage, open_storage
from vexfs_twisted.model.collection_params import Datatype, Distance, VectorParams
from vexfs_twisted.model.vector_kinds import DenseVectors

PARAMS = VectorParams(Distance.DOT, 2)


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
        self.storage, self.empty = open_storage(self.path, PARAMS, Slot(1), present, 0, ())
        self.addCleanup(lambda: self.storage.close())

    def test_appended_vectors_are_read_and_kept(self) -> None:
        self.storage.append(rows(0, 2), vectors((1, 2), (3, 4)))
        self.storage.append(rows(), vectors())
        self.storage.sync()
        space = self.storage.space(self.empty, bitmap(3, 0, 2), 3)
        self.assertEqual(space.read(rows(2, 0)), vectors((3, 4), (1, 2)))
        self.assertEqual(space.recorded.norm_bound, 5)
        self.storage.close()
        self.storage, again = open_storage(self.path, PARAMS, Slot(1, 5.0), space.present, 3, ())
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
                open_storage(self.path, params, Slot(slot), Bitmap.empty(), 0, ())
