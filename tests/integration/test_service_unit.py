"""The units of systemd, with the test as the manager: what ExecStart says is run, and is told."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import grpc

from tests.integration.test_daemon import Daemons
from tests.integration.test_tls import TlsDaemons
from tests.support import ROOT, SCRIPTS, DaemonDied, DaemonProcess, run_command
from tests.tls_support import ask, run_official_client
from vexfs_twisted.proto import qdrant_pb2 as pb

UNITS = ROOT / "deploy" / "systemd"
WATCHDOG_USEC = 400_000


def setting(unit: str, name: str) -> str:
    """The only value of a setting of a unit."""
    (value,) = re.findall(rf"(?m)^{name}=(.*)$", (UNITS / unit).read_text())
    return str(value)


def seconds(span: str) -> int:
    """A time span of a unit in seconds."""
    number, unit = re.fullmatch(r"(\d+)(min|s?)", span).groups()  # type: ignore[union-attr]
    return int(number) * (60 if unit == "min" else 1)


class UnitDaemon(DaemonProcess):
    """The daemon as the unit starts it, but for the folders, ports, and the socket of REST."""

    def __init__(self, *options: str, environment: dict[str, str], listener: Any = None) -> None:
        super().__init__(None, *options, environment=environment)
        self._listener = listener
        self.passed = () if listener is None else (listener.fileno(),)

    def command_line(self) -> list[str]:
        program, *options = shlex.split(setting("vexfs-qdrant.service", "ExecStart"))
        assert program == "/opt/vexfs-qdrant/bin/vexfs-qdrant", program
        settings = self.home / "settings.yaml"
        settings.touch()
        replaced = {"--config-path": str(settings), "--storage-path": str(self.data)}
        for index, option in enumerate(options):
            options[index] = replaced.get(options[index - 1] if index else "", option)
        ports = [f"--http-port={self.http_port}", f"--grpc-port={self.grpc_port}"]
        command = [str(SCRIPTS / "vexfs-qdrant"), *options, *ports, *self._options]
        if self._listener is None:
            return command
        # LISTEN_PID is that of the process after the fork, which runs the command in its place.
        passed = f'exec 3<&{self._listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        return ["bash", "-c", passed, "bash", *command]


class Manager:
    """Receives what a service manager is told."""

    def __init__(self, path: Path) -> None:
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(WATCHDOG_USEC)}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(60)
        self.close = self._socket.close

    def hear(self) -> str:
        """The next state that is told."""
        return self._socket.recv(500).decode()

    def hear_until(self, state: str) -> list[str]:
        """All that is told until a state begins with `state`; the last one is that."""
        heard = [self.hear()]
        while not heard[-1].startswith(state):
            heard.append(self.hear())
        return heard


class Load:
    """Writers and readers over both wires, each of which knows what it was answered.

    What is wrong with an answer, or the lack of one, is in `complaints`.
    """

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.acknowledged: list[int] = []
        self.answers = 0
        self.complaints: list[str] = []
        jobs: list[Callable[[int], None]] = [self._rest, self._rest, self._grpc, self._grpc]
        self._threads = [
            threading.Thread(target=job, args=(number,)) for number, job in enumerate(jobs)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _answered(self, point: int | None) -> None:
        with self._lock:
            self.answers += 1
            if point is not None:
                self.acknowledged.append(point)

    def _complain(self, text: str) -> None:
        with self._lock:
            self.complaints.append(text)

    def _rest(self, number: int) -> None:
        """Write and read until connections are refused; a closed one is opened again."""
        connection = http.client.HTTPConnection("127.0.0.1", self._daemon.http_port, timeout=60)
        point = number * 1_000_000
        while not self._over.is_set():
            point += 1
            points = {"points": [{"id": point, "vector": [1.0, float(number)]}]}
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                # Nothing was asked. A socket that is passed on is open and never answers.
                return
            try:
                ask(connection, "PUT", "/collections/a/points?wait=true", points)
                self._answered(point)
                if connection.sock is None:
                    continue
                ask(connection, "POST", "/collections/a/points/count", {})
                self._answered(None)
            except (OSError, AssertionError, http.client.HTTPException) as error:
                self._complain(f"REST: {error!r}")
                return

    def _grpc(self, number: int) -> None:
        """Write and read until calls are refused."""
        channel = grpc.insecure_channel(self._daemon.grpc_address)
        upsert: Any = channel.unary_unary(
            "/qdrant.Points/Upsert", pb.UpsertPoints.SerializeToString
        )
        count: Any = channel.unary_unary("/qdrant.Points/Count", pb.CountPoints.SerializeToString)
        point = number * 1_000_000
        while not self._over.is_set():
            point += 1
            vectors = pb.Vectors(vector=pb.Vector(data=[1.0, number]))
            written = pb.PointStruct(id=pb.PointId(num=point), vectors=vectors)
            try:
                upsert(pb.UpsertPoints(collection_name="a", wait=True, points=[written]))
                self._answered(point)
                count(pb.CountPoints(collection_name="a"))
                self._answered(None)
            except grpc.RpcError as error:
                refused = ("server is stopping", "failed to connect to all addresses")
                is_refused = error.code() is grpc.StatusCode.UNAVAILABLE
                if not (is_refused and any(text in str(error.details()) for text in refused)):
                    self._complain(f"gRPC: {error.code()} {error.details()}")
                channel.close()
                return


class Units(Daemons):
    def setUp(self) -> None:
        # A path of a socket is short.
        self.manager = Manager(Path(f"/tmp/vexfs-manager-{os.getpid()}-{id(self)}"))
        self.addCleanup(os.unlink, self.manager.environment["NOTIFY_SOCKET"])
        self.addCleanup(self.manager.close)
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))

    def unit_daemon(self, *options: str, listener: Any = None) -> UnitDaemon:
        daemon = UnitDaemon(*options, environment=self.manager.environment, listener=listener)
        self.addCleanup(daemon.close)
        return daemon

    def create(self, daemon: DaemonProcess) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)
        ask(connection, "PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        connection.close()

    def check_life(self, *options: str) -> None:
        """Ready once both ports answer; alive; reloaded; stopped in time, and nothing is lost."""
        daemon = self.unit_daemon(*options).start()
        self.assertEqual(self.manager.hear_until("READY=1")[0], "READY=1")
        for port in (daemon.http_port, daemon.grpc_port):
            socket.create_connection(("127.0.0.1", port), 30).close()
        self.create(daemon)
        load = Load(daemon)
        self.addCleanup(load.join)
        load.start()
        self.assertEqual({self.manager.hear() for _ in range(5)}, {"WATCHDOG=1"})
        reload = shlex.split(setting("vexfs-qdrant.service", "ExecReload"))
        self.assertEqual(reload, ["/bin/kill", "-HUP", "$MAINPID"])
        os.kill(daemon.pid, signal.SIGHUP)
        self.assertRegex(
            self.manager.hear_until("RELOADING=1")[-1], r"^RELOADING=1\nMONOTONIC_USEC=\d+$"
        )
        self.manager.hear_until("READY=1")
        self.wait_until(lambda: load.answers > 100, "no load")
        os.kill(daemon.pid, signal.SIGTERM)
        self.manager.hear_until("STOPPING=1")
        self.assertEqual(daemon.wait(seconds(setting("vexfs-qdrant.service", "TimeoutStopSec"))), 0)
        load.join()
        self.assertEqual(load.complaints, [])
        self.assertNotIn('"level":"error"', daemon.log_text())
        daemon.start()
        connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)
        wanted = {"ids": load.acknowledged, "with_vector": False, "with_payload": False}
        found = ask(connection, "POST", "/collections/a/points", wanted)
        self.assertEqual(
            sorted(point["id"] for point in found), sorted(load.acknowledged), "writes are lost"
        )

    def test_the_life_of_a_service(self) -> None:
        self.check_life()

    def test_that_of_several_processes(self) -> None:
        self.check_life("--processes=2")

    def test_a_blocked_reactor_shows_no_life(self) -> None:
        daemon = self.unit_daemon().start()
        self.manager.hear_until("WATCHDOG=1")
        os.kill(daemon.pid, signal.SIGSTOP)
        self.manager._socket.settimeout(2 * WATCHDOG_USEC / 1e6)
        with self.assertRaises(TimeoutError):
            while True:
                self.manager.hear()
        os.kill(daemon.pid, signal.SIGCONT)
        self.manager._socket.settimeout(60)
        self.assertEqual(self.manager.hear(), "WATCHDOG=1")

    def test_connections_wait_at_a_socket_of_the_manager_while_the_service_restarts(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            daemon = self.unit_daemon(listener=listener).start()
            self.assertEqual(daemon.http_port, port)
            self.assertEqual(self.health(port), b"healthz check passed")
            self.assertEqual(daemon.stop(), 0)
            with socket.create_connection(("127.0.0.1", port), 60) as waiting:
                waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                daemon.start()
                with waiting.makefile("rb") as received:
                    self.assertIn(b"healthz check passed", received.read())

    def health(self, port: int) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz")
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def test_limits_of_time_fit_each_other(self) -> None:
        command = shlex.split(setting("vexfs-qdrant.service", "ExecStart"))
        grace = int(command[command.index("--stop-grace") + 1])
        self.assertLess(2 * grace, seconds(setting("vexfs-qdrant.service", "TimeoutStopSec")))
        self.assertEqual(setting("vexfs-qdrant.service", "Type"), "notify")
        self.assertGreater(int(setting("vexfs-qdrant.service", "WatchdogSec")), 0)

    def test_systemd_finds_nothing_wrong(self) -> None:
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("needs systemd-analyze")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for name in ("vexfs-qdrant.service", "vexfs-qdrant.socket"):
            text = (UNITS / name).read_text()
            (folder / name).write_text(text.replace("/opt/vexfs-qdrant/bin", str(SCRIPTS)))
        units = [str(folder / name) for name in os.listdir(folder)]
        done = run_command(["systemd-analyze", "verify", "--man=no", *units])
        ours = [line for line in done.stderr.splitlines() if "vexfs" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)
        unit = str(folder / "vexfs-qdrant.service")
        done = run_command(["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit])
        self.assertEqual(done.returncode, 0, done.stdout[-500:] + done.stderr)


class WriteOrExecute(TlsDaemons):
    def test_tls_without_memory_that_is_writable_and_executable(self) -> None:
        """As MemoryDenyWriteExecute of the unit has it, here by prctl(2)."""
        daemon = RestrictedDaemon(None, *self.authority.options)
        self.addCleanup(daemon.close)
        try:
            daemon.start()
        except DaemonDied as error:
            if "no PR_SET_MDWE" in str(error):
                raise SkipTest("needs Linux 6.3 or newer") from None
            raise
        self.assertEqual(run_official_client(daemon, self.authority), "")
        self.assertEqual(daemon.stop(), 0)


class RestrictedDaemon(DaemonProcess):
    """A daemon that may have no memory that is writable and executable."""

    def command_line(self) -> list[str]:
        restrict = (
            "import ctypes, os, sys\n"
            "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):\n"
            "    sys.exit('no PR_SET_MDWE')\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n"
        )
        return [sys.executable, "-c", restrict, *super().command_line()]


class Endpoints(Daemons):
    def test_rest_at_several_endpoints(self) -> None:
        path = f"/tmp/vexfs-rest-{os.getpid()}"
        daemon = self.daemon(
            "--rest-endpoint=tcp:0:interface=127.0.0.1", f"--rest-endpoint=unix:{path}"
        )
        process = daemon._launch()
        self.wait_until(lambda: '"listening"' in daemon.log_text(), "no start")
        (listening,) = [e for e in daemon.log_events() if e["event"] == "listening"]
        found = re.fullmatch(rf"http://127\.0\.0\.1:(\d+), unix:{path}", listening["rest"])
        assert found is not None, listening
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        over_tcp = socket.create_connection(("127.0.0.1", int(found[1])), 30)
        over_unix = socket.socket(socket.AF_UNIX)
        over_unix.connect(path)
        for connection in (over_tcp, over_unix):
            with connection, connection.makefile("rb") as received:
                connection.sendall(request)
                self.assertIn(b"healthz check passed", received.read())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.assertFalse(Path(path).exists())

    def test_endpoints_that_cannot_be_used(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for text, reason in (
                ("nonsense:1", "is no endpoint"),
                ("tcp:many", "is no endpoint"),
                (f"tcp:{port}:interface=127.0.0.1", "Address already in use"),
            ):
                daemon = self.daemon("--rest-endpoint=tcp:0", f"--rest-endpoint={text}")
                self.assertIn(reason, self.failed_start(daemon))
