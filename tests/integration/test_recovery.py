"""The real server on data folders whose catalog is lost, older or damaged."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any
from urllib.request import Request, urlopen

import grpc
from twisted.trial.unittest import SynchronousTestCase

from tests.support import SCRIPTS, DaemonDied, DaemonProcess, run_command
from vexfs_twisted.rpc.generated import collections_pb2


class RecoveryTests(SynchronousTestCase):
    """A server with two collections and an alias."""

    def setUp(self) -> None:
        self.daemon = DaemonProcess()
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        for name in ("a", "b"):
            config = {"vectors": {"size": 4, "distance": "Dot"}}
            self.ask("PUT", f"/collections/{name}", config)
            points = [{"id": 1, "vector": [1, 2, 3, 4]}]
            self.ask("PUT", f"/collections/{name}/points?wait=true", {"points": points})
        alias = {"create_alias": {"collection_name": "a", "alias_name": "other"}}
        self.ask("POST", "/collections/aliases", {"actions": [alias]})
        self.daemon.stop()
        self.seen = len(self.daemon.log_events())

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The result of a call by REST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = Request(self.daemon.rest_url + path, data, headers, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)["result"]

    def warnings(self) -> str:
        """What was logged at warning or above since the folder was left."""
        events = self.daemon.log_events()[self.seen :]
        levels = ("warning", "error", "critical")
        return "\n".join(event["event"] for event in events if event["level"] in levels)

    def check(self) -> None:
        """Both collections are served, over both wires."""
        for name in ("a", "b"):
            found = self.ask("POST", f"/collections/{name}/points/count", {})
            self.assertEqual(found, {"count": 1})
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            names = channel.unary_unary(
                "/qdrant.Collections/List",
                request_serializer=collections_pb2.ListCollectionsRequest.SerializeToString,
                response_deserializer=collections_pb2.ListCollectionsResponse.FromString,
            )(collections_pb2.ListCollectionsRequest(), timeout=60)
        self.assertEqual([one.name for one in names.collections], ["a", "b"])

    def test_a_lost_catalog(self) -> None:
        shutil.rmtree(self.daemon.data / "catalog")
        self.daemon.start()
        self.check()
        log = self.warnings()
        self.assertIn("is lost", log)
        self.assertIn("no alias is left", log)
        self.assertIn("collection `a` is adopted", log)
        self.assertEqual(self.ask("GET", "/aliases"), {"aliases": []})

    def test_a_flipped_bit(self) -> None:
        for name in ("register-1", "register-2"):
            path = self.daemon.data / "catalog" / name
            content = bytearray(path.read_bytes())
            content[60] ^= 1
            path.write_bytes(content)
            self.daemon.start()
            self.check()
            self.assertIn(f"{name} is damaged", self.warnings())
            self.assertEqual(len(self.ask("GET", "/aliases")["aliases"]), 1)
            self.daemon.stop()

    def test_a_half_restored_backup_is_refused_until_somebody_decides(self) -> None:
        collections = self.daemon.data / "collections"
        kept, lost = sorted(os.listdir(collections))
        os.rename(collections / lost, self.daemon.data / "lost")
        error = self.assertRaises(DaemonDied, self.daemon.start)
        self.assertIn(lost, str(error))
        self.assertIn("vexfs-qdrant adopt --storage-path", str(error))
        self.assertNotIn("Traceback", str(error))
        self.assertEqual(os.listdir(collections), [kept])
        command = [str(SCRIPTS / "vexfs-qdrant"), "adopt", f"--storage-path={self.daemon.data}"]
        listed = run_command(command)
        self.assertEqual(listed.returncode, 1)
        self.assertIn(f"missing    {lost}", listed.stdout)
        os.rename(self.daemon.data / "lost", collections / lost)
        self.daemon.start()
        self.check()
        self.assertEqual(len(self.ask("GET", "/aliases")["aliases"]), 1)
