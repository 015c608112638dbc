from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted import gil


class Yielding(SynchronousTestCase):
    def test_every_item_comes_in_order(self) -> None:
        for count in (0, 1, 4095, 4096, 5000):
            self.assertEqual(list(gil.yielding(range(count))), list(range(count)))

    def test_only_long_loops_yield_the_gil(self) -> None:
        yields: list[None] = []
        self.patch(gil, "yield_gil", lambda: yields.append(None))
        list(gil.yielding(range(4095)))
        self.assertEqual(len(yields), 0)
        list(gil.yielding(range(4097)))
        self.assertEqual(len(yields), 17)
