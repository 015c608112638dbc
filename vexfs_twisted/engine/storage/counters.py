"""The table `meta`: format version, configuration, counters and declared payload indexes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import lmdb
import orjson
from attrs import frozen

from ...jsonform.collections import dump_collection_config, load_collection_config
from ...jsonform.payload_index import field_schema_to_json, read_field_schema
from ...model.collection import CollectionConfig
from ...model.payload_index import FieldSchema
from ..errors import UnknownFormat
from .bitmap_table import LIVE_SLOT
from .tables import Tables, Transaction

FORMAT_VERSION = 3
"""Version 1 had no log of payload changes, version 2 no outcomes of commands."""

_FORMAT = b"format"
_CONFIG = b"config"
_STATE = b"state"
_FIELDS = b"fields"


@frozen
class Slot:
    """The number of a vector name's storage. `norm_bound`: upper bound of all norms ever stored."""

    number: int
    norm_bound: float = 0.0


@frozen
class Counters:
    """The counters of a collection.

    Row numbers, operation ids and the numbers of slots are never given out twice. The payload
    changelog is complete from operation `touches_begin` on (the name on disk). `last_command`
    numbers the commands applied, from 1.
    """

    next_row: int = 0
    next_operation: int = 0
    slots: Mapping[str, Slot] = attrs.field(factory=dict)
    touches_begin: int = 0
    last_command: int = 0
    next_slot: int = LIVE_SLOT + 1


def upgrade(environment: lmdb.Environment, path: Path) -> None:
    """Upgrade the tables to the current format. Raises UnknownFormat for an unknown version."""
    meta = environment.open_db(b"meta", create=False)
    found = _format_of(environment, meta)
    if found == b"%d" % FORMAT_VERSION:
        return
    if found not in (b"1", b"2"):
        raise _unknown(path, found)
    with environment.begin(write=True) as transaction:
        counters = orjson.loads(transaction.get(_STATE, b"{}", db=meta))
        if found == b"1":
            environment.open_db(b"touches", transaction)
            counters["touches_begin"] = counters["next_operation"]
        environment.open_db(b"outcomes", transaction)
        slots = (slot["number"] for slot in counters.get("slots", {}).values())
        counters["next_slot"] = max(slots, default=LIVE_SLOT) + 1
        transaction.put(_STATE, orjson.dumps(counters), db=meta)
        transaction.put(_FORMAT, b"%d" % FORMAT_VERSION, db=meta)


def check_format(environment: lmdb.Environment, path: Path) -> None:
    """Raise UnknownFormat unless the tables have the current format."""
    found = _format_of(environment, environment.open_db(b"meta", create=False))
    if found != b"%d" % FORMAT_VERSION:
        raise _unknown(path, found)


def _format_of(environment: lmdb.Environment, meta: lmdb._Database) -> bytes | None:
    with environment.begin() as transaction:
        return transaction.get(_FORMAT, db=meta)


def _unknown(path: Path, found: bytes | None) -> UnknownFormat:
    shown = "no version" if found is None else f"version {found.decode(errors='replace')}"
    return UnknownFormat(path, shown)


def read_config(
    transaction: Transaction,
    tables: Tables,
    path: Path,
    load: Callable[[bytes], CollectionConfig] = load_collection_config,
) -> CollectionConfig:
    """Read the configuration, parsed by `load`. Raises UnknownFormat if there is none."""
    data = transaction.get(_CONFIG, db=tables.meta)
    if data is None:
        raise UnknownFormat(path, "no configuration")
    return load(data)


def write_config(transaction: Transaction, tables: Tables, config: CollectionConfig) -> None:
    """Write the configuration and the format version."""
    transaction.put(_FORMAT, b"%d" % FORMAT_VERSION, db=tables.meta)
    transaction.put(_CONFIG, dump_collection_config(config), db=tables.meta)


def read_counters(transaction: Transaction, tables: Tables) -> Counters:
    """Read the counters."""
    plain = orjson.loads(transaction.get(_STATE, b"{}", db=tables.meta))
    slots = {name: Slot(**slot) for name, slot in plain.pop("slots", {}).items()}
    return Counters(**plain, slots=slots)


def write_counters(transaction: Transaction, tables: Tables, counters: Counters) -> None:
    """Write the counters."""
    transaction.put(_STATE, orjson.dumps(attrs.asdict(counters)), db=tables.meta)


def read_fields(transaction: Transaction, tables: Tables) -> dict[str, FieldSchema]:
    """Read the declared payload indexes, keyed by path."""
    plain = orjson.loads(transaction.get(_FIELDS, b"{}", db=tables.meta))
    return {path: read_field_schema(declared) for path, declared in plain.items()}


def write_fields(
    transaction: Transaction, tables: Tables, fields: Mapping[str, FieldSchema]
) -> None:
    """Write the declared payload indexes."""
    plain = {path: field_schema_to_json(schema) for path, schema in fields.items()}
    transaction.put(_FIELDS, orjson.dumps(plain), db=tables.meta)
