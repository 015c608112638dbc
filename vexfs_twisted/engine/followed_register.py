"""The catalog on disk as another process writes it: notices changes at the cost of a comparison."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

from .catalog_files import CATALOG_FILES, CatalogContents, loaded, unsealed
from .errors import UnusableDataFolder
from .storage.checksummed import Damaged, OtherVersion

_LEAD = 128
"""The first bytes of a file have its checksum, and the number of the write that made it."""

_TRIES = 100


class FollowedRegister:
    """The files of the catalog in the directory `path`; see CatalogFiles.

    They are overwritten one after the other, so whenever one of them is incomplete, the other has
    the write before. A write is done when both have it, and the first one is compared.
    """

    def __init__(self, path: Path) -> None:
        """Map the files. Raises UnusableDataFolder if they are not there."""
        self._files = [path / name for name in CATALOG_FILES]
        self._seen = b""
        self._found = b""
        try:
            descriptor = os.open(self._files[0], os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._map = mmap.mmap(descriptor, _LEAD, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            raise UnusableDataFolder(path, f"there is no catalog to follow: {error}") from error

    @property
    def is_current(self) -> bool:
        """Whether nothing has been written since the `read` that was settled last.

        Thread-safe; does not block.
        """
        return self._map[:_LEAD] == self._seen

    def read(self) -> CatalogContents:
        """The contents as of now, for `settle`. One thread at a time. Raises UnusableDataFolder."""
        for _ in range(_TRIES):
            first, second = (self._value(file) for file in self._files)
            # Of two complete files the second one is never the newer one, but for damage.
            for lead, value in (first, second):
                if value is not None:
                    self._found = lead if (lead, value) == first else b""
                    return loaded(value)
        raise UnusableDataFolder(self._files[0].parent, "both files of the catalog are damaged")

    def settle(self) -> None:
        """What was read last is known to all threads: `is_current` until the next write."""
        self._seen = self._found

    def close(self) -> None:
        """Unmap the files. `is_current` must not be used any more."""
        self._map.close()

    @staticmethod
    def _value(file: Path) -> tuple[bytes, Any]:
        """The first bytes of a file, and its value: None if it is incomplete."""
        try:
            data = file.read_bytes()
            return data[:_LEAD], unsealed(data)
        except Damaged:
            return b"", None
        except (OSError, OtherVersion) as error:
            raise UnusableDataFolder(file.parent, f"{file.name}: {error}") from error
