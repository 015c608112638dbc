"""Codes of segments: encoded as configured, and opened again after a start."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from ..vector_index.quantization import (
    CodedGraph,
    CodeKind,
    Codes,
    CodesFacts,
    DamagedCodes,
    Encoder,
    codes_options,
)
from ..vector_index.segments import Segment, codes_file
from ..vector_index.space import VectorSpace
from .building import ShouldStop, Stopped
from .settings import OptimizerSettings


def with_codes(
    segment: Segment,
    space: VectorSpace,
    settings: OptimizerSettings,
    directory: Path,
    should_stop: ShouldStop,
    seed: Segment | None = None,
) -> Segment:
    """The segment with the codes that are configured for its graph, or without if none are.

    Codes of the `seed` that the graph was grown from are reused if possible. The file is durable,
    and belongs to no segment until the returned segment is committed. Raises Stopped or
    StorageFull.
    """
    kind, graph = settings.codes, segment.graph
    if kind is None or graph is None:
        return evolve(segment, codes=None, coded=None)
    path = directory / codes_file(segment.uuid, kind.name)
    earlier = None if seed is None or seed.coded is None else seed.coded.codes
    encoder = Encoder(kind, space.params, space.floats, settings.threads, should_stop)
    facts = encoder.write(path, segment.start, graph.node_mask(), earlier)
    if facts is None:
        raise Stopped
    codes = _opened(path, facts, space, settings, kind)
    return evolve(segment, codes=facts, coded=CodedGraph(graph, codes))


def codes_at_hand(
    segment: Segment, space: VectorSpace, settings: OptimizerSettings, directory: Path
) -> Segment:
    """The segment with its codes opened and verified; without codes if damaged or outdated."""
    kind, facts, graph = settings.codes, segment.codes, segment.graph
    if facts is None or graph is None:
        return segment
    if kind is None or kind.name != facts.kind:
        return evolve(segment, codes=None, coded=None)
    try:
        path = directory / codes_file(segment.uuid, facts.kind)
        codes = _opened(path, facts, space, settings, kind)
        codes.verify()
    except DamagedCodes:
        return evolve(segment, codes=None, coded=None)
    return evolve(segment, coded=CodedGraph(graph, codes))


def _opened(
    path: Path, facts: CodesFacts, space: VectorSpace, settings: OptimizerSettings, kind: CodeKind
) -> Codes:
    assert settings.quantization is not None
    return Codes.open(path, facts, space.params, kind, codes_options(settings.quantization))
