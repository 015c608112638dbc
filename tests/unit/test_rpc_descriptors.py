"""Our wire schemas against the descriptors that the official Python client carries."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
)
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from vexfs_twisted.rpc import generated
from vexfs_twisted.rpc.descriptor_pool import POOL

# The release whose descriptors proto/ follows.
RELEASE = "1.20."
FILES = [
    "collections",
    "collections_service",
    "json_with_int",
    "points",
    "points_service",
    "qdrant",
    "qdrant_common",
    "snapshots_service",
]

# What ours has beyond the release, and what it therefore says otherwise.
ADDED = {
    "collections": {f"value Distance.{n}" for n in ("COSINE", "EUCLIDEAN", "DOT", "MANHATTAN")},
    "qdrant": {
        f"rpc Qdrant.{name}"
        for name in (
            *("CreateCollection", "DeleteCollection", "GetCollectionInfo", "ListCollections"),
            *("UpdateCollection", "UpsertPoints", "DeletePoints", "GetPoints", "SearchPoints"),
            *("SearchPointsBatch", "Recommend", "Scroll", "CountPoints"),
            *("StreamSearchPoints", "StreamGetPoints", "StreamScroll"),
            *("StreamUpsertPoints", "StreamUpsert"),
        )
    },
}
CHANGED = {"collections": {"enum Distance"}, "qdrant": {"imports"}}


def official(name: str) -> FileDescriptorProto:
    try:
        module = importlib.import_module(f"qdrant_client.grpc.{name}_pb2")
    except ImportError:
        raise SkipTest("qdrant-client is not installed") from None
    return as_proto(module.DESCRIPTOR)


def ours(name: str) -> FileDescriptorProto:
    return as_proto(importlib.import_module(f"{generated.__name__}.{name}_pb2").DESCRIPTOR)


def as_proto(descriptor: Any) -> FileDescriptorProto:
    proto = FileDescriptorProto()
    descriptor.CopyToProto(proto)
    return proto


def enum_facts(path: str, enum: EnumDescriptorProto) -> dict[str, str]:
    here = f"{path}{enum.name}"
    values = {f"value {here}.{value.name}": f"{value}" for value in enum.value}
    return {f"enum {here}": f"{enum.options}"} | values


def message_facts(path: str, message: DescriptorProto) -> dict[str, str]:
    """Every fact of a message as text; the order of declaration is no fact."""
    here = f"{path}{message.name}"
    facts = {
        f"message {here}": f"{message.options} {message.reserved_range} {message.reserved_name}"
    }
    for field in message.field:
        plain = type(field)()
        plain.CopyFrom(field)
        plain.ClearField("json_name")
        oneof = ""
        if field.HasField("oneof_index"):
            oneof = message.oneof_decl[field.oneof_index].name
            plain.ClearField("oneof_index")
        facts[f"field {here}.{field.name}"] = f"{plain} in {oneof!r}"
    for nested in message.nested_type:
        facts |= message_facts(f"{here}.", nested)
    for enum in message.enum_type:
        facts |= enum_facts(f"{here}.", enum)
    return facts


def file_facts(file: FileDescriptorProto) -> dict[str, str]:
    facts = {
        "file": f"{file.name} {file.package} {file.syntax} {file.options}",
        "imports": f"{sorted(file.dependency)} {sorted(file.public_dependency)}",
    }
    for message in file.message_type:
        facts |= message_facts("", message)
    for enum in file.enum_type:
        facts |= enum_facts("", enum)
    for service in file.service:
        facts[f"service {service.name}"] = f"{service.options}"
        for method in service.method:
            flags = f"{method.client_streaming} {method.server_streaming} {method.options}"
            signature = f"{method.input_type} {method.output_type} {flags}"
            facts[f"rpc {service.name}.{method.name}"] = signature
    return facts


class OfficialDescriptorTests(SynchronousTestCase):
    def test_shared_facts_are_the_same(self) -> None:
        """Holds for every release: a public number or type is never changed."""
        for name in FILES:
            theirs = file_facts(official(name))
            mine = file_facts(ours(name))
            different = {
                key: (theirs[key], mine[key])
                for key in mine.keys() & theirs.keys()
                if key.startswith(("field", "rpc", "value")) and mine[key] != theirs[key]
            }
            self.assertEqual(different, {}, name)

    def test_every_fact_of_the_same_release_is_the_same(self) -> None:
        for name in FILES:
            theirs = file_facts(official(name))
            installed = version("qdrant-client")
            if not installed.startswith(RELEASE):
                raise SkipTest(f"qdrant-client {installed} is not {RELEASE}x")
            mine = file_facts(ours(name))
            self.assertEqual(theirs.keys() - mine.keys(), set(), name)
            self.assertEqual(mine.keys() - theirs.keys(), ADDED.get(name, set()), name)
            different = {key for key, fact in theirs.items() if fact != mine[key]}
            self.assertEqual(different, CHANGED.get(name, set()), name)

    def test_the_facts_cover_the_interface(self) -> None:
        facts = file_facts(ours("points")) | file_facts(ours("collections"))
        self.assertIn("field PointStruct.vectors", facts)
        self.assertIn("field PointsUpdateOperation.PointStructList.update_mode", facts)
        self.assertIn("enum MaxOptimizationThreads.Setting", facts)
        self.assertGreater(len(facts), 800)


ROUND_TRIP = """
import importlib
def ours():
    global points, common
    points = importlib.import_module("vexfs_twisted.rpc.generated.points_pb2")
    common = importlib.import_module("vexfs_twisted.rpc.generated.qdrant_common_pb2")
