"""The ioctl client where there is no VexFS device: what it says, and that it leaves no trace."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from vexfs_twisted.device.errnos import device_error
from vexfs_twisted.device.kernel import open_device
from vexfs_twisted.device.kernel_file import MAX_INSERT_BYTES, insert_parts
from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.model.device import (
    DeviceDenied,
    DeviceError,
    DeviceFailed,
    DeviceFull,
    DeviceGone,
    DeviceKind,
    DeviceRefused,
    FileTaken,
    NoSuchFile,
    NotADevice,
)


class Errors(SynchronousTestCase):
    def test_numbers_and_kinds(self) -> None:
        expected: dict[type[DeviceError], list[int]] = {
            DeviceRefused: [errno.EINVAL, errno.EFAULT, errno.EOVERFLOW],
            DeviceFull: [errno.ENOMEM, errno.ENOSPC],
            DeviceDenied: [errno.EACCES, errno.EPERM],
            DeviceGone: [errno.ENODEV, errno.ENOTCONN, errno.EBADF],
            NotADevice: [errno.ENOTTY],
            NoSuchFile: [errno.ENOENT],
            FileTaken: [errno.EEXIST],
            DeviceFailed: [errno.EIO, errno.ETIMEDOUT, 4000],
        }
        for kind, numbers in expected.items():
            for number in numbers:
                error = device_error(OSError(number, "x"), "searching file")
                self.assertIs(type(error), kind, number)
                self.assertEqual(error.errno, number)

    def test_the_text_says_what_failed_and_why(self) -> None:
        error = device_error(OSError(errno.EIO, "x"), "searching file")
        self.assertEqual(str(error), "searching file: Input/output error (EIO)")

    def test_codes_tell_kinds_apart(self) -> None:
        kinds = DeviceError.__subclasses__()
        self.assertEqual(len({kind.code for kind in kinds}), len(kinds))


class Elsewhere(SynchronousTestCase):
    """Paths where no VexFS device is."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_a_plain_folder_is_no_device_and_stays_as_it_was(self) -> None:
        device = open_device(str(self.folder))
        self.assertTrue(verifyObject(IVectorDevice, device))
        self.assertIs(device.kind, DeviceKind.DIRECTORY)
        error = self.assertRaises(NotADevice, device.create, "vectors", 4)
        self.assertEqual(error.errno, errno.ENOTTY)
        self.assertIn("no VexFS is mounted at", str(error))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_plain_file_is_no_device_and_keeps_what_it_holds(self) -> None:
        path = self.folder / "precious"
        path.write_bytes(b"data")
        device = open_device(str(path))
        self.assertTrue(verifyObject(IVectorDevice, device))
        self.assertIs(device.kind, DeviceKind.FILE)
        self.assertRaises(NotADevice, device.create, "vectors", 4)
        self.assertRaises(NoSuchFile, device.open, "vectors")
        self.assertEqual(device.list_files(), [])
        self.assertEqual(path.read_bytes(), b"data")

    def test_another_character_device(self) -> None:
        device = open_device("/dev/null")
        self.assertIs(device.kind, DeviceKind.CHARACTER_DEVICE)
        self.assertRaises(NotADevice, device.create, "vectors", 4)

    def test_what_is_missing_or_of_another_kind(self) -> None:
        self.assertRaises(NoSuchFile, open_device, str(self.folder / "nothing"))
        path = str(self.folder / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            folder = os.open(self.folder, os.O_RDONLY)
            self.addCleanup(os.close, folder)
            # The path of a socket is bounded, so it is named from where it stands.
            listener.bind(f"/proc/self/fd/{folder}/socket")
            self.assertRaises(NotADevice, open_device, path)

    def test_no_descriptor_is_left_open(self) -> None:
        device = open_device(str(self.folder))
        before = len(os.listdir("/proc/self/fd"))
        for number in range(5):
            self.assertRaises(NotADevice, device.create, f"v{number}", 4)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Parts(SynchronousTestCase):
    """In what parts vectors are inserted."""

    def test_no_part_is_beyond_what_one_call_takes(self) -> None:
        for count, dimensions in ((2_500_001, 4), (100_000, 1536), (300, 65536), (5, 3), (0, 3)):
            parts = list(insert_parts(count, dimensions))
            self.assertEqual(
                [row for part in parts for row in (part.start, part.stop)],
                np.repeat([0, *(part.stop for part in parts)], 2)[1:-1].tolist(),
            )
            self.assertEqual(sum(part.stop - part.start for part in parts), count)
            for part in parts:
                size = part.stop - part.start
                self.assertLessEqual(size, 1_000_000)
                self.assertLessEqual(size * dimensions * 4, MAX_INSERT_BYTES)

    def test_as_few_parts_as_can_be(self) -> None:
        self.assertEqual(len(list(insert_parts(2_000_000, 4))), 2)
        self.assertEqual(len(list(insert_parts(64, 65536))), 1)
        self.assertEqual(len(list(insert_parts(65, 65536))), 2)
