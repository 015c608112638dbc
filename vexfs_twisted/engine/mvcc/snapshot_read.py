"""Reads of one snapshot: a read transaction, and the state and indexes that belong to it."""

from __future__ import annotations

from types import TracebackType

from ..storage.tables import TableReader, Transaction
from .indexes import IndexRegistry
from .published import PublishedStates
from .state import Snapshot
from .table_access import TableAccess


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
        opened = self._access.enter()
        try:
            while True:
                transaction = opened.environment.begin()
                state = self._states.get(transaction.id())
                if state is not None:
                    self._transaction = transaction
                    self._reader = TableReader(transaction, opened.tables)
                    return Snapshot(state, self._reader, self._indexes.current)
                # Two commits happened since the transaction began, so its state is not filed.
                transaction.abort()
        except BaseException:
            self._access.leave()
            raise

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
