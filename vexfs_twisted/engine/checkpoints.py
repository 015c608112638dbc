"""Checkpoints: saves columns of payload indexes and postings while a collection is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock

from attrs import frozen

from ..model.payload_index import FieldSchema
from .mvcc.indexes import Indexes
from .mvcc.state import CollectionState, Snapshot
from .payload_index.column import Column
from .payload_index.files import column_file, column_files, load_column, save_column
from .payload_index.schemas import parsed
from .vector_index.space import SparseSpace
from .vector_index.sparse.files import PostingsFiles

LEAST_CHANGES = 10_000
"""A checkpoint is due if more than this many rows have changed, and more than one in ten."""

_PERCENT = 10


@frozen
class _Standing:
    """The snapshot and index of a file: before `operation`, when row `end` was next.

    The row is numbered as in the tables.
    """

    operation: int
    end: int
    schema: FieldSchema | None = None


class Checkpoints:
    """The files of the columns and of the postings of one collection. Thread-safe.

    A file may be of an earlier snapshot than the tables. Rows that are new or changed since then
    are read again, and no others; if the changelog does not reach back that far, the file is not
    used. So a checkpoint needs no transaction, and a crash at any time is harmless.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: Mapping[str, _Standing] = {}
        self._failed: _Standing | None = None
        self._is_closed = False
        self._saving = Lock()
        self._postings = PostingsFiles(directory)

    def load(self, state: CollectionState, indexes: Indexes) -> None:
        """Load postings and the columns of the declared indexes from usable files; pin these."""
        self._postings.load(_sparse_of(state), state.next_operation, indexes.postings)
        cache = indexes.columns
        kept: dict[str, _Standing] = {}
        for text, schema in state.fields.items():
            path = parsed(text)
            column = load_column(column_file(self._directory, path), schema)
            if column is not None and _is_of_use(column, state):
                cache.put(path.steps, column)
                kept[text] = _Standing(column.operation, column.base + column.next_row, schema)
        cache.pin([parsed(text).steps for text in state.fields])
        self._kept = kept

    def follow(self, state: CollectionState, indexes: Indexes) -> None:
        """Load usable files of declared indexes that have no column, after `load`; pin these.

        For a collection that another process writes, along with the files.
        """
        if {text: own.schema for text, own in self._kept.items()} == state.fields:
            return
        cache = indexes.columns
        cache.pin([parsed(text).steps for text in state.fields])
        for text, schema in state.fields.items():
            path = parsed(text)
            if not cache.has([path.steps]):
                column = load_column(column_file(self._directory, path), schema)
                if column is not None and _is_of_use(column, state):
                    cache.put(path.steps, column)
        self._kept = {
            text: _Standing(state.next_operation, state.end, schema)
            for text, schema in state.fields.items()
        }

    def is_current(self, state: CollectionState) -> bool:
        """Whether the files are of exactly this state. Does not block or read files."""
        wanted = {
            text: _Standing(state.next_operation, state.end, schema)
            for text, schema in state.fields.items()
        }
        return self._kept == wanted

    def is_due(self, state: CollectionState, indexes: Indexes) -> bool:
        """Whether enough has changed for a checkpoint. Does not block or read files.

        After a failed checkpoint, the changes since that one count.
        """
        if self._failed is not None:
            return _is_far(state, self._failed)
        if self._postings.is_due(_sparse_of(state), indexes.postings):
            return True
        kept = self._kept
        if {text: standing.schema for text, standing in kept.items()} != state.fields:
            return True
        return any(_is_far(state, standing) for standing in kept.values())

    def save(self, reading: Callable[[], AbstractContextManager[Snapshot]]) -> None:
        """Write columns and postings that have changed, and remove other files.

        Those in memory are brought up to date too. One thread at a time saves, others wait;
        no-op after `close`. Raises OSError.
        """
        with self._saving:
            if self._is_closed:
                return
            with reading() as snapshot:
                state = snapshot.state
                behind = {
                    text: parsed(text).steps
                    for text in state.fields
                    if self._is_behind(text, snapshot)
                }
                columns = snapshot.indexes.columns.complete(behind.values(), snapshot.rows)
                postings = snapshot.indexes.postings
            if columns is None:
                # Newer columns exist already, so a checkpoint is due again.
                return
            try:
                self._postings.save(_sparse_of(state), state.next_operation, postings)
                self._write(state, {text: columns[steps] for text, steps in behind.items()})
            except OSError:
                self._failed = _Standing(state.next_operation, state.end)
                raise
            self._failed = None

    def close(self) -> None:
        """Write no more files; waits for one that is being written."""
        self._is_closed = True
        with self._saving:
            pass

    def _is_behind(self, text: str, snapshot: Snapshot) -> bool:
        kept = self._kept.get(text)
        if kept is None or kept.schema != snapshot.state.fields[text]:
            return True
        next_row = max(kept.end - snapshot.state.base, 0)
        changed = snapshot.rows.changed_since(kept.operation, next_row)
        return changed is None or len(changed) > 0

    def _write(self, state: CollectionState, columns: Mapping[str, Column]) -> None:
        kept = {text: standing for text, standing in self._kept.items() if text in state.fields}
        for text, column in columns.items():
            if self._is_closed:
                return
            schema = state.fields[text]
            save_column(column_file(self._directory, parsed(text)), column, schema)
            kept[text] = _Standing(column.operation, column.base + column.next_row, schema)
            self._kept = dict(kept)
        self._kept = kept
        wanted = {column_file(self._directory, parsed(text)) for text in kept}
        for file in column_files(self._directory) - wanted:
            file.unlink()


def _sparse_of(state: CollectionState) -> list[SparseSpace]:
    return [space for space in state.spaces.values() if isinstance(space, SparseSpace)]


def _is_of_use(column: Column, state: CollectionState) -> bool:
    is_followed = state.payload_changes.begin <= column.operation <= state.next_operation
    end = column.base + column.next_row
    return is_followed and column.base <= state.base and end <= state.end


def _is_far(state: CollectionState, standing: _Standing) -> bool:
    touched = state.payload_changes.most_since(standing.operation)
    if touched is None:
        return True
    changes = state.end - standing.end + touched
    return changes > max(LEAST_CHANGES, state.live.count * _PERCENT // 100)
