"""The ioctl client on a real device: single files, large inserts, hangs and deaths."""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import sys
import time
import tracemalloc
from contextlib import suppress as ignoring
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from tests.device_support import UserspaceDevice, shared_device
from tests.suites.device_contract import ids_from, some_vectors
from tests.support import ROOT, SCRIPTS, run_command
from vexfs_twisted.device import kernel_file
from vexfs_twisted.device.kernel import SoleFileDevice, open_device
from vexfs_twisted.device.probe import probe
from vexfs_twisted.model.device import (
    DeviceFull,
    DeviceGone,
    DeviceKind,
    DeviceMetric,
    DeviceRefused,
    FileTaken,
    Neighbours,
    NoSuchFile,
)


class WithDevice(SynchronousTestCase):
    """A device without files, of the process that serves all tests."""

    def setUp(self) -> None:
        self.served = self.serve()
        self.device = open_device(str(self.served.mount))
        self.addCleanup(self.device.close)
        for name in self.device.list_files():
            self.device.delete(name)

    def serve(self) -> UserspaceDevice:
        return shared_device()


class WithOwnDevice(WithDevice):
    """A device that may be stopped and killed."""

    def serve(self) -> UserspaceDevice:
        served = UserspaceDevice()
        self.addCleanup(served.close)
        return served.start()


class SingleFile(WithDevice):
    """A path that is one vector file."""

    def sole(self) -> SoleFileDevice:
        path = self.served.mount / "sole"
        path.touch()
        device = open_device(str(path))
        self.addCleanup(device.close)
        assert isinstance(device, SoleFileDevice)
        return device

    def test_it_has_room_for_one(self) -> None:
        device = self.sole()
        self.assertIs(device.kind, DeviceKind.FILE)
        file = device.create("first", 5)
        file.insert(ids_from(1, 9), some_vectors(9))
        self.assertRaises(FileTaken, device.create, "first", 5)
        self.assertRaises(DeviceFull, device.create, "second", 5)
        self.assertRaises(NoSuchFile, device.open, "second")
        self.assertRaises(NoSuchFile, device.delete, "second")
        self.assertEqual(device.list_files(), ["first"])
        self.assertEqual(device.open("first").meta().vector_count, 9)
        self.assertEqual(device.held(), 9)

    def test_deleting_empties_it(self) -> None:
        device = self.sole()
        device.create("first", 5).insert(ids_from(1, 9), some_vectors(9))
        device.delete("first")
        self.assertEqual((device.list_files(), device.held()), ([], 0))
        file = device.create("second", 3)
        self.assertEqual((file.meta().dimensions, file.meta().vector_count), (3, 0))
        file.insert(ids_from(1, 2), some_vectors(2, 3))
        self.assertEqual(file.meta().vector_count, 2)

    def test_what_is_in_it_from_before_goes(self) -> None:
        self.sole().create("first", 5).insert(ids_from(1, 9), some_vectors(9))
        device = self.sole()
        self.assertEqual((device.list_files(), device.held()), ([], 9))
        self.assertEqual(device.create("second", 7).meta().vector_count, 0)

    def test_it_can_be_probed(self) -> None:
        device = self.sole()
        self.assertEqual(probe(device).findings, ())
        self.assertEqual(device.held(), 0)


class Command(WithDevice):
    def test_a_mount_is_probed_and_left_as_it_was(self) -> None:
        self.device.create("theirs", 5).insert(ids_from(1, 9), some_vectors(9))
        done = run_command([str(SCRIPTS / "vexfs-qdrant"), "probe", str(self.served.mount)])
        self.assertIn("verdict    sound", done.stdout)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.device.list_files(), ["theirs"])

    def test_a_file_that_holds_vectors_is_not_probed(self) -> None:
        self.device.create("theirs", 5).insert(ids_from(1, 9), some_vectors(9))
        path = str(self.served.mount / "theirs")
        done = run_command([str(SCRIPTS / "vexfs-qdrant"), "probe", path])
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("it holds 9 vectors", done.stderr)
        self.assertEqual(self.device.open("theirs").meta().vector_count, 9)


class MadeUpDevice(UserspaceDevice):
    """A mount that behaves as the published kernel module does."""

    command = (sys.executable, str(ROOT / "tests" / "programs" / "made_up_device.py"))


class PublishedModule(SynchronousTestCase):
    def test_the_command_knows_it_by_its_answers(self) -> None:
        with MadeUpDevice() as served:
            done = run_command([str(SCRIPTS / "vexfs-qdrant"), "probe", str(served.mount)])
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("verdict    unsound\n", done.stdout)
        found = re.findall(r"^finding    (\w+): ", done.stdout, re.MULTILINE)
        expected = ["stores_nothing", "unknown_ids", "constant_scores", "not_listed", "failed"]
        self.assertEqual(found, expected, done.stdout)
        self.assertRegex(done.stdout, r"\ncalls      \d+, the slowest [0-9.e+-]+ ms\n\Z")


