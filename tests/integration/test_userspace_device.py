"""The userspace device as a mounted file system, driven by real ioctl system calls."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import time
from collections.abc import Callable

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests import device_calls as calls
from tests.device_calls import COSINE, DOT_PRODUCT, EUCLIDEAN, RawFile
from tests.device_support import shared_device
from vexfs_twisted.device.uapi import (
    BATCH_INSERT,
    GET_VECTOR_META,
    SET_VECTOR_META,
    VECTOR_SEARCH,
    BatchInsertRequest,
)

UNMAPPED = 0x10
_NO_ACCESS = 0
"""PROT_NONE, which Python has no name for."""


class DeviceCase(SynchronousTestCase):
    """Tests with a file, under a name of its own, of the shared device."""

    def setUp(self) -> None:
        self.device = shared_device()
        self.path = self.device.mount / self.id().rpartition(".")[2]
        self.addCleanup(lambda: self.path.unlink(missing_ok=True))

    def file(self, flags: int = os.O_RDWR | os.O_CREAT) -> RawFile:
        opened = RawFile(self.path, flags)
        self.addCleanup(opened.__exit__)
        return opened

    def refused(self, number: int, call: Callable[..., object], *arguments: object) -> None:
        """The call fails with this errno, and the device goes on."""
        error = self.assertRaises(OSError, call, *arguments)
        self.assertEqual(errno.errorcode[error.errno], errno.errorcode[number])


class Metadata(DeviceCase):
    def test_a_new_file_tells_that_nothing_is_known_of_it(self) -> None:
        told = self.file().meta()
        self.assertEqual(told.pop("element_type"), 1)
        self.assertEqual(set(told.values()), {0})

    def test_what_is_set_is_told_and_vectors_are_counted(self) -> None:
        file = self.file()
        file.set_meta(3, data_offset=2**63, index_offset=4096, alignment_bytes=64, vector_count=9)
        expected = {
            "dimensions": 3,
            "element_type": 1,
            "vector_count": 0,
            "storage_format": 0,
            "data_offset": 2**63,
            "index_offset": 4096,
            "compression_type": 0,
            "alignment_bytes": 64,
        }
        self.assertEqual(file.meta(), expected)
        file.insert(calls.vectors(7, 3))
        self.assertEqual(self.file().meta(), {**expected, "vector_count": 7})

    def test_the_first_vectors_decide_the_dimensions(self) -> None:
        file = self.file()
        file.insert(calls.vectors(2, 5))
        self.assertEqual(file.meta()["dimensions"], 5)
        self.refused(errno.EINVAL, file.insert, calls.vectors(2, 6))
        self.refused(errno.EINVAL, file.set_meta, 6)
        file.set_meta(5, alignment_bytes=8)
        self.assertEqual((file.count(), file.meta()["alignment_bytes"]), (2, 8))

    def test_dimensions_of_an_empty_file_can_be_set_again(self) -> None:
        file = self.file()
        file.set_meta(4)
        file.set_meta(65536)
        self.assertEqual(file.meta()["dimensions"], 65536)

    def test_what_cannot_be_is_refused(self) -> None:
        file = self.file()
        self.refused(errno.EINVAL, file.set_meta, 0)
        self.refused(errno.EINVAL, file.set_meta, 65537)
        for field in ("element_type", "storage_format", "compression_type"):
            self.refused(errno.EINVAL, lambda field=field: file.set_meta(4, **{field: 2}))
        self.assertEqual(file.meta()["dimensions"], 0)


class Searches(DeviceCase):
    def check(self, data: np.ndarray, query: np.ndarray, k: int) -> None:
        """Answers to a query in all metrics are those of double precision."""
        file = self.file()
        ids = np.arange(len(data), dtype=np.uint64) * 7 + 2**63
        file.insert(data, ids)
        for metric in (EUCLIDEAN, COSINE, DOT_PRODUCT):
            scores = calls.exact(data, query, metric)
            best = calls.nearest(scores, k, metric)
            found, told = file.search(query, k, metric)
            self.assertEqual(found.tolist(), ids[best].tolist(), metric)
            np.testing.assert_allclose(told, scores[best], rtol=1e-4, atol=1e-5)

    def test_in_three_metrics(self) -> None:
        data = calls.vectors(3000, 24)
        # Lengths that differ, so that no metric orders like another.
        data *= np.linspace(0.1, 10, len(data), dtype=np.float32)[:, np.newaxis]
        self.check(data, calls.vectors(1, 24, seed=9)[0], 25)

    def test_few_dimensions(self) -> None:
        self.check(calls.vectors(50, 2), np.array([0.3, 0.2], dtype=np.float32), 1)

    def test_cosine_of_vectors_of_any_length(self) -> None:
        data = calls.vectors(6, 8)
        scale = np.array([1e-25, 1e-10, 0, 1, 1e10, 1e18], dtype=np.float32)
        file = self.file()
        file.insert(data * scale[:, np.newaxis])
        query = calls.vectors(1, 8, seed=3)[0]
        expected = calls.exact(data, query, COSINE)
        expected[2] = 0
        for scaled in (query, query * np.float32(1e-20), query * np.float32(1e18)):
            found, scores = file.search(scaled, 6, COSINE)
            self.assertEqual(found.tolist(), calls.nearest(expected, 6, COSINE).tolist())
            np.testing.assert_allclose(scores, expected[found.astype(int)], rtol=1e-5)
        _, zeros = file.search(np.zeros(8), 6, COSINE)
        self.assertEqual(zeros.tolist(), [0] * 6)

    def test_no_more_is_answered_than_there_is(self) -> None:
        file = self.file()
        self.assertEqual(len(file.search(np.zeros(4), 3)[0]), 0)
        file.insert(calls.vectors(2, 4), np.array([5, 4]))
        scores, ids = np.full(4, np.nan, dtype="<f4"), np.full(4, 77, dtype="<u8")
        addresses = {"results_bits": scores.ctypes.data, "result_ids": ids.ctypes.data}
        found, _ = file.search(np.zeros(4), 4, **addresses)
        self.assertEqual(len(found), 2)
        self.assertEqual(ids[2:].tolist(), [77, 77])
        self.assertTrue(np.isnan(scores[2:]).all())

    def test_after_many_overwrites_every_id_is_found_once_with_its_last_vector(self) -> None:
        file = self.file()
        ids = np.arange(300)
        for seed in range(20):
            data = calls.vectors(300, 12, seed=seed)
            file.insert(data[seed % 2 :: 2], ids[seed % 2 :: 2])
        last = np.where((ids % 2 == 0)[:, np.newaxis], calls.vectors(300, 12, 18), data)
        self.assertEqual(file.count(), 300)
        query = calls.vectors(1, 12, seed=99)[0]
        for metric in (EUCLIDEAN, COSINE, DOT_PRODUCT):
            scores = calls.exact(last, query, metric)
            found, told = file.search(query, 300, metric)
            self.assertEqual(sorted(found.tolist()), ids.tolist())
            np.testing.assert_allclose(told, scores[found.astype(int)], rtol=1e-4, atol=1e-5)


class Inserts(DeviceCase):
    def test_without_ids_vectors_are_numbered_on(self) -> None:
        file = self.file()
        file.insert(calls.vectors(3, 4))
        file.insert(calls.vectors(1, 4, seed=1), np.array([40]))
        file.insert(calls.vectors(2, 4, seed=2))
        found, _ = file.search(np.zeros(4), 10)
        self.assertEqual(sorted(found.tolist()), [0, 1, 2, 40, 41, 42])

    def test_no_numbers_are_left_after_the_largest(self) -> None:
        file = self.file()
        file.insert(calls.vectors(1, 4), np.array([2**64 - 1], dtype=np.uint64))
        self.refused(errno.ENOSPC, file.insert, calls.vectors(1, 4))
        file.insert(calls.vectors(1, 4, seed=1), np.array([2**64 - 2], dtype=np.uint64))
        self.assertEqual(file.count(), 2)

    def test_a_known_id_gets_the_new_vector_with_overwrite_and_without_flags(self) -> None:
        file = self.file()
        for flags, value in ((1, 1.0), (0, 2.0), (3, 3.0)):
            file.insert(np.full((2, 4), value), np.array([8, 9]), flags=flags)
            found, scores = file.search(np.full(4, value), 2)
            self.assertEqual((sorted(found.tolist()), scores.tolist()), ([8, 9], [0, 0]))
        self.assertEqual(file.count(), 2)

    def test_append_takes_only_new_ids_and_all_or_none(self) -> None:
        file = self.file()
        file.insert(calls.vectors(3, 4), np.array([1, 2, 9]), flags=2)
        self.refused(errno.EEXIST, lambda: file.insert(np.ones((2, 4)), np.array([5, 2]), flags=2))
        self.assertEqual(file.count(), 3)
        file.insert(np.ones((2, 4)), np.array([5, 3]), flags=2)
        self.assertEqual(file.count(), 5)
        self.refused(errno.EINVAL, lambda: file.insert(np.ones((2, 4)), np.array([7, 7]), flags=2))

    def test_of_an_id_that_occurs_twice_the_last_counts_unless_it_is_to_be_validated(self) -> None:
        file = self.file()
        file.insert(np.array([[1.0], [2.0]]), np.array([4, 4]))
        found, scores = file.search(np.array([2.0]), 5)
        self.assertEqual((found.tolist(), scores.tolist()), ([4], [0]))
        self.refused(
            errno.EINVAL, lambda: file.insert(np.array([[1.0], [2.0]]), np.array([6, 6]), flags=5)
        )

    def test_numbers_must_be_finite(self) -> None:
        file = self.file()
        for bad in (np.nan, np.inf):
            self.refused(errno.EINVAL, file.insert, np.array([[1.0, bad]]))
            self.refused(errno.EINVAL, file.search, np.array([1.0, bad]), 1)
        self.assertEqual((file.count(), file.meta()["dimensions"]), (0, 0))

    def test_a_hundred_thousand_in_one_call(self) -> None:
        data = calls.vectors(100_000, 16)
        file = self.file()
        file.insert(data)
        self.assertEqual(file.count(), 100_000)
        found, _ = file.search(data[98_765], 1)
        self.assertEqual(found.tolist(), [98_765])


class Garbage(DeviceCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound = self.file()
        self.sound.insert(calls.vectors(5, 4))
        self.addCleanup(lambda: self.assertEqual(self.sound.count(), 5))

    def insert_with(self, **fields: int) -> None:
        self.sound.insert(calls.vectors(1, 4), np.array([99]), **fields)

    def search_with(self, **fields: int) -> None:
        self.sound.search(np.zeros(4), 2, **fields)

    def test_pointers_to_nothing(self) -> None:
        for field in ("vectors_bits", "vector_ids"):
            for address in (UNMAPPED, 2**47, 2**63, 2**64 - 2):
                self.refused(errno.EFAULT, lambda f=field, a=address: self.insert_with(**{f: a}))
        for field in ("query_vector_bits", "results_bits", "result_ids"):
            for address in (UNMAPPED, 2**47, 2**64 - 2):
                self.refused(errno.EFAULT, lambda f=field, a=address: self.search_with(**{f: a}))

    def test_null_pointers(self) -> None:
        self.refused(errno.EINVAL, lambda: self.insert_with(vectors_bits=0))
        for field in ("query_vector_bits", "results_bits", "result_ids"):
            self.refused(errno.EINVAL, lambda f=field: self.search_with(**{f: 0}))

    def test_memory_that_ends_within_the_vectors(self) -> None:
        size = mmap.PAGESIZE
        pages = np.frombuffer(mmap.mmap(-1, 2 * size), dtype="u1")
        behind = ctypes.c_void_p(pages.ctypes.data + size)
        self.assertEqual(ctypes.CDLL(None).mprotect(behind, size, _NO_ACCESS), 0)
        start = pages.ctypes.data + size - 8
        self.refused(errno.EFAULT, lambda: self.insert_with(vectors_bits=start, vector_count=3))

    def test_results_into_memory_that_is_read_only(self) -> None:
        path = self.device.home / "constant"
        path.write_bytes(bytes(4096))
        page = np.memmap(path, dtype="u1", mode="r")
        address = page.ctypes.data
        self.refused(errno.EFAULT, lambda: self.search_with(results_bits=address))
        self.assertFalse(page.any())

    def test_numbers_out_of_range(self) -> None:
        for field, numbers in {
            "vector_count": (0, 1_000_001, 2**32 - 1),
            "dimensions": (0, 3, 65537, 2**32 - 1),
            "flags": (8, 2**31),
        }.items():
            for number in numbers:
                self.refused(errno.EINVAL, lambda f=field, n=number: self.insert_with(**{f: n}))
        for field, numbers in {
            "k": (0, 1_000_001, 2**32 - 1),
            "dimensions": (0, 3, 65537),
            "search_type": (3, 2**32 - 1),
        }.items():
            for number in numbers:
                self.refused(errno.EINVAL, lambda f=field, n=number: self.search_with(**{f: n}))

    def test_more_bytes_than_the_device_takes_at_once(self) -> None:
        empty = RawFile(self.device.mount / "empty")
        self.addCleanup(os.unlink, self.device.mount / "empty")
        self.addCleanup(empty.__exit__)
        request = BatchInsertRequest(
            vectors_bits=UNMAPPED, vector_count=1_000_000, dimensions=65536, flags=1
        )
        self.refused(errno.ENOMEM, fcntl.ioctl, empty.fd, BATCH_INSERT, request)

    def test_ioctls_of_other_things(self) -> None:
        buffer = bytearray(48)
        others = [GET_VECTOR_META + number for number in (-1, 3, 4, 100)]
        # The right numbers with other sizes or directions.
        others += [BATCH_INSERT ^ 1 << 16, VECTOR_SEARCH ^ 1 << 30, SET_VECTOR_META ^ 1 << 8]
        for number in (*others, 0x5401, 0):
            self.refused(errno.ENOTTY, fcntl.ioctl, self.sound.fd, number, buffer)
        directory = os.open(self.device.mount, os.O_RDONLY)
        self.addCleanup(os.close, directory)
        self.refused(errno.ENOTTY, fcntl.ioctl, directory, GET_VECTOR_META, buffer)

    def test_random_arguments(self) -> None:
        generator = np.random.default_rng(1)
        scratch = (ctypes.c_uint8 * (1 << 20))()
        start = ctypes.addressof(scratch)
        errors = set()
        for number, size in ((SET_VECTOR_META, 40), (VECTOR_SEARCH, 48), (BATCH_INSERT, 32)):
            with RawFile(self.device.mount / "random") as file:
                for _ in range(300):
                    words = generator.integers(0, 2**64, size // 8, dtype=np.uint64)
                    # Often small numbers, and addresses that are good.
                    kind = generator.integers(0, 4, size // 8)
                    words[kind == 1] &= np.uint64(0x0000000F0000000F)
                    words[kind == 2] = start
                    words[kind == 3] = 0
                    try:
                        fcntl.ioctl(file.fd, number, bytearray(words.tobytes()))
                    except OSError as error:
                        errors.add(error.errno)
            os.unlink(self.device.mount / "random")
        self.assertLessEqual(
            errors, {errno.EINVAL, errno.EFAULT, errno.ENOMEM, errno.EEXIST, errno.ENOSPC}
        )

    def test_descriptors_that_are_not_open_for_it(self) -> None:
        reader = self.file(os.O_RDONLY)
        self.refused(errno.EBADF, reader.set_meta, 4)
        self.refused(errno.EBADF, reader.insert, calls.vectors(1, 4))
        self.assertEqual(len(reader.search(np.zeros(4), 5)[0]), reader.count())
        writer = self.file(os.O_WRONLY)
        self.refused(errno.EBADF, writer.search, np.zeros(4), 1)


class Files(DeviceCase):
    def test_vectors_are_read_as_float32_row_after_row(self) -> None:
        data = calls.vectors(5000, 30)
        file = self.file()
        self.assertEqual(self.path.read_bytes(), b"")
        for start in range(0, 5000, 1000):
            file.insert(data[start : start + 1000])
            self.assertEqual(self.path.stat().st_size, (start + 1000) * 120)
        self.assertEqual(self.path.read_bytes(), data.tobytes())
        self.assertEqual(os.pread(file.fd, 301, 119), data.tobytes()[119:420])
        self.assertEqual(os.pread(file.fd, 10, 600_000), b"")
        np.testing.assert_array_equal(np.memmap(self.path, "<f4", mode="r"), data.ravel())

    def test_overwritten_vectors_are_read_in_the_order_of_writing(self) -> None:
        file = self.file()
        file.insert(np.array([[1.0], [2.0], [3.0]]), np.array([1, 2, 3]))
        self.path.read_bytes()
        file.insert(np.array([[4.0]]), np.array([1]))
        self.assertEqual(np.fromfile(self.path, "<f4").tolist(), [2, 3, 4])

    def test_files_are_listed(self) -> None:
        names = {f"list-{number}-é" for number in range(50)}
        for name in names:
            RawFile(self.device.mount / name).__exit__()
        self.assertLessEqual(names, set(os.listdir(self.device.mount)))
        for name in names:
            os.unlink(self.device.mount / name)
        self.assertFalse(names & set(os.listdir(self.device.mount)))

    def test_a_deleted_file_is_gone_and_stays_usable_where_it_is_open(self) -> None:
        file = self.file()
        file.insert(calls.vectors(9, 4))
        self.path.unlink()
        self.assertFalse(self.path.exists())
        self.assertEqual((file.count(), len(file.search(np.zeros(4), 20)[0])), (9, 9))
        other = self.file()
        self.assertEqual(other.count(), 0)
        other.insert(calls.vectors(2, 6))
        self.assertEqual((file.count(), other.count()), (9, 2))

    def test_the_vectors_of_a_deleted_file_leave_the_disk_with_its_last_descriptor(self) -> None:
        stores = self.device.data / "stores"
        with RawFile(self.path) as file:
            before = set(stores.iterdir())
            file.insert(calls.vectors(9, 4))
            (own,) = set(stores.iterdir()) - before
            self.path.unlink()
            self.assertFalse(own.exists())
            own = own.with_name(f"{own.name}.deleting")
            self.assertTrue(own.exists())
            self.assertEqual(file.count(), 9)
        # The kernel tells of the last close when it has the time.
        deadline = time.monotonic() + 30
        while own.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(own.exists())

    def test_truncation_empties_and_forgets(self) -> None:
        file = self.file()
        for empty in (
            lambda: os.ftruncate(file.fd, 0),
            lambda: os.truncate(self.path, 0),
            lambda: RawFile(self.path, os.O_RDWR | os.O_TRUNC).__exit__(),
        ):
            file.insert(calls.vectors(3, 5))
            empty()
            self.assertEqual((file.count(), file.meta()["dimensions"]), (0, 0))
            self.assertEqual(self.path.read_bytes(), b"")
            file.insert(calls.vectors(4, 6), np.arange(4))
            self.assertEqual(file.count(), 4)
            os.ftruncate(file.fd, 4 * 6 * 4)
            self.refused(errno.EINVAL, os.ftruncate, file.fd, 5)
            self.assertEqual(file.count(), 4)
            os.ftruncate(file.fd, 0)

    def test_files_are_renamed_also_onto_others(self) -> None:
        file = self.file()
        file.insert(calls.vectors(3, 4))
        other = self.device.mount / "renamed"
        RawFile(other).__exit__()
        self.path.rename(other)
        self.assertEqual((self.path.exists(), file.count()), (False, 3))
        with RawFile(other, os.O_RDWR) as same:
            same.insert(calls.vectors(1, 4, seed=4))
            self.assertEqual((same.count(), file.count()), (4, 4))
        other.rename(self.path)

    def test_a_rename_that_must_not_replace(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.file()
        other = self.device.mount / "noreplace"
        with RawFile(other) as file:
            file.insert(calls.vectors(1, 4))
        for flags, number in ((1, errno.EEXIST), (2, errno.EINVAL)):
            done = libc.renameat2(-100, bytes(self.path), -100, bytes(other), flags)
            self.assertEqual((done, ctypes.get_errno()), (-1, number))
        self.assertEqual(other.stat().st_size, 16)
        other.unlink()

    def test_what_there_is_not(self) -> None:
        file = self.file()
        self.refused(errno.EOPNOTSUPP, os.write, file.fd, b"1234")
        self.refused(errno.EPERM, os.mkdir, self.device.mount / "folder")
        self.refused(errno.ENOENT, os.open, self.device.mount / "nothing", os.O_RDWR)
        self.refused(errno.ENOENT, os.unlink, self.device.mount / "nothing")
        self.refused(errno.EEXIST, os.open, self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        self.refused(errno.ENAMETOOLONG, RawFile, self.device.mount / ("x" * 256))
        os.fsync(file.fd)
        self.assertGreater(os.statvfs(self.device.mount).f_bavail, 0)

    def test_modes_and_times_are_kept(self) -> None:
        self.file()
        self.path.chmod(0o600)
        os.utime(self.path, ns=(1, 12345))
        found = self.path.stat()
        self.assertEqual((found.st_mode & 0o7777, found.st_mtime_ns), (0o600, 12345))
        self.assertEqual((found.st_uid, found.st_gid), (os.getuid(), os.getgid()))


class Processes(DeviceCase):
    def test_many_insert_and_search_one_file_at_once(self) -> None:
        found = calls.in_processes(4, calls.insert_and_search, str(self.path), 40, 16)
        self.assertEqual(found, [40] * 4)
        self.assertEqual(self.file().count(), 4 * 400)
