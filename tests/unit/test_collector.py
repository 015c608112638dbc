from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support import run_python

STATES = """
import gc
from vexfs_twisted.collector import without_collector

def states():
    with without_collector():
        yield gc.isenabled()
        made = [[] for _ in range(100)]
    yield gc.isenabled()
    yield gc.get_freeze_count() > 100

print(*states())
gc.disable()
print(*states())
gc.enable()
try:
    with without_collector():
        raise ImportError
except ImportError:
    print(gc.isenabled())
"""


class WithoutCollector(SynchronousTestCase):
    def test_it_is_off_meanwhile_and_then_as_before(self) -> None:
        printed = run_python("-c", STATES).stdout.split("\n")
        self.assertEqual(printed[:3], ["False True True", "False False True", "True"])
