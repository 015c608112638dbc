"""The server with a real device: the userspace one, over ioctl system calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from qdrant_client import QdrantClient
from qdrant_client.models import Batch, Distance, PointIdsList, SearchParams, VectorParams

from tests.device_support import UserspaceDevice
from tests.integration.test_daemon import Daemons
from tests.support import DaemonProcess

DIM = 16


def ask(
    daemon: DaemonProcess,
    method: str,
    path: str,
    body: object = None,
    key: str | None = None,
    **more: str,
) -> tuple[int, Any]:
    """Status and JSON of the answer to a request."""
    data = None if body is None else json.dumps(body).encode()
    headers = {**({} if key is None else {"api-key": key}), **more}
    request = Request(f"{daemon.rest_url}{path}", data, headers, method=method)
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        body = error.read()
        is_json = error.headers.get_content_type() == "application/json"
        return error.code, json.loads(body) if is_json else body


class WithServers(Daemons):
    def device_of(self, daemon: DaemonProcess) -> dict[str, Any]:
        """What the server tells of its device."""
        found: dict[str, Any] = ask(daemon, "GET", "/vexfs/stats")[1]["result"]["device"]
        return found

    def use(self, daemon: DaemonProcess, path: str | None, expected: int = 200) -> dict[str, Any]:
        """Attach a device, or none; what is answered, with the status that is expected."""
        status, answer = ask(daemon, "POST", "/vexfs/device", {"path": path})
        self.assertEqual(status, expected, answer)
        found: dict[str, Any] = answer["result"]
        return found

    def served(self) -> UserspaceDevice:
        served = UserspaceDevice()
        self.addCleanup(served.close)
        return served.start()

    def filled(self, daemon: DaemonProcess, count: int = 500) -> QdrantClient:
        """A client of the server, which has a collection of so many points."""
        client = QdrantClient(daemon.rest_url, grpc_port=daemon.grpc_port, prefer_grpc=True)
        self.addCleanup(client.close)
        client.create_collection("c", VectorParams(size=DIM, distance=Distance.COSINE))
        self.vectors = np.random.default_rng(3).standard_normal((count, DIM))
        batch = Batch(ids=list(range(count)), vectors=self.vectors.tolist())
        client.upsert("c", batch)
        return client

    def assert_exact(self, client: QdrantClient) -> None:
        """Searches answer what exact ones do."""
        for query in self.vectors[:5].tolist():
            found, exact = (
                client.query_points("c", query, limit=10, search_params=params).points
                for params in (None, SearchParams(exact=True))
            )
            self.assertEqual([(p.id, p.score) for p in found], [(p.id, p.score) for p in exact])

    def wait_for_mirror(self, daemon: DaemonProcess) -> None:
        self.wait_until(lambda: not self.device_of(daemon)["waiting"], "it has all vectors")


class Attached(WithServers):
    def test_a_device_from_the_start_to_its_death(self) -> None:
        served = self.served()
        mount = str(served.mount)
        daemon = self.daemon(f"--device={mount}", "--require-device").start()
        client = self.filled(daemon)
        self.wait_for_mirror(daemon)
        before = self.device_of(daemon)
        self.assertEqual((before["kind"], before["sound"]), ("directory", True))
        self.assertEqual((before["attached"], before["vectors"]), (True, 500))
        self.assertEqual(len(list(Path(mount).iterdir())), 1)
        self.assert_exact(client)
        client.delete("c", PointIdsList(points=list(range(0, 500, 3))))
        self.assert_exact(client)

        again = self.use(daemon, mount)
        self.assertTrue(again["attached"], again)
        self.wait_for_mirror(daemon)
        self.assertEqual(len(list(Path(mount).iterdir())), 1, "the same device again")
        self.assert_exact(client)
        after = self.device_of(daemon)
        asked = after["calls"]["search"]["count"]
        self.assertGreaterEqual(asked, 5)
        self.assertTrue(after["attached"], after)

        served.kill()
        self.assert_exact(client)
        dead = self.device_of(daemon)
        self.assertFalse(dead["attached"])
        self.assertEqual(dead["detached"]["code"], "gone", dead["detached"])

        served.start()
        again = self.use(daemon, mount)
        self.assertTrue(again["attached"], again)
        self.wait_for_mirror(daemon)
        self.assert_exact(client)
        self.assertGreaterEqual(self.device_of(daemon)["calls"]["search"]["count"], 5)
        self.assertEqual(len(list(Path(mount).iterdir())), 1, "the file from before is gone")

        released = self.use(daemon, None)
        self.assertEqual((released["attached"], released["detached"]["code"]), (False, "released"))
        self.assertEqual(list(Path(mount).iterdir()), [])
        self.assert_exact(client)
        self.assertEqual(daemon.stop(), 0, daemon.log_text())

    def test_a_stop_takes_the_files_away(self) -> None:
        served = self.served()
        daemon = self.daemon(environment={"VEXFS_DEVICE": str(served.mount)}).start()
        self.filled(daemon, 50)
        self.wait_for_mirror(daemon)
        self.assertEqual(len(list(served.mount.iterdir())), 1)
        self.assertEqual(daemon.stop(), 0, daemon.log_text())
        self.assertEqual(list(served.mount.iterdir()), [])


class Refused(WithServers):
    def test_callers_without_the_key(self) -> None:
        daemon = self.daemon(environment={"API_API_KEY": "secret"}).start()
        for key, expected in ((None, 401), ("wrong", 401), ("secret", 200)):
            told, _ = ask(daemon, "GET", "/vexfs/stats", key=key)
            changed, _ = ask(daemon, "POST", "/vexfs/device", {"path": None}, key)
            self.assertEqual((told, changed), (expected, expected), key)

    def test_a_required_device_that_is_none(self) -> None:
        folder = self.mktemp()
        Path(folder).mkdir()
        path = str(Path(folder).resolve())
        daemon = self.daemon(f"--device={path}", "--require-device")
        reason = self.failed_start(daemon)
        self.assertIn(f"not_a_device: no VexFS is mounted at {path}", reason)
        self.assertEqual(daemon.log_text().count("no VexFS is mounted"), 1)
        self.assertEqual(list(Path(folder).iterdir()), [])

    def test_a_device_that_is_none_is_told_of_once(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        daemon = self.daemon(f"--device={folder}").start()
        self.assertEqual(self.device_of(daemon)["sound"], False)
        self.assertEqual(daemon.log_text().count(f"no VexFS is mounted at {folder}"), 1)
        self.assertEqual(self.use(daemon, None)["findings"], [])
        self.assertIsNone(self.device_of(daemon)["path"])

    def test_callers_that_are_not_programs_of_this_machine(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        daemon = self.daemon(f"--device-directories={folder}", "--host=0.0.0.0").start()
        for headers in ({"Origin": "http://localhost:3000"}, {"X-Forwarded-For": "10.0.0.1"}):
            for path in (str(folder), None):
                status, answer = ask(daemon, "POST", "/vexfs/device", {"path": path}, **headers)
                self.assertEqual(status, 403, answer)
        protected = self.daemon(
            f"--device-directories={folder}", environment={"API_API_KEY": "secret"}
        ).start()
        page = {"Origin": "http://localhost:3000"}
        told, _ = ask(protected, "POST", "/vexfs/device", {"path": None}, "secret", **page)
        self.assertEqual(told, 200)

    def test_paths_beyond_the_directories_tell_nothing(self) -> None:
        folder = Path(self.mktemp()).resolve()
        (folder / "in").mkdir(parents=True)
        (folder / "in" / "out").symlink_to(folder)
        (folder / "inside").mkdir()
        daemon = self.daemon(f"--device-directories={folder}/in").start()
        answers = [
            ask(daemon, "POST", "/vexfs/device", {"path": path})
            for path in (
                "/",
                "/etc/passwd",
                "/nowhere",
                f"{folder}/inside",
                f"{folder}/in/../inside",
                f"{folder}/in/out",
                f"{folder}/in/out/nothing",
                f"{folder}/in/\0",
            )
        ]
        texts = {answer["status"]["error"] for status, answer in answers if status == 403}
        self.assertEqual((len(texts), [status for status, _ in answers]), (1, [403] * 8))
        self.assertNotIn("/", texts.pop())
        status, answer = ask(daemon, "POST", "/vexfs/device", {"path": f"{folder}/in/nothing"})
        self.assertEqual((status, answer["result"]["findings"][0]["code"]), (409, "no_such_file"))

    def test_a_sound_device_is_kept_where_another_is_refused(self) -> None:
        served = self.served()
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        daemon = self.daemon(
            f"--device={served.mount}", f"--device-directories=/srv:{folder}"
        ).start()
        client = self.filled(daemon, 50)
        self.wait_for_mirror(daemon)
        status, answer = ask(daemon, "POST", "/vexfs/device", {"path": str(folder)})
        self.assertEqual(status, 409)
        self.assertIn(f"no VexFS is mounted at {folder}", answer["status"]["error"])
        self.assertEqual(
            [finding["code"] for finding in answer["result"]["findings"]], ["not_a_device"]
        )
        kept = self.device_of(daemon)
        self.assertEqual((kept["path"], kept["attached"]), (str(served.mount), True))
        self.assertEqual((kept["sound"], kept["findings"]), (True, []))
        self.assert_exact(client)
        again = self.use(daemon, str(served.mount))
        self.assertTrue(again["attached"], again)

    def test_without_a_device_and_with_what_is_none(self) -> None:
        daemon = self.daemon("--device-directories=/").start()
        client = self.filled(daemon, 20)
        status, answer = ask(daemon, "GET", "/vexfs/stats")
        told = answer["result"]
        self.assertEqual((status, told["collections"], told["points"]), (200, 1, 20))
        self.assertGreaterEqual(told["segments"], 1)
        self.assertEqual((told["device"]["path"], told["device"]["sound"]), (None, None))
        self.assertEqual(told["operations"]["qdrant.Points/Upsert"]["count"], 1)

        file = Path(self.mktemp()).resolve()
        file.write_text("precious")
        refused = self.use(daemon, str(file), 409)
        self.assertEqual([finding["code"] for finding in refused["findings"]], ["not_a_device"])
        self.assertEqual(file.read_text(), "precious")
        missing = self.use(daemon, "/nowhere", 409)
        self.assertEqual(missing["findings"][0]["code"], "no_such_file")
        self.assertEqual(self.device_of(daemon)["sound"], False)
        for body in ({}, {"path": 3}, [1]):
            status, _ = ask(daemon, "POST", "/vexfs/device", body)
            self.assertIn(status, (400, 422), body)
        self.assert_exact(client)
