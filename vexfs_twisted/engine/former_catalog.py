"""The catalog of data folders of format version 1: an LMDB environment."""

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
    """Read the catalog from the environment in the directory `path`; None if unreadable."""
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
    """Remove the environment, once its contents are in the catalog files; idempotent."""
    for name in _FILES:
        (path / name).unlink(missing_ok=True)


def _is_whole(path: Path, environment: lmdb.Environment) -> bool:
    """Whether the file has the size its header states; reading beyond its end kills the process."""
    size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return os.path.getsize(path / _FILES[0]) >= size


def _entries(environment: lmdb.Environment, table: bytes, name: str) -> Iterator[dict[str, Any]]:
    """Yield the values of a table. Raises ValueError if a name does not match its key."""
    handle = environment.open_db(table, create=False)
    with environment.begin() as transaction, transaction.cursor(handle) as cursor:
        for key, value in cursor:
            entry = orjson.loads(value)
            if sha256(entry[name].encode()).digest() != key:
                raise ValueError(f"{entry[name]} is not what was written")
            yield entry
