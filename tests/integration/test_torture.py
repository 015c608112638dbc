"""A real server, killed under a mixed load of all commands. `benchmarks.torture` runs it for long.

VEXFS_KILL_ROUNDS sets how often it is killed. Each takes two seconds of processor time, most of it
for the start and the check, so there are few here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from tests.torture.run import Torture

    SKIP = None
else:
    SKIP = "needs qdrant-client"

ROUNDS = int(os.environ.get("VEXFS_KILL_ROUNDS", "3"))


class TortureTests(SynchronousTestCase):
    """One folder, killed again and again."""

    skip = SKIP

    def torture(self, rounds: int, *options: str) -> None:
        home = Path(tempfile.mkdtemp(prefix="vexfs-torture-"))
        self.addCleanup(shutil.rmtree, home)
        torture = Torture(home, "a seed", *options)
        self.addCleanup(torture.close)
        torture.run(rounds)
        self.assertEqual(torture.figures.cycles, rounds)
        self.assertGreater(torture.figures.acknowledged.total(), rounds)

    def test_nothing_acknowledged_is_lost(self) -> None:
        self.torture(ROUNDS)

    def test_nothing_with_two_processes(self) -> None:
        self.torture(max(1, ROUNDS // 4), "--processes=2")
