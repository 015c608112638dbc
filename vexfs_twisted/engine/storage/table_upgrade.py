"""Upgrades tables of earlier versions when they are opened.

Rows and points of version 3 stay as they are, without checksums, until they are rewritten: there
may be millions of them. The record `unsealed` of `meta` says below which row they are. Those of
version 4 are as they are now, but for a counter that has a default.
"""

from __future__ import annotations

from pathlib import Path

import lmdb
import orjson

from .bitmap_table import LIVE_SLOT
from .counters import (
    FORMAT_KEY,
    FORMAT_VERSION,
    STATE_KEY,
    check_format,
    format_of,
)
from .record_checksums import sealed
from .table_reader import write_unsealed_rows
from .tables import Transaction

_FORMER = (b"1", b"2", b"3")
_SEALED = b"4"


def upgrade(environment: lmdb.Environment, path: Path) -> None:
    """Upgrade the tables to the current format. Raises UnknownFormat for an unknown version."""
    meta = environment.open_db(b"meta", create=False)
    found = format_of(environment, meta)
    if found == _SEALED:
        with environment.begin(write=True) as transaction:
            transaction.put(FORMAT_KEY, b"%d" % FORMAT_VERSION, db=meta)
        return
    if found not in _FORMER:
        check_format(environment, path)
        return
    with environment.begin(write=True) as transaction:
        counters = orjson.loads(transaction.get(STATE_KEY, b"{}", db=meta))
        changes = environment.open_db(b"touches", transaction)
        outcomes = environment.open_db(b"outcomes", transaction)
        environment.open_db(b"sums", transaction)
        if found == b"1":
            counters["touches_begin"] = counters["next_operation"]
        if found != b"3":
            slots = (slot["number"] for slot in counters.get("slots", {}).values())
            counters["next_slot"] = max(slots, default=LIVE_SLOT) + 1
        transaction.put(STATE_KEY, orjson.dumps(counters), db=meta)
        bits = environment.open_db(b"bits", transaction)
        for table in (meta, bits, changes, outcomes):
            _seal(transaction, table)
        write_unsealed_rows(transaction, meta, counters.get("next_row", 0))
        transaction.put(FORMAT_KEY, b"%d" % FORMAT_VERSION, db=meta)


def _seal(transaction: Transaction, table: lmdb._Database) -> None:
    """Give all records of a table checksums."""
    with transaction.cursor(table) as cursor:
        records = list(cursor)
        cursor.putmulti([(key, sealed(key, value)) for key, value in records])
