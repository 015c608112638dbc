"""The hand-over queue."""

from __future__ import annotations

from collections import deque

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.wakeup import WakeupQueue


class BurstQueueTests(SynchronousTestCase):
    """One wake a burst, and nothing lost between bursts."""

    def setUp(self) -> None:
        self.wakes = 0
        self.queue: WakeupQueue[int] = WakeupQueue(self.wake)

    def wake(self) -> None:
        self.wakes += 1

    def test_a_burst_wakes_once(self) -> None:
        for item in range(5):
            self.queue.put(item)
        self.assertEqual(self.wakes, 1)
        self.assertEqual(self.queue.take(), deque(range(5)))

    def test_the_next_burst_wakes_again(self) -> None:
        self.queue.put(1)
        self.queue.take()
        self.queue.put(2)
        self.assertEqual(self.wakes, 2)
        self.assertEqual(self.queue.take(), deque([2]))

    def test_what_is_put_while_waking_is_not_lost(self) -> None:
        def put_more() -> None:
            if not taken:
                taken.extend(self.queue.take())
                self.queue.put(2)

        taken: list[int] = []
        self.queue = WakeupQueue(put_more)
        self.queue.put(1)
        self.assertEqual(taken, [1])
        self.assertEqual(self.queue.take(), deque([2]))
