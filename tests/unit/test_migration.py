"""Parts of `vexfs-qdrant import`: its URLs, state file, progress, comparisons and requests."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support import SCRIPTS, run_command
from vexfs_twisted.migration.comparison import Likeness, Tolerances, compare
from vexfs_twisted.migration.configuration import create_request, unknown_settings, update_request
from vexfs_twisted.migration.errors import MigrationError, StateError
from vexfs_twisted.migration.points import point_of
from vexfs_twisted.migration.progress import Progress
from vexfs_twisted.migration.servers import parse_url
from vexfs_twisted.migration.state import CollectionState, Phase, StateFile
from vexfs_twisted.rpc.generated import collections_pb2 as pb
from vexfs_twisted.rpc.generated import points_pb2

IDS = st.one_of(st.none(), st.integers(0, 2**64 - 1), st.uuids().map(str))
STATES = st.builds(
    CollectionState,
    phase=st.sampled_from(Phase),
    target=st.text(),
    source_digest=st.text("0123456789abcdef", min_size=4),
    target_digest=st.one_of(st.none(), st.text()),
    next_id=IDS,
    seen=st.integers(0, 2**40),
    refused=st.integers(0, 2**40),
    more=st.booleans(),
)
NAMES = st.text(min_size=1, max_size=4)


class Urls(SynchronousTestCase):
    def test_urls(self) -> None:
        for text, told in {
            "host": "http://host:6334",
            "127.0.0.1:7": "http://127.0.0.1:7",
            "https://a.example": "https://a.example:6334",
            "grpcs://[::1]:80/": "https://[::1]:80",
        }.items():
            self.assertEqual(str(parse_url(text)), told)
        self.assertTrue(parse_url("localhost").is_local)
        self.assertTrue(parse_url("[::1]").is_local)
        self.assertFalse(parse_url("192.0.2.1").is_local)
        self.assertNotIn("secret", repr(parse_url("host", "secret")))

    def test_no_urls(self) -> None:
        for text in ("ftp://a", "http://", "host:port", "host/path", "http://a:b@host", "a?b", ""):
            self.assertRaises(MigrationError, parse_url, text)


class States(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def open(self, source: str = "a", target: str = "b") -> StateFile:
        return StateFile(self.path, source, target)

    @given(st.lists(st.tuples(NAMES, STATES), max_size=6), st.integers(0, 300))
    def test_a_file_that_was_cut_anywhere_has_a_former_state(
        self, changes: list[tuple[str, CollectionState]], cut: int
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.path = Path(folder) / "state"
            state = self.open()
            former: list[dict[str, CollectionState]] = [{}]
            for name, value in changes:
                state.record(name, value)
                former.append(dict(state.collections))
            state.close()
            size = self.path.stat().st_size
            with self.path.open("r+b") as file:
                file.truncate(max(size - cut, 0))
            again = self.open()
            self.assertIn(again.collections, former)
            if not cut:
                self.assertEqual(again.collections, former[-1])
            again.record("new", CollectionState(Phase.COPIED, "t", "d"))
            again.close()
            once_more = self.open()
            self.assertEqual(once_more.collections, again.collections)
            once_more.remove()
            self.assertFalse(self.path.exists())

    def test_files_that_are_refused(self) -> None:
        state = self.open()
        self.assertRaises(StateError, self.open)
        state.close()
        error = self.assertRaises(StateError, self.open, "other")
        self.assertIn("of a copy from a to b", str(error))
        for data, text in (
            (b'{"version":2,"from":"a","to":"b"}\n', "has version 2"),
            (b"my letter", "no state file"),
            (b"my letter\nto you", "no state file"),
            (b'{"version":1,"from":"a","to":"b"}\n{"collection":"x"}\n', "no state file"),
        ):
            self.path.write_bytes(data)
            error = self.assertRaises(StateError, self.open)
            self.assertIn(text, str(error))
            # What is not ours stays as it is.
            self.assertEqual(self.path.read_bytes(), data)
        self.path = self.path / "nowhere"
        self.assertRaises(StateError, self.open)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ProgressTests(SynchronousTestCase):
    def test_a_bar_on_a_terminal(self) -> None:
        stream = Terminal()
        progress = Progress(stream)
        progress.begin("copying a", 200)
        progress._told_at -= 1
        progress.advance(50)
        self.assertIn(
            "\r\x1b[K[######..................]  25% copying a: 50 of 200 points", stream.getvalue()
        )
        progress.say("a line")
        self.assertTrue(stream.getvalue().endswith("\r\x1b[Ka line\n"))

    def test_lines_elsewhere(self) -> None:
        stream = io.StringIO()
        progress = Progress(stream)
        progress.begin("copying a", 200, 100)
        progress.advance(10)
        self.assertEqual(stream.getvalue(), "copying a: goes on at 100 of 200 points\n")
        progress._told_at -= 11
        progress.advance(10)
        lines = stream.getvalue().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[1].startswith("copying a: 120 of 200 points, "), lines[1])
        self.assertNotIn("\x1b", stream.getvalue())


class Comparisons(SynchronousTestCase):
    def dense(self, *values: float) -> points_pb2.PointStruct:
        point = points_pb2.PointStruct()
        point.vectors.vector.dense.data.extend(values)
        return point

    def sparse(self, indices: list[int], values: list[float]) -> points_pb2.PointStruct:
        point = points_pb2.PointStruct()
        vector = points_pb2.SparseVector(indices=indices, values=values)
        point.vectors.vectors.vectors["s"].sparse.CopyFrom(vector)
        return point

    def likeness(self, one: points_pb2.PointStruct, other: points_pb2.PointStruct) -> Likeness:
        return compare(one, other, Tolerances({"": 1e-6})).likeness

    def test_vectors(self) -> None:
        next_up = float(np.nextafter(np.float32(0.6), np.float32(1)))
        for one, other, likeness in (
            (self.dense(0.6, 0.8), self.dense(0.6, 0.8), Likeness.EQUAL),
            (self.dense(0.6, 0.8), self.dense(next_up, 0.8), Likeness.ROUNDED),
            (self.dense(0.6, 0.8), self.dense(0.61, 0.8), Likeness.DIFFERENT),
            (self.dense(0.6, 0.8), self.dense(0.6), Likeness.DIFFERENT),
            (self.dense(0.0), self.dense(-0.0), Likeness.ROUNDED),
            (self.sparse([5, 2], [1, 3]), self.sparse([2, 5], [3, 1]), Likeness.EQUAL),
            (self.sparse([5, 2], [1, 3]), self.sparse([2, 5], [1, 3]), Likeness.DIFFERENT),
            (self.sparse([5], [1]), self.sparse([6], [1]), Likeness.DIFFERENT),
            (self.sparse([5], [1]), self.dense(1), Likeness.DIFFERENT),
        ):
            self.assertIs(self.likeness(one, other), likeness, (one, other))

    def test_tolerances(self) -> None:
        params = pb.CollectionParams()
        vectors = params.vectors_config.params_map.map
        for name, distance, datatype in (
            ("cosine", pb.Distance.Cosine, None),
            ("dot", pb.Distance.Dot, None),
            ("half", pb.Distance.Cosine, pb.Datatype.Float16),
            ("bytes", pb.Distance.Cosine, pb.Datatype.Uint8),
            ("turbo", pb.Distance.Dot, pb.Datatype.Turbo4),
        ):
            vectors[name].distance = distance
            if datatype is not None:
                vectors[name].datatype = datatype
        found = Tolerances.of(params).by_name
        self.assertEqual((found["dot"], found["bytes"]), (0, 0))
        self.assertLess(0, found["cosine"])
        self.assertLess(found["cosine"], found["half"])
        self.assertLess(found["half"], found["turbo"])

    def test_a_point_without_vectors(self) -> None:
        record = points_pb2.RetrievedPoint()
        record.id.num = 4
        record.payload["a"].integer_value = 2**63 - 1
        point = point_of(record)
        self.assertEqual(point.vectors.WhichOneof("vectors_options"), "vectors")
        self.assertEqual(point.payload["a"].integer_value, 2**63 - 1)

    def test_a_flat_multivector_that_is_none(self) -> None:
        record = points_pb2.RetrievedPoint()
        record.vectors.vector.data.extend([1, 2, 3])
        record.vectors.vector.vectors_count = 2
        self.assertRaises(MigrationError, point_of, record)


class Requests(SynchronousTestCase):
    def test_settings_are_kept_or_left_out(self) -> None:
        config = pb.CollectionConfig()
        config.params.vectors_config.params.size = 4
        config.params.read_fan_out_factor = 3
        config.hnsw_config.m = 5
        config.metadata["a"].bool_value = True
        create = create_request("x", config)
        self.assertEqual((create.hnsw_config.m, create.metadata["a"].bool_value), (5, True))
        self.assertFalse(create.HasField("quantization_config"))
        update = update_request("x", config)
        assert update is not None
        self.assertEqual(update.params.read_fan_out_factor, 3)
        left_out = {"hnsw_config", "metadata", "read_fan_out_factor"}
        create = create_request("x", config, left_out)
        self.assertFalse(create.HasField("hnsw_config"))
        self.assertEqual((len(create.metadata), create.vectors_config.params.size), (0, 4))
        self.assertIsNone(update_request("x", config, left_out))

    def test_settings_of_later_versions_are_noticed(self) -> None:
        config = pb.CollectionConfig()
        self.assertEqual(list(unknown_settings(config)), [])
        # The field 99, a varint.
        config.params.MergeFromString(b"\x98\x06\x01")
        self.assertEqual(list(unknown_settings(config)), ["field 99 of config.params"])


class Command(SynchronousTestCase):
    def test_from_the_shell(self) -> None:
        for word in ("import", "export"):
            done = run_command([str(SCRIPTS / "vexfs-qdrant"), word, "--help"])
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"Usage: vexfs-qdrant {word} [options] URL", done.stdout)
            self.assertIn("--leave-out=", done.stdout)
        for options, text in (
            ([], "one URL is needed"),
            (["a", "b"], "one URL is needed"),
            (["--workers=0", "a"], "--workers must be 1 to 64"),
            (["--sample=some", "a"], "--sample must be a number or `all`"),
            (["--patience=-1", "a"], "seconds cannot be negative"),
            (["--rename=a", "a"], "--rename needs OLD=NEW"),
            (["--to=b:1", "b:1"], "both servers are the same"),
            (["--ca-certificate=/nowhere", "a"], "the certificate cannot be read"),
        ):
            done = run_command([str(SCRIPTS / "vexfs-qdrant"), "import", *options])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
