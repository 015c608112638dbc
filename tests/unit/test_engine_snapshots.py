"""Archives of collections: of one moment while writes go on, restored, and refused if not sound."""

from __future__ import annotations

import fcntl
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from copy import copy
from hashlib import sha256
from itertools import count
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import Any, BinaryIO

import numpy as np
from attrs import asdict, evolve

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    field,
    payload_of,
    to_vector,
    upsert,
    write,
)
from tests.small_device import fill, make_room, mounted
from vexfs_twisted.engine import collection_store
from vexfs_twisted.engine import snapshot_archives as archives
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.mvcc import pinned
from vexfs_twisted.engine.snapshots import manifest as manifests
from vexfs_twisted.engine.snapshots.byte_ranges import FileRange
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.engine.storage.checksummed import seal
from vexfs_twisted.model.collection import CreateAlias, CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import DeleteVectorName
from vexfs_twisted.model.errors import BadInput, BadRequest, Interrupted, NotFound, StorageFull
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.snapshots import SnapshotOwner
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 4
TOGETHER = 20
"""Points that every commit writes anew, all with the same number."""

EVERY_KIND = CreateCollection(
    vectors={
        "dense": VectorParams(Distance.EUCLID, SIZE),
        "lines": VectorParams(
            Distance.DOT, SIZE, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        ),
    },
    sparse_vectors={"words": SparseVectorParams()},
)


def nothing() -> None:
    """No check."""


def round_of(number: int) -> Upsert:
    """Points whose vectors of every kind and whose payloads all tell the same number.

    The first are written anew by every round; the last is a new one.
    """
    ids = [*range(TOGETHER), 1000 + number]
    own = np.full((len(ids), SIZE), number, dtype=np.float32)
    offsets = np.arange(len(ids) + 1, dtype=np.int64)
    words = SparseVectors(offsets, np.full(len(ids), number % 50, np.uint32), own[:, 0].copy())
    columns = {
        "dense": VectorColumn.of(own),
        "lines": VectorColumn(MultiVectors(2 * offsets, own.repeat(2, axis=0)), None),
        "words": VectorColumn(words, None),
    }
    return upsert(ids, columns, [{"round": number}] * len(ids))


