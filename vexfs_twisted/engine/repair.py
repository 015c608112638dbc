"""Repairs a damaged collection by leaving out what is damaged.

Public. The tables are made anew of their sound records: points and bitmaps follow from the rows.
The former file of tables is kept beside the new one; files derived from the data are removed, and
built again once the collection is open.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import numpy as np
from attrs import define, field, frozen

from ..model.collection import CollectionConfig
from .catalog_files import CatalogContents
from .collection_identity import Identity, write_identity
from .damage_file import DAMAGE_FILE
from .data_folder import DataFolder
from .errors import EngineStartError, UnusableDataFolder
from .salvage import Salvage, config_of, counters_of, known_sums
from .storage.bitmap import Bitmap, BitmapBuilder, Rows
from .storage.bitmap_table import LIVE_SLOT, write_changes
from .storage.counters import Counters, Slot, put_meta, write_config, write_counters
from .storage.files import sync_directory, sync_file
from .storage.keys import decode_id, encode_rows
from .storage.record_checksums import seal_each
from .storage.row_checksum_table import write_row_checksums
from .storage.row_values import key_of
from .storage.tables import (
    FIRST_MAP_SIZE,
    TABLES_FILE,
    Tables,
    Transaction,
    close_environment,
    open_environment,
    open_tables,
)
from .vector_index.row_checksums import checksums_of, damaged_rows
from .vector_storage.committed import CommittedVectors
from .vector_storage.files import AnyParams, create_storage, remove_storage, stored_vectors
from .vector_storage.followed import FollowedVectors
from .verification import Report, read_catalog, verify

_KEPT = ".damaged"
_DRAFT = "repairing"
_DERIVED = ("graph-*", "codes-*", "column-*", "postings-*")
_STEP = 1 << 12


class CannotRepair(EngineStartError):
    """What a collection cannot do without is lost."""


@define
class Losses:
    """What a repair leaves out: ids of points, or rows where the id is not known, and vectors."""

    points: list[int | str] = field(factory=list)
    rows: list[int] = field(factory=list)
    vectors: dict[str, list[int | str]] = field(factory=dict)
    notes: list[str] = field(factory=list)


@frozen
class Repaired:
    """The outcome of a repair: what was left out, and what verifying it found afterwards."""

    losses: Losses
    points: int
    report: Report


def repair(data: Path, name: str) -> Repaired:
    """Repair the collection with a name, or in a directory, of a folder that no server uses.

    Raises EngineStartError, of which CannotRepair leaves all as it is.
    """
    folder = DataFolder(data)
    if not folder.is_there:
        raise UnusableDataFolder(data, "it is no data folder")
    folder.open()
    try:
        contents, _ = read_catalog(folder.catalog_path)
        directory = _directory(contents, name, folder.collections_path)
        with folder.errors():
            return _repaired(contents, folder.collections_path / directory)
    finally:
        folder.close()


def _directory(contents: CatalogContents, name: str, path: Path) -> str:
    entry = contents.collections.get(name)
    directory = name if entry is None else entry.directory
    if "/" in directory or not (path / directory / TABLES_FILE).exists():
        raise CannotRepair(f"there is no collection `{name}` with tables in {path}")
    return directory


def _repaired(contents: CatalogContents, path: Path) -> Repaired:
    losses = Losses()
    with Salvage(path) as salvage:
        points = _Rebuild(salvage, path, losses).run()
    for pattern in (*_DERIVED, DAMAGE_FILE):
        for file in path.glob(pattern):
            file.unlink()
    name = None
    for known, entry in contents.collections.items():
        if entry.directory == path.name:
            name = known
            write_identity(path, Identity(known, path.name, entry.created))
    sync_directory(path)
    return Repaired(losses, points, verify(name, path))


class _Rebuild:
    """Makes new tables of what is sound."""

    def __init__(self, salvage: Salvage, path: Path, losses: Losses) -> None:
        self._salvage = salvage
        self._path = path
        self._losses = losses
        meta = salvage.meta()
        config, counters = config_of(meta), counters_of(meta)
        if not salvage.is_checked or config is None or counters is None:
            raise CannotRepair(
                f"the settings or counters of {path.name} are lost: restore it from a snapshot"
            )
        self._meta: dict[bytes, bytes] = meta
        self._config: CollectionConfig = config
        self._counters: Counters = counters
        self._ids: dict[int, bytes] = {}

    def run(self) -> int:
        """Build the tables and put them in the place of the former ones; the points they have."""
        draft = self._path / _DRAFT
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        environment = open_environment(draft, create=True)
        try:
            size = os.path.getsize(self._path / TABLES_FILE)
            environment.set_mapsize(max(FIRST_MAP_SIZE, 4 * size))
            tables = open_tables(environment, create=True)
            with environment.begin(write=True) as transaction:
                self._write(transaction, tables)
        finally:
            close_environment(environment)
        sync_file(draft / TABLES_FILE)
        kept = self._path / f"{TABLES_FILE}{_KEPT}"
        kept.unlink(missing_ok=True)
        os.link(self._path / TABLES_FILE, kept)
        os.replace(draft / TABLES_FILE, self._path / TABLES_FILE)
        shutil.rmtree(draft)
        (self._path / "lock.mdb").unlink(missing_ok=True)
        return len(self._ids)

    def _write(self, transaction: Transaction, tables: Tables) -> None:
        base = self._counters.base
        bitmaps = self._salvage.bitmaps(base)
        self._copy_rows(transaction, tables)
        rows = np.array(sorted(self._ids), dtype=np.int64) - base
        self._tell_lost(rows, bitmaps.get(LIVE_SLOT, Bitmap.empty()))
        _write_bitmap(transaction, tables, LIVE_SLOT, rows, base)
        slots: dict[str, Slot] = {}
        for name, params in stored_vectors(self._config):
            slot = self._counters.slots.get(name)
            if slot is not None:
                slots[name] = slot
                self._write_vectors(transaction, tables, name, params, slot, bitmaps, rows)
        write_config(transaction, tables, self._config)
        counters = attrs.evolve(
            self._counters, touches_begin=self._counters.next_operation, slots=slots
        )
        write_counters(transaction, tables, counters)
        self._copy_others(transaction, tables)

    def _copy_rows(self, transaction: Transaction, tables: Tables) -> None:
        """Copy the sound rows, and make the points of them."""
        newest: dict[bytes, int] = {}
        with transaction.cursor(tables.rows) as cursor:
            for some in _in_parts(self._salvage.records("rows")):
                cursor.putmulti(some)
                for key, value in some:
                    newest[key_of(value)] = int.from_bytes(key, "big")
        self._ids = {row: key for key, row in newest.items()}
        keys = sorted(newest)
        row_keys = encode_rows(np.array([newest[key] for key in keys], dtype=np.int64))
        with transaction.cursor(tables.points) as cursor:
            cursor.putmulti(zip(keys, seal_each(keys, row_keys), strict=True), append=True)

    def _tell_lost(self, rows: Rows, live: Bitmap) -> None:
        base = self._counters.base
        known = {int.from_bytes(value[:8], "big") - base: key for key, value in self._points()}
        lost = (known.keys() | set(live.rows().tolist())) - set(rows.tolist())
        kept = set(self._ids.values())
        for row in sorted(lost):
            key = known.get(row)
            if key is None:
                self._losses.rows.append(base + row)
            elif key not in kept:
                self._losses.points.append(decode_id(key))

    def _points(self) -> Iterator[tuple[bytes, bytes]]:
        return self._salvage.records("points")

    def _write_vectors(
        self,
        transaction: Transaction,
        tables: Tables,
        name: str,
        params: AnyParams,
        slot: Slot,
        bitmaps: dict[int, Bitmap],
        rows: Rows,
    ) -> None:
        """Write bitmap and checksums of a name, without the rows that are damaged."""
        base, rows_of_all = self._counters.base, self._counters.next_row - self._counters.base
        sums = self._salvage.sums().get(slot.number, {})
        had = bitmaps.get(slot.number, Bitmap.empty()).with_room(rows_of_all)
        is_present = had.has(rows)
        if any("`bits`" in own.text for own in self._salvage.damages):
            # What was never written has no checksum; what was deleted since has one.
            is_present |= known_sums(sums, base + rows) != 0
        present = rows[is_present]
        builder = BitmapBuilder(Bitmap.empty())
        builder.add(present)
        bitmap = builder.freeze(rows_of_all)
        known = known_sums(sums, base + present)
        space, lost = None, present
        with suppress(EngineStartError, IndexError, ValueError):
            last = int(present[-1]) + 1 if len(present) else 0
            space = FollowedVectors(self._path).space(
                params, CommittedVectors(slot, bitmap, last, base=base)
            )
            parts = [
                damaged_rows(space, present[at : at + _STEP], known[at : at + _STEP])
                for at in range(0, len(present), _STEP)
            ]
            lost = np.concatenate([present[:0], *parts])
        if space is None or (len(present) and len(lost) == len(present)):
            self._losses.notes.append(f"the files of the vectors `{name}` are made anew, empty")
            remove_storage(self._path, slot.number)
            create_storage(self._path, params, slot.number)
        kept = np.setdiff1d(present, lost)
        if len(lost):
            self._losses.vectors[name] = [
                decode_id(self._ids[row]) for row in (base + lost).tolist()
            ]
        _write_bitmap(transaction, tables, slot.number, kept, base)
        if space is not None and len(kept):
            found = known_sums(sums, base + kept)
            missing = kept[found == 0]
            if len(missing):
                found[found == 0] = checksums_of(space, missing)
            write_row_checksums(transaction, tables, slot.number, base + kept, found)

    def _copy_others(self, transaction: Transaction, tables: Tables) -> None:
        fields = self._meta.get(b"fields")
        if fields is not None:
            put_meta(transaction, tables, b"fields", fields)
        with transaction.cursor(tables.outcomes) as cursor:
            for some in _in_parts(self._salvage.records("outcomes")):
                cursor.putmulti(some)


def _write_bitmap(
    transaction: Transaction, tables: Tables, slot: int, rows: Rows, base: int
) -> None:
    builder = BitmapBuilder(Bitmap.empty())
    builder.add(rows)
    write_changes(transaction, tables, slot, builder, base)


def _in_parts(
    records: Iterator[tuple[bytes, bytes]],
) -> Iterator[list[tuple[bytes, bytes]]]:
    part: list[tuple[bytes, bytes]] = []
    for record in records:
        part.append(record)
        if len(part) == _STEP:
            yield part
            part = []
    if part:
        yield part
