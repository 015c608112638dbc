"""System calls of the engine that fail one by one: nothing is lost, and nothing is damaged.

VEXFS_EXAMPLES=400 fails every call of the workload, which takes up to three hours.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests import IS_LONG, examples
from tests.preloaded import run_preloaded

STRIDE = 400
"""Of how many calls one fails in the test of all commands."""


class FailingCallsTests(SynchronousTestCase):
    """A process of its own for each failure."""

    def run_all(self, *arguments: object) -> int:
        """The number of runs, all of which must be right."""
        done = run_preloaded(self, "failing_calls", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return int(done.stdout)

    def test_calls_of_all_kinds_of_commands(self) -> None:
        self.assertGreater(self.run_all(max(1, STRIDE // examples(1))), 5)

    def test_calls_of_two_commits(self) -> None:
        self.assertGreater(self.run_all(1 if IS_LONG else 24, 2), 10)
