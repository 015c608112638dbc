"""What is on the disk after a power loss, by a trace of the system calls that fail_calls.c records.

A write is on the disk once its file was synced after it, or if the file is open for synced writes;
a hole that was punched at once; a name once its directory was synced. Of what was not, some may be
there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path, PurePath
from random import Random

from attrs import define, field, frozen

_HEAD = struct.Struct("<4q")
_SIZE = struct.Struct("<q")


@frozen
class Record:
    """A call: its kind, its path and, as the kind has them, an offset or size and bytes."""

    kind: str
    path: str
    offset: int
    data: bytes


def records(path: Path) -> Iterator[Record]:
    """The records of a trace."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            kind, name, offset, size = _HEAD.unpack(head)
            yield Record(chr(kind), file.read(name).decode(), offset, file.read(size))


@define
class File:
    """A file: its content, what of it is synced, and what was done to it since."""

    content: bytearray = field(factory=bytearray)
    synced: bytearray = field(factory=bytearray)
    since: list[Record] = field(factory=list)

    def do(self, record: Record) -> None:
        """Write, or change the size."""
        apply(self.content, record)
        if record.kind in "Wh":
            # A hole that nothing was synced before must do no harm either.
            apply(self.synced, record)
        else:
            self.since.append(record)

    def sync(self) -> None:
        """Make the content durable."""
        self.synced = bytearray(self.content)
        self.since = []

    def left(self, chance: Random | None) -> bytes:
        """What a power loss leaves: what is synced, and by chance some of the rest."""
        if chance is None or not self.since:
            return bytes(self.synced)
        content = bytearray(self.synced)
        for record in self.since:
            if chance.random() < 0.5:
                apply(content, record)
        return bytes(content)


def apply(content: bytearray, record: Record) -> None:
    """Do what a record says to the content of a file."""
    if record.kind in "wW":
        _grow(content, record.offset)
        content[record.offset : record.offset + len(record.data)] = record.data
    elif record.kind == "h":
        (size,) = _SIZE.unpack(record.data)
        end = min(record.offset + size, len(content))
        content[record.offset : end] = bytes(max(0, end - record.offset))
    elif record.kind == "t":
        del content[record.offset :]
        _grow(content, record.offset)
    else:
        _grow(content, record.offset)


def _grow(content: bytearray, size: int) -> None:
    content.extend(bytes(max(0, size - len(content))))


@define
class Directory:
    """A directory: its entries, and those that are synced."""

    entries: dict[str, File | Directory] = field(factory=dict)
    synced: dict[str, File | Directory] = field(factory=dict)

    def sync(self) -> None:
        """Make the entries durable."""
        self.synced = dict(self.entries)

    def write(self, path: Path, chance: Random | None) -> None:
        """Write what a power loss leaves, with some of the rest if there is a chance."""
        path.mkdir()
        entries = self.synced
        if chance is not None and chance.random() < 0.5:
            entries = self.entries
        for name, entry in entries.items():
            if isinstance(entry, Directory):
                entry.write(path / name, chance)
            else:
                (path / name).write_bytes(entry.left(chance))


def read_directory(path: Path) -> Directory:
    """A directory on disk, all of it durable."""
    found = Directory()
    for entry in path.iterdir():
        if entry.is_dir():
            found.entries[entry.name] = read_directory(entry)
        else:
            content = bytearray(entry.read_bytes())
            found.entries[entry.name] = File(content, bytearray(content))
    found.sync()
    return found


class TracedFiles:
    """The files below `path`, of which `root` is what is there before the first record."""

    def __init__(self, path: Path, root: Directory) -> None:
        self.root = root
        self._path = path

    def do(self, record: Record) -> None:
        """Do what a record says."""
        parts = PurePath(record.path).relative_to(self._path).parts
        if not parts:
            assert record.kind == "s", record
            self.root.sync()
            return
        parent = self._parent(parts)
        name = parts[-1]
        if record.kind == "c":
            parent.entries[name] = File()
        elif record.kind == "m":
            parent.entries[name] = Directory()
        elif record.kind in "ud":
            del parent.entries[name]
        elif record.kind == "r":
            target = PurePath(record.data.decode()).relative_to(self._path).parts
            self._parent(target).entries[target[-1]] = parent.entries.pop(name)
        elif record.kind == "s":
            parent.entries[name].sync()
        else:
            entry = parent.entries[name]
            assert isinstance(entry, File)
            entry.do(record)

    def _parent(self, parts: tuple[str, ...]) -> Directory:
        found = self.root
        for part in parts[:-1]:
            entry = found.entries[part]
            assert isinstance(entry, Directory)
            found = entry
        return found
