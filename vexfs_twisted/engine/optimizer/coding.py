"""Codes of segments: encoded as configured, and opened again after a start."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from ..vector_index.graph import Graph
from ..vector_index.linked import LinkedSpace
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
    earlier = None if seed is None or seed.coded is None else seed.coded.codes
    # Multivectors have no codes.
    assert isinstance(space, VectorSpace)
    encoder = Encoder(kind, space.params, space.floats, settings.threads, should_stop)
    facts = encoder.write(path, segment.start, graph.node_mask(), earlier)
    if facts is None:
        raise Stopped
    codes = _opened(path, facts, space, settings, kind)
    return evolve(segment, codes=facts), SegmentGraph(graph, CodedGraph(graph, codes))


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
    return segment, SegmentGraph(graph, CodedGraph(graph, codes))


def _opened(
    path: Path, facts: CodesFacts, space: LinkedSpace, settings: OptimizerSettings, kind: CodeKind
) -> Codes:
    assert settings.quantization is not None
    return Codes.open(path, facts, space.params, kind, codes_options(settings.quantization))
