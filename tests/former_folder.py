"""Data folders as the first format had them."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import lmdb
import orjson

from vexfs_twisted.engine.catalog_files import CatalogFiles


def make_former(path: Path) -> None:
    """Make a closed data folder one of the first format: its catalog was an LMDB environment, and
    the directories of collections did not tell of themselves."""
    catalog = path / "catalog"
    contents = CatalogFiles(catalog).contents
    for file in catalog.iterdir():
        file.unlink()
    with lmdb.open(os.fspath(catalog), map_size=1 << 30, max_dbs=2) as environment:
        collections, aliases = map(environment.open_db, (b"collections", b"aliases"))
        with environment.begin(write=True) as transaction:
            for name, entry in contents.collections.items():
                value = {"name": name, "directory": entry.directory, "created": entry.created}
                transaction.put(_key(name), orjson.dumps(value), db=collections)
            for alias, target in contents.aliases.items():
                value = {"alias": alias, "collection": target}
                transaction.put(_key(alias), orjson.dumps(value), db=aliases)
    for directory in (path / "collections").iterdir():
        (directory / "identity").unlink()
    (path / "FORMAT").write_bytes(b'{"format":"vexfs-qdrant","version":1}\n')


def _key(name: str) -> bytes:
    return sha256(name.encode()).digest()
