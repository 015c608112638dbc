"""Reads of one snapshot: a read transaction, and the state and indexes that belong to it."""

from __future__ import annotations

from types import TracebackType

import lmdb

from ..read_bounds import expect
from ..storage.latch import WAIT_S
from ..storage.table_reader import TableReader
from ..storage.tables import Transaction
from .indexes import IndexRegistry
from .published import PublishedStates
from .state import CollectionState, Snapshot
from .table_access import OpenTables, TableAccess


class SnapshotRead:
    """A context manager: one thread reads one snapshot of a collection."""

    def __init__(
        self, access: TableAccess, states: PublishedStates, indexes: IndexRegistry
    ) -> None:
        self._access = access
        self._states = states
        self._indexes = indexes
        self._transaction: Transaction | None = None

    def __enter__(self) -> Snapshot:
        while True:
            opened = self._access.enter()
            try:
                self._transaction, state = self._begun(opened)
                self._reader = TableReader(self._transaction, opened.tables, state.base)
                return Snapshot(state, self._reader, self._indexes.current)
            except lmdb.PanicError:
                self._access.leave()
            except BaseException:
                self._access.leave()
                raise
            expect(WAIT_S)
            with self._access.turn:
                self._access.renew(opened)

    def _begun(self, opened: OpenTables) -> tuple[Transaction, CollectionState]:
        """A new transaction and its state."""
        while True:
            transaction = opened.environment.begin()
            state = self._states.get(transaction.id())
            if state is not None:
                return transaction, state
            # Two commits happened since the transaction began, so its state is not filed.
            transaction.abort()

    def take_transaction(self) -> Transaction:
        """Transfer the transaction to the caller, who must end it."""
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        return transaction

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            transaction, self._transaction = self._transaction, None
            if transaction is not None:
                transaction.abort()
                # A traceback may keep the reader alive, and reader slots are limited.
                self._reader.release()
        finally:
            self._access.leave()
