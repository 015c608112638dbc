"""The first use of faiss by several threads at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support import run_python

PROGRAM = """
import sys
from threading import Barrier, Thread

import faiss as module

from vexfs_twisted.engine.native_library import faiss, load_faiss

sys.setswitchinterval(1e-6)
cleared = []
module.InterruptCallback.clear_instance = lambda: cleared.append(None)
together = Barrier(16)
failed = []

def use(number):
    together.wait()
    try:
        load_faiss() if number % 2 else faiss.METRIC_L2
    except BaseException as error:
        failed.append(error)

threads = [Thread(target=use, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
try:
    faiss.nothing_of_this_name
except AttributeError:
    print(len(cleared), failed, faiss.METRIC_L2 == module.METRIC_L2)
"""


class FirstUseTests(SynchronousTestCase):
    def test_threads_that_come_together(self) -> None:
        """What the library frees while it is set up, it frees twice for two threads."""
        done = run_python("-c", PROGRAM)
        self.assertEqual(done.stdout, "1 [] True\n", done.stderr)
