"""A program that reads all records of the tables in a directory by LMDB, and may die of it.

`python -m vexfs_twisted.engine.storage.read_tables DIRECTORY`; nothing is written.
"""

from __future__ import annotations

import resource
import sys

import lmdb

_MOST_TABLES = 32


def read_all(path: str) -> int:
    """Read every record of every table; the number of records. Raises lmdb.Error."""
    count = 0
    # Without a lock file: no process writes the tables meanwhile.
    environment = lmdb.open(
        path, create=False, readonly=True, lock=False, max_dbs=_MOST_TABLES, readahead=False
    )
    with environment.begin() as transaction, transaction.cursor() as cursor:
        names = [name for name, _ in cursor]
    for name in names:
        table = environment.open_db(name, create=False)
        with environment.begin(db=table) as transaction, transaction.cursor() as cursor:
            found = sum(1 for _ in cursor)
            if found != transaction.stat(table)["entries"]:
                raise lmdb.CorruptedError(f"table {name!r} has {found} records, and says otherwise")
            count += found
    environment.close()
    return count


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    read_all(sys.argv[1])
