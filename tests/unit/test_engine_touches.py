"""The log of rows whose payload changed where they are."""

from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.store.touches import Touch, TouchLog


def touch(operation: int, *rows: int) -> Touch:
    """A touch of some rows."""
    return Touch(operation, np.array(rows, dtype=np.int64))


class TouchLogTests(SynchronousTestCase):
    """What a log tells, and what it forgets."""

    def since(self, log: TouchLog, operation: int) -> list[int] | None:
        rows = log.since(operation)
        return None if rows is None else rows.tolist()

    def test_rows_are_told_from_an_operation_on(self) -> None:
        log = TouchLog(5).extended([touch(6, 9, 2), touch(8, 4)]).extended([touch(9, 2)])
        found = {operation: self.since(log, operation) for operation in (4, 5, 7, 9, 10)}
        self.assertEqual(found, {4: None, 5: [2, 4, 9], 7: [2, 4], 9: [2], 10: []})

    def test_a_log_is_not_changed_by_what_follows_it(self) -> None:
        log = TouchLog(0).extended([touch(1, 7)])
        log.extended([touch(2, 8)])
        self.assertEqual(self.since(log, 0), [7])

    def test_the_oldest_of_many_touches_are_forgotten(self) -> None:
        log = TouchLog(0)
        for operation in range(1000):
            log = log.extended([touch(operation, operation)])
        self.assertEqual(log.touches[-1].operation, 999)
        self.assertLess(len(log.touches), 1000)
        oldest = log.touches[0].operation
        self.assertEqual(self.since(log, oldest), list(range(oldest, 1000)))
        self.assertIsNone(self.since(log, oldest - 1))

    def test_the_rows_that_are_kept_are_bounded(self) -> None:
        rows = np.arange(600_000)
        log = TouchLog(0).extended([Touch(0, rows)]).extended([touch(1, 3), Touch(2, rows)])
        self.assertIsNone(self.since(log, 0))
        self.assertEqual(len(log.touches), 2)
        log = log.extended([Touch(3, np.arange(3_000_000))])
        self.assertIsNone(self.since(log, 3))
        self.assertEqual(self.since(log, 4), [])
