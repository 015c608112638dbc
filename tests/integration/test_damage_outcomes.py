"""A short run of the benchmark that damages every file of a store; a long one takes hours."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

OPTIONS = ["--places", "1", "--only", "data.mdb"]
LONG = ["--places", "500"]


class DamageOutcomeTests(SynchronousTestCase):
    """Nothing is answered wrongly, no process dies, and no other collection is hurt."""

    def test_no_outcome_is_bad(self) -> None:
        options = LONG if os.environ.get("VEXFS_LONG_DAMAGE") else OPTIONS
        command = [sys.executable, "-m", "benchmarks.damage", "--seed", "5", *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("0 bad outcomes", done.stdout)
        self.assertIn("bit of leaf page", done.stdout)
