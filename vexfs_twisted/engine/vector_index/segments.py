"""Segments: ranges of rows of a vector space that have a graph, and the names of their files.

A segment is persisted as a record in the table `meta`, in the commit that publishes it to readers.
Its files are derived: without them its rows are scanned, and the files are built again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from attrs import asdict, evolve, frozen

from ..errors import UnknownFormat
from ..storage.bitmap import Bitmap
from ..storage.counters import get_meta, put_meta
from ..storage.tables import Tables, Transaction
from .graph.file import GraphFacts
from .quantization.file import CodesFacts

if TYPE_CHECKING:
    from .graph.graph import Graph
    from .quantization.coded import CodedGraph
    from .quantization.codes import Codes

_VERSION = 1
_SEGMENTS = b"segments"
_PREFIXES = ("graph-", "codes-")


@frozen
class LinkedRows:
    """The rows in [start, stop), `count` of which are in a graph over their lines."""

    start: int
    stop: int
    count: int


@frozen
class Segment:
    """The rows in [start, stop), with a graph over those that had a vector when it was built.

    Rows that die later stay in the graph; none are added. `facts` describe the graph's file. Rows
    in [unfreed_from, stop) that are not in the graph still take disk space; None: no such rows.
    `codes` describe the file of codes, if there is one; those of multivectors are numbered by
    lines, not by rows. `encoding` is the name of the encoder of multivectors that the graph is
    over. The nodes of a graph over the lines of multivectors are numbered by lines as well: `lined`
    then tells the rows. The opened files are a SegmentGraph. Rows are counted from `base`, which is
    0 in the tables and in files.
    """

    uuid: str
    facts: GraphFacts
    unfreed_from: int | None = None
    codes: CodesFacts | None = None
    encoding: str | None = None
    lined: LinkedRows | None = None
    base: int = 0

    @property
    def key(self) -> str:
        """The key of the opened files, whose rows are counted from the same row."""
        return f"{self.uuid}@{self.base}" if self.base else self.uuid

    @property
    def start(self) -> int:
        """The first row."""
        return self.facts.start if self.lined is None else self.lined.start

    @property
    def stop(self) -> int:
        """The row after the last one."""
        return self.facts.stop if self.lined is None else self.lined.stop

    @property
    def nodes(self) -> int:
        """The number of rows in the graph."""
        return self.facts.nodes if self.lined is None else self.lined.count

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files of the segment."""
        graph = graph_file(self.uuid)
        return (graph,) if self.codes is None else (graph, codes_file(self.uuid, self.codes.kind))

    def counted_from(self, base: int) -> Segment:
        """The same segment, with rows counted from `base`."""
        shift = base - self.base
        if not shift:
            return self
        unfreed, lined, facts, codes = self.unfreed_from, self.lined, self.facts, self.codes
        if lined is not None:
            lined = LinkedRows(lined.start - shift, lined.stop - shift, lined.count)
        else:
            facts = facts.moved(-shift)
        if codes is not None and self.has_codes_of_rows:
            codes = codes.moved(-shift)
        return Segment(
            self.uuid,
            facts,
            None if unfreed is None else max(unfreed - shift, 0),
            codes,
            self.encoding,
            lined,
            base,
        )

    @property
    def has_codes_of_rows(self) -> bool:
        """Whether codes are numbered by rows, as those of dense vectors are."""
        return self.lined is None and self.encoding is None

    @property
    def contents(self) -> Segment:
        """The segment as its files have it: alike for all that name the same files."""
        return evolve(self.counted_from(0), unfreed_from=None)

    def live(self, present: Bitmap) -> int:
        """The number of rows of the range that have a vector in `present`."""
        return present.count_between(self.start, self.stop)


Segments = tuple[Segment, ...]
"""The segments of one vector space, ascending, disjoint."""


@frozen(eq=False)
class SegmentGraph:
    """The opened and verified files of a segment. Immutable and thread-safe.

    `coded` is the graph searched by codes, if there are codes. `line_codes` are those of the lines
    of multivectors, whose graph is searched by itself.
    """

    graph: Graph
    coded: CodedGraph | None = None
    line_codes: Codes | None = None

    @property
    def codes(self) -> Codes | None:
        """The codes of the segment, if there are any."""
        return self.line_codes if self.coded is None else self.coded.codes

    def moved(self, segment: Segment, rows: int) -> SegmentGraph:
        """The same files of `segment`, with `rows` added to the numbers of the rows."""
        graph = self.graph if segment.lined is not None else self.graph.moved(rows)
        coded = None if self.coded is None else self.coded.moved(rows)
        return SegmentGraph(graph, coded, self.line_codes)


