"""A power loss at many instants of a workload: what was acknowledged is on the disk."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests import IS_LONG
from tests.preloaded import run_preloaded


class PowerLossTests(SynchronousTestCase):
    """Files as they are on the disk, by a trace of writes and syncs."""

    def test_acknowledged_steps_are_durable(self) -> None:
        done = run_preloaded(self, "power_loss", 1 if IS_LONG else 80)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(int(done.stdout), 40)
