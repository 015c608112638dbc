"""Archives that are not as they were written are refused, and change nothing."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from copy import copy
from hashlib import sha256
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from attrs import asdict, evolve

from tests.engine_support import upsert, write
from tests.snapshot_support import EVERY_KIND, SnapshotCase, round_of
from vexfs_twisted.engine.snapshots import manifest as manifests
from vexfs_twisted.engine.storage.checksummed import seal
from vexfs_twisted.engine.vector_index.graph.file import BuildParameters, map_graph, save_graph
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, OptimizersConfigDiff, VectorParams
from vexfs_twisted.model.errors import BadRequest
from vexfs_twisted.model.snapshots import SnapshotOwner


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
        self.patch(manifests, "_VERSION", 3)
        sealed = manifests.Manifest(**plain).sealed()
        self.patch(manifests, "_VERSION", 1)
        self.assert_refused(self.with_manifest(sealed), "version 3, which is unknown")

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
        for gap in (
            {"start": -1, "size": 9},
            {"start": 1 << 40, "size": 9},
            {"start": 0},
            {"a": 1},
        ):
            self.assert_refused(self.with_gap(gap), "is not understood")
        self.assert_refused(self.with_gap({"start": 0, "size": 1 << 60}), "is not understood")
        # One that is possible, in the tables.
        self.assert_refused(self.with_gap({"start": 4096, "size": 4096}), "tables cannot be read")
        self.assert_refused(self.with_manifest(bytes(5 << 20)), "is too large")

    def with_gap(self, gap: dict[str, int]) -> bytes:
        """The archive where the first member, the tables, is said to have a gap."""
        plain = asdict(manifests.Manifest.unsealed(self.members[0][1]))
        for member in plain["members"]:
            del member["gap"]
        plain["members"][0]["gap"] = gap
        return self.with_manifest(seal("vexfs-snapshot", 2, plain))

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

    def test_graphs_that_lead_elsewhere(self) -> None:
        """Their checksums are right."""
        request = CreateCollection(
            vectors={"": VectorParams(Distance.EUCLID, 4)},
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
        )
        collection = self.catalog.create("g", request)
        rows = np.random.default_rng(3).random((2000, 4)).astype(np.float32)
        write(collection, upsert(list(range(2000)), rows))
        collection.optimize()
        self.restore("g", self.take(collection), "h")
        self.catalog.delete("h")
        (path,) = collection.path.glob("graph-*")
        file = map_graph(path)
        neighbors = file.links.neighbors.copy()
        neighbors[5] = 1 << 30
        build = BuildParameters(0, 2000, file.facts.m, file.facts.ef_construct)
        save_graph(path, build, evolve(file.links, neighbors=neighbors), None)
        with self.assertRaises(BadRequest) as caught:
            self.restore("g", self.take(collection), "h")
        self.assertIn("leads out of its graph", str(caught.exception))
        self.assertEqual(self.catalog.names(), ["a", "g"])
