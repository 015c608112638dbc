"""The register of data folders of the first format: an LMDB environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lmdb
import orjson

from .register import Contents, Entry

_FILES = ("data.mdb", "lock.mdb")


def read_former(path: Path) -> Contents | None:
    """What the environment in the directory `path` tells; None where it cannot be read."""
    try:
        environment = lmdb.open(os.fspath(path), max_dbs=2, readonly=True, lock=False)
    except (lmdb.Error, OSError):
        return None
    try:
        collections = {
            entry["name"]: Entry(entry["directory"], entry["created"])
            for entry in _entries(environment, b"collections")
        }
        aliases = {
            entry["alias"]: entry["collection"] for entry in _entries(environment, b"aliases")
        }
    except (lmdb.Error, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    finally:
        environment.close()
    return Contents(collections, aliases)


def remove_former(path: Path) -> None:
    """Remove the environment, all of which is in the register by now."""
    for name in _FILES:
        (path / name).unlink(missing_ok=True)


def _entries(environment: lmdb.Environment, table: bytes) -> list[dict[str, Any]]:
    handle = environment.open_db(table, create=False)
    with environment.begin() as transaction, transaction.cursor(handle) as cursor:
        return [orjson.loads(value) for _, value in cursor]
