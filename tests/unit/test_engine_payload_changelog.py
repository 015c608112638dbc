"""The log of rows whose payload changed where they are, in memory and in its table."""

from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.storage import payload_changelog
from vexfs_twisted.engine.storage.bitmap import Rows
from vexfs_twisted.engine.storage.payload_changelog import PayloadChange, PayloadChangelog
from vexfs_twisted.engine.storage.payload_changelog_table import (
    decoded_rows,
    read_payload_changes,
    write_payload_changes,
)
from vexfs_twisted.engine.storage.tables import open_environment, open_tables


def change(operation: int, *rows: int) -> PayloadChange:
    """A change of some rows."""
    return PayloadChange(operation, np.array(rows, dtype=np.int64))


def log_of(begin: int, *payload_changelog: PayloadChange) -> PayloadChangelog:
    """A log of some changes."""
    log = PayloadChangelog(begin)
    for each in payload_changelog:
        log = log.extended(each)
    return log


class TouchLogTests(SynchronousTestCase):
    """What a log tells, and what it forgets."""

    def since(self, log: PayloadChangelog, operation: int) -> list[int] | None:
        rows = log.since(operation)
        return None if rows is None else rows.tolist()

    def test_rows_are_told_from_an_operation_on(self) -> None:
        log = log_of(5, change(6, 2, 9), change(8, 4), change(9, 2))
        found = {operation: self.since(log, operation) for operation in (4, 5, 7, 9, 10)}
        self.assertEqual(found, {4: None, 5: [2, 4, 9], 7: [2, 4], 9: [2], 10: []})
        counted = {operation: log.most_since(operation) for operation in (4, 5, 7, 9, 10)}
        self.assertEqual(counted, {4: None, 5: 4, 7: 2, 9: 1, 10: 0})

    def test_a_log_is_not_changed_by_what_follows_it(self) -> None:
        log = log_of(0, change(1, 7))
        log.extended(change(2, 8))
        self.assertEqual(self.since(log, 0), [7])

    def test_many_changes_are_put_together_where_that_tells_little_too_much(self) -> None:
        count = 20_000
        log = log_of(0, *(change(operation, operation) for operation in range(count)))
        self.assertLess(len(log.changes), 300)
        for age in (0, 1, 10, 100, 1000, 5000, count):
            operation = count - age
            wanted = list(range(operation, count))
            found = self.since(log, operation)
            assert found is not None
            self.assertEqual(found[len(found) - len(wanted) :], wanted)
            self.assertLessEqual(len(found), 1.25 * age + 1, age)

    def test_the_rows_that_are_kept_are_bounded(self) -> None:
        rows = np.arange(600_000)
        log = log_of(0, PayloadChange(0, rows), change(1, 3), PayloadChange(2, rows))
        self.assertIsNone(self.since(log, 0))
        self.assertEqual(len(log.changes), 2)
        log = log.extended(PayloadChange(3, np.arange(3_000_000)))
        self.assertIsNone(self.since(log, 3))
        self.assertEqual(self.since(log, 4), [])


row_sets = st.one_of(
    st.frozensets(st.integers(0, 2**48), min_size=1, max_size=40),
    st.frozensets(st.integers(0, 600), min_size=1, max_size=90),
).map(lambda rows: np.array(sorted(rows), dtype=np.int64))


class TouchTableTests(SynchronousTestCase):
    """The log comes out of the table as it was when it was written there."""

    @settings(max_examples=40)
    @given(
        commits=st.lists(st.lists(row_sets, max_size=5), max_size=8),
        most_entries=st.sampled_from([4, 8, 256]),
        most_rows=st.sampled_from([30, 1 << 20]),
    )
    def test_each_commit_leaves_its_log(
        self, commits: list[list[Rows]], most_entries: int, most_rows: int
    ) -> None:
        self.patch(payload_changelog, "_MOST_ENTRIES", most_entries)
        self.patch(payload_changelog, "_MOST_ROWS", most_rows)
        path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, path)
        environment = open_environment(path, create=True)
        self.addCleanup(environment.close)
        tables = open_tables(environment, create=True)
        log, operations = PayloadChangelog(7), count(7)
        for commit in commits:
            before = log
            for rows in commit:
                log = log.extended(PayloadChange(next(operations), rows))
            with environment.begin(write=True) as transaction:
                write_payload_changes(transaction, tables, before, log, 0)
            with environment.begin() as transaction:
                found = read_payload_changes(transaction, tables, log.begin, decoded_rows, 0)
            self.assertEqual(shown(found), shown(log))


def shown(log: PayloadChangelog) -> tuple[int, list[tuple[int, list[int]]]]:
    """A log as plain values."""
    return log.begin, [(change.operation, change.rows.tolist()) for change in log.changes]