class LargeInserts(WithDevice):
    def test_an_insert_in_several_calls_is_whole(self) -> None:
        self.patch(kernel_file, "MAX_INSERT_BYTES", 7 * 5 * 4)
        vectors = some_vectors(100)
        file = self.device.create("parts", 5)
        file.insert(ids_from(50, 100), vectors)
        self.assertEqual(file.meta().vector_count, 100)
        for row in (0, 6, 7, 98, 99):
            found = file.search(vectors[row], 1, DeviceMetric.EUCLIDEAN)
            self.assertEqual(found.ids.tolist(), [50 + row])

    def test_nothing_is_copied(self) -> None:
        vectors = some_vectors(20_000, 128)
        file = self.device.create("large", 128)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        file.insert(ids_from(0, 20_000), vectors)
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, vectors.nbytes // 10)

    def test_memory_that_may_not_be_written_is_taken(self) -> None:
        vectors = some_vectors(9)
        vectors.flags.writeable = False
        file = self.device.create("still", 5)
        file.insert(ids_from(1, 9), vectors)
        found = file.search(vectors[4], 1, DeviceMetric.EUCLIDEAN)
        self.assertEqual(found.ids.tolist(), [5])


class Descriptors(WithDevice):
    def test_a_file_that_is_forgotten_is_closed(self) -> None:
        # Other tests may have left what only the collector closes.
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        self.device.create("file", 5)
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Refusals(WithDevice):
    def test_the_number_of_the_system_is_told(self) -> None:
        file = self.device.create("file", 5)
        query = some_vectors(1, 4)[0]
        error = self.assertRaises(DeviceRefused, file.search, query, 1, DeviceMetric.COSINE)
        self.assertEqual(error.errno, errno.EINVAL)
        self.assertIn("EINVAL", str(error))


class Hangs(WithOwnDevice):
    """A device that is stopped answers nothing until it goes on."""

    def test_closing_waits_for_no_call_and_takes_no_descriptor_from_one(self) -> None:
        vectors = some_vectors(9)
        file = self.device.create("file", 5)
        file.insert(ids_from(1, 9), vectors)
        found: list[Neighbours] = []
        os.kill(self.served.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.served.pid, signal.SIGCONT)
        thread = Thread(
            target=lambda: found.append(file.search(vectors[2], 1, DeviceMetric.EUCLIDEAN))
        )
        thread.start()
        while not self.is_in_ioctl(thread):
            time.sleep(0.01)
        file.close()
        self.assertRaises(DeviceGone, file.meta)
        self.assertTrue(thread.is_alive())
        self.assertTrue(self.is_open("file"))
        os.kill(self.served.pid, signal.SIGCONT)
        thread.join(30)
        self.assertEqual(found[0].ids.tolist(), [3])
        self.assertFalse(self.is_open("file"))

    def test_closing_does_not_wait_for_the_device_either(self) -> None:
        """The first file that is closed in a mount is flushed, which the device has to answer."""
        file = self.device.create("file", 5)
        self.device.create("other", 5)
        os.kill(self.served.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.served.pid, signal.SIGCONT)
        threads = [Thread(target=file.close), Thread(target=self.device.close)]
        for thread in threads:
            thread.start()
            thread.join(20)
        self.assertFalse(any(thread.is_alive() for thread in threads))

    def is_in_ioctl(self, thread: Thread) -> bool:
        """Whether the thread waits in ioctl(2): system call 16, or 29 on ARM."""
        with open(f"/proc/self/task/{thread.native_id}/syscall") as file:
            return file.read().split()[0] in ("16", "29")

    def is_open(self, name: str) -> bool:
        """Whether this process has a descriptor of the vector file."""
        path = str(self.served.mount / name)
        found = []
        for number in os.listdir("/proc/self/fd"):
            # The descriptor of the listing itself is in the list, and gone by now.
            with ignoring(FileNotFoundError):
                found.append(os.readlink(f"/proc/self/fd/{number}"))
        return path in found


class Deaths(WithOwnDevice):
    def test_a_device_that_died_is_gone(self) -> None:
        vectors = some_vectors(9)
        file = self.device.create("file", 5)
        file.insert(ids_from(1, 9), vectors)
        self.served.kill()
        self.assertRaises(DeviceGone, file.meta)
        self.assertRaises(DeviceGone, file.search, vectors[0], 1, DeviceMetric.COSINE)
        self.assertRaises(DeviceGone, file.insert, ids_from(1, 9), vectors)

    def test_a_device_that_came_back_has_what_was_inserted(self) -> None:
        vectors = some_vectors(9)
        self.device.create("file", 5).insert(ids_from(1, 9), vectors)
        self.served.kill()
        self.served.start()
        file = open_device(str(self.served.mount)).open("file")
        self.addCleanup(file.close)
        self.assertEqual(file.meta().vector_count, 9)
        found = file.search(vectors[2], 1, DeviceMetric.EUCLIDEAN)
        self.assertEqual(found.ids.tolist(), [3])
