"""Writes what changes when the rows of a collection come to be counted from a later one."""

from __future__ import annotations

from collections.abc import Mapping

from ..mvcc.state import CollectionState
from ..storage.bitmap_table import LIVE_SLOT, drop_chunks_before
from ..storage.counters import write_counters
from ..storage.payload_changelog_table import write_payload_changes
from ..storage.row_checksum_table import drop_row_checksums_before
from ..storage.tables import Tables, Transaction
from ..vector_storage.storage import AnyStorage
from .write_batch import counters_of


def write_recounted(
    transaction: Transaction,
    tables: Tables,
    storages: Mapping[int, AnyStorage],
    before: CollectionState,
    after: CollectionState,
) -> None:
    """Write the state `after`, which `counted_from` has made of `before`. Raises OSError.

    Rows stay where they are in tables and files. Bitmaps and checksums of those before the first
    are deleted; vectors are not, since states in use may have them.
    """
    drop_chunks_before(transaction, tables, LIVE_SLOT, after.base)
    for name, space in after.spaces.items():
        drop_chunks_before(transaction, tables, space.slot, after.base)
        drop_row_checksums_before(transaction, tables, space.slot, after.base)
        storage = storages[space.slot]
        storage.begin(before.spaces[name])
        storage.skip_to(space.skipped)
        storage.sync()
    changes = before.payload_changes, after.payload_changes
    write_payload_changes(transaction, tables, *changes, after.base)
    write_counters(transaction, tables, counters_of(after))
