"""Vectors of a quarantined collection on a userspace device, until the collection is deleted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from twisted.internet.task import Clock

from tests.device_support import shared_device
from tests.engine_support import unnamed, upsert, write
from tests.mirror_support import MirrorCase, wait_until
from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.model.commands import CatalogChange, DropCollection
from vexfs_twisted.model.damage import Damage
from vexfs_twisted.storage.mirror.service import open_vector_device
from vexfs_twisted.storage.service import StorageService

DIM = 8


def call_here(function: Callable[[], object]) -> None:
    """Stand for a reactor that runs."""
    function()


class Quarantined(MirrorCase):
    def setUp(self) -> None:
        super().setUp()
        self.mount = shared_device().mount
        self.collection = self.catalog.create("c", unnamed(DIM))
        vectors = np.random.default_rng(1).standard_normal((50, DIM)).astype(np.float32)
        write(self.collection, upsert(range(50), vectors))

    def open_device(self, path: str) -> IVectorDevice:
        return open_vector_device(str(self.mount))

    def own_files(self) -> list[str]:
        """The files of the collection on the device."""
        return [path.name for path in self.mount.glob(f"{self.collection.directory}*")]

    def quarantine(self) -> None:
        self.catalog.quarantine(self.collection, [Damage("data.mdb", 0, "found so")])

    def test_its_deletion_removes_them(self) -> None:
        self.attach()
        self.assertEqual(len(self.own_files()), 1)
        self.quarantine()
        storage = StorageService(self.catalog, call_here, Clock(), self.mirror)
        self.assertTrue(storage._delete("c", CatalogChange(DropCollection("c"))))
        wait_until(lambda: not self.own_files(), "they are removed")
        self.assertTrue(self.mirror.status().attached)

    def test_those_of_an_earlier_run_are_removed_when_the_device_is_attached(self) -> None:
        (self.mount / f"{self.collection.directory}-1-77").touch()
        self.quarantine()
        self.attach()
        wait_until(lambda: not self.own_files(), "they are removed")
