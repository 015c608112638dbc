"""The daemon as a real process: starting, refusing, announcing, stopping."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

from qdrant_client import QdrantClient
from qdrant_client.models import Distance, PointStruct, VectorParams
from twisted.trial.unittest import SynchronousTestCase

from tests.support import SCRIPTS, DaemonDied, DaemonProcess, run_command
from vexfs_twisted import QDRANT_VERSION


def get(url: str) -> tuple[int, bytes]:
    """Status and body of a GET."""
    with urlopen(Request(url), timeout=10) as answer:
        return answer.status, answer.read()


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Daemons(SynchronousTestCase):
    """Tests that start daemons, and end them whatever happens."""

    def daemon(
        self,
        *options: str,
        data: Path | None = None,
        command: str = "console",
        environment: dict[str, str] | None = None,
    ) -> DaemonProcess:
        made = DaemonProcess(data, *options, command=command, environment=environment)
        self.addCleanup(made.close)
        return made

    def wait_until(self, holds: Callable[[], bool], complaint: str) -> None:
        """Wait until `holds` does."""
        deadline = time.monotonic() + 30
        while not holds():
            self.assertLess(time.monotonic(), deadline, complaint)
            time.sleep(0.02)

    def failed_start(self, daemon: DaemonProcess) -> str:
        """The one line that tells why the daemon did not start, with status 1."""
        error = self.assertRaises(DaemonDied, daemon.start)
        self.assertTrue(str(error).startswith("status 1\n"), str(error))
        events = [event for event in daemon.log_events() if event["level"] == "error"]
        # What grpc has to say of it stands there, too.
        told = [event for event in events if event["logger"] != "grpc"]
        self.assertEqual([event["event"] for event in told], ["cannot start"], daemon.log_text())
        self.assertNotIn("Traceback", daemon.log_text())
        return str(told[0]["reason"])


class Running(Daemons):
    def check_life(self, daemon: DaemonProcess) -> None:
        """It answers on both wires, keeps what it is given, and ends with 0 when asked to."""
        daemon.start()
        self.assertEqual(get(f"{daemon.rest_url}/healthz"), (200, b"healthz check passed"))
        version = json.loads(get(f"{daemon.rest_url}/")[1])["version"]
        self.assertEqual(version, QDRANT_VERSION)
        client = QdrantClient(daemon.rest_url, grpc_port=daemon.grpc_port, prefer_grpc=True)
        self.addCleanup(client.close)
        client.create_collection("kept", VectorParams(size=2, distance=Distance.DOT))
        client.upsert("kept", [PointStruct(id=1, vector=[1.0, 0.0], payload={"a": [1, None]})])
        self.assertEqual(daemon.stop(signal.SIGTERM), 0, daemon.log_text())
        daemon.start()
        (point,) = client.query_points("kept", [2.0, 0.0], with_payload=True).points
        self.assertEqual((point.id, point.score, point.payload), (1, 2.0, {"a": [1, None]}))
        self.assertEqual(daemon.stop(signal.SIGINT), 0, daemon.log_text())
        self.assertNotIn('"level":"error"', daemon.log_text())

    def test_as_a_command(self) -> None:
        self.check_life(self.daemon())

    def test_under_twistd(self) -> None:
        self.check_life(self.daemon(command="twistd"))

    def test_what_it_has_loaded_once_it_is_ready(self) -> None:
        """The native library of the engine, without which it is not ready, and nothing for TLS."""
        daemon = self.daemon().start()
        loaded = Path(f"/proc/{daemon.pid}/maps").read_text()
        self.assertIn("_swigfaiss", loaded)
        self.assertNotIn("/cryptography/", loaded)

    def test_every_log_line_is_json_where_that_is_asked_for(self) -> None:
        daemon = self.daemon().start()
        get(f"{daemon.rest_url}/collections")
        daemon.stop()
        lines = daemon.log_text().splitlines()
        events = [json.loads(line) for line in lines]
        names = [event["event"] for event in events]
        self.assertLess(names.index("listening"), names.index("stopping"))
        for event in events:
            self.assertLessEqual({"time", "level", "logger", "event"}, set(event))

    def warnings(self, daemon: DaemonProcess) -> list[dict[str, object]]:
        return [event for event in daemon.log_events() if event["level"] == "warning"]

    def test_settings_that_are_not_used_are_warned_of(self) -> None:
        daemon = self.daemon(environment={"QDRANT__SERVICE__HTTPPORT": "1"}).start()
        (warning,) = self.warnings(daemon)
        self.assertIn("the nearest known is service.http_port", str(warning["notice"]))

    def test_being_reachable_without_a_key_is_warned_of(self) -> None:
        for environment, expected in (
            ({}, []),
            ({"QDRANT__SERVICE__HOST": "0.0.0.0"}, ["0.0.0.0"]),
            ({"QDRANT__SERVICE__HOST": "0.0.0.0", "API_API_KEY": "secret"}, []),
        ):
            daemon = self.daemon(environment=environment).start()
            get(f"{daemon.rest_url}/healthz")
            self.assertEqual([event["host"] for event in self.warnings(daemon)], expected)

    def test_without_grpc(self) -> None:
        daemon = self.daemon("--grpc-port=none").start()
        (listening,) = [e for e in daemon.log_events() if e["event"] == "listening"]
        self.assertEqual(listening["grpc"], "off")
        self.assertEqual(get(f"{daemon.rest_url}/readyz")[0], 200)
        self.assertEqual(daemon.stop(), 0)

    def test_settings_from_a_file_and_the_environment(self) -> None:
        config = Path(self.mktemp()).absolute()
        config.write_text("storage: {hnsw_index: {m: 24}}\nservice: {host: 127.0.0.9}\n")
        daemon = self.daemon(
            f"--config-path={config}", environment={"QDRANT__SERVICE__HOST": "::1"}
        ).start()
        url = f"http://[::1]:{daemon.http_port}"
        body = json.dumps({"vectors": {"size": 2, "distance": "Dot"}}).encode()
        put = Request(f"{url}/collections/c", body, {"Content-Type": "application/json"})
        put.method = "PUT"
        urlopen(put, timeout=10).close()
        info = json.loads(get(f"{url}/collections/c")[1])["result"]
        self.assertEqual(info["config"]["hnsw_config"]["m"], 24)


class Refusing(Daemons):
    def test_a_second_server_on_the_same_folder(self) -> None:
        first = self.daemon().start()
        for command in ("console", "twistd"):
            reason = self.failed_start(self.daemon(data=first.data, command=command))
            self.assertIn(str(first.data), reason)
            self.assertIn("in use", reason)
        self.assertEqual(get(f"{first.rest_url}/healthz")[0], 200)

    def test_a_folder_that_was_left_by_a_killed_server(self) -> None:
        first = self.daemon().start()
        first.kill()
        self.daemon(data=first.data).start()

    def test_a_busy_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for wire in ("http", "grpc"):
                for command in ("console", "twistd"):
                    daemon = self.daemon(f"--{wire}-port={port}", command=command)
                    reason = self.failed_start(daemon)
                    self.assertIn(str(port), reason)
                    self.assertIn("Address already in use", reason)
                    # grpc writes of it to the standard error by itself.
                    for line in daemon.log_text().splitlines():
                        self.assertIn("event", json.loads(line))

    def test_a_library_of_the_engine_that_cannot_be_loaded(self) -> None:
        """It is loaded after the ports are open, but before the server says that it is ready."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "faiss.py").write_text("raise ImportError('made for another processor')")
        for command in ("console", "twistd"):
            environment = {"PYTHONPATH": str(folder)}
            daemon = self.daemon(command=command, environment=environment)
            error = self.assertRaises(DaemonDied, daemon.start)
            self.assertTrue(str(error).startswith("status 1\n"), str(error))
            events = {event["event"]: event for event in daemon.log_events()}
            self.assertNotIn("listening", events)
            self.assertEqual(events["cannot start"]["reason"], "made for another processor")

    def test_a_folder_that_cannot_be_used(self) -> None:
        file = Path(self.mktemp())
        file.write_text("not a folder")
        for path in (file.absolute(), Path("/proc/nothing/here")):
            self.assertIn(str(path), self.failed_start(self.daemon(data=path)))

    def test_a_folder_of_something_else(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "FORMAT").write_text("something else 99")
        self.assertIn(str(folder), self.failed_start(self.daemon(data=folder)))
        (folder / "FORMAT").rename(folder / "letters")
        self.assertIn("not empty: it holds letters", self.failed_start(self.daemon(data=folder)))
        self.assertEqual({entry.name for entry in folder.iterdir()}, {"LOCK", "letters"})

    def test_what_is_wrong_with_the_settings_is_one_line(self) -> None:
        twistd = [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "vexfs-qdrant"]
        settings: tuple[tuple[list[str], dict[str, str]], ...] = (
            (["--no-such-option"], {}),
            (["--http-port=many"], {}),
            (["--config-path=/no/such/file"], {}),
            ([], {"QDRANT__SERVICE__GRPC_PORT": "-1"}),
            ([], {"QDRANT__SERVICE__JWT_RBAC": "true"}),
            ([], {"API_API_KEY": " secret"}),
        )
        with ThreadPoolExecutor(2) as pool:
            running = [
                pool.submit(run_command, [*command, *options], self.mktemp_folder(), environment)
                for command in ([str(SCRIPTS / "vexfs-qdrant")], twistd)
                for options, environment in settings
            ]
        for done in (each.result() for each in running):
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"\Avexfs-qdrant: .+\n\Z")
            self.assertNotIn("secret", done.stderr)

    def mktemp_folder(self) -> str:
        path: str = self.mktemp()
        Path(path).mkdir(parents=True)
        return path


