"""Mutated requests to a running daemon: each is answered, none by an internal error, no growth.

VEXFS_FUZZ_REQUESTS=1000000 sends as many, others each time; the suite sends a few.
"""

from __future__ import annotations

import os
from time import time_ns

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.daemon import Sender, resident_bytes
from tests.support import DaemonProcess

REQUESTS = int(os.environ.get("VEXFS_FUZZ_REQUESTS", "0"))
_FEW = 1500
_MOST_GROWTH = 256 << 20
"""Bytes by which the daemon may grow: caches, and the limits of its allocator."""


class FuzzingTests(SynchronousTestCase):
    """One daemon, and one client that means no good."""

    def test_mutated_requests(self) -> None:
        # A rate is no part of this: all come from one address.
        daemon = self.enterContext(DaemonProcess(None, "--rate-limit=0"))
        seed = str(time_ns()) if REQUESTS else "the suite"
        sender = Sender(daemon, seed)
        self.addCleanup(sender.close)
        requests = REQUESTS or _FEW
        sender.run(requests // 3)
        before = resident_bytes(daemon.pid)
        sender.run(requests - requests // 3)
        grown = resident_bytes(daemon.pid) - before
        print(f"seed {seed}: {dict(sorted(sender.statuses.items()))}, {grown >> 20} MiB more")
        self.assertLess(grown, _MOST_GROWTH)
        self.assertIn("rest 200", sender.statuses)
        self.assertIn("grpc OK", sender.statuses)
