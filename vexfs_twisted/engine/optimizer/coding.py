"""Codes of segments: encoded as configured, and opened again after a start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from ..vector_index.graph import Graph
from ..vector_index.linked import LinkedSpace, rows_linked
from ..vector_index.quantization import (
    CodedGraph,
    CodeKind,
    Codes,
    CodesFacts,
    DamagedCodes,
    Encoder,
    codes_options,
)
from ..vector_index.segments import Segment, SegmentGraph, codes_file
from ..vector_index.space import VectorSpace
from .building import ShouldStop, Stopped
from .settings import OptimizerSettings


def with_codes(
    segment: Segment,
    graph: Graph,
    space: LinkedSpace,
    settings: OptimizerSettings,
    directory: Path,
    should_stop: ShouldStop,
    seed: SegmentGraph | None = None,
) -> tuple[Segment, SegmentGraph]:
    """The segment with the codes that are configured, or without if none are, and its graph.

    Codes of the `seed` that the graph was grown from are reused if possible. The file is durable,
    and belongs to no segment until the returned segment is committed. Raises Stopped or
    StorageFull.
    """
    kind = settings.codes
    if kind is None:
        return evolve(segment, codes=None), SegmentGraph(graph)
    path = directory / codes_file(segment.uuid, kind.name)
    earlier = None if seed is None else seed.codes
    encoder = Encoder(kind, space.params, space.floats, settings.threads, should_stop)
    start, is_coded = _coded(space, segment, graph)
    facts = encoder.write(path, start, is_coded, earlier, _base(space))
    if facts is None:
        raise Stopped
    codes = _opened(path, facts, space, settings, kind)
    return evolve(segment, codes=facts), _with(graph, codes, space)


def with_opened_codes(
    segment: Segment,
    graph: Graph,
    space: LinkedSpace,
    settings: OptimizerSettings,
    directory: Path,
) -> tuple[Segment, SegmentGraph]:
    """The segment and its graph with verified codes; without codes if damaged or outdated."""
    kind, facts = settings.codes, segment.codes
    if facts is None:
        return segment, SegmentGraph(graph)
    if kind is None or kind.name != facts.kind:
        return evolve(segment, codes=None), SegmentGraph(graph)
    try:
        path = directory / codes_file(segment.uuid, facts.kind)
        codes = _opened(path, facts, space, settings, kind)
        codes.verify()
    except DamagedCodes:
        return evolve(segment, codes=None), SegmentGraph(graph)
    return segment, _with(graph, codes, space)


def _coded(space: LinkedSpace, segment: Segment, graph: Graph) -> tuple[int, NDArray[np.bool_]]:
    """The first number to encode, and the mask of those from there on: rows, or lines of rows."""
    if isinstance(space, VectorSpace):
        return segment.start, graph.node_mask()
    # Lines of dead rows may have been given back to the file system.
    is_coded = rows_linked(space, segment, graph)
    is_coded &= space.present.has(np.arange(segment.start, segment.stop))
    offsets = space.offsets[segment.start : segment.stop + 1]
    return int(offsets[0]), np.repeat(is_coded, np.diff(offsets))


def _with(graph: Graph, codes: Codes, space: LinkedSpace) -> SegmentGraph:
    if isinstance(space, VectorSpace):
        return SegmentGraph(graph, CodedGraph(graph, codes))
    return SegmentGraph(graph, line_codes=codes)


def _opened(
    path: Path, facts: CodesFacts, space: LinkedSpace, settings: OptimizerSettings, kind: CodeKind
) -> Codes:
    assert settings.quantization is not None
    options = codes_options(settings.quantization)
    return Codes.open(path, facts, space.params, kind, options, _base(space))


def _base(space: LinkedSpace) -> int:
    """What the numbers of codes in files are counted from: rows, or lines of rows."""
    return space.base if isinstance(space, VectorSpace) else 0