def theirs():
    global grpc
    grpc = importlib.import_module("qdrant_client.grpc")
{first}()
{second}()
from qdrant_client.conversions.conversion import RestToGrpc
from qdrant_client.http import models

def vectors(data):
    return grpc.Vectors(vectors=grpc.NamedVectors(vectors=dict(a=grpc.Vector(dense=data))))

sent = grpc.UpsertPoints(
    collection_name="c", wait=False, update_mode=grpc.UpdateMode.InsertOnly,
    points=[
        grpc.PointStruct(
            id=grpc.PointId(num=2**64 - 1),
            payload=dict(n=grpc.Value(integer_value=-(2**63)), z=grpc.Value(null_value=0)),
            vectors=vectors(grpc.DenseVector(data=[0.1, 2.5])),
        ),
        grpc.PointStruct(
            id=grpc.PointId(uuid="x"), vectors=grpc.Vectors(vector=grpc.Vector(data=[1]))
        ),
    ],
    update_filter=RestToGrpc.convert_filter(models.Filter(must=[
        models.FieldCondition(key="k", range=models.DatetimeRange(lt="2020-01-02T03:04:05.5Z")),
        models.HasIdCondition(has_id=[3]),
    ])),
)
got = points.UpsertPoints.FromString(sent.SerializeToString())
assert got.HasField("wait") and not got.wait and not got.HasField("timeout")
assert got.points[0].id.num == 2**64 - 1 and got.points[1].vectors.vector.data[0] == 1
assert got.points[0].payload["n"].integer_value == -(2**63)
assert got.points[0].payload["z"].WhichOneof("kind") == "null_value"
stamp = got.update_filter.must[0].field.datetime_range.lt
assert stamp.ToJsonString() == "2020-01-02T03:04:05.500Z", stamp
back = grpc.UpsertPoints.FromString(got.SerializeToString())
assert back == sent, (back, sent)
assert type(got) is not type(back)
print("same")
"""


class OneProcessTests(SynchronousTestCase):
    """Both sets of messages in one process; each order needs a fresh one."""

    def round_trip(self, first: str, second: str) -> None:
        official("qdrant")
        script = ROUND_TRIP.format(first=first, second=second)
        run = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((run.stdout, run.returncode), ("same\n", 0), run.stderr)

    def test_ours_first(self) -> None:
        self.round_trip("ours", "theirs")

    def test_theirs_first(self) -> None:
        self.round_trip("theirs", "ours")


class PoolTests(SynchronousTestCase):
    def test_services_are_found_by_name(self) -> None:
        importlib.import_module(f"{generated.__name__}.qdrant_pb2")
        for name in ("Qdrant", "Collections", "Points", "Snapshots"):
            self.assertEqual(POOL.FindServiceByName(f"qdrant.{name}").name, name)

    def test_enums_and_constants(self) -> None:
        collections = importlib.import_module(f"{generated.__name__}.collections_pb2")
        self.assertEqual(collections.Distance.Name(collections.Manhattan), "Manhattan")
        self.assertEqual(collections.TurboQuantBitSize.Value("Bits1_5"), 1)
