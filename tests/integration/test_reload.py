"""A daemon that is told to read its settings again, by SIGHUP."""

from __future__ import annotations

import http.client
import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.test_tls import TlsDaemons
from tests.support import DaemonProcess
from tests.tls_support import Authority
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub


class Reloads(TlsDaemons):
    def setUp(self) -> None:
        super().setUp()
        # Where it is ignored at the start, as under nohup, it stays ignored, and so it would here.
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))
        self.settings = self.folder / "config.yaml"

    def configured(self, text: str, *options: str, **more: Any) -> DaemonProcess:
        self.settings.write_text(text)
        return self.daemon(f"--config-path={self.settings}", *options, **more)

    def reload(self, daemon: DaemonProcess) -> list[dict[str, Any]]:
        """Have a daemon reload; what it logs of that."""
        seen = len(daemon.log_events())
        os.kill(daemon.pid, signal.SIGHUP)
        self.wait_until(
            lambda: any(event["event"] == "reloaded" for event in daemon.log_events()[seen:]),
            "no reload",
        )
        return daemon.log_events()[seen:]

    def status(self, daemon: DaemonProcess, key: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=30)
        connection.request("GET", "/collections", headers={"api-key": key})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def test_certificates_change_and_connections_stay(self) -> None:
        daemon = self.tls_daemon().start()
        kept = self.authority.connect(daemon.http_port)
        self.version(kept)
        held = self.authority.channel(daemon.grpc_port)
        self.addCleanup(held.close)
        QdrantStub(held).HealthCheck(pb.HealthCheckRequest(), timeout=30)
        other = Authority(self.folder / "other")
        for new, place in ((other.key, self.authority.key), (other.chain, self.authority.chain)):
            place.write_bytes(new.read_bytes())
        self.reload(daemon)
        self.check_both(daemon, other)
        self.check_neither(daemon, self.authority)
        socket_before = kept.sock
        self.version(kept)
        self.assertIs(kept.sock, socket_before)
        QdrantStub(held).HealthCheck(pb.HealthCheckRequest(), timeout=30)

    def test_certificates_that_cannot_be_used_change_nothing(self) -> None:
        daemon = self.tls_daemon().start()
        self.authority.key.write_text("no key")
        errors = [event for event in self.reload(daemon) if event["level"] == "error"]
        self.assertEqual(len(errors), 1)
        self.assertIn("holds no key", errors[0]["reason"])
        self.check_both(daemon, self.authority)

    def test_keys_and_the_log_in_every_process(self) -> None:
        daemon = self.configured("service: {api_key: one}\n", "--processes=2").start()
        self.settings.write_text(
            "service: {api_key: two, http_port: 1}\nlog_level: debug\nlogger: {format: text}\n"
        )
        events = self.reload(daemon)
        # Which of them the command line has is not changed by the file.
        self.assertEqual([event for event in events if event["level"] == "warning"], [])
        self.wait_until(
            lambda: all(self.status(daemon, "two") == 200 for _ in range(16)), "the key is unknown"
        )
        self.assertEqual({self.status(daemon, "one") for _ in range(16)}, {401})
        self.wait_until(
            lambda: any(event["level"] == "debug" for event in daemon.log_events()), "the level"
        )

    def test_what_needs_a_restart_is_told(self) -> None:
        daemon = self.configured("service: {rate_limit: 5000}\n").start()
        self.settings.write_text("service: {rate_limit: 1}\n")
        (warning,) = [event for event in self.reload(daemon) if event["level"] == "warning"]
        self.assertEqual(warning["setting"], "service.rate_limit")
        self.settings.write_text("service: {rate_limit: many}\n")
        (error,) = [event for event in self.reload(daemon) if event["level"] == "error"]
        self.assertIn("'many' is not a whole number", error["reason"])
        self.assertEqual(self.status(daemon, "any"), 200)

    def test_a_terminal_that_goes_away_ends_it_in_order(self) -> None:
        daemon = self.daemon()
        terminal, own = pty.openpty()
        log = self.folder / "log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                ["setsid", "--ctty", "--wait", *daemon.command_line()],
                env=daemon.environment(),
                stdin=own,
                stdout=written,
                stderr=written,
            )
        self.addCleanup(process.kill)
        os.close(own)
        self.wait_until(lambda: '"listening"' in log.read_text(), "no start")
        os.close(terminal)
        self.assertEqual(process.wait(30), 0)
        events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        self.assertEqual(events[-2:], ["stopping", "stopped"])

    def test_a_log_file_that_was_renamed_is_left(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        log = folder / "vexfs.log"
        daemon = self.twistd_daemon(log).start()
        os.rename(log, folder / "vexfs.log.1")
        os.kill(daemon.pid, signal.SIGHUP)
        self.wait_until(lambda: log.exists() and "reloaded" in log.read_text(), "no new file")
        self.assertNotIn("reloading", (folder / "vexfs.log.1").read_text())

    def twistd_daemon(self, log: Path) -> DaemonProcess:
        daemon = LoggingDaemon(log)
        self.addCleanup(daemon.close)
        return daemon


class LoggingDaemon(DaemonProcess):
    """A daemon under twistd that logs to a file."""

    def __init__(self, log: Path) -> None:
        super().__init__(command="twistd")
        self._log_path = log

    def command_line(self) -> list[str]:
        twistd, *options = super().command_line()
        return [twistd, f"--logfile={self._log_path}", *options]
