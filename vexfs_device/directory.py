"""The directory of a device: its vector files by name."""

from __future__ import annotations

import errno
from pathlib import Path
from threading import RLock

from .errors import Refusal
from .file import DeviceFile
from .registry import Registry, RegistryEntry

_LONGEST_NAME = 255


class Directory:
    """The vector files of the data folder `path`. Thread-safe.

    Changes are durable on return. Names are those of files: text of 1 to 255 bytes.
    """

    def __init__(self, path: Path) -> None:
        self._names = Registry(path)
        self._changing = RLock()
        self._files: dict[str, DeviceFile] = {}

    @property
    def path(self) -> Path:
        """The data folder."""
        return self._names.path

    def open(self) -> None:
        """Open the folder, created if missing, and all files. Raises EngineStartError."""
        entries = self._names.open()
        try:
            for name, entry in entries.items():
                self._files[name] = DeviceFile(self._names, self._changing, name, entry)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all files after the operations in progress."""
        with self._changing:
            for file in self._files.values():
                file.close()
            self._files = {}
            self._names.close()

    def names(self) -> list[str]:
        """The names of all files, sorted."""
        with self._changing:
            return sorted(self._files)

    def find(self, name: str) -> DeviceFile:
        """The file with this name. Refuses with ENOENT if there is none."""
        file = self._files.get(name)
        if file is None:
            raise Refusal(errno.ENOENT, name)
        return file

    def create(self, name: str, entry: RegistryEntry) -> DeviceFile:
        """Create an empty file. Refuses with EEXIST if the name is taken."""
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            raise Refusal(errno.EILSEQ, "a name that is not UTF-8") from None
        if size > _LONGEST_NAME:
            raise Refusal(errno.ENAMETOOLONG, f"a name of {size} bytes")
        with self._changing:
            if name in self._files:
                raise Refusal(errno.EEXIST, name)
            self._names.write(name, entry)
            self._files[name] = file = DeviceFile(self._names, self._changing, name, entry)
            return file

    def delete(self, name: str) -> None:
        """Remove a file. Its vectors stay accessible while it is open."""
        with self._changing:
            file = self.find(name)
            file.end()
            try:
                self._names.remove(name)
            except BaseException:
                file.restore()
                raise
            del self._files[name]
            file.unnamed()

    def rename(self, old: str, new: str, *, replace: bool) -> None:
        """Rename a file; replaces an existing one, or refuses with EEXIST if not `replace`."""
        with self._changing:
            file, other = self.find(old), self._files.get(new)
            if other is file:
                return
            if other is not None and not replace:
                raise Refusal(errno.EEXIST, new)
            if other is not None:
                file.replace(other)
            self._names.rename(old, new)
            if other is not None:
                other.end()
            self._files[new] = self._files.pop(old)
            file.name = new
            if other is not None:
                other.unnamed()
