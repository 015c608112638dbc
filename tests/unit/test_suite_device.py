"""The stand-ins for a device: their faults are switched on and off while they run."""

from __future__ import annotations

from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from tests.suites.device import Fault, MemoryDevice
from tests.suites.device_contract import ids_from, some_vectors
from vexfs_twisted.interfaces import IVectorFile
from vexfs_twisted.model.device import DeviceFailed, DeviceMetric, FileMeta, Neighbours


class Faults(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = MemoryDevice()
        self.file: IVectorFile = self.device.create("file", 5)
        self.vectors = some_vectors(6)
        self.file.insert(ids_from(10, 6), self.vectors)

    def found(self, metric: DeviceMetric = DeviceMetric.EUCLIDEAN) -> Neighbours:
        return self.file.search(self.vectors[3], 4, metric)

    def test_what_each_does_to_answers_until_it_is_healed(self) -> None:
        ids, scores = self.found().ids.tolist(), self.found().scores.tolist()
        expected = {
            Fault.WRONG_IDS: (ids[-1:] + ids[:-1], scores),
            Fault.UNKNOWN_IDS: ([0, 1, 2, 3], scores),
            Fault.CONSTANT_SCORES: (ids, [1.0] * 4),
            Fault.WRONG_ORDER: (ids[::-1], scores[::-1]),
            Fault.SHORT_COUNTS: (ids[:-1], scores[:-1]),
        }
        for fault, answer in expected.items():
            self.device.inject(fault)
            found = self.found()
            self.assertEqual((found.ids.tolist(), found.scores.tolist()), answer, fault)
            self.device.heal()
            self.assertEqual(self.found().ids.tolist(), ids, fault)

    def test_another_metric(self) -> None:
        cosines = self.found(DeviceMetric.COSINE).scores.tolist()
        self.device.inject(Fault.WRONG_METRIC)
        self.assertEqual(self.found(DeviceMetric.EUCLIDEAN).scores.tolist(), cosines)

    def test_vectors_that_are_lost_and_counts_that_are_wrong(self) -> None:
        self.device.inject(Fault.STORES_NOTHING)
        self.file.insert(ids_from(50, 2), some_vectors(2))
        self.assertEqual(self.file.meta(), FileMeta(5, 6))
        self.device.inject(Fault.MISCOUNTS)
        self.assertEqual(self.file.meta(), FileMeta(5, 7))

    def test_every_call_fails(self) -> None:
        self.device.inject(Fault.EIO)
        self.assertRaises(DeviceFailed, self.found)
        self.assertRaises(DeviceFailed, self.file.meta)
        self.assertRaises(DeviceFailed, self.device.list_files)
        self.device.heal()
        self.assertEqual(self.device.list_files(), ["file"])

    def test_a_call_hangs_until_it_is_released(self) -> None:
        for release in (self.device.released.set, self.device.heal):
            self.device.inject(Fault.HANGS)
            found: list[Neighbours] = []
            thread = Thread(target=lambda found=found: found.append(self.found()))
            thread.start()
            self.assertTrue(self.device.hanging.wait(30))
            self.assertTrue(thread.is_alive())
            release()
            thread.join(30)
            self.assertEqual(found[0].ids[0], 13)
            self.device.heal()
        self.assertEqual(self.found().ids[0], 13)

    def test_calls_are_counted(self) -> None:
        self.device.calls.clear()
        self.found()
        self.found()
        self.file.meta()
        self.assertEqual(self.device.calls, {"search": 2, "meta": 1})
