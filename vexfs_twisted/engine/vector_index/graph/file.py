"""A graph on disk: our own layout, of which the large part is searched where it is mapped.

A derived file: a head; from the second page on the levels, one byte a row of the range, and behind
them the scale of the coarse copies, float32; from another page on the neighbors, int32, and behind
them the copies, if there are any. Everything is little-endian. A graph that is damaged is built
again.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from attrs import asdict, evolve, field, frozen
from numpy.typing import NDArray

from ...storage.derived_files import PAGE, DerivedFormat
from ...storage.files import storage_errors, written_durably
from .coarse import Scale
from .errors import DamagedGraph
from .links import MOST_LEVELS, NO_ENTRY, Levels, Links

_FORMAT = DerivedFormat(b"vexfsgraph-1\n\0\0\0", DamagedGraph, "its")
_LINE = 64
_PART = 1 << 20
_SLOT = np.dtype("<i4")
_FLOAT = np.dtype("<f4")


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
    width: int
    levels_checksum: int
    scale_checksum: int
    neighbors_checksum: int
    codes_checksum: int

    @property
    def size(self) -> int:
        return _Layout.of(self).size


@frozen
class Coarse:
    """Coarse copies in order: `codes`, shape [n, width], of this `scale`."""

    scale: Scale
    codes: NDArray[np.uint8] = field(eq=False)


@frozen
class GraphFile:
    """A graph file that is open: what it tells, and its parts on the map."""

    path: Path
    facts: GraphFacts
    links: Links
    coarse: Coarse | None
    neighbors_checksum: int
    codes_checksum: int

    def verify(self) -> None:
        """Read what was not checked yet, and raise DamagedGraph unless it is what was written.

        Until then a search may be led outside of memory. Takes about a second for two gigabytes
        that are in memory, without the GIL; may run in any thread.
        """
        if _checksum(self.links.neighbors) != self.neighbors_checksum:
            raise DamagedGraph(self.path, "its neighbors are not what was written")
        if self.coarse and _checksum(self.coarse.codes) != self.codes_checksum:
            raise DamagedGraph(self.path, "its coarse copies are not what was written")


@frozen
class Origin:
    """The rows from `start` to before `stop` that a graph is over, and what it was built with."""

    start: int
    stop: int
    m: int
    ef_construct: int


def save_graph(path: Path, origin: Origin, links: Links, coarse: Coarse | None) -> GraphFacts:
    """Write a graph durably. `links` are scattered; `coarse` has the copies of its nodes alone.

    Raises StorageFull, and leaves nothing behind, when the device has no room.
    """
    scale = np.zeros(0, dtype=_FLOAT) if coarse is None else coarse.scale.values
    neighbors = links.neighbors.astype(_SLOT, copy=False)
    head = _Head(
        **asdict(origin),
        nodes=int(np.count_nonzero(links.levels)),
        links_m=links.m,
        entry=links.entry,
        slots=len(neighbors),
        width=len(scale) // 2,
        levels_checksum=_checksum(links.levels),
        scale_checksum=_checksum(scale),
        neighbors_checksum=_checksum(neighbors),
        codes_checksum=0,
    )
    layout = _Layout.of(head)
    with storage_errors(path), written_durably(path) as file:
        file.truncate(layout.size)
        for place, array in (
            (layout.levels, links.levels),
            (layout.scale, scale),
            (layout.neighbors, neighbors),
        ):
            file.seek(place)
            file.write(array.data)
        if coarse is not None:
            file.seek(layout.codes)
            head = evolve(head, codes_checksum=_write_scattered(file, links.levels, coarse.codes))
        checksum = _FORMAT.write_head(file, asdict(head))
    return _facts(head, checksum)


def map_graph(path: Path) -> GraphFile:
    """Open a graph file and check what is small of it; raises DamagedGraph."""
    head, checksum, mapped = _FORMAT.map(path, _Head)
    layout = _Layout.of(head)
    count, width = head.stop - head.start, head.width
    levels = mapped.array(np.uint8, count, layout.levels)
    scale = mapped.array(_FLOAT, 2 * width, layout.scale)
    links = Links(
        head.links_m,
        head.entry,
        levels,
        mapped.array(_SLOT, head.slots, layout.neighbors),
    )
    checksums = (_checksum(levels), _checksum(scale))
    if checksums != (head.levels_checksum, head.scale_checksum) or not _are_sound(links):
        raise DamagedGraph(path, "its levels are not what was written")
    coarse = None
    if width:
        codes = mapped.array(np.uint8, count * width, layout.codes)
        coarse = Coarse(Scale(scale[:width], scale[width:]), codes.reshape(count, width))
    return GraphFile(
        path, _facts(head, checksum), links, coarse, head.neighbors_checksum, head.codes_checksum
    )


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
        nbytes=head.size,
        checksum=checksum,
    )


@frozen
class _Layout:
    """Where the parts of a file begin, and its size."""

    levels: int
    scale: int
    neighbors: int
    codes: int
    size: int

    @classmethod
    def of(cls, head: _Head) -> _Layout:
        rows = head.stop - head.start
        scale = _aligned(PAGE + rows, _LINE)
        neighbors = _aligned(scale + 2 * head.width * _FLOAT.itemsize, PAGE)
        codes = _aligned(neighbors + head.slots * _SLOT.itemsize, _LINE)
        return cls(PAGE, scale, neighbors, codes, codes + rows * head.width)


def _aligned(place: int, unit: int) -> int:
    return -(-place // unit) * unit


def _write_scattered(file: BinaryIO, levels: Levels, codes: NDArray[np.uint8]) -> int:
    """Write each code at the place of its node, zeros at the others; returns the checksum."""
    checksum = done = 0
    step = max(1, _PART // codes.shape[1])
    for start in range(0, len(levels), step):
        nodes = np.flatnonzero(levels[start : start + step])
        block = np.zeros((len(levels[start : start + step]), codes.shape[1]), dtype=np.uint8)
        block[nodes] = codes[done : done + len(nodes)]
        done += len(nodes)
        checksum = zlib.crc32(block.data, checksum)
        file.write(block.data)
    return checksum


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.data)
