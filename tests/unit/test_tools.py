"""What CI concludes from a run of trial, and the commands it takes from README."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT, run_python

ENDS_BADLY = """
import atexit, os
from twisted.trial.unittest import SynchronousTestCase

class Ending(SynchronousTestCase):
    def test_passes(self):
        atexit.register(os._exit, 3)
"""


class TrialSummary(SynchronousTestCase):
    def summary(self, report: str) -> tuple[int, str]:
        path = Path(self.mktemp())
        path.write_text(report)
        done = run_python(str(ROOT / "tools" / "trial_summary.py"), str(path))
        return done.returncode, done.stdout

    def test_all_passed(self) -> None:
        report = "Ran 3 tests in 0.1s\n\nPASSED (successes=3)\n"
        self.assertEqual(self.summary(report), (0, "3 passed, 0 failed\n"))

    def test_every_kind_of_outcome(self) -> None:
        report = (
            "FAILED (skips=1, expectedFailures=2, unexpectedSuccesses=4, failures=8, errors=16, "
            "successes=32)\n"
        )
        self.assertEqual(self.summary(report), (0, "34 passed, 28 failed, 1 skipped\n"))

    def test_the_last_closing_line_counts(self) -> None:
        report = "PASSED (successes=9)\nFAILED (errors=1, successes=1)\n"
        self.assertEqual(self.summary(report), (0, "1 passed, 1 failed\n"))

    def test_a_run_that_tested_nothing_fails(self) -> None:
        for report in ("Ran 0 tests in 0.0s\n\nPASSED\n", "Segmentation fault\n", ""):
            self.assertEqual(self.summary(report), (1, "0 passed, 0 failed\n"))

    def test_a_worker_that_fails_as_it_ends_fails_the_run(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "ending.py").write_text(ENDS_BADLY)
        done = run_python("-m", "twisted.trial", "-j2", "ending", cwd=folder)
        self.assertIn("PASSED (successes=1)", done.stdout)
        printed = done.stdout + done.stderr
        self.assertEqual(self.summary(printed), (1, "1 passed, 0 failed\n"))


class Readme(SynchronousTestCase):
    def test_what_ci_runs_is_a_command_of_readme(self) -> None:
        done = run_python(str(ROOT / "tools" / "readme.py"), "command", "test")
        command = done.stdout.strip()
        self.assertIn("-m twisted.trial -j3 tests", command)
        self.assertIn(f"```sh\n{command}\n```", (ROOT / "README.md").read_text())

    def test_readme_and_docs_hold_what_they_promise(self) -> None:
        done = run_python(str(ROOT / "tools" / "readme.py"), "check")
        self.assertEqual(done.returncode, 0, done.stdout)
