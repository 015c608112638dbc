"""Graph files: an own layout, whose large parts are searched in the memory map.

A derived file: the header; from the second page on the levels, one byte per row of the range,
followed by the scale of the coarse copies, float32; from a later page on the neighbors, int32,
followed by the copies, if any. Everything is little-endian. Damaged graphs are built again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from attrs import asdict, evolve, field, frozen
from isal.isal_zlib import crc32
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
    """The description of a saved graph.

    It is over the rows in [start, stop), of which it links `nodes`. `m` and `ef_construct` are the
    build options, `nbytes` is the size of the file, and `checksum` covers all of its contents.
    """

    start: int
    stop: int
    nodes: int
    m: int
    ef_construct: int
    nbytes: int
    checksum: int

    def moved(self, rows: int) -> GraphFacts:
        """The same facts, with `rows` added to the numbers of the rows."""
        return evolve(self, start=self.start + rows, stop=self.stop + rows)


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
    """Coarse copies in node order: `codes`, shape [n, width], with their `scale`."""

    scale: Scale
    codes: NDArray[np.uint8] = field(eq=False)


@frozen
class GraphFile:
    """An open graph file: its description, and its parts as arrays on the map."""

    path: Path
    facts: GraphFacts
    links: Links
    coarse: Coarse | None
    neighbors_checksum: int
    codes_checksum: int

    def moved(self, rows: int) -> GraphFile:
        """The same file, with `rows` added to the numbers of the rows."""
        return evolve(self, facts=self.facts.moved(rows))

    def verify(self) -> None:
        """Verify the checksums of the large parts; raises DamagedGraph.

        Searching an unverified graph may access invalid memory. Takes about a second for two
        gigabytes that are in memory, without the GIL; may run in any thread.
        """
        if _checksum(self.links.neighbors) != self.neighbors_checksum:
            raise DamagedGraph(self.path, "its neighbors are not what was written")
        if self.coarse and _checksum(self.coarse.codes) != self.codes_checksum:
            raise DamagedGraph(self.path, "its coarse copies are not what was written")


@frozen
class BuildParameters:
    """The range [start, stop) of rows that a graph is over, and its build options."""

    start: int
    stop: int
    m: int
    ef_construct: int


def save_graph(
    path: Path, parameters: BuildParameters, links: Links, coarse: Coarse | None
) -> GraphFacts:
    """Write a graph durably. `links` are scattered; `coarse` has the copies of its nodes only.

    Raises StorageFull if the device is full, and then leaves no file behind.
    """
    scale = np.zeros(0, dtype=_FLOAT) if coarse is None else coarse.scale.values
    neighbors = links.neighbors.astype(_SLOT, copy=False)
    head = _Head(
        **asdict(parameters),
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
    """Map a graph file and verify its small parts; raises DamagedGraph."""
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
    """Whether levels, entry point and number of slots are consistent."""
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
    """The offsets of the parts of a file, and its size, in bytes."""

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
    """Write each code at the position of its node, zeros elsewhere; returns the checksum."""
    checksum = done = 0
    step = max(1, _PART // codes.shape[1])
    for start in range(0, len(levels), step):
        nodes = np.flatnonzero(levels[start : start + step])
        block = np.zeros((len(levels[start : start + step]), codes.shape[1]), dtype=np.uint8)
        block[nodes] = codes[done : done + len(nodes)]
        done += len(nodes)
        checksum = crc32(block.data, checksum)
        file.write(block.data)
    return checksum


def _checksum(array: NDArray[Any]) -> int:
    return crc32(array.data)