Graphs = Mapping[str, SegmentGraph]
"""Opened graphs by the keys of segments. The rows of a segment without one are scanned."""

NO_GRAPHS: Graphs = MappingProxyType({})


def new_uuid() -> str:
    """A new unique name for a segment."""
    return str(uuid4())


def stop_of(segments: Segments) -> int:
    """The row behind the last segment; 0 without any."""
    return max((segment.stop for segment in segments), default=0)


def graph_file(uuid: str) -> str:
    """The name of a segment's graph file."""
    return f"graph-{uuid}"


def codes_file(uuid: str, kind: str) -> str:
    """The name of a segment's file of codes of a kind."""
    return f"codes-{uuid}-{kind}"


def with_replaced(segments: Segments, old: Iterable[str], new: Segment | None = None) -> Segments:
    """`segments` without those with the uuids `old`, and with `new`, in order."""
    gone = frozenset(old)
    kept = [segment for segment in segments if segment.uuid not in gone]
    if new is not None:
        kept.append(new)
    return tuple(sorted(kept, key=lambda segment: segment.start))


def unindexed(segments: Segments, graphs: Graphs, rows: int) -> Iterator[tuple[int, int]]:
    """The ranges of the first `rows` rows that are in no segment with an opened graph."""
    start = 0
    for segment in segments:
        if segment.key not in graphs:
            continue
        if segment.start > start:
            yield start, segment.start
        start = segment.stop
    if start < rows:
        yield start, rows


def recounted(segments: Iterable[Segment], former: Iterable[Segment], graphs: Graphs) -> Graphs:
    """The opened graphs of `segments`, whose rows were counted from another row in `former`.

    Of those that have none, and that `graphs` has for their former selves.
    """
    known = {segment.uuid: segment for segment in former}
    found: dict[str, SegmentGraph] = {}
    for segment in segments:
        before = known.get(segment.uuid)
        if before is None or segment.key in graphs:
            continue
        opened = graphs.get(before.key)
        if opened is not None and before.contents == segment.contents:
            found[segment.key] = opened.moved(segment, before.base - segment.base)
    return found


def read_segments(
    transaction: Transaction, tables: Tables, path: Path, base: int
) -> dict[str, Segments]:
    """Read the segments of each vector name, with rows counted from `base`; opens no graphs.

    Raises UnknownFormat.
    """
    data = get_meta(transaction, tables, _SEGMENTS)
    if data is None:
        return {}
    plain = orjson.loads(data)
    if plain["version"] != _VERSION:
        raise UnknownFormat(path, f"segments of version {plain['version']}")
    return {
        name: tuple(_loaded(record).counted_from(base) for record in records)
        for name, records in plain["names"].items()
    }


def write_segments(
    transaction: Transaction, tables: Tables, segments: Mapping[str, Sequence[Segment]]
) -> None:
    """Write the segments of each vector name."""
    names = {name: list(map(_dumped, own)) for name, own in segments.items() if own}
    plain = {"version": _VERSION, "names": names}
    put_meta(transaction, tables, _SEGMENTS, orjson.dumps(plain))


def remove_files(path: Path, uuid: str) -> None:
    """Remove the files of a segment that was not committed from the directory `path`."""
    (path / graph_file(uuid)).unlink(missing_ok=True)
    for file in path.glob(codes_file(uuid, "*")):
        file.unlink()


def remove_strays(path: Path, names: Sequence[str], segments: Iterable[Segment]) -> None:
    """Remove those of the files `names` in the directory `path` that no segment has."""
    known = {name for segment in segments for name in segment.files}
    for name in names:
        if name.startswith(_PREFIXES) and name not in known:
            (path / name).unlink(missing_ok=True)


def _dumped(segment: Segment) -> dict[str, Any]:
    record = asdict(segment.counted_from(0))
    del record["base"]
    return record


def _loaded(record: Mapping[str, Any]) -> Segment:
    facts, codes = GraphFacts(**record["facts"]), record.get("codes")
    own_codes = None if codes is None else CodesFacts(**codes)
    lined = record.get("lined")
    rows = None if lined is None else LinkedRows(**lined)
    return Segment(**{**record, "facts": facts, "codes": own_codes, "lined": rows})
