"""The audit log: complete, rotated, and bounded in its files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.interceptors import OPEN, STREAM, call
from vexfs_twisted.middleware import OK
from vexfs_twisted.telemetry import audit as audit_module
from vexfs_twisted.telemetry.audit import AuditLog, AuditSettings

DAY_S = 86_400.0


class Audits(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vexfs-audit-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.clock = Clock()
        self.clock.advance(20_000 * DAY_S)

    def started(self, number: int = 1, **settings: Any) -> AuditLog:
        wanted = AuditSettings(str(self.folder / "log"), **settings)
        log = AuditLog(wanted, number, self.clock.seconds)
        log.startService()
        return log

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "log").iterdir())

    def lines(self) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "log").iterdir())
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]

    def test_a_line_for_each_call(self) -> None:
        log = self.started()
        asked = call(target="/collections/a/points")._replace(collection="a")
        log.after(asked, "forbidden", 0.0125)
        stream = call(STREAM)
        stream.progress.add(7)  # type: ignore[union-attr]
        log.after(stream, OK, 1.0)
        log.after(call(OPEN), OK, 0.001)
        log.stopService()
        first, second = self.lines()
        self.assertEqual(
            first,
            {
                "timestamp": "2024-10-04T00:00:00.000+00:00",
                "wire": "grpc",
                "method": "qdrant.Points/Get",
                "collection": "a",
                "who": None,
                "means": "none",
                "peer": "192.0.2.1",
                "request_id": "id-1",
                "outcome": "forbidden",
                "ms": 12.5,
                "path": "/collections/a/points",
            },
        )
        self.assertEqual(second["points"], 7)

    def test_nothing_is_left_out(self) -> None:
        log = self.started()

        def work(name: str) -> None:
            for number in range(2000):
                log.after(call()._replace(collection=f"{name}{number}"), OK, 0.001)

        threads = [Thread(target=work, args=(name,)) for name in "abc"]
        with patch.object(audit_module, "MOST_WAITING", 10):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        log.stopService()
        found = [line["collection"] for line in self.lines()]
        self.assertEqual(len(found), 6000)
        self.assertEqual(set(found), {f"{name}{n}" for name in "abc" for n in range(2000)})
        self.assertEqual(log.status().lost, 0)

    def test_a_file_a_day_and_few_of_them(self) -> None:
        for _ in range(5):
            log = self.started(most_files=3)
            log.after(call(), OK, 0.001)
            log.stopService()
            self.clock.advance(DAY_S)
        days = ("06", "07", "08")
        self.assertEqual(self.files(), [f"audit.2024-10-{day}.log" for day in days])
        self.assertEqual(len(self.lines()), 3)

    def test_rotation_while_it_is_written(self) -> None:
        log = self.started(rotation="hourly")
        for _ in range(3):
            log._write([b"{}\n"])
            self.clock.advance(3600)
        log.stopService()
        self.assertEqual(len(self.lines()), 3)
        self.assertEqual(self.files(), [f"audit.2024-10-04-0{hour}.log" for hour in range(3)])

    def test_processes_have_files_of_their_own(self) -> None:
        logs = [self.started(number, most_files=1) for number in (1, 2)]
        for log in logs:
            log.after(call(), OK, 0.001)
            log.stopService()
        self.assertEqual(self.files(), ["audit-2.2024-10-04.log", "audit.2024-10-04.log"])

    def test_a_line_that_a_crash_has_cut(self) -> None:
        self.started().stopService()
        path = self.folder / "log" / "audit.2024-10-04.log"
        path.write_bytes(b'{"half": ')
        log = self.started()
        log.after(call(), OK, 0.001)
        log.stopService()
        half, whole = path.read_bytes().splitlines()
        self.assertEqual(half, b'{"half": ')
        self.assertEqual(json.loads(whole)["outcome"], OK)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_what_cannot_be_written_is_counted(self) -> None:
        log = self.started()
        with patch.object(os, "write", side_effect=OSError("full")):
            log._write([b"{}\n", b"{}\n"])
        self.assertEqual(log.status().lost, 2)
        log.after(call(), OK, 0.001)
        log.stopService()
        self.assertEqual(len(self.lines()), 1)

    def test_forwarded_addresses(self) -> None:
        headers = {"x-forwarded-for": "203.0.113.9, 10.0.0.1"}
        for trusts, peer in ((False, "192.0.2.1"), (True, "203.0.113.9")):
            log = self.started(trusts_forwarded=trusts)
            log.after(call(headers=headers), OK, 0.001)
            log.stopService()
            self.assertEqual(self.lines()[-1]["peer"], peer)
