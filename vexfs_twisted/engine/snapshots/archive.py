"""Archives: tar files with a manifest, members and their checksums, written and read in pieces.

The members are plain files with short names in the GNU format, so that any tar program reads them.
A reader accepts exactly that and nothing else: no links, devices, directories or longer headers.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from attrs import frozen

from .byte_ranges import PIECE_BYTES, ByteSource, FileRange, pieces_of
from .errors import UnusableArchive
from .manifest import CHECKSUMS, LARGEST_BYTES, MANIFEST, checksums_size, sealed_checksums

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_NAME = re.compile(r"[a-z][A-Za-z0-9._-]{0,98}")
_MOST_MEMBERS = 100_000

Piece = bytes | memoryview

Section = tuple[str, int]
"""The name of a section of an archive, and its size in bytes. See `archive_sections`."""


@frozen
class Member:
    """A member that is to be written: its name, and the bytes."""

    name: str
    source: ByteSource


@frozen
class FoundMember:
    """A member of an archive: its name, and where its bytes are."""

    name: str
    data: FileRange


def archive_size(manifest: bytes, sizes: Sequence[tuple[str, int]]) -> int:
    """The size in bytes of an archive with members of these names and sizes."""
    names = [name for name, _ in sizes]
    every = [len(manifest), *(size for _, size in sizes), checksums_size(names)]
    return sum(_BLOCK + _padded(size) for size in every) + len(_END)


def archive_sections(manifest: bytes, sizes: Sequence[tuple[str, int]]) -> Iterator[Section]:
    """The sections of an archive, whose members have these sizes.

    The bytes of each member are a section of its name.
    """
    members = ([(name, _padded(size))] for name, size in sizes)
    return nested_sections(manifest, [name for name, _ in sizes], members)


def nested_sections(
    manifest: bytes, names: Sequence[str], members: Iterable[Sequence[Section]]
) -> Iterator[Section]:
    """The sections of an archive with members of these names, each of which has sections itself.

    Those of a member are asked for when those of the members before it were taken.
    """
    yield MANIFEST, _BLOCK + _padded(len(manifest))
    for name, sections in zip(names, members, strict=True):
        yield f"{name}/header", _BLOCK
        yield from sections
    yield CHECKSUMS, _BLOCK + _padded(checksums_size(names)) + len(_END)


def archive_pieces(manifest: bytes, members: Iterator[Member]) -> Iterator[Piece]:
    """The bytes of an archive. Each piece is valid until the next one.

    A member is asked for when those before it are written.
    """
    yield from _whole(MANIFEST, manifest)
    checksums: dict[str, str] = {}
    buffer = bytearray(PIECE_BYTES)
    for member in members:
        yield _header(member.name, member.source.size)
        digest, missing = sha256(), member.source.size
        for piece in pieces_of(member.source, buffer):
            digest.update(piece)
            missing -= len(piece)
            yield piece
        while missing:
            # The end of a file that was never written reads as zeros.
            zeros = bytes(min(missing, PIECE_BYTES))
            digest.update(zeros)
            missing -= len(zeros)
            yield zeros
        yield bytes(_padded(member.source.size) - member.source.size)
        checksums[member.name] = digest.hexdigest()
    yield from _whole(CHECKSUMS, sealed_checksums(checksums))
    yield _END


def read_manifest(archive: FileRange) -> bytes:
    """The first member of an archive. Raises UnusableArchive and OSError."""
    first = _member_at(archive, 0)
    if first is None or first.name != MANIFEST:
        raise UnusableArchive("it does not begin with a manifest")
    return read_whole(first)


def read_members(archive: FileRange) -> Iterator[FoundMember]:
    """The members of an archive after its manifest, in their order, the checksums last.

    Raises UnusableArchive for whatever `archive_pieces` does not write, and OSError.
    """
    first = _member_at(archive, 0)
    assert first is not None
    names: set[str] = {MANIFEST}
    offset = _BLOCK + _padded(first.data.size)
    while CHECKSUMS not in names:
        member = _member_at(archive, offset)
        if member is None:
            raise UnusableArchive("its list of checksums is missing")
        if member.name in names or len(names) > _MOST_MEMBERS:
            raise UnusableArchive(f"it has a member {member.name} too many")
        names.add(member.name)
        yield member
        offset += _BLOCK + _padded(member.data.size)
    if archive.size != offset + len(_END) or any(_read(archive, offset, len(_END))):
        raise UnusableArchive("it does not end where it should")


def read_whole(member: FoundMember) -> bytes:
    """The bytes of a small member. Raises UnusableArchive if it is not small."""
    if member.data.size > LARGEST_BYTES:
        raise UnusableArchive(f"its member {member.name} is too large")
    return _read(member.data, 0, member.data.size)


def _whole(name: str, data: bytes) -> Iterator[Piece]:
    yield _header(name, len(data))
    yield data.ljust(_padded(len(data)), b"\0")


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _member_at(archive: FileRange, offset: int) -> FoundMember | None:
    """The member whose header is at `offset`; None at the end. Raises UnusableArchive."""
    block = _read(archive, offset, _BLOCK)
    if not any(block):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError, ValueError):
        raise UnusableArchive("it is damaged, or no snapshot") from None
    if info.type != tarfile.REGTYPE or _NAME.fullmatch(info.name) is None or info.size < 0:
        raise UnusableArchive("it has a member that no snapshot has")
    if offset + _BLOCK + _padded(info.size) > archive.size:
        raise UnusableArchive("it is cut off")
    return FoundMember(info.name, archive.part(offset + _BLOCK, info.size))


def _read(archive: FileRange, offset: int, size: int) -> bytes:
    data = bytearray(size)
    done = 0
    while done < size and (count := archive.read_into(offset + done, memoryview(data)[done:])):
        done += count
    if done < size:
        raise UnusableArchive("it is cut off")
    return bytes(data)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
