"""Collections that cannot be opened, or that are closed because of what was found in their files.

They keep their names and aliases, are described with status red, and can be deleted. Every other
call fails with the damage.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import lmdb

from ..model.collection import CollectionConfig, CollectionInfo, CollectionStatus
from ..model.collection_reports import CollectionReport
from ..model.damage import Damage
from ..model.errors import DataDamaged, StorageFull
from ..model.system_limits import is_exhausted
from .closed_collection import ClosedCollection
from .damage_file import KnownDamage, write_damage
from .damage_log import damage_of_record, told
from .errors import DamagedRecord, DamagedRows, UnknownFormat, UnusableDataFolder
from .storage.tables import TABLES_FILE

log = logging.getLogger("vexfs.catalog")

_MOST_TEXT = 500


class QuarantinedCollection(ClosedCollection):
    """A collection in the directory `path` of which nothing is read. Immutable."""

    def __init__(self, name: str, path: Path, damages: Sequence[Damage]) -> None:
        super().__init__(name, path)
        self.damages = tuple(damages)

    @property
    def info(self) -> CollectionInfo:
        """Its description, with an empty configuration."""
        return CollectionInfo(
            config=CollectionConfig(),
            points_count=0,
            indexed_vectors_count=0,
            segments_count=0,
            status=CollectionStatus.RED,
            optimizer_error=told(self.directory, self.damages),
        )

    @property
    def report(self) -> CollectionReport:
        """Its report, without counts."""
        info = self.info
        return CollectionReport(
            name=self.name,
            uuid=None,
            config=info.config,
            status=info.status,
            optimizer_error=info.optimizer_error,
            points=0,
            segments=0,
            damages=len(self.damages),
        )

    @property
    def error(self) -> DataDamaged:
        """The error of every call that cannot be answered."""
        return DataDamaged(self.name, self.directory, self.damages[0])


def quarantined(name: str, path: Path, damages: Sequence[Damage]) -> QuarantinedCollection:
    """Quarantine a collection that is closed: tells the log, other processes and later starts."""
    collection = QuarantinedCollection(name, path, damages)
    for damage in collection.damages:
        log.error("collection `%s` is quarantined: %s", name, path / str(damage))
    with suppress(OSError):
        # On a full or read-only device the answer is the same without it.
        write_damage(path, KnownDamage(collection.damages, closed=True))
    return collection


def damage_of(error: Exception, path: Path) -> Damage | None:
    """The damage that made the collection in `path` fail to open; None if it is none.

    It is none if the device is full or a limit of the system is reached: then nothing is known.
    """
    if isinstance(error, StorageFull | MemoryError) or is_exhausted(error):
        return None
    number = error.code if isinstance(error, lmdb.Error) else getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM):
        return None
    if isinstance(error, DataDamaged | DamagedRows):
        return error.damage
    if isinstance(error, DamagedRecord):
        return damage_of_record(path, error)
    if isinstance(error, UnusableDataFolder):
        cause = error.__cause__
        if error.damage is None and isinstance(cause, Exception):
            return damage_of(cause, path)
        return error.damage or Damage(TABLES_FILE, None, str(error))
    if isinstance(error, UnknownFormat):
        file = error.path.name if error.path.parent == path else TABLES_FILE
        return Damage(file, 0 if file != TABLES_FILE else None, f"unknown format: {error.found}")
    if isinstance(error, OSError) and error.filename:
        return Damage(Path(error.filename).name, None, error.strerror or str(error))
    shown = str(error)[:_MOST_TEXT] or type(error).__name__
    what = shown if isinstance(error, lmdb.Error) else f"{type(error).__name__}: {shown}"
    return Damage(TABLES_FILE, None, what)
