"""A bucket of snapshots, on an S3-compatible storage that runs beside the test."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from hashlib import sha256
from itertools import count as counter
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from tests.bucket_support import ACCESS_KEY, REGION, SECRET_KEY, shared_bucket_server
from vexfs_twisted.model.errors import BadRequest, Forbidden, InternalError, NotFound, Unavailable
from vexfs_twisted.model.snapshots import SnapshotDescription, SnapshotOwner
from vexfs_twisted.storage import snapshot_bucket
from vexfs_twisted.storage.snapshot_bucket import BucketSettings, SnapshotBucket

MEBIBYTE = 1 << 20
NUMBERS = counter(1)
OWNERS = [SnapshotOwner(), SnapshotOwner("a"), SnapshotOwner("a", is_shard=True)]
ODD = ["a b", "%20", "ü?#[]*", "..", "long" * 60, "x\u200dy", "a\nb"]
HAS_LIBRARIES = all(importlib.util.find_spec(name) for name in ("obstore", "moto", "boto3"))


def pieces_of(count: int) -> Iterator[memoryview]:
    """Pieces of a MiB in one buffer, as those of an archive are."""
    buffer = bytearray(MEBIBYTE)
    for number in range(count):
        buffer[:] = bytes([number % 251]) * MEBIBYTE
        yield memoryview(buffer)


def expected(count: int) -> bytes:
    return b"".join(bytes(piece) for piece in pieces_of(count))


class Bucket(SynchronousTestCase):
    if not HAS_LIBRARIES:
        skip = "needs obstore, moto and boto3"

    def setUp(self) -> None:
        self.server = shared_bucket_server()
        self.name = f"bucket-{next(NUMBERS)}"
        self.server.make_bucket(self.name)
        self.bucket = self.made(self.name)

    def made(self, name: str, url: str | None = None) -> SnapshotBucket:
        url = url or self.server.url
        return SnapshotBucket(BucketSettings(name, REGION, ACCESS_KEY, SECRET_KEY, url))

    def write(self, owner: SnapshotOwner, count: int = 3, label: str = "x") -> SnapshotDescription:
        return self.bucket.write(owner, label, count * MEBIBYTE, pieces_of(count), ())

    def test_what_is_written_is_listed_read_and_deleted(self) -> None:
        for owner in OWNERS:
            self.assertEqual(self.bucket.list(owner), [])
            taken = [self.write(owner, 30), self.write(owner)]
            self.assertEqual(
                self.bucket.list(owner), sorted(taken, key=lambda t: (t.created, t.name))
            )
            self.assertEqual(self.made(self.name).list(owner), self.bucket.list(owner))
            data = expected(30)
            self.assertEqual(
                (taken[0].size, taken[0].checksum), (len(data), sha256(data).hexdigest())
            )
            file, found = self.bucket.open(owner, taken[0].name)
            self.assertEqual(found, taken[0])
            with file:
                self.assertEqual(file.read(), data)
                for start, size in (
                    (0, 1),
                    (MEBIBYTE - 1, 2),
                    (len(data) - 5, 100),
                    (7, 3 * MEBIBYTE),
                ):
                    file.seek(start)
                    read = b""
                    while len(read) < size and (part := file.read(size - len(read))):
                        read += part
                    self.assertEqual(read, data[start : start + size])
            for one in taken:
                self.bucket.delete(owner, one.name)
            self.assertEqual(self.bucket.list(owner), [])
        self.assertEqual((self.server.keys(self.name), self.server.uploads(self.name)), ([], 0))

    def test_names_of_every_kind(self) -> None:
        owners = [SnapshotOwner(name) for name in ODD]
        taken = [self.write(owner, 1, owner.collection or "") for owner in owners]
        for owner, one in zip(owners, taken, strict=True):
            self.assertEqual(self.bucket.list(owner), [one])
            self.bucket.delete(owner, one.name)
        self.assertEqual(self.server.keys(self.name), [])

    def test_what_is_not_there(self) -> None:
        for name in (
            "x.snapshot",
            "x",
            "../x.snapshot",
            "a/b.snapshot",
            "%2e.snapshot",
            "\0.snapshot",
        ):
            for ask in (self.bucket.open, self.bucket.delete, self.bucket.location_of):
                with self.assertRaises(NotFound) as caught:
                    ask(OWNERS[1], name)
                self.assertEqual(caught.exception.message, f"Not found: Snapshot {name} not found")

    def test_one_that_fails_leaves_nothing(self) -> None:
        def failing() -> Iterator[memoryview]:
            yield from pieces_of(30)
            raise Unavailable("stopping")

        with self.assertRaises(Unavailable) as caught:
            self.bucket.write(OWNERS[1], "x", 40 * MEBIBYTE, failing(), ())
        self.assertIn("stopping", caught.exception.message)
        self.assertEqual((self.server.keys(self.name), self.server.uploads(self.name)), ([], 0))
        self.write(OWNERS[1])

    def test_one_that_cannot_be_described_is_taken_back(self) -> None:
        def away(*_: object) -> SnapshotDescription:
            raise Unavailable("away")

        self.patch(self.bucket, "_described", away)
        self.assertRaises(Unavailable, self.write, OWNERS[1])
        self.assertEqual(self.server.keys(self.name), [])

    def test_one_that_is_being_written_is_not_listed(self) -> None:
        def listing() -> Iterator[memoryview]:
            yield from pieces_of(2)
            self.assertEqual(self.bucket._begun, {f"a/{self.begun}"})

        self.begun = ""
        names: list[str] = []

        def note(owner: SnapshotOwner, name: str) -> bool:
            names.append(name)
            self.begun = name
            return False

        self.patch(self.bucket, "_is_there", note)
        taken = self.bucket.write(OWNERS[1], "x", 2 * MEBIBYTE, listing(), ())
        self.assertEqual([taken.name], names)
        self.assertEqual(self.bucket._begun, set())

    def test_a_bucket_that_is_not_there(self) -> None:
        bucket = self.made("no-such-bucket")
        for ask in (
            lambda: bucket.list(OWNERS[1]),
            lambda: bucket.write(OWNERS[1], "x", 1, pieces_of(1), ()),
        ):
            error = self.assertRaises(InternalError, ask)
            self.assertIn("bucket `no-such-bucket` of snapshots cannot be used", error.message)
            self.assertIn("NoSuchBucket", error.message)
        bucket.sweep()

    def test_a_storage_that_is_away(self) -> None:
        self.patch(snapshot_bucket, "_TRIES", 0)
        bucket = self.made(self.name, "http://127.0.0.1:1")
        error = self.assertRaises(Unavailable, bucket.list, OWNERS[0])
        self.assertIn(f"bucket `{self.name}` of snapshots cannot be reached", error.message)
        self.assertNotIn(SECRET_KEY, error.message)
        bucket.sweep()

    def test_locations(self) -> None:
        taken = self.write(OWNERS[1])
        location = self.bucket.location_of(OWNERS[1], taken.name)
        self.assertEqual(location, f"s3://{self.name}/snapshots/a/{taken.name}")
        path = location.removeprefix(f"s3://{self.name}")
        with self.bucket.open_location(self.name, path) as file:
            self.assertEqual(file.read(), expected(3))
        others = ("other", path), (self.name, "/elsewhere/x.snapshot"), (self.name, "")
        for bucket, other in others:
            self.assertRaises(Forbidden, self.bucket.open_location, bucket, other)
        for missing in ("x", "", "../x", "a/../../x"):
            self.assertRaises(
                BadRequest, self.bucket.open_location, self.name, f"/snapshots/{missing}"
            )


class PartSizes(SynchronousTestCase):
    def test_an_archive_of_any_size_has_few_enough_parts(self) -> None:
        sizes = [0, 1, 8 << 20, 1 << 36, 1 << 40, 5 << 40]
        parts = [snapshot_bucket.part_bytes(size) for size in sizes]
        self.assertTrue(all(before <= after for before, after in pairwise(parts)))
        for size, part in zip(sizes, parts, strict=True):
            self.assertLessEqual(size / part, 8_000)
            self.assertGreaterEqual(part, 5 << 20)
