"""The register of data folders of the first format: an LMDB environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import lmdb
import orjson

from .catalog_files import CatalogContents, CatalogEntry

_FILES = ("data.mdb", "lock.mdb")


def read_former(path: Path) -> CatalogContents | None:
    """What the environment in the directory `path` tells; None where it cannot be read."""
    try:
        environment = lmdb.open(os.fspath(path), max_dbs=2, readonly=True, lock=False)
    except (lmdb.Error, OSError):
        return None
    try:
        if not _is_whole(path, environment):
            return None
        collections = {
            entry["name"]: CatalogEntry(entry["directory"], entry["created"])
            for entry in _entries(environment, b"collections", "name")
        }
        aliases = {
            entry["alias"]: entry["collection"]
            for entry in _entries(environment, b"aliases", "alias")
        }
    except (lmdb.Error, ValueError, KeyError, TypeError, AttributeError):
        return None
    finally:
        environment.close()
    return CatalogContents(collections, aliases)


def remove_former(path: Path) -> None:
    """Remove the environment, all of which is in the register by now."""
    for name in _FILES:
        (path / name).unlink(missing_ok=True)


def _is_whole(path: Path, environment: lmdb.Environment) -> bool:
    """Whether the file is as long as it says; a read beyond its end would end the process."""
    size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return os.path.getsize(path / _FILES[0]) >= size


def _entries(environment: lmdb.Environment, table: bytes, name: str) -> Iterator[dict[str, Any]]:
    """The values of a table. Raises ValueError where a name is not the one it is filed under."""
    handle = environment.open_db(table, create=False)
    with environment.begin() as transaction, transaction.cursor(handle) as cursor:
        for key, value in cursor:
            entry = orjson.loads(value)
            if sha256(entry[name].encode()).digest() != key:
                raise ValueError(f"{entry[name]} is not what was written")
            yield entry
