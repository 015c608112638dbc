"""The LMDB environment of a collection: its tables, and reads of them in a transaction.

`meta` holds the format, the configuration and the counters; `points` maps the key of an id to the
key of its row; `rows` maps the key of a row to a value of `row_values`; `bits` holds the chunks of
the bitmaps; `touches` is the payload changelog, which rows had their payload changed in place;
`outcomes` holds what became of batches of commands that came with an origin; `sums` holds checksums
of the rows of vector files. All values but the format end with a checksum, see `record_checksums`.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import lmdb
from attrs import frozen

from .files import NO_ROOM, FileExtent, reserve, sync_directory, sync_file

TABLES_FILE = "data.mdb"
FIRST_MAP_SIZE = 1 << 30
_LARGEST_MAP_STEP = 1 << 34
_TABLES = 7
_MAX_READERS = 512
_LOCK_BYTES = 36 << 10
"""More bytes than the table of `_MAX_READERS` readers takes."""

_SPARE_READERS = 16
_READAHEAD_LIMIT = 1 << 30
_SLICE = 64
_PAGE = 1024

_opening = Lock()
"""Held while an environment is opened or closed.

The library knows open environments by the numbers of their files, and frees the files before it
forgets the numbers: a new file may have the number of one that was removed.
"""

Transaction: TypeAlias = "lmdb.Transaction[bytes]"


@frozen
class Tables:
    """The handles of the tables of one environment."""

    meta: lmdb._Database
    points: lmdb._Database
    rows: lmdb._Database
    bits: lmdb._Database
    payload_changes: lmdb._Database
    outcomes: lmdb._Database
    sums: lmdb._Database


def delete_keys(transaction: Transaction, table: lmdb._Database, start: bytes, stop: bytes) -> None:
    """Delete the records of a table from the key `start` on, and before the key `stop`."""
    with transaction.cursor(table) as cursor:
        cursor.set_range(start)
        # It has no key once it is past the last.
        while (key := cursor.key()) and key < stop:
            cursor.delete()


def open_environment(path: Path, *, create: bool = False) -> lmdb.Environment:
    """Open the environment in the directory `path`. Raises lmdb.Error and OSError.

    The map starts small, since all collections share the address space, and grows on demand. A new
    environment is durable after `sync_environment`, an existing one after each commit.
    """
    environment = _opened(
        path,
        create=create,
        sync=not create,
        # Pages need not be cleared before use: that memory only ever had our own data.
        meminit=False,
    )
    _make_whole(path / TABLES_FILE, environment)
    return environment


def follow_environment(path: Path) -> lmdb.Environment:
    """Open the environment that another process writes, read-only. Raises lmdb.Error and OSError.

    When the other process grows the map, transactions raise MapResizedError until `follow_growth`.
    """
    return _opened(path, create=False, readonly=True)


def close_environment(environment: lmdb.Environment) -> None:
    """Close an environment, while no other is being opened."""
    with _opening:
        environment.close()


def _opened(path: Path, *, create: bool, **options: Any) -> lmdb.Environment:
    """Open an environment with the options that all have, and more."""
    size = 0 if create else os.path.getsize(path / TABLES_FILE)
    # LMDB creates this file with a hole for the reader table and writes it through a map: a write
    # to the hole on a full device would kill the process.
    reserve(path / "lock.mdb", _LOCK_BYTES)
    with _opening:
        return lmdb.open(
            os.fspath(path),
            create=create,
            map_size=max(FIRST_MAP_SIZE, 2 * size),
            max_dbs=_TABLES,
            max_readers=_MAX_READERS,
            max_spare_txns=_SPARE_READERS,
            # Read-ahead helps while a file fits in memory and hurts beyond that.
            readahead=size < _READAHEAD_LIMIT,
            **options,
        )


def _make_whole(path: Path, environment: lmdb.Environment) -> None:
    """Extend a truncated file to the size that its header states.

    Reading a map beyond the end of its file kills the process, and so may reading a hole. With the
    space allocated, LMDB finds empty pages in a truncated file and reports an error.
    """
    size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = os.path.getsize(path)
    if found < size:
        try:
            reserve(path, size - found, found)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            # A full device must not keep a server from starting. What is missing was free: that is
            # checked before. Only tmpfs may end a process that reads a hole then.
            os.truncate(path, size)


def open_tables(environment: lmdb.Environment, *, create: bool = False) -> Tables:
    """The handles of all tables. Raises lmdb.Error when one is missing."""
    names = (b"meta", b"points", b"rows", b"bits", b"touches", b"outcomes", b"sums")
    return Tables(*(environment.open_db(name, create=create) for name in names))


def grow_map(environment: lmdb.Environment) -> None:
    """Double the map, by 16 GiB at most. No transaction of this process may be open."""
    size = environment.info()["map_size"]
    environment.set_mapsize(size + min(size, _LARGEST_MAP_STEP))


def is_half_used(environment: lmdb.Environment) -> bool:
    """Whether less than half of the map is free."""
    size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return 2 * size > environment.info()["map_size"]


def tables_extent(path: Path, environment: lmdb.Environment) -> FileExtent:
    """The part of the data file of the directory `path` that the last commit uses.

    Pages of a transaction are never changed while it is open, except the first two, of which each
    commit overwrites one: a copy of the two from before the next commit, and of all others from
    any time before the end of the transaction, is what the library itself makes as a backup.
    """
    size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return FileExtent(path / TABLES_FILE, size)


def is_outgrown(environment: lmdb.Environment) -> bool:
    """Whether another process has grown the map."""
    try:
        environment.begin().abort()
    except lmdb.MapResizedError:
        return True
    return False


def follow_growth(environment: lmdb.Environment) -> None:
    """Adopt the size of a map that another process has grown.

    No transaction of this process may be open.
    """
    environment.set_mapsize(0)


def sync_environment(path: Path) -> None:
    """Make a new environment's files durable, and their entries in the directory `path`."""
    sync_file(path / TABLES_FILE)
    sync_directory(path)
