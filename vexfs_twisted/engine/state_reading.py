"""Makes the state of a collection from its tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from ..jsonform.collections import load_collection_config
from .mvcc.state import CollectionState
from .storage.bitmap_table import LIVE_SLOT, read_bitmap
from .storage.counters import read_config, read_counters, read_fields
from .storage.payload_changelog_table import decoded_rows, read_payload_changes
from .storage.tables import Tables, Transaction
from .vector_index.segments import read_segments
from .vector_index.space import AnySpace
from .vector_storage.committed import CommittedVectors
from .vector_storage.files import AnyParams, stored_vectors

OpenSpace = Callable[[AnyParams, CommittedVectors], AnySpace]
"""Opens the space of the vectors of one name."""

_MOST_CHANGES = 512
"""More payload changes than a changelog has."""


class StateReader:
    """Makes states from the tables in the directory `path`, and their spaces by `open_space`.

    What was read before is not parsed again, so that the work is that of reading the bitmaps. Used
    by one thread at a time.
    """

    def __init__(self, path: Path, open_space: OpenSpace) -> None:
        self._path = path
        self._open_space = open_space
        self._load_config = lru_cache(maxsize=1)(load_collection_config)
        self._decoded_rows = lru_cache(maxsize=_MOST_CHANGES)(decoded_rows)

    def read(self, transaction: Transaction, tables: Tables) -> CollectionState:
        """The state as of a transaction. Raises UnknownFormat, and what `open_space` raises."""
        config = read_config(transaction, tables, self._path, self._load_config)
        counters = read_counters(transaction, tables)
        base = counters.base
        segments = read_segments(transaction, tables, self._path, base)
        spaces: dict[str, AnySpace] = {}
        rows = counters.next_row - base
        for name, params in stored_vectors(config):
            slot = counters.slots[name]
            present = read_bitmap(transaction, tables, slot.number, base).with_room(rows)
            committed = CommittedVectors(slot, present, rows, segments.get(name, ()), base)
            spaces[name] = self._open_space(params, committed)
        changes = read_payload_changes(
            transaction, tables, counters.touches_begin, self._decoded_rows, base
        )
        return CollectionState(
            config=config,
            next_row=rows,
            next_operation=counters.next_operation,
            live=read_bitmap(transaction, tables, LIVE_SLOT, base).with_room(rows),
            spaces=spaces,
            fields=read_fields(transaction, tables),
            payload_changes=changes,
            last_command=counters.last_command,
            next_slot=counters.next_slot,
            base=base,
        )
