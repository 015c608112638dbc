"""Tables of collections as earlier formats had them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import orjson

from vexfs_twisted.engine.storage.record_checksums import sealed, unsealed

_SEALED = (b"meta", b"points", b"rows", b"bits", b"touches", b"outcomes")


def to_format_4(directory: Path) -> None:
    """Make the tables of a closed collection those of format 4, with rows counted from the first.

    They must not be counted from a later one.
    """

    def change(state: dict[str, Any]) -> None:
        assert state.pop("base") == 0
        for slot in state["slots"].values():
            assert slot.pop("first") == 0

    change_counters(directory, change, b"4")


def change_counters(
    directory: Path, change: Callable[[dict[str, Any]], object], version: bytes = b"5"
) -> None:
    """Change the counters of a closed collection, and the format that its tables say they have."""
    with lmdb.open(str(directory), max_dbs=8) as environment:
        meta = environment.open_db(b"meta", create=False)
        with environment.begin(write=True) as transaction:
            value = transaction.get(b"state", b"", db=meta)
            state = orjson.loads(unsealed("meta", b"state", value))
            change(state)
            transaction.put(b"state", sealed(b"state", orjson.dumps(state)), db=meta)
            transaction.put(b"format", version, db=meta)


def to_format_3(directory: Path) -> None:
    """Make the tables of a closed collection those of format 3, without checksums."""
    with lmdb.open(str(directory), max_dbs=8) as environment:
        tables = [environment.open_db(name, create=False) for name in _SEALED]
        gone = environment.open_db(b"sums", create=False)
        with environment.begin(write=True) as transaction:
            transaction.drop(gone)
            for table in tables:
                with transaction.cursor(table) as cursor:
                    records = list(cursor)
                for key, value in records:
                    transaction.put(key, value[:-4], db=table)
            with transaction.cursor(tables[2]) as cursor:
                for key, value in list(cursor):
                    transaction.put(key, value[:7] + b"\0" + value[8:], db=tables[2])
            transaction.put(b"format", b"3", db=tables[0])


def to_format_2(directory: Path) -> None:
    """Make the tables of a closed collection those of format 2, without outcomes."""
    to_format_3(directory)
    _drop(directory, b"2", [b"outcomes"], ["last_command", "next_slot"])


def to_format_1(directory: Path) -> None:
    """Make the tables of a closed collection those of format 1, without a changelog, too."""
    to_format_2(directory)
    _drop(directory, b"1", [b"touches"], ["touches_begin"])


def _drop(directory: Path, version: bytes, tables: list[bytes], counters: list[str]) -> None:
    with lmdb.open(str(directory), max_dbs=8) as environment:
        meta = environment.open_db(b"meta", create=False)
        gone = [environment.open_db(name, create=False) for name in tables]
        with environment.begin(write=True) as transaction:
            for table in gone:
                transaction.drop(table)
            state = orjson.loads(transaction.get(b"state", b"", db=meta))
            for name in counters:
                del state[name]
            transaction.put(b"state", orjson.dumps(state), db=meta)
            transaction.put(b"format", version, db=meta)
