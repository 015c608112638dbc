"""The archive of a snapshot of everything: each collection is held while its own is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Protocol

from .archive import Member, Piece, Section, archive_pieces, nested_sections
from .held_collection import HeldCollection


class Holdable(Protocol):
    """The part of the interface of Collection that is used here."""

    name: str

    def hold(self) -> AbstractContextManager[HeldCollection]:
        """Hold the newest state for a block."""


def member_name(number: int) -> str:
    """The name of the member that has the archive of the collection of this number."""
    return f"collection-{number}"


class StorageArchive:
    """The archive of many collections, to be read once. A context manager, used by one thread.

    A collection is held from when its first section or piece is asked for until it has been read.
    """

    def __init__(self, manifest: bytes, collections: Sequence[Holdable]) -> None:
        self._manifest = manifest
        self._collections = collections
        self._opened: dict[int, tuple[ExitStack, HeldCollection]] = {}

    def __enter__(self) -> StorageArchive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in list(self._opened):
            self._release(number)

    def pieces(self) -> Iterator[Piece]:
        """The bytes of the archive. Raises OSError, and what `hold` does."""
        return archive_pieces(self._manifest, self._members())

    def sections(self) -> Iterable[Section]:
        """The sections of the archive, each to be taken before its pieces are."""
        names = [member_name(number) for number in range(len(self._collections))]
        return nested_sections(self._manifest, names, map(self._sections, range(len(names))))

    def _sections(self, number: int) -> list[Section]:
        """The sections of one collection, by names that do not depend on what others there are."""
        held = self._hold(number)
        return [(f"{held.manifest.collection}/{name}", size) for name, size in held.sections]

    def _members(self) -> Iterator[Member]:
        for number in range(len(self._collections)):
            yield Member(member_name(number), _HeldArchive(self._hold(number)))
            self._release(number)

    def _hold(self, number: int) -> HeldCollection:
        if number not in self._opened:
            with ExitStack() as opened:
                held = opened.enter_context(self._collections[number].hold())
                self._opened[number] = opened.pop_all(), held
        return self._opened[number][1]

    def _release(self, number: int) -> None:
        opened, _ = self._opened.pop(number)
        opened.close()


class _HeldArchive:
    """The archive of a collection that is read once, from its begin: a ByteSource."""

    def __init__(self, held: HeldCollection) -> None:
        self.size = held.size
        self._pieces = held.pieces()
        self._rest: Piece = b""

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See ByteSource."""
        while not self._rest:
            found = next(self._pieces, None)
            if found is None:
                return 0
            self._rest = found
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)
