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
from ..errors import DamagedRecord, UnknownFormat
from .bitmap import CHUNK_ROWS
from .bitmap_table import LIVE_SLOT
from .record_checksums import sealed, unsealed
from .tables import Tables, Transaction

FORMAT_VERSION = 5
"""Version 1 had no log of payload changes, version 2 no outcomes of commands, version 3 no
checksums, and in version 4 rows were always counted from the first one ever written."""

CHECKSUMS_SINCE = 4
"""The version since which all records have checksums."""

FORMAT_KEY = b"format"
_CONFIG = b"config"
STATE_KEY = b"state"
_FIELDS = b"fields"


@frozen
class Slot:
    """The number of a vector name's storage.

    `norm_bound` is an upper bound of all norms ever stored. The first row of the files is row
    `first`, a multiple of CHUNK_ROWS.
    """

    number: int
    norm_bound: float = 0.0
    first: int = 0


@frozen
class Counters:
    """The counters of a collection.

    Row numbers, operation ids and the numbers of slots are never given out twice. The payload
    changelog is complete from operation `touches_begin` on (the name on disk). `last_command`
    numbers the commands applied, from 1. `base` is the row that rows in memory are counted from, a
    multiple of CHUNK_ROWS: there are no rows before it. `next_row` is not counted from it.
    """

    next_row: int = 0
    next_operation: int = 0
    slots: Mapping[str, Slot] = attrs.field(factory=dict)
    touches_begin: int = 0
    last_command: int = 0
    next_slot: int = LIVE_SLOT + 1
    base: int = 0


def check_format(environment: lmdb.Environment, path: Path) -> None:
    """Raise UnknownFormat unless the tables have the current format."""
    found = format_of(environment, environment.open_db(b"meta", create=False))
    if found != b"%d" % FORMAT_VERSION:
        raise unknown_format(path, found)


def format_of(environment: lmdb.Environment, meta: lmdb._Database) -> bytes | None:
    """The format version that the tables have."""
    with environment.begin() as transaction:
        return transaction.get(FORMAT_KEY, db=meta)


def unknown_format(path: Path, found: bytes | None) -> UnknownFormat:
    """The error for tables of a version that is not known."""
    shown = "no version" if found is None else f"version {found.decode(errors='replace')}"
    return UnknownFormat(path, shown)


def get_meta(transaction: Transaction, tables: Tables, key: bytes) -> bytes | None:
    """The data of a record of `meta`, or None. Raises DamagedRecord."""
    value = transaction.get(key, db=tables.meta)
    return None if value is None else unsealed("meta", key, value)


def put_meta(transaction: Transaction, tables: Tables, key: bytes, data: bytes) -> None:
    """Write a record of `meta`."""
    transaction.put(key, sealed(key, data), db=tables.meta)


def read_config(
    transaction: Transaction,
    tables: Tables,
    path: Path,
    load: Callable[[bytes], CollectionConfig] = load_collection_config,
) -> CollectionConfig:
    """Read the configuration, parsed by `load`. Raises UnknownFormat if there is none."""
    data = get_meta(transaction, tables, _CONFIG)
    if data is None:
        raise UnknownFormat(path, "no configuration")
    return load(data)


def write_config(transaction: Transaction, tables: Tables, config: CollectionConfig) -> None:
    """Write the configuration and the format version."""
    transaction.put(FORMAT_KEY, b"%d" % FORMAT_VERSION, db=tables.meta)
    put_meta(transaction, tables, _CONFIG, dump_collection_config(config))


def read_counters(transaction: Transaction, tables: Tables) -> Counters:
    """Read the counters. Raises DamagedRecord, also for a base that cannot be."""
    plain = orjson.loads(get_meta(transaction, tables, STATE_KEY) or b"{}")
    slots = {name: Slot(**slot) for name, slot in plain.pop("slots", {}).items()}
    counters = Counters(**plain, slots=slots)
    starts = [0, *(slot.first for slot in slots.values()), counters.base]
    is_possible = min(starts) == 0 and max(starts) == counters.base <= counters.next_row
    if not is_possible or any(row % CHUNK_ROWS for row in starts):
        raise DamagedRecord("meta", STATE_KEY)
    return counters


def write_counters(transaction: Transaction, tables: Tables, counters: Counters) -> None:
    """Write the counters."""
    put_meta(transaction, tables, STATE_KEY, orjson.dumps(attrs.asdict(counters)))


def read_fields(transaction: Transaction, tables: Tables) -> dict[str, FieldSchema]:
    """Read the declared payload indexes, keyed by path."""
    plain = orjson.loads(get_meta(transaction, tables, _FIELDS) or b"{}")
    return {path: read_field_schema(declared) for path, declared in plain.items()}


def write_fields(
    transaction: Transaction, tables: Tables, fields: Mapping[str, FieldSchema]
) -> None:
    """Write the declared payload indexes."""
    plain = {path: field_schema_to_json(schema) for path, schema in fields.items()}
    put_meta(transaction, tables, _FIELDS, orjson.dumps(plain))
