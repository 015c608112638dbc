"""What the scrub writes, each in a transaction of its own: see `CollectionStore.amend`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from .mvcc.state import CollectionState
from .storage.bitmap import BitmapBuilder, Rows
from .storage.bitmap_table import write_changes
from .storage.keys import ROW_KEY_SIZE, decode_rows
from .storage.record_checksums import ROWS, seal_each, seal_rows, without_checksum
from .storage.row_checksum_table import Sums, read_row_checksums, write_row_checksums
from .storage.row_values import has_checksum, with_form
from .storage.table_reader import POINTS, unsealed_rows, write_unsealed_rows
from .storage.tables import Tables, Transaction

Amendment = Callable[[Transaction, Tables, CollectionState], CollectionState | None]
"""Writes tables; returns the state afterwards, or None if it wrote nothing."""


def seal_records(table: str, keys: Sequence[bytes]) -> Amendment:
    """Give records of points or rows checksums that still have none."""

    def write(
        transaction: Transaction, tables: Tables, state: CollectionState
    ) -> CollectionState | None:
        handle = tables.points if table == POINTS else tables.rows
        found = [(key, transaction.get(key, db=handle)) for key in keys]
        old = [(key, value) for key, value in found if value is not None and _is_old(table, value)]
        if not old:
            return None
        own = [key for key, _ in old]
        if table == ROWS:
            data = [with_form(without_checksum(value)) for _, value in old]
            sealed = seal_rows(decode_rows(own), data)
        else:
            sealed = seal_each(own, [value for _, value in old])
        with transaction.cursor(handle) as cursor:
            cursor.putmulti(zip(own, sealed, strict=True))
        return state

    return write


def _is_old(table: str, value: bytes) -> bool:
    return len(value) == ROW_KEY_SIZE if table == POINTS else not has_checksum(value)


def forget_unsealed(
    transaction: Transaction, tables: Tables, state: CollectionState
) -> CollectionState | None:
    """Record that all records have checksums."""
    if not unsealed_rows(transaction, tables):
        return None
    write_unsealed_rows(transaction, tables.meta, 0)
    return state


def add_checksums(slot: int, rows: Rows, sums: Sums) -> Amendment:
    """Record the checksums of rows that have none; rows are numbered as in the tables."""

    def write(
        transaction: Transaction, tables: Tables, state: CollectionState
    ) -> CollectionState | None:
        is_there = any(space.slot == slot for space in state.spaces.values())
        is_new = read_row_checksums(transaction, tables, slot, rows) == 0
        if not is_there or not is_new.any():
            return None
        write_row_checksums(transaction, tables, slot, rows[is_new], sums[is_new])
        return state

    return write


def take_out(name: str, slot: int, rows: Rows) -> Amendment:
    """Let points have no vector of a name any more, of which the rows are damaged.

    Rows are numbered as in the tables.
    """

    def write(
        transaction: Transaction, tables: Tables, state: CollectionState
    ) -> CollectionState | None:
        space = state.spaces.get(name)
        if space is None or space.slot != slot:
            return None
        builder = BitmapBuilder(space.present)
        found = rows[rows >= state.base] - state.base
        builder.discard(found[space.present.has(found)])
        write_changes(transaction, tables, slot, builder, state.base)
        changed = attrs.evolve(space, present=builder.freeze(state.next_row))
        return attrs.evolve(state, spaces={**state.spaces, name: changed})

    return write
