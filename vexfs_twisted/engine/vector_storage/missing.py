"""Adds the storages that collections of earlier versions lack."""

from __future__ import annotations

from pathlib import Path

import attrs
import lmdb

from ..storage.counters import Slot, read_config, read_counters, write_counters
from ..storage.files import sync_directory
from ..storage.tables import Tables
from .files import create_storage, remove_storage, stored_vectors


def add_missing_storages(environment: lmdb.Environment, tables: Tables, directory: Path) -> None:
    """Create durably the storages of vector names that have none.

    Earlier versions stored dense vectors only. Raises OSError and lmdb.Error.
    """
    with environment.begin() as transaction:
        config = read_config(transaction, tables, directory)
        counters = read_counters(transaction, tables)
    slots = dict(counters.slots)
    missing = [(name, params) for name, params in stored_vectors(config) if name not in slots]
    if not missing:
        return
    for number, (name, params) in enumerate(missing, counters.next_slot):
        remove_storage(directory, number)
        create_storage(directory, params, number)
        slots[name] = Slot(number)
    sync_directory(directory)
    next_slot = counters.next_slot + len(missing)
    with environment.begin(write=True) as transaction:
        changed = attrs.evolve(counters, slots=slots, next_slot=next_slot)
        write_counters(transaction, tables, changed)
