"""Quotas: limits with a margin, what they refuse, and where they are kept."""

from __future__ import annotations

import errno
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, get_args
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import inline
from vexfs_twisted.engine.errors import UnknownFormat, UnusableDataFolder
from vexfs_twisted.engine.quota_file import QUOTA_FILE, read_quota_file, write_quota_file
from vexfs_twisted.engine.storage.checksummed import seal
from vexfs_twisted.jsonform.quotas import quota_config_to_json, read_quota_config
from vexfs_twisted.model.commands import VectorNameCommand
from vexfs_twisted.model.errors import FormatError, StorageFull, ValidationError
from vexfs_twisted.model.quotas import QuotaConfig, QuotaExceeded, QuotaUsage
from vexfs_twisted.model.updates import Update
from vexfs_twisted.operations import quotas as module
from vexfs_twisted.operations.quotas import (
    READ_EVERY_S,
    QuotaFile,
    Quotas,
    QuotaService,
    read_usage,
)

FREEING = {
    "DeletePoints",
    "DeleteVectors",
    "DeletePayload",
    "ClearPayload",
    "DeleteFieldIndex",
    "DeleteVectorName",
}
"""Updates that a client frees memory and disk space with."""

PERCENTS = st.integers(0, 100)
LIMITS = st.none() | st.integers(1, 100)


def disk(percent: int | None) -> QuotaUsage:
    return QuotaUsage(0, percent)


class Limits(SynchronousTestCase):
    def test_nothing_is_refused_unless_enabled(self) -> None:
        quotas = Quotas(QuotaConfig(False, 1, 1))
        quotas.read(QuotaUsage(100, 100))
        quotas.admit_growth()
        self.assertEqual(quotas.report.exceeded, QuotaExceeded())

    def test_a_margin_below_the_limit(self) -> None:
        quotas = Quotas(QuotaConfig(True, None, 90, 10))
        for used, exceeded in ((89, False), (90, True), (81, True), (80, False), (89, False)):
            quotas.read(disk(used))
            self.assertEqual(quotas.report.exceeded, QuotaExceeded(None, exceeded), used)

    def test_without_a_margin(self) -> None:
        quotas = Quotas(QuotaConfig(True, None, 90, 0))
        for used, exceeded in ((90, True), (89, False)):
            quotas.read(disk(used))
            self.assertEqual(quotas.report.exceeded.disk_usage, exceeded)

    def test_what_cannot_be_read_is_not_exceeded(self) -> None:
        quotas = Quotas(QuotaConfig(True, 1, 1))
        quotas.read(QuotaUsage(None, None))
        self.assertEqual(quotas.report.exceeded, QuotaExceeded())
        quotas.admit_growth()

    def test_the_refusal_names_the_resource(self) -> None:
        quotas = Quotas(QuotaConfig(True, 50, 60))
        quotas.read(QuotaUsage(50, 60))
        self.assertIn("50% of memory", str(self.assertRaises(StorageFull, quotas.admit_growth)))
        quotas.read(QuotaUsage(10, 60))
        error = self.assertRaises(StorageFull, quotas.admit_growth)
        self.assertIn("60% of the disk", str(error))
        self.assertEqual(error.retry_after, 60)

    def test_another_limit_counts_at_once(self) -> None:
        quotas = Quotas(QuotaConfig(True, None, 80))
        quotas.read(disk(84))
        quotas.use(QuotaConfig(True, None, 85))
        quotas.read(disk(84))
        quotas.admit_growth()

    def test_the_same_limit_again_releases_nothing(self) -> None:
        quotas = Quotas(QuotaConfig(True, None, 80))
        quotas.read(disk(80))
        quotas.use(QuotaConfig(True, 99, 80))
        quotas.read(disk(79))
        self.assertRaises(StorageFull, quotas.admit_growth)

    def test_every_update_either_needs_room_or_frees_it(self) -> None:
        quotas = Quotas(QuotaConfig(True, None, 1))
        quotas.read(disk(50))
        for kind in (*get_args(Update), *get_args(VectorNameCommand)):
            update = Mock(spec=kind)
            if kind.__name__ in FREEING:
                quotas.admit(update)
            else:
                self.assertRaises(StorageFull, quotas.admit, update)

    @given(limit=st.integers(1, 100), margin=PERCENTS, readings=st.lists(PERCENTS))
    def test_it_never_changes_within_the_margin(
        self, limit: int, margin: int, readings: list[int]
    ) -> None:
        quotas = Quotas(QuotaConfig(True, limit, None, margin))
        before = False
        for used in readings:
            quotas.read(QuotaUsage(used, used))
            now = quotas.report.exceeded.resident_memory
            if now and not before:
                self.assertGreaterEqual(used, limit)
            if before and not now:
                self.assertTrue(used <= max(limit - margin, 0) and used < limit)
            if used >= limit or used == 0:
                self.assertEqual(now, used >= limit)
            before = bool(now)


