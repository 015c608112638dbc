"""The examples do what README says of them, against a server that they start themselves."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

from qdrant_client import QdrantClient
from qdrant_client.models import Distance, PointStruct, VectorParams
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT, DaemonProcess, run_command, shared_path


class Examples(SynchronousTestCase):
    def output_of(self, name: str, *arguments: str) -> str:
        """What an example prints over both wires; its own verdict must be good."""
        command = [sys.executable, str(ROOT / "examples" / name), "--spawn", *arguments]
        done = run_command(command, seconds=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_digits(self) -> None:
        if find_spec("sklearn") is None:
            raise SkipTest("needs scikit-learn")
        found = re.findall(r"^(\w+): .* accuracy ([\d.]+)$", self.output_of("digits.py"), re.M)
        self.assertEqual([wire for wire, _ in found], ["REST", "gRPC"])
        for _, accuracy in found:
            self.assertGreaterEqual(float(accuracy), 0.97)

    def test_a_collection_that_exists_is_left_alone(self) -> None:
        if find_spec("sklearn") is None:
            raise SkipTest("needs scikit-learn")
        with DaemonProcess() as daemon:
            client = QdrantClient(daemon.rest_url)
            self.addCleanup(client.close)
            for name in ("example-digits", "example-streamed", "mine"):
                client.create_collection(name, VectorParams(size=2, distance=Distance.DOT))
                client.upsert(name, [PointStruct(id=1, vector=[1.0, 0.0])])
            server = [f"--url={daemon.rest_url}", f"--grpc-port={daemon.grpc_port}"]
            for command in (
                ["digits.py", *server],
                ["digits.py", *server, "--collection=mine"],
                ["grpc_client.py", daemon.grpc_address, "10"],
            ):
                name, *arguments = command
                path = str(ROOT / "examples" / name)
                done = run_command([sys.executable, path, *arguments], seconds=300)
                self.assertEqual((done.returncode, done.stdout), (1, ""), command)
                self.assertRegex(done.stderr, r"\Athe server has a collection \S+ already, .*\n\Z")
            for name in ("example-digits", "example-streamed", "mine"):
                self.assertEqual(client.count(name).count, 1, name)

    def test_hybrid_search(self) -> None:
        output = self.output_of("hybrid_search.py")
        told = re.findall(r"^(\w+): by (\w+): (\d+) of (\d+) as expected", output, re.M)
        ways = [(wire, way) for wire in ("REST", "gRPC") for way in ("BM25", "dense", "both")]
        self.assertEqual([(wire, way) for wire, way, _, _ in told], ways)
        self.assertEqual(told[2][2:], told[5][2:])
        self.assertIn("textwrap.wrap: Wrap a single paragraph of text", output)

    def test_package_search(self) -> None:
        folder = shared_path("data", "debian-packages")
        output = self.output_of("package_search.py", str(folder))
        self.assertIn("stored 60000 packages", output)
        self.assertEqual(
            re.findall(r"^(\w+): recall@10 ([\d.]+);", output, re.M),
            [("REST", "1.0000"), ("gRPC", "1.0000")],
        )
        games = output.partition("games only")[2].partition("\n\n")[0]
        self.assertEqual(games.count("(games, "), 3, games)
