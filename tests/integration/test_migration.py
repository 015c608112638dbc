"""`vexfs-qdrant import` and `export` between two daemons."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import numpy as np
from qdrant_client import models

from tests import IS_LONG
from tests.altered_server import AlteredServer
from tests.integration.client_support import all_pages
from tests.migration_support import MigrationTestCase, every_kind, point_of_every_kind
from tests.support import DaemonProcess
from vexfs_twisted.rpc.generated import points_pb2

PassOn = Callable[[bytes], bytes]

EXACT = frozenset({"", "scalar", "binary", "bytes", "half lines", "words", "weights"})
"""The vectors of every kind that are told again to the bit."""

INDEXES: dict[str, Any] = {
    "number": models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=False, range=True
    ),
    "word": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "text": models.TextIndexParams(
        type=models.TextIndexType.TEXT,
        tokenizer=models.TokenizerType.PREFIX,
        min_token_len=2,
        max_token_len=9,
        stopwords=models.StopwordsSet(languages=[models.Language.ENGLISH], custom=["some"]),
        phrase_matching=True,
    ),
    "place": models.PayloadSchemaType.GEO,
    "when": models.DatetimeIndexParams(type=models.DatetimeIndexType.DATETIME, on_disk=True),
}


class Copies(MigrationTestCase):
    def make_every_kind(self, count: int = 120) -> None:
        dense, sparse = every_kind()
        self.far_client.create_collection(
            "kinds",
            vectors_config=dense,
            sparse_vectors_config=sparse,
            hnsw_config=models.HnswConfigDiff(m=12, full_scan_threshold=77),
            optimizers_config=models.OptimizersConfigDiff(
                indexing_threshold=50_000, deleted_threshold=0.5, max_optimization_threads=1
            ),
            wal_config=models.WalConfigDiff(wal_capacity_mb=7),
            quantization_config=models.ProductQuantization(
                product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X16)
            ),
            strict_mode_config=models.StrictModeConfig(enabled=False, max_query_limit=9),
            on_disk_payload=False,
            metadata={"owner": "ada", "years": [1815, 1852.5, None]},
        )
        self.far_client.update_collection(
            "kinds", collection_params=models.CollectionParamsDiff(read_fan_out_factor=2)
        )
        self.far_client.upsert("kinds", [point_of_every_kind(number) for number in range(count)])
        for field, schema in INDEXES.items():
            self.far_client.create_payload_index("kinds", field, schema)
        names = [
            models.CreateAlias(collection_name="kinds", alias_name=alias) for alias in ("k", "l")
        ]
        self.far_client.update_collection_aliases(
            [models.CreateAliasOperation(create_alias=name) for name in names]
        )

    def test_every_kind_of_vector_and_setting_both_ways(self) -> None:
        self.make_every_kind()
        status, output, errors = self.run_import("--sample=all")
        self.assertEqual((status, errors), (0, "comparing kinds\n"), output)
        self.assertIn("120 points at the source, 120 at the target; 120 compared", output)
        self.assertNotIn("differs", output)
        self.assertFalse(self.state.exists())
        self.assert_same("kinds", "kinds")
        status, output, errors = self.run_export(
            f"--from={self.near.grpc_address}", "--rename=kinds=back", "--leave-out=aliases",
            self.far.grpc_address,
        )  # fmt: skip
        self.assertEqual(status, 0, output + errors)
        self.assertIn("copied     kinds as back", output)
        self.assert_same("back", "kinds")
        aliases = self.near_client.get_aliases().aliases
        self.assertEqual(sorted(alias.alias_name for alias in aliases), ["k", "l"])
        self.assertEqual(len(self.far_client.get_aliases().aliases), 2)

    def assert_same(self, far: str, near: str) -> None:
        """That both servers tell the same of the two collections, beside the order of names."""
        told, copied = self.far_client.get_collection(far), self.near_client.get_collection(near)
        self.assertEqual(told.config, copied.config)
        self.assertEqual(told.payload_schema, copied.payload_schema)
        settings = {"limit": 50, "with_vectors": True}
        points = list(all_pages(self.far_client, far, **settings))
        copies = list(all_pages(self.near_client, near, **settings))
        self.assertEqual([point.id for point in points], [copy.id for copy in copies])
        for point, copy in zip(points, copies, strict=True):
            self.assertEqual(point.payload, copy.payload)
            vectors: Any = point.vector
            copied_vectors: Any = copy.vector
            self.assertEqual(vectors.keys(), copied_vectors.keys())
            for name in EXACT & vectors.keys():
                self.assertEqual(vectors[name], copied_vectors[name], name)


class Interruptions(MigrationTestCase):
    def test_a_copy_that_is_killed_twice_goes_on(self) -> None:
        self.fill("many", 3000)
        self.fill("few", 10)
        over, self.writes, self.stall_at = Event(), 0, 0

        def stall(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            answer = pass_on(request)
            self.writes += 1
            if self.writes >= self.stall_at:
                # It is written, and nobody is told.
                over.wait()
            return answer

        self.addCleanup(over.set)
        with AlteredServer(self.near.grpc_address, Upsert=stall) as between:
            places = []
            for _ in range(2):
                self.stall_at = self.writes + 4
                places.append(self.kill_when_stalled(between.address))
            over.set()
            status, output, errors = self.run_import(to=between.address)
        self.assertEqual(status, 0, output + errors)
        # Each time it went on where it was.
        self.assertGreater(places[0], 0)
        self.assertGreater(places[1], places[0])
        self.assertIn(f"copying many: goes on at {places[1]:,} of 3,000 points", errors)
        self.assertIn("3,000 points at the source, 3,000 at the target", output)
        self.assertEqual(self.near_client.count("few").count, 10)
        self.assertEqual(between.calls["Create"], 2)

    def kill_when_stalled(self, address: str) -> int:
        """Kill an import in the middle of a write; how many points its state file has as done."""
        process = self.begin_import("--workers=1", to=address)
        try:
            while self.writes < self.stall_at and process.poll() is None:
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        lines = [json.loads(line) for line in self.state.read_text().splitlines()]
        return int([line["seen"] for line in lines[1:] if line["collection"] == "many"][-1])

    def test_servers_that_fail_now_and_then(self) -> None:
        self.fill("a", 500)

        def fail_at_first(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            answer = pass_on(request)
            if between.calls["Upsert"] % 3 == 1:
                context.abort(grpc.StatusCode.UNAVAILABLE, "gone for a moment")
            return answer

        def create(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            # The first answer is lost, and the next one says that it is there already.
            answer = pass_on(request)
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone for a moment")
            return answer

        with AlteredServer(self.near.grpc_address, Upsert=fail_at_first, Create=create) as between:
            status, output, errors = self.run_import(to=between.address)
        self.assertEqual(status, 0, output + errors)
        self.assertEqual(between.calls["Create"], 2)
        self.assertEqual(self.near_client.count("a").count, 500)

    def test_a_server_that_stays_away(self) -> None:
        self.fill("a", 100)

        with AlteredServer(self.near.grpc_address, Upsert=unavailable) as between:
            status, _, errors = self.run_import("--patience=0.5", to=between.address)
            self.assertEqual(status, 3)
            self.assertIn("does not answer: gone (UNAVAILABLE)", errors)
            between.alterations.clear()
            status, output, _ = self.run_import(to=between.address)
            self.assertEqual(status, 0, output)
        status, _, errors = self.run_import(source="127.0.0.1:1")
        self.assertEqual(status, 3)
        self.assertIn("must name its port of gRPC; is that 1?", errors)

    def test_what_changed_meanwhile_is_noticed(self) -> None:
        self.fill("a", 100)
        self.fill("b", 100)
        with AlteredServer(self.near.grpc_address, Upsert=unavailable) as between:
            to = between.address
            self.assertEqual(self.run_import("--patience=0", to=to)[0], 3)
            self.far_client.create_payload_index("a", "number", models.PayloadSchemaType.INTEGER)
            self.near_client.delete_collection("b")
            status, _, errors = self.run_import(to=to)
            self.assertEqual(status, 2)
            self.assertIn("configuration of `a` has changed at the source", errors)
            self.assertIn("`b` is at the target no longer", errors)
            self.far_client.delete_payload_index("a", "number")
            self.near_client.create_payload_index("a", "number", models.PayloadSchemaType.INTEGER)
            status, _, errors = self.run_import("--collection=a", to=to)
            self.assertEqual(status, 2)
            self.assertIn("configuration of `a` has changed at the target", errors)
        status, _, errors = self.run_import()
        self.assertEqual(status, 2)
        self.assertIn("choose another file by --state", errors)


class Refusals(MigrationTestCase):
    def test_nothing_is_overwritten(self) -> None:
        self.fill("a", 20)
        self.assertEqual(self.run_import()[0], 0)
        self.near_client.delete("a", [0, 1, 2])
        self.near_client.upsert("a", [models.PointStruct(id=99, vector=[1.0] * 8)])
        status, output, errors = self.run_import()
        self.assertEqual(status, 2)
        self.assertIn("`a` is at the target already", errors)
        self.assertEqual(self.near_client.count("a").count, 18)
        status, output, _ = self.run_import("--into-existing")
        self.assertEqual(status, 0, output)
        self.assertIn("20 points at the source, 21 at the target", output)
        status, output, _ = self.run_import("--rename=a=c", "--collection=a", "--dry-run")
        self.assertEqual((status, self.near_client.collection_exists("c")), (0, False))
        self.assertIn("would copy a as c: 20 points, vectors unnamed", output)

    def test_other_vectors_and_names_that_are_taken(self) -> None:
        self.fill("a", 5)
        self.fill("b", 5)
        for alias, name in (("x", "a"), ("y", "b")):
            create = models.CreateAlias(collection_name=name, alias_name=alias)
            self.far_client.update_collection_aliases(
                [models.CreateAliasOperation(create_alias=create)]
            )
        params = models.VectorParams(size=9, distance=models.Distance.DOT)
        for name in ("a", "y"):
            self.near_client.create_collection(name, vectors_config=params)
        create = models.CreateAlias(collection_name="a", alias_name="x")
        renamed = models.CreateAlias(collection_name="y", alias_name="b")
        self.near_client.update_collection_aliases(
            [models.CreateAliasOperation(create_alias=alias) for alias in (create, renamed)]
        )
        for options, texts in (
            (["--into-existing"], ["and the size of vector `` is another"]),
            (["--rename=a=b"], ["two collections would be called `b`"]),
            (
                ["--rename=a=c"],
                ["alias `x` is of `a`", "alias `y` is a collection", "`b` is an alias"],
            ),
            (["--collection=n"], ["the source has no collection `n`"]),
            (["--leave-out=hnsw"], ["there is no setting `hnsw` to leave out"]),
            (["--collection=b", "--rename=a=c"], ["`a` is renamed but not among"]),
        ):
            status, _, errors = self.run_import(*options)
            self.assertEqual(status, 2)
            for text in texts:
                self.assertIn(text, errors)
            names = {found.name for found in self.near_client.get_collections().collections}
            self.assertEqual(names, {"a", "y"})

    def test_a_setting_that_the_target_refuses(self) -> None:
        self.fill("a", 5)
        self.fill("b", 5)
        self.far_client.create_payload_index("b", "number", models.PayloadSchemaType.INTEGER)

        def refuse(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such index here")
            raise AssertionError("not reached")

        with AlteredServer(self.near.grpc_address, CreateFieldIndex=refuse) as between:
            status, _, errors = self.run_import(to=between.address)
            self.assertEqual(status, 2)
            self.assertIn("`b` cannot be made at the target", errors)
            self.assertIn("no such index here (INVALID_ARGUMENT)", errors)
            self.assertEqual(self.near_client.get_collections().collections, [])
            status, output, errors = self.run_import(
                "--leave-out=payload_schema.number", to=between.address
            )
            self.assertEqual(status, 0, output + errors)
        self.assertEqual(self.near_client.count("b").count, 5)

    def test_points_that_the_target_refuses(self) -> None:
        self.fill("a", 300)

        def refuse(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            points = points_pb2.UpsertPoints.FromString(request).points
            if any(point.id.num in (17, 170) for point in points):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this one")
            return pass_on(request)

        with AlteredServer(self.near.grpc_address, Upsert=refuse) as between:
            status, _, errors = self.run_import(to=between.address)
            self.assertEqual(status, 2)
            self.assertIn("point 17", errors)
            status, output, errors = self.run_import("--skip-refused", to=between.address)
        self.assertEqual(status, 1)
        self.assertIn("left out: point 170 of `a`", errors)
        self.assertIn("300 points at the source, 298 at the target", output)
        self.assertIn("2 points that were refused", output)
        self.assertEqual(self.near_client.count("a").count, 298)

    def test_keys_are_needed_and_told_to_nobody(self) -> None:
        self.fill("a", 5)
        with DaemonProcess(environment={"QDRANT__SERVICE__API_KEY": "secret-key"}) as locked:
            status, _, errors = self.run_import(to=locked.grpc_address)
            self.assertEqual(status, 2)
            self.assertIn("UNAUTHENTICATED", errors)
            done = self.run_import("--to-api-key=secret-key", to=locked.grpc_address)
            self.assertEqual(done[0], 0, done)
            self.assertNotIn("secret-key", "".join(done[1:]))


class Verifications(MigrationTestCase):
    def test_a_point_that_was_changed_meanwhile(self) -> None:
        self.fill("a", 200)
        alias = models.CreateAlias(collection_name="a", alias_name="x")
        self.far_client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])

        def change(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            message = points_pb2.UpsertPoints.FromString(request)
            for point in message.points:
                if point.id.num == 7:
                    point.vectors.vector.dense.data[3] += 0.001
                elif point.id.num == 8:
                    point.payload["number"].integer_value = 9
            kept = [point for point in message.points if point.id.num != 9]
            del message.points[:]
            message.points.extend(kept)
            return pass_on(message.SerializeToString())

        with AlteredServer(self.near.grpc_address, Upsert=change) as between:
            status, output, _ = self.run_import("--sample=all", to=between.address)
            self.assertEqual(status, 1)
            self.assertIn("200 points at the source, 199 at the target", output)
            self.assertIn("200 compared, 197 equal to the bit, 3 different", output)
            self.assertIn("point 7: vector `` differs by", output)
            self.assertIn("point 8: the payload differs", output)
            self.assertIn("point 9: it is not at the target", output)
            self.assertIn("x: not set", output)
            self.assertEqual(self.near_client.get_aliases().aliases, [])
            # The same command compares again.
            self.far_client.delete("a", [9])
            for name in (self.near_client, self.far_client):
                name.delete("a", [7, 8])
            status, output, _ = self.run_import("--sample=all", to=between.address)
        self.assertEqual(status, 0, output)
        self.assertIn("aliases    x", output)

    def test_answers_of_older_servers_and_of_small_messages(self) -> None:
        dense, sparse = every_kind()
        self.far_client.create_collection(
            "kinds", vectors_config=dense, sparse_vectors_config=sparse
        )
        self.far_client.upsert("kinds", [point_of_every_kind(number) for number in range(60)])

        def flat(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
            if len(points_pb2.GetPoints.FromString(request).ids) > 3:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "message larger than max")
            answer = points_pb2.GetResponse.FromString(pass_on(request))
            for record in answer.result:
                for vector in record.vectors.vectors.vectors.values():
                    flatten(vector)
            return answer.SerializeToString()

        with AlteredServer(self.far.grpc_address, Get=flat) as between:
            status, output, errors = self.run_import("--sample=all", source=between.address)
        self.assertEqual(status, 0, output + errors)
        self.assertIn("60 compared", output)
        self.assertEqual(self.near_client.count("kinds").count, 60)


class Memory(MigrationTestCase):
    if not IS_LONG:
        skip = "takes long: for the long profile"

    def test_the_memory_of_a_copy_is_bounded(self) -> None:
        """Plain points, multivectors of 64 KiB each, and payloads of 1 MiB each: 220 MiB."""
        self.fill_long()
        process = self.begin_import("--workers=8", to=self.near.grpc_address)
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_mib(process.pid))
            time.sleep(0.02)
        self.assertEqual(process.returncode, 0, (self.folder / "log").read_text())
        self.assertEqual(self.near_client.count("plain").count, 40_000)
        self.assertLess(0, peak)
        self.assertLess(peak, 250)

    def fill_long(self) -> None:
        dot, generator = models.Distance.DOT, np.random.default_rng(1)
        multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
        plain = models.VectorParams(size=384, distance=dot)
        lines = models.VectorParams(size=128, distance=dot, multivector_config=multi)
        for name, params in (("plain", plain), ("lines", lines)):
            self.far_client.create_collection(name, vectors_config=params)
        for start in range(0, 40_000, 1000):
            vectors = generator.normal(size=(1000, 384)).astype(np.float32).round(4).tolist()
            self.far_client.upsert(
                "plain", models.Batch(ids=list(range(start, start + 1000)), vectors=vectors)
            )
        for number in range(1600):
            vector = generator.normal(size=(128, 128)).round(4).tolist()
            self.far_client.upsert("lines", [models.PointStruct(id=number, vector=vector)])
        for number in range(60):
            payload = {"text": "x" * (1 << 20)}
            self.far_client.set_payload("lines", payload, [number])


def peak_mib(pid: int) -> int:
    """The most memory that a process has had, in MiB; 0: it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) // 1024 if found else 0


def unavailable(request: bytes, context: grpc.ServicerContext, pass_on: PassOn) -> bytes:
    """Fail, as a server does that goes down."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
    raise AssertionError("not reached")


def flatten(vector: points_pb2.VectorOutput) -> None:
    """Tell a vector in the form of older servers."""
    kind = vector.WhichOneof("vector")
    if kind == "dense":
        data, indices, count = list(vector.dense.data), None, None
    elif kind == "sparse":
        data, indices, count = list(vector.sparse.values), list(vector.sparse.indices), None
    else:
        lines = vector.multi_dense.vectors
        data, indices, count = [value for line in lines for value in line.data], None, len(lines)
    vector.Clear()
    vector.data.extend(data)
    if indices is not None:
        vector.indices.data.extend(indices)
    if count is not None:
        vector.vectors_count = count
