"""A graph on disk: our own layout, of which the large part is searched where it is mapped.

A lead of 16 bytes of format, a checksum of the head and its size; the head as JSON; from the
second page on the levels, one byte a row of the range; on pages of their own the neighbors, int32.
Everything is little-endian. A graph is derived: one that is damaged is built again.
"""

from __future__ import annotations

import mmap
import os
import zlib
from pathlib import Path
from struct import Struct

import numpy as np
import orjson
from attrs import asdict, frozen
from numpy.typing import NDArray

from ...store.files import storage_errors, written_durably
from .errors import DamagedGraph
from .links import MOST_LEVELS, NO_ENTRY, Links

_FORMAT = b"vexfsgraph-1\n\0\0\0"
_LEAD = Struct(f"<{len(_FORMAT)}sII")
_PAGE = 4096
_PART = 1 << 20
_SLOT = np.dtype("<i4")


@frozen
class GraphFacts:
    """What is told of a saved graph.

    It is over the rows from `start` to before `stop`, `nodes` of which it links. `m` and
    `ef_construct` are what it was built with, `nbytes` is the size of its file, and `checksum`
    that of all that is in it.
    """

    start: int
    stop: int
    nodes: int
    m: int
    ef_construct: int
    nbytes: int
    checksum: int


@frozen
class _Head:
    start: int
    stop: int
    nodes: int
    m: int
    ef_construct: int
    links_m: int
    entry: int
    slots: int
    levels_checksum: int
    neighbors_checksum: int


@frozen
class MappedLinks:
    """A graph file that is open: what it tells, and its links, the neighbors on the map."""

    path: Path
    facts: GraphFacts
    links: Links
    neighbors_checksum: int

    def check_neighbors(self) -> None:
        """Read all neighbors, and raise DamagedGraph unless they are what was written.

        Until then a search may be led outside of memory. Takes about a second for two gigabytes
        that are in memory, without the GIL; may run in any thread.
        """
        if _checksum(self.links.neighbors) != self.neighbors_checksum:
            raise DamagedGraph(self.path, "its neighbors are not what was written")


def save_links(
    path: Path, rows: tuple[int, int], m: int, ef_construct: int, links: Links
) -> GraphFacts:
    """Write the links of the `rows` from the first to before the second number durably.

    Raises StorageFull, and leaves nothing behind, when the device has no room.
    """
    neighbors = links.neighbors.astype(_SLOT, copy=False)
    head = _Head(
        start=rows[0],
        stop=rows[1],
        nodes=int(np.count_nonzero(links.levels)),
        m=m,
        ef_construct=ef_construct,
        links_m=links.m,
        entry=links.entry,
        slots=len(neighbors),
        levels_checksum=_checksum(links.levels),
        neighbors_checksum=_checksum(neighbors),
    )
    encoded = orjson.dumps(asdict(head))
    checksum = zlib.crc32(encoded)
    with storage_errors(path), written_durably(path) as file:
        file.write(_LEAD.pack(_FORMAT, checksum, len(encoded)) + encoded)
        file.seek(_PAGE)
        file.write(links.levels.data)
        file.truncate(_neighbors_offset(head))
        file.seek(_neighbors_offset(head))
        file.write(neighbors.data)
    return _facts(head, checksum)


def map_links(path: Path) -> MappedLinks:
    """Open a graph file and check all of it but the neighbors; raises DamagedGraph."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DamagedGraph(path, str(error.strerror)) from error
    try:
        head, checksum = _read_head(path, os.pread(descriptor, _PAGE, 0))
        if os.fstat(descriptor).st_size != _size(head):
            raise DamagedGraph(path, "its size is not what was written")
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    levels = np.frombuffer(mapped, np.uint8, head.stop - head.start, _PAGE)
    neighbors = np.frombuffer(mapped, _SLOT, head.slots, _neighbors_offset(head))
    links = Links(head.links_m, head.entry, levels, neighbors)
    if _checksum(levels) != head.levels_checksum or not _are_sound(links):
        raise DamagedGraph(path, "its levels are not what was written")
    return MappedLinks(path, _facts(head, checksum), links, head.neighbors_checksum)


def _read_head(path: Path, page: bytes) -> tuple[_Head, int]:
    """The head and its checksum, which covers those of all else."""
    if len(page) < _PAGE:
        raise DamagedGraph(path, "its head is missing")
    found, checksum, size = _LEAD.unpack_from(page)
    if found != _FORMAT:
        raise DamagedGraph(path, "its format is unknown")
    encoded = page[_LEAD.size : _LEAD.size + size]
    if zlib.crc32(encoded) != checksum:
        raise DamagedGraph(path, "its head is not what was written")
    return _Head(**orjson.loads(encoded)), checksum


def _are_sound(links: Links) -> bool:
    """Whether levels, entry and number of slots fit each other."""
    if links.entry == NO_ENTRY:
        return not links.levels.any() and not len(links.neighbors)
    top = int(links.levels.max(initial=0))
    has_entry = 0 <= links.entry < len(links.levels) and links.levels[links.entry] == top
    is_known = 0 < top <= MOST_LEVELS
    return has_entry and is_known and int(links.offsets()[-1]) == len(links.neighbors)


def _facts(head: _Head, checksum: int) -> GraphFacts:
    return GraphFacts(
        start=head.start,
        stop=head.stop,
        nodes=head.nodes,
        m=head.m,
        ef_construct=head.ef_construct,
        nbytes=_size(head),
        checksum=checksum,
    )


def _neighbors_offset(head: _Head) -> int:
    end = _PAGE + head.stop - head.start
    return -(-end // _PAGE) * _PAGE


def _size(head: _Head) -> int:
    return _neighbors_offset(head) + head.slots * _SLOT.itemsize


def _checksum(array: NDArray[np.generic]) -> int:
    """The checksum of an array, which is not copied for it."""
    checksum = 0
    for start in range(0, len(array), _PART):
        checksum = zlib.crc32(array[start : start + _PART].data, checksum)
    return checksum