class SnapshotCase(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = archives.SnapshotFolder(self.path / "snapshots")

    def take(self, collection: Collection) -> str:
        """The name of a new snapshot."""
        owner = SnapshotOwner(collection.name)
        return archives.write_collection(self.folder, owner, collection, nothing).name

    def restore(self, taken_of: str, name: str, into: str) -> Collection:
        """Restore a snapshot as the collection `into`."""
        file, _ = self.folder.open(SnapshotOwner(taken_of), name)
        with file:
            return self.restore_file(file, into)

    def restore_file(self, file: BinaryIO, into: str) -> Collection:
        archive = FileRange(file.fileno(), os.fstat(file.fileno()).st_size)
        return archives.restore_collection(self.catalog, into, archive, nothing).collection

    def assert_of_one_round(self, collection: Collection) -> int:
        """Everything in a collection is of the same round, which is returned."""
        records = collection.read(Scroll(limit=100_000, selection=EVERYTHING)).records
        numbers = {payload_of(record)["round"] for record in records[:TOGETHER]}
        self.assertEqual(len(numbers), 1, numbers)
        (number,) = numbers
        self.assertEqual(len(records), TOGETHER + number + 1)
        for record in records:
            told = payload_of(record)["round"]
            vectors: Any = record.vectors
            dense, lines, words = (vectors[name] for name in ("dense", "lines", "words"))
            self.assertEqual(np.unique(dense).tolist(), [told])
            self.assertEqual(np.unique(lines.rows).tolist(), [told])
            self.assertEqual((words.indices.tolist(), words.values.tolist()), ([told % 50], [told]))
        return int(number)


class Moments(SnapshotCase):
    def test_everything_is_of_one_moment_while_writes_go_on(self) -> None:
        collection = self.catalog.create("a", EVERY_KIND)
        index = CreateFieldIndex(PayloadPath.parse("round"), FieldSchema(FieldType.INTEGER))
        write(collection, round_of(0), index)
        stop, failures, last = Event(), [], [0]

        def keep_writing() -> None:
            try:
                for number in count(1):
                    write(collection, round_of(number))
                    last[0] = number
                    if number % 7 == 0:
                        collection.checkpoint()
                    if stop.is_set():
                        return
            except Exception as error:
                failures.append(error)

        writer = Thread(target=keep_writing)
        writer.start()
        taken = []
        try:
            for _ in range(6):
                before = last[0]
                taken.append((before, self.take(collection), last[0]))
        finally:
            stop.set()
            writer.join()
        self.assertEqual(failures, [])
        for before, name, after in taken:
            restored = self.restore("a", name, "b")
            number = self.assert_of_one_round(restored)
            self.assertLessEqual(before, number)
            self.assertLessEqual(number, after + 1)
            self.assertEqual(restored.read(Count()), TOGETHER + number + 1)
            of_round = Filter(must=(field("round", MatchValue(number)),))
            self.assertEqual(restored.read(Count(filter=of_round)), TOGETHER + 1)
        self.assertEqual(self.assert_of_one_round(collection), last[0])

    def test_a_snapshot_that_was_cut_short_by_growing_tables_is_begun_again(self) -> None:
        self.patch(tables, "FIRST_MAP_SIZE", 1 << 20)
        self.patch(pinned, "PATIENCE_S", 0.01)
        self.patch(collection_store, "PATIENCE_S", 0.01)
        self.patch(collection_store, "is_half_used", lambda _: False)
        collection = self.catalog.create("a", CreateCollection(vectors={}))
        write(collection, upsert([1], {}, [{"long": "x" * (3 << 20)}]))
        owner, larger = SnapshotOwner("a"), [40 << 20, 12 << 20]

        def grow_at(piece: int, at: Iterator[int]) -> Callable[[], None]:
            def check() -> None:
                if next(at) == piece:
                    write(collection, upsert([1], {}, [{"long": "x" * larger.pop()}]))

            return check

        self.patch(archives, "_TRIES", 1)
        with self.assertRaises(Interrupted):
            archives.write_collection(self.folder, owner, collection, grow_at(3, count()))
        self.assertEqual(self.folder.list(owner), [])
        self.patch(archives, "_TRIES", 2)
        archives.write_collection(self.folder, owner, collection, grow_at(3, count()))
        self.assertEqual(larger, [])
        self.assertEqual(len(self.folder.list(owner)), 1)
        self.assertEqual(self.left(), [])

    def left(self) -> list[str]:
        """Incomplete files."""
        return [path.name for path in self.folder.path.rglob("*.partial")]

    def test_rows_that_are_given_back_meanwhile_and_names_that_are_dropped(self) -> None:
        collection = self.catalog.create("a", EVERY_KIND)
        write(collection, *map(round_of, range(20)))
        with collection.hold() as held, TemporaryFile() as file:
            write(collection, DeleteVectorName("lines"), DeletePoints(list(range(TOGETHER))))
            collection.optimize()
            for piece in held.pieces():
                file.write(piece)
            file.flush()
            self.assert_of_one_round(self.restore_file(file, "b"))

    def test_graphs_codes_and_columns_come_along(self) -> None:
        request = CreateCollection(
            vectors={"dense": VectorParams(Distance.COSINE, SIZE)},
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
            quantization_config=QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
        )
        collection = self.catalog.create("a", request)
        rows = np.random.default_rng(3).random((3000, SIZE)).astype(np.float32)
        points = upsert(list(range(3000)), {"dense": VectorColumn.of(rows)}, [{"n": 1}] * 3000)
        index = CreateFieldIndex(PayloadPath.parse("n"), FieldSchema(FieldType.INTEGER))
        write(collection, points, index)
        collection.optimize()
        restored = self.restore("a", self.take(collection), "b")
        kinds = {name.partition("-")[0] for name in os.listdir(restored.path)}
        self.assertLessEqual({"graph", "codes", "column"}, kinds)
        restored.optimize()
        self.assertEqual(
            [segment.uuid for segment in restored.state.dense["dense"].segments],
            [segment.uuid for segment in collection.state.dense["dense"].segments],
        )
        query = to_vector(rows[17], using="dense", limit=5)
        self.assertEqual(
            [hit.id for hit in restored.read(query)], [hit.id for hit in collection.read(query)]
        )
        write(restored, DeletePoints([17]), UpdateCollection())
        self.assertNotIn(17, [hit.id for hit in self.reopen().get("b").read(query)])


class Restores(SnapshotCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", EVERY_KIND)
        write(self.collection, *map(round_of, range(10)))
        self.name = self.take(self.collection)

    def test_a_collection_is_replaced_and_keeps_its_aliases(self) -> None:
        self.catalog.update_aliases([CreateAlias("a", "other")])
        write(self.collection, *map(round_of, range(10, 15)))
        reading = self.collection.open_cursor(Scroll(limit=100))
        restored = self.restore("a", self.name, "a")
        self.assertEqual(self.assert_of_one_round(restored), 9)
        self.assertIs(self.catalog.get(self.catalog.resolve("other")), restored)
        reading.close()
        with self.assertRaises(NotFound):
            write(self.collection, round_of(15))
        write(restored, round_of(10))
        self.assertEqual(len(os.listdir(self.path / "collections")), 1)
        self.assertEqual(self.assert_of_one_round(self.reopen().get("a")), 10)
        self.assertEqual(self.catalog.resolve("other"), "a")

    def test_the_name_of_an_alias_is_not_taken(self) -> None:
        self.catalog.update_aliases([CreateAlias("a", "other")])
        with self.assertRaises(BadInput):
            self.restore("a", self.name, "other")
        self.assertEqual(len(os.listdir(self.path / "collections")), 1)
        self.assert_of_one_round(self.catalog.get("a"))

    def test_a_failed_write_of_the_catalog_leaves_the_collection(self) -> None:
        def fail(*_: object) -> None:
            raise StorageFull("no room left on the device")

        inventory: Any = self.catalog._inventory
        self.patch(inventory._register, "write", fail)
        with self.assertRaises(StorageFull):
            self.restore("a", self.name, "a")
        again = self.catalog.get("a")
        write(again, round_of(10))
        self.assertEqual(self.assert_of_one_round(again), 10)
        self.assertEqual(self.assert_of_one_round(self.reopen().get("a")), 10)

    def test_all_at_once(self) -> None:
        write(self.catalog.create("b", EVERY_KIND), round_of(0))
        self.catalog.update_aliases([CreateAlias("b", "other")])
        full = archives.write_storage(self.folder, self.catalog, nothing)
        self.assertEqual(self.folder.list(SnapshotOwner()), [full])
        self.catalog.delete("b")
        write(self.collection, round_of(10))
        file, _ = self.folder.open(SnapshotOwner(), full.name)
        with file:
            archive = FileRange(file.fileno(), full.size)
            with self.assertRaises(BadRequest):
                archives.restore_storage(self.catalog, archive, nothing, replace=False)
            self.assertEqual(self.catalog.names(), ["a"])
            names = archives.restore_storage(self.catalog, archive, nothing, replace=True)
        self.assertEqual(names, ["a", "b"])
        self.assertEqual(self.assert_of_one_round(self.catalog.get("a")), 9)
        self.assertEqual(self.catalog.resolve("other"), "b")

    def test_a_device_that_is_full(self) -> None:
        root = mounted(self, "tmpfs", 8)
        folder = archives.SnapshotFolder(root / "snapshots")
        owner = SnapshotOwner("a")
        first = archives.write_collection(folder, owner, self.collection, nothing)
        fill(root)
        with self.assertRaises(StorageFull):
            archives.write_collection(folder, owner, self.collection, nothing)
        self.assertEqual(folder.list(owner), [first])
        self.assertEqual(
            sorted(os.listdir(root / "snapshots" / "a"))[1:], [f"{first.name}.checksum"]
        )
        make_room(root)
        archives.write_collection(folder, owner, self.collection, nothing)
        small = Catalog(root / "data")
        small.open()
        self.addCleanup(small.close)
        fill(root)
        path = folder.path_of(owner, first.name)
        with self.assertRaises(StorageFull):
            archives.restore_file(small, path, replace=False)
        self.assertEqual((small.names(), os.listdir(root / "data" / "collections")), ([], []))
        make_room(root)
        self.assertEqual(archives.restore_file(small, path, replace=False), ["a"])
        self.assert_of_one_round(small.get("a"))

    def test_the_folder(self) -> None:
        owner = SnapshotOwner("a")
        (first,) = self.folder.list(owner)
        path = self.folder.path / "a" / first.name
        self.assertEqual(path.stat().st_size, first.size)
        again = self.take(self.collection)
        self.assertNotEqual(again, first.name)
        left, running = path.with_name(".x.partial"), path.with_name(".y.partial")
        left.write_bytes(b"x")
        kept = path.with_name("kept.txt")
        kept.write_bytes(b"x")
        with running.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.folder.sweep()
        self.assertFalse(left.exists())
        self.assertTrue(running.exists())
        self.assertTrue(kept.exists())
        self.folder.delete(owner, first.name)
        self.assertEqual([one.name for one in self.folder.list(owner)], [again])
        for name in (first.name, "../a", "/etc/passwd", "x\0.snapshot", "y" * 300 + ".snapshot"):
            with self.assertRaises(NotFound):
                self.folder.open(owner, name)
        path.with_name("link.snapshot").symlink_to("/etc/passwd")
        with self.assertRaises(NotFound):
            self.folder.open(owner, "link.snapshot")
        strange = SnapshotOwner("n" * 300)
        self.assertEqual(self.folder.list(strange), [])


class Refusals(SnapshotCase):
    """Archives that are not as they were written."""

    def setUp(self) -> None:
        super().setUp()
        collection = self.catalog.create("a", EVERY_KIND)
        write(collection, *map(round_of, range(3)))
        name = self.take(collection)
        file, _ = self.folder.open(SnapshotOwner("a"), name)
        with file:
            self.data = file.read()
        self.members: list[tuple[tarfile.TarInfo, bytes]] = []
        with tarfile.open(fileobj=io.BytesIO(self.data)) as tar:
            for info in tar:
                held = tar.extractfile(info)
                assert held is not None
                self.members.append((info, held.read()))

    def packed(self, members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
        """An archive of members."""
        data = b"".join(
            info.tobuf(tarfile.GNU_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0")
            for info, content in members
        )
        return data + bytes(1024)

    def changed(self, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], object]) -> bytes:
        """The archive after a change of its members."""
        members = [(copy(info), content) for info, content in self.members]
        change(members)
        return self.packed(members)

    def assert_refused(self, data: bytes, reason: str) -> None:
        with TemporaryFile() as file:
            file.write(data)
            file.flush()
            with self.assertRaises(BadRequest) as caught:
                self.restore_file(file, "b")
        self.assertIn(reason, str(caught.exception))
        self.assertEqual(self.catalog.names(), ["a"])
        self.assertEqual(len(os.listdir(self.path / "collections")), 1)

    def renamed(self, name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
        def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
            members[2][0].name, members[2][0].type = name, kind
            members[2][0].linkname = "/etc/passwd"

        return self.changed(change)

    def with_manifest(self, content: bytes) -> bytes:
        def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
            info, _ = members[0]
            info.size = len(content)
            members[0] = info, content

        return self.changed(change)

    def test_it_is_made_again_as_it_was(self) -> None:
        self.assertEqual(self.changed(lambda members: None), self.data)

    def test_paths_that_lead_out(self) -> None:
        for name in ("../x", "/tmp/x", "a/b", "vectors-1.f32/../../x", "..", "\0"):
            self.assert_refused(self.renamed(name), "it has a member that no snapshot has")

    def test_files_that_no_collection_has(self) -> None:
        old = self.members[2][0].name
        for name in ("identity", "lock.mdb", "vectors-1.new", "x"):
            self.assert_refused(self.renamed(name), "is not as its manifest says")
            facts = manifests.Manifest.unsealed(self.members[0][1]).members
            changed = [evolve(one, name=name) if one.name == old else one for one in facts]
            sealed = manifests.Manifest(**self.plain() | {"members": changed}).sealed()
            members = [(copy(info), content) for info, content in self.members]
            members[0][0].size = len(sealed)
            members[0] = members[0][0], sealed
            members[2][0].name = name
            self.assert_refused(self.packed(members), "no file of a collection")

    def test_links_and_devices(self) -> None:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            self.assert_refused(self.renamed(self.members[2][0].name, kind), "a member that no")
        for kind in (tarfile.DIRTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, b"S"):
            self.assert_refused(self.renamed(self.members[2][0].name, kind), "it has a member")

    def test_archives_that_are_cut_off_or_damaged_anywhere(self) -> None:
        for size in range(0, len(self.data), 3977):
            self.assert_refused(self.data[:size], "")
        generator = np.random.default_rng(5)
        for place in generator.integers(0, len(self.data) - 1024, 40).tolist():
            broken = bytearray(self.data)
            broken[place] ^= 0x41
            if self.is_padding(place):
                continue
            self.assert_refused(bytes(broken), "")
        self.assert_refused(self.data + bytes(512), "does not end")

    def is_padding(self, place: int) -> bool:
        """Whether a byte is between the members, where nothing is."""
        offset = 0
        for _, content in self.members:
            offset += 512 + len(content)
            end = -(-offset // 512) * 512
            if offset <= place < end:
                return True
            offset = end
        return False

    def test_other_versions(self) -> None:
        content = self.members[0][1].replace(b"vexfs-snapshot 1 ", b"vexfs-snapshot 2 ")
        self.assert_refused(self.with_manifest(content), "manifest is damaged")
        plain = self.plain()
        self.patch(manifests, "_VERSION", 2)
        sealed = manifests.Manifest(**plain).sealed()
        self.patch(manifests, "_VERSION", 1)
        self.assert_refused(self.with_manifest(sealed), "version 2, which is unknown")

    def plain(self) -> dict[str, Any]:
        return asdict(manifests.Manifest.unsealed(self.members[0][1]), recurse=False)

    def test_manifests_that_say_something_else(self) -> None:
        for change in (
            {"points": 7},
            {"members": ()},
            {"members": [*manifests.Manifest.unsealed(self.members[0][1]).members] * 2},
        ):
            sealed = manifests.Manifest(**self.plain() | change).sealed()
            self.assert_refused(self.with_manifest(sealed), "manifest")
        for plain in ([1], {}, {"members": 7}, {"members": [{"name": 1}]}):
            sealed = seal("vexfs-snapshot", 1, plain)
            self.assert_refused(self.with_manifest(sealed), "is not understood")
        self.assert_refused(self.with_manifest(bytes(5 << 20)), "is too large")

    def test_members_too_many_or_too_few(self) -> None:
        self.assert_refused(self.changed(lambda members: members.pop(3)), "is not as its manifest")
        self.assert_refused(self.changed(lambda members: members.pop()), "checksums is missing")
        self.assert_refused(self.changed(lambda members: members.insert(2, members[2])), "too many")

    def test_tables_that_are_none(self) -> None:
        def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
            members[1] = members[1][0], bytes(len(members[1][1]))
            checksums = dict(manifests.unsealed_checksums(members[-1][1]))
            checksums["data.mdb"] = sha256(members[1][1]).hexdigest()
            members[-1] = members[-1][0], manifests.sealed_checksums(checksums)

        self.assert_refused(self.changed(change), "its tables cannot be read")

    def test_tables_that_lead_elsewhere(self) -> None:
        generator = np.random.default_rng(11)
        for _ in range(4):

            def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
                pages = bytearray(members[1][1])
                # Behind the two first pages, which say where the tables begin.
                for place in generator.integers(8192, len(pages), 200).tolist():
                    pages[place] ^= int(generator.integers(1, 256))
                members[1] = members[1][0], bytes(pages)
                checksums = dict(manifests.unsealed_checksums(members[-1][1]))
                checksums["data.mdb"] = sha256(pages).hexdigest()
                members[-1] = members[-1][0], manifests.sealed_checksums(checksums)

            self.assert_refused(self.changed(change), "Snapshot cannot be restored: its")
