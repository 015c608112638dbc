"""A real server, killed under a mixed load of all commands. `benchmarks.torture` runs it for long.

A cycle takes two seconds of processor time, most of them for the start and the check, so there are
few of them here; VEXFS_EXAMPLES multiplies them.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import IS_LONG, examples
from tests.torture.run import Torture

CYCLES = 3


class TortureTests(SynchronousTestCase):
    """One folder, killed again and again."""

    def torture(self, *options: str) -> Torture:
        home = Path(tempfile.mkdtemp(prefix="vexfs-torture-"))
        self.addCleanup(shutil.rmtree, home)
        torture = Torture(home, "a seed", *options)
        self.addCleanup(torture.close)
        torture.run(examples(CYCLES))
        return torture

    def test_nothing_acknowledged_is_lost(self) -> None:
        done = self.torture().figures
        self.assertEqual(done.cycles, examples(CYCLES))
        self.assertGreater(done.acknowledged.total(), CYCLES)

    def test_two_processes(self) -> None:
        self.assertGreater(self.torture("--processes=2").figures.acknowledged.total(), CYCLES)

    if not IS_LONG:
        test_two_processes.skip = "needs VEXFS_EXAMPLES"  # type: ignore[attr-defined]