class Daemonizing(Daemons):
    """`twistd vexfs-qdrant` in the background: the shell is told how the start ended."""

    def launch(self, *options: str) -> tuple[Path, int, str]:
        """Run twistd in a folder of its own; the folder, the status, and what it wrote."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        command = [str(SCRIPTS / "twistd"), "vexfs-qdrant", "--http-port=0", "--grpc-port=0"]
        done = run_command([*command, "--log-format=json", *options], folder)
        return folder, done.returncode, done.stdout + done.stderr

    def end(self, folder: Path) -> None:
        pid = int((folder / "twistd.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        self.wait_until(lambda: not (folder / "twistd.pid").exists(), "the daemon does not end")

    def test_it_returns_when_the_server_listens(self) -> None:
        folder, status, output = self.launch("--storage-path=data")
        self.assertEqual(status, 0, output)
        self.addCleanup(self.end, folder)
        found = re.search(r'"rest":"([^"]+)"', (folder / "twistd.log").read_text())
        assert found is not None
        self.assertEqual(get(f"{found[1]}/healthz")[0], 200)
        os.kill(int((folder / "twistd.pid").read_text()), signal.SIGUSR1)
        self.wait_until(lambda: (folder / "twistd.log.1").exists(), "no new log file was begun")
        self.assertEqual(get(f"{found[1]}/healthz")[0], 200)

    def test_it_returns_1_when_the_server_cannot_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            folder, status, output = self.launch(f"--http-port={port}")
        self.assertEqual(status, 1)
        self.assertIn(str(port), output)
        self.assertRegex(output, r"(?m)^vexfs-qdrant: cannot start: .+ Address already in use\.?$")
        self.assertIn('"event":"cannot start"', (folder / "twistd.log").read_text())
        self.wait_until(lambda: not (folder / "twistd.pid").exists(), "the daemon does not end")


class ServiceManager(Daemons):
    def test_it_is_told_of_readiness_and_of_the_stop(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            name = f"vexfs-test-{os.getpid()}"
            manager.bind(f"\0{name}")
            manager.settimeout(30)
            daemon = self.daemon(environment={"NOTIFY_SOCKET": f"@{name}"}).start()
            self.assertEqual(manager.recv(100), b"READY=1")
            daemon.stop()
            self.assertEqual(manager.recv(100), b"STOPPING=1")


class Draining(Daemons):
    def test_a_request_under_way_is_answered_before_the_end(self) -> None:
        daemon = self.daemon().start()
        body = json.dumps({"vectors": {"size": 2, "distance": "Dot"}}).encode()
        with socket.create_connection(("127.0.0.1", daemon.http_port), 30) as slow:
            head = (
                "PUT /collections/late HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            slow.sendall(head.encode())
            os.kill(daemon.pid, signal.SIGTERM)
            self.wait_until(lambda: '"event":"stopping"' in daemon.log_text(), "no stop")
            slow.sendall(body)
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertEqual(daemon.wait(), 0)
        daemon.start()
        self.assertEqual(get(f"{daemon.rest_url}/collections/late")[0], 200)

    def test_requests_that_have_arrived_and_were_not_read_are_answered(self) -> None:
        daemon = self.daemon().start()
        with socket.create_connection(("127.0.0.1", daemon.http_port), 30) as kept:
            kept.sendall(HEALTH)
            kept.recv(65536)
            # What is sent while the process stands still is there when it sees the signal.
            os.kill(daemon.pid, signal.SIGSTOP)
            fresh = [
                socket.create_connection(("127.0.0.1", daemon.http_port), 30) for _ in range(20)
            ]
            for connection in (kept, *fresh):
                connection.sendall(HEALTH)
            os.kill(daemon.pid, signal.SIGTERM)
            os.kill(daemon.pid, signal.SIGCONT)
            for connection in (kept, *fresh):
                with connection.makefile("rb") as received:
                    answer = received.read()
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
                connection.close()
        self.assertEqual(daemon.wait(), 0)

    def test_idle_connections_do_not_delay_the_end(self) -> None:
        """They are closed while a request that is under way is still waited for."""
        daemon = self.daemon().start()
        where = ("127.0.0.1", daemon.http_port)
        with (
            socket.create_connection(where, 30) as idle,
            socket.create_connection(where, 30) as slow,
        ):
            idle.sendall(HEALTH)
            self.assertIn(b"healthz check passed", idle.recv(65536))
            slow.sendall(b"POST /collections/none/points/count HTTP/1.1\r\nHost: x\r\n")
            slow.sendall(b"Content-Length: 2\r\n\r\n{")
            os.kill(daemon.pid, signal.SIGTERM)
            self.assertEqual(idle.recv(10), b"")
            slow.sendall(b"}")
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 404 "), answer)
        self.assertEqual(daemon.wait(), 0)