class Json(SynchronousTestCase):
    @given(st.builds(QuotaConfig, st.booleans(), LIMITS, LIMITS, st.none() | PERCENTS))
    def test_round_trip(self, config: QuotaConfig) -> None:
        self.assertEqual(read_quota_config(quota_config_to_json(config)), config)

    def test_what_is_not_given_has_no_limit(self) -> None:
        self.assertEqual(read_quota_config({}), QuotaConfig())
        self.assertEqual(read_quota_config({"max_disk_usage_percent": None}), QuotaConfig())
        self.assertEqual(quota_config_to_json(QuotaConfig()), {"enabled": False})

    def test_refusals(self) -> None:
        for name, values in (
            ("max_resident_memory_percent", (0, 101, 255)),
            ("max_disk_usage_percent", (0, 101)),
            ("release_margin_percent", (101,)),
        ):
            for value in values:
                error = self.assertRaises(ValidationError, read_quota_config, {name: value})
                self.assertIn(f"{name}: value {value} invalid, must be from", str(error))
            for wrong in (-1, 256, "1", 1.5, True):
                self.assertRaises(FormatError, read_quota_config, {name: wrong})
        bodies: list[object] = [None, [], 1, {"enabled": "yes"}]
        for body in bodies:
            self.assertRaises(FormatError, read_quota_config, body)


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp(dir=self.mktemp_folder()))

    def mktemp_folder(self) -> str:
        path = self.mktemp()
        Path(path).mkdir(parents=True)
        return path

    def test_what_was_written(self) -> None:
        self.assertIsNone(read_quota_file(self.folder))
        for config in (QuotaConfig(True, 80, 90, 0), QuotaConfig()):
            write_quota_file(self.folder, config)
            self.assertEqual(read_quota_file(self.folder), config)

    def test_a_damaged_file_is_told_of_and_keeps_no_server_from_starting(self) -> None:
        write_quota_file(self.folder, QuotaConfig(True, 80))
        file = self.folder / QUOTA_FILE
        file.write_bytes(file.read_bytes().replace(b"80", b"81"))
        with self.assertLogs("vexfs.catalog", "ERROR") as logged:
            self.assertIsNone(read_quota_file(self.folder))
        self.assertIn("is damaged", logged.output[0])

    def test_another_version_is_refused(self) -> None:
        (self.folder / QUOTA_FILE).write_bytes(seal("vexfs-quotas", 2, {}))
        error = self.assertRaises(UnknownFormat, read_quota_file, self.folder)
        self.assertIn("version 2", str(error))

    def test_a_file_that_cannot_be_read(self) -> None:
        (self.folder / QUOTA_FILE).mkdir()
        self.assertRaises(UnusableDataFolder, read_quota_file, self.folder)


class Service(SynchronousTestCase):
    """The service with a clock of its own, readings that are given, and work done at once."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.used = disk(10)
        self.readings = 0
        self.stored: QuotaConfig | None = None
        self.fault: Exception | None = None
        self.patch(module, "read_usage", self.read)
        self.begin(QuotaConfig())

    def begin(self, config: QuotaConfig) -> None:
        self.quotas = Quotas(config)
        file = QuotaFile(lambda: self.stored, self.save)
        run: Any = inline
        self.service = QuotaService(self.quotas, file, "/data", self.clock, run)

    def read(self, path: str) -> QuotaUsage:
        self.assertEqual(path, "/data")
        self.readings += 1
        return self.used

    def save(self, config: QuotaConfig) -> None:
        if self.fault is not None:
            raise self.fault
        self.stored = config

    def start(self) -> None:
        self.successResultOf(self.service.startService())
        self.addCleanup(self.service.stopService)

    def test_a_start_enforces_the_settings(self) -> None:
        self.begin(QuotaConfig(True, None, 10))
        self.start()
        self.assertRaises(StorageFull, self.quotas.admit_growth)

    def test_what_a_client_has_set_wins_over_the_settings(self) -> None:
        self.stored = QuotaConfig(True, None, 20)
        self.begin(QuotaConfig(True, None, 10))
        self.start()
        self.quotas.admit_growth()
        self.assertEqual(self.service.report.config, self.stored)

    def test_readings_come_at_an_interval_while_something_is_enforced(self) -> None:
        self.start()
        self.clock.pump([READ_EVERY_S] * 5)
        self.assertEqual(self.readings, 1)
        self.successResultOf(self.service.change(QuotaConfig(True, None, 50)))
        self.assertEqual(self.readings, 2)
        self.used = disk(60)
        self.quotas.admit_growth()
        self.clock.advance(READ_EVERY_S)
        self.assertRaises(StorageFull, self.quotas.admit_growth)
        self.used = disk(45)
        self.clock.advance(READ_EVERY_S)
        self.quotas.admit_growth()

    def test_a_change_is_on_disk_and_enforced_when_it_is_done(self) -> None:
        self.start()
        config = QuotaConfig(True, None, 10)
        self.successResultOf(self.service.change(config))
        self.assertEqual((self.stored, self.service.report.config), (config, config))
        self.assertRaises(StorageFull, self.quotas.admit_growth)

    def test_a_change_that_cannot_be_written_changes_nothing(self) -> None:
        self.start()
        self.fault = OSError(errno.EIO, "no")
        self.failureResultOf(self.service.change(QuotaConfig(True, None, 10)), OSError)
        self.assertEqual(self.service.report.config, QuotaConfig())
        self.quotas.admit_growth()

    def test_nothing_is_left_after_the_stop(self) -> None:
        self.start()
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Readings(SynchronousTestCase):
    def test_a_file_system(self) -> None:
        usage = read_usage(".")
        assert usage.disk_usage_percent is not None
        self.assertTrue(0 <= usage.disk_usage_percent <= 100)
        self.assertIsNone(read_usage("/nowhere/at/all").disk_usage_percent)
