"""The memory of processes, and what they may have."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model import resident_memory
from vexfs_twisted.model.resident_memory import (
    available_bytes,
    limit_files,
    resident_bytes,
    resident_percent,
)


class Readings(SynchronousTestCase):
    def test_this_process(self) -> None:
        resident = resident_bytes()
        assert resident is not None
        self.assertTrue(1 << 20 < resident < available_bytes())
        percent = resident_percent()
        assert percent is not None
        self.assertTrue(0 < percent < 100)

    def test_a_process_that_is_not_there(self) -> None:
        self.assertIsNone(resident_bytes(1 << 30))

    def test_the_least_limit_of_the_control_groups(self) -> None:
        root = Path(self.mktemp())
        inner = root / "system.slice" / "vexfs.service"
        inner.mkdir(parents=True)
        (inner / "memory.max").write_text("max\n")
        (inner.parent / "memory.max").write_text("1048576\n")
        files = tuple(limit_files(["0::/system.slice/vexfs.service"], root))
        self.patch(resident_memory, "_limit_files", lambda: files)
        self.assertEqual(available_bytes(), 1 << 20)

    def test_groups_of_the_former_kind(self) -> None:
        lines = ["4:memory:/docker/a", "3:cpu,cpuacct:/docker/a", "0::/"]
        found = [str(file) for file in limit_files(lines, Path("/r"))]
        self.assertEqual(
            found,
            [
                "/r/memory/docker/a/memory.limit_in_bytes",
                "/r/memory/docker/memory.limit_in_bytes",
                "/r/memory/memory.limit_in_bytes",
                "/r/memory.max",
            ],
        )
