"""The damage that is known of one open collection."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

import lmdb

from ..model.damage import Damage
from ..model.errors import DataDamaged
from .damage_file import KnownDamage, read_damage, write_damage
from .errors import DamagedRecord, DamagedRows
from .storage.page_check import locate_record
from .storage.tables import TABLES_FILE

log = logging.getLogger("vexfs.catalog")

MOST_DAMAGES = 1000
"""So many are kept of one collection."""

_OF_TABLES = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError, lmdb.PanicError)


class DamageLog:
    """What was found in the files of the collection `name` in the directory `path`. Thread-safe.

    `find` and `all` do not block. With `is_shared`, another process keeps the file of damages.
    """

    def __init__(self, name: str, path: Path, *, is_shared: bool = False) -> None:
        self._name = name
        self._path = path
        self._lock = Lock()
        known = KnownDamage() if is_shared else read_damage(path)
        self._saved = tuple(known.damages)
        # One that was closed has opened now: what it was closed for is no more.
        self._found = {} if known.closed else dict.fromkeys(self._saved)
        self._is_shared = is_shared

    @property
    def all(self) -> tuple[Damage, ...]:
        """All damages, in the order they were found."""
        return tuple(self._found)

    @property
    def is_unsaved(self) -> bool:
        """Whether `save` has something to write."""
        return not self._is_shared and self._saved != self.all

    def find(self, error: BaseException) -> DataDamaged | None:
        """The error for the client if `error` is about damaged data, which is then recorded."""
        if isinstance(error, DataDamaged):
            return error
        if isinstance(error, DamagedRecord):
            damage = damage_of_record(self._path, error)
        elif isinstance(error, DamagedRows):
            damage = error.damage
        elif isinstance(error, _OF_TABLES):
            damage = Damage(TABLES_FILE, None, str(error))
        else:
            return None
        self.add([damage])
        return DataDamaged(self._name, self._path.name, damage)

    def add(self, damages: Iterable[Damage]) -> None:
        """Record damages, and log those that are new."""
        for damage in damages:
            with self._lock:
                if damage in self._found or len(self._found) >= MOST_DAMAGES:
                    continue
                self._found = {**self._found, damage: None}
            log.error("collection `%s` is damaged: %s", self._name, self._path / str(damage))

    def replace(self, damages: Iterable[Damage]) -> None:
        """Record that these are all, as after everything was checked."""
        with self._lock:
            wanted = dict.fromkeys(damages)
            self._found = {own: None for own in self._found if own in wanted}
        self.add(wanted)

    def save(self) -> None:
        """Write the file of damages, for the next start. Blocks; raises OSError."""
        found = self.all
        write_damage(self._path, KnownDamage(found))
        self._saved = found


def damage_of_record(path: Path, error: DamagedRecord) -> Damage:
    """The damage of a record of the tables in the directory `path`. Reads a few pages."""
    offset = locate_record(path / TABLES_FILE, error.table, error.key)
    text = f"the record {error.key.hex()} of the table `{error.table}` is not what was written"
    return Damage(TABLES_FILE, offset, text)


def told(directory: str, damages: Sequence[Damage]) -> str | None:
    """One line about all damages of a collection; None if there are none."""
    if not damages:
        return None
    more = f" (and {len(damages) - 1} more)" if len(damages) > 1 else ""
    return f"damaged: {directory}/{damages[0]}{more}"
