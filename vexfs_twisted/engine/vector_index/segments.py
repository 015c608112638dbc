"""Segments: ranges of the rows of a vector space that have a graph, and where its files lie.

A segment is persisted as a record beside the configuration, in the commit that makes readers see
it. Its files are derived: without them its rows are searched one by one, and they are made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from attrs import asdict, field, frozen

from ..errors import UnknownFormat
from ..storage.bitmap import Bitmap
from ..storage.tables import Tables, Transaction
from .graph.file import GraphFacts
from .quantization.file import CodesFacts

if TYPE_CHECKING:
    from .graph.graph import Graph
    from .quantization.coded import CodedGraph

_VERSION = 1
_SEGMENTS = b"segments"
_IN_MEMORY = frozenset({"graph", "coded"})
_PATTERNS = ("graph-*", "codes-*")


@frozen
class Segment:
    """The rows from `start` up to `stop`, with a graph over those of them that had a vector.

    Rows die later and stay in the graph; none is added. `facts` are of the graph's file. `graph` is
    None until that has been read through and found sound; until then the rows are searched one by
    one. Rows from `unfreed_from` up to `stop` that are not in the graph take room yet; None: there
    are none. `codes` are of the file of its codes, where there is one; `coded` is the graph that
    is searched by them, once they are found sound.
    """

    uuid: str
    facts: GraphFacts
    unfreed_from: int | None = None
    graph: Graph | None = field(default=None, eq=False)
    codes: CodesFacts | None = None
    coded: CodedGraph | None = field(default=None, eq=False)

    @property
    def start(self) -> int:
        """The first row."""
        return self.facts.start

    @property
    def stop(self) -> int:
        """The row after the last."""
        return self.facts.stop

    @property
    def nodes(self) -> int:
        """How many rows the graph has."""
        return self.facts.nodes

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all its files."""
        graph = graph_file(self.uuid)
        return (graph,) if self.codes is None else (graph, codes_file(self.uuid, self.codes.kind))

    def live(self, present: Bitmap) -> int:
        """How many rows of the range still have a vector."""
        return present.count_between(self.start, self.stop)


Segments = tuple[Segment, ...]
"""The segments of one vector space, ascending, none overlapping another."""


def new_uuid() -> str:
    """A name for a segment that no other has."""
    return str(uuid4())


def graph_file(uuid: str) -> str:
    """The name of the file of the graph of a segment."""
    return f"graph-{uuid}"


def codes_file(uuid: str, kind: str) -> str:
    """The name of the file of the codes of a kind of a segment."""
    return f"codes-{uuid}-{kind}"


def with_replaced(segments: Segments, old: Iterable[str], new: Segment | None = None) -> Segments:
    """`segments` without those of the uuids `old`, and with `new`."""
    gone = frozenset(old)
    kept = [segment for segment in segments if segment.uuid not in gone]
    if new is not None:
        kept.append(new)
    return tuple(sorted(kept, key=lambda segment: segment.start))


def unindexed(segments: Segments, rows: int) -> Iterator[tuple[int, int]]:
    """The ranges of the first `rows` rows that are in no segment with a graph at hand."""
    start = 0
    for segment in segments:
        if segment.graph is None:
            continue
        if segment.start > start:
            yield start, segment.start
        start = segment.stop
    if start < rows:
        yield start, rows


def read_segments(transaction: Transaction, tables: Tables, path: Path) -> dict[str, Segments]:
    """The stored segments of each vector name, no graph at hand. Raises UnknownFormat."""
    data = transaction.get(_SEGMENTS, db=tables.meta)
    if data is None:
        return {}
    plain = orjson.loads(data)
    if plain["version"] != _VERSION:
        raise UnknownFormat(path, f"segments of version {plain['version']}")
    return {name: tuple(map(_loaded, records)) for name, records in plain["names"].items()}


def write_segments(
    transaction: Transaction, tables: Tables, segments: Mapping[str, Sequence[Segment]]
) -> None:
    """Store the segments of each vector name."""
    names = {name: list(map(_dumped, own)) for name, own in segments.items() if own}
    plain = {"version": _VERSION, "names": names}
    transaction.put(_SEGMENTS, orjson.dumps(plain), db=tables.meta)


def remove_files(path: Path, uuid: str) -> None:
    """Remove the files in the directory `path` of a segment that is not to be."""
    (path / graph_file(uuid)).unlink(missing_ok=True)
    for file in path.glob(codes_file(uuid, "*")):
        file.unlink()


def remove_strays(path: Path, segments: Iterable[Segment]) -> None:
    """Remove the files in the directory `path` of segments that are none of `segments`."""
    known = {name for segment in segments for name in segment.files}
    for pattern in _PATTERNS:
        for file in path.glob(pattern):
            if file.name not in known:
                file.unlink()


def _dumped(segment: Segment) -> dict[str, Any]:
    return asdict(segment, filter=lambda attribute, _: attribute.name not in _IN_MEMORY)


def _loaded(record: Mapping[str, Any]) -> Segment:
    facts, codes = GraphFacts(**record["facts"]), record.get("codes")
    own_codes = None if codes is None else CodesFacts(**codes)
    return Segment(**{**record, "facts": facts, "codes": own_codes})
