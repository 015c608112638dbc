"""Verifies a data folder that no server uses: all pages, records and vectors. Writes nothing.

Public.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from attrs import field, frozen

from ..model.damage import Damage
from .catalog_files import CATALOG_FILES, CatalogContents, loaded, unsealed
from .collection_identity import read_identity
from .damage_log import MOST_DAMAGES
from .data_folder import DataFolder, MarkedDirectories
from .errors import EngineStartError, UnusableDataFolder
from .quarantine import damage_of
from .salvage import Salvage, config_of, counters_of, known_sums
from .storage.bitmap import Bitmap, Rows
from .storage.checksummed import Damaged, OtherVersion
from .storage.table_check import check_tables
from .storage.table_reader import CHECKED_TABLES
from .storage.tables import TABLES_FILE
from .vector_index.row_checksums import damage_of_row, damaged_rows
from .vector_index.space import AnySpace
from .vector_storage.committed import CommittedVectors
from .vector_storage.files import stored_vectors
from .vector_storage.followed import FollowedVectors

_STEP = 1 << 12
LIVE = 0


@frozen
class Report:
    """What was found in a collection. `name` is None for one that is not in the catalog."""

    name: str | None
    directory: str
    records: int = 0
    vectors: int = 0
    damages: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()


@frozen
class FolderReport:
    """What was found in a data folder. `damages` are those of the catalog."""

    damages: tuple[Damage, ...] = ()
    collections: list[Report] = field(factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.damages and not any(own.damages for own in self.collections)


def verify_folder(path: Path) -> FolderReport:
    """Verify a data folder, which is locked meanwhile. Raises EngineStartError."""
    folder = DataFolder(path)
    if not folder.is_there:
        raise UnusableDataFolder(path, "it is no data folder")
    folder.open()
    try:
        if folder.was_stopped:
            folder.settled()
        contents, damages = read_catalog(folder.catalog_path)
        directories = MarkedDirectories(folder.collections_path)
        names = {entry.directory: name for name, entry in contents.collections.items()}
        there = sorted(directories.list().whole)
        missing = [
            Damage(f"collections/{own}", None, f"the directory of `{name}` is missing")
            for own, name in names.items()
            if own not in there
        ]
        reports = [verify(names.get(own), directories.whole(own)) for own in there]
        return FolderReport((*damages, *missing), reports)
    finally:
        folder.close()


def read_catalog(path: Path) -> tuple[CatalogContents, list[Damage]]:
    """The newest readable copy of a catalog, and what is damaged of both."""
    found, damages = [], []
    for name in CATALOG_FILES:
        try:
            found.append(unsealed((path / name).read_bytes()))
        except (OSError, Damaged, OtherVersion) as error:
            damages.append(Damage(f"catalog/{name}", None, str(error)))
    newest = max(found, key=lambda value: int(value["number"]), default=None)
    return CatalogContents() if newest is None else loaded(newest), damages


def verify(name: str | None, path: Path) -> Report:
    """Verify the collection in the directory `path`, which no process has open."""
    damages: list[Damage] = []
    try:
        if read_identity(path) is None:
            damages.append(Damage("identity", None, "it is missing"))
    except (Damaged, EngineStartError) as error:
        damages.append(Damage("identity", None, str(error)))
    try:
        damages += check_tables(path, every=True)
        with Salvage(path) as salvage:
            return _of_tables(name, path, salvage, damages)
    except OSError as error:
        damages.append(Damage(TABLES_FILE, None, error.strerror or str(error)))
        return Report(name, path.name, damages=tuple(damages))


def _of_tables(name: str | None, path: Path, salvage: Salvage, damages: list[Damage]) -> Report:
    if not salvage.is_checked:
        if not damages:
            note = f"tables of format {salvage.format} have no checksums before their first use"
            return Report(name, path.name, notes=(note,))
        return Report(name, path.name, damages=tuple(damages))
    records = 0
    for table in CHECKED_TABLES:
        for _ in salvage.records(table):
            records += 1
    told = set(map(str, damages))
    seen = {own.offset for own in damages}
    damages += [own for own in salvage.damages if str(own) not in told and own.offset not in seen]
    vectors = 0
    for space, rows, sums in checked_spaces(salvage, damages):
        vectors += len(rows)
        bad = damaged_rows(space, rows, sums)
        for row in bad.tolist():
            text = f"the vector of row {row} is not what was written"
            damages.append(damage_of_row(space, row, text))
    return Report(name, path.name, records, vectors, tuple(damages[:MOST_DAMAGES]))


def checked_spaces(
    salvage: Salvage, damages: list[Damage]
) -> Iterator[tuple[AnySpace, Rows, np.ndarray[tuple[int], np.dtype[np.uint32]]]]:
    """The spaces whose files can be mapped, with some live rows at a time, and their checksums.

    What cannot be mapped is added to `damages`.
    """
    meta = salvage.meta()
    config, counters = config_of(meta), counters_of(meta)
    if config is None or counters is None:
        return
    base, rows_of_all = counters.base, counters.next_row - counters.base
    bitmaps, sums = salvage.bitmaps(base), salvage.sums()
    files = FollowedVectors(salvage.path)
    for name, params in stored_vectors(config):
        slot = counters.slots.get(name)
        if slot is None:
            continue
        present = bitmaps.get(slot.number, Bitmap.empty()).with_room(rows_of_all)
        try:
            space = files.space(params, CommittedVectors(slot, present, rows_of_all, base=base))
        except (EngineStartError, OSError, IndexError, ValueError) as error:
            found = damage_of(error, salvage.path)
            damages.append(found or Damage(f"vectors-{slot.number}", None, str(error)))
            continue
        rows = present.rows()
        for start in range(0, len(rows), _STEP):
            some = rows[start : start + _STEP]
            with suppress(IndexError, ValueError):
                yield space, some, known_sums(sums.get(slot.number, {}), base + some)
