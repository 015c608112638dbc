"""Executes each kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import sleep

import attrs
import numpy as np

from ..collection_store import CollectionStore
from ..mvcc.state import CollectionState
from ..storage.map_advice import advise
from ..vector_index.graph.errors import DamagedGraph
from ..vector_index.graph.graph import Graph
from ..vector_index.linked import LinkedSpace, linked
from ..vector_index.segments import (
    Segment,
    SegmentGraph,
    Segments,
    graph_file,
    new_uuid,
    remove_files,
    with_replaced,
)
from .building import Building, ShouldStop, Stopped
from .coding import with_codes, with_opened_codes
from .jobs import Build, Drop, Encode, Verify
from .journal import Journal
from .report import Task, involved
from .settings import OptimizerSettings

_LOOKS = 5
_SECONDS_A_LOOK = 0.05


def execute(task: Task, store: CollectionStore, journal: Journal, should_stop: ShouldStop) -> bool:
    """Execute the job of a task; returns False if it must wait for readers of older states.

    Raises Stopped and any other error of the job; nothing is changed then.
    """
    job = task.job
    if isinstance(job, Build):
        _build(task, job, store, journal, should_stop)
    elif isinstance(job, Encode):
        _encode(task, job, store, journal, should_stop)
    elif isinstance(job, Verify):
        _verify(task, job.segment, store)
    elif isinstance(job, Drop):
        store.change_segments(_replacing(task, job.segments))
    else:
        return _punch(task, job.segment, store, should_stop)
    return True


def _build(
    task: Task, job: Build, store: CollectionStore, journal: Journal, should_stop: ShouldStop
) -> None:
    uuid = new_uuid()
    present = task.space.present
    total = job.fresh + sum(s.live(present) for s in job.segments if s is not job.seed)
    with journal.noting(uuid, job.reason.value, involved(task, store.path), total):
        seed = None if job.seed is None else _opened(store, job.seed)
        building = Building(job, seed, task.space, task.settings, should_stop)
        try:
            built, graph = building.save(store.path, uuid, journal.advance)
            segment, opened = with_codes(
                built, graph, task.space, task.settings, store.path, should_stop, seed
            )
            store.change_segments(_replacing(task, job.segments, segment), {segment.key: opened})
        except BaseException:
            remove_files(store.path, uuid)
            raise


def _encode(
    task: Task, job: Encode, store: CollectionStore, journal: Journal, should_stop: ShouldStop
) -> None:
    segment = job.segment
    with journal.noting(new_uuid(), job.reason.value, involved(task, store.path), segment.nodes):
        graph = _opened(store, segment).graph
        coded, opened = with_codes(
            segment, graph, task.space, task.settings, store.path, should_stop
        )
        try:
            store.change_segments(_replacing(task, (segment,), coded), {coded.key: opened})
        except BaseException:
            for name in set(coded.files) - set(segment.files):
                (store.path / name).unlink(missing_ok=True)
            raise
        journal.advance(segment.nodes)


def _verify(task: Task, segment: Segment, store: CollectionStore) -> None:
    """Open and verify the graph of a segment, or drop the segment if it is damaged."""
    try:
        found, opened = opened_files(segment, task.space, task.settings, store.path)
    except DamagedGraph:
        store.change_segments(_replacing(task, (segment,)))
        return
    graphs = {segment.key: opened}
    if found == segment:
        store.add_graphs(graphs)
    else:
        store.change_segments(_replacing(task, (segment,), found), graphs)


def opened_files(
    segment: Segment, space: LinkedSpace, settings: OptimizerSettings, directory: Path
) -> tuple[Segment, SegmentGraph]:
    """Open and verify the files of a segment. Codes that are damaged or outdated are left out.

    Raises DamagedGraph.
    """
    path = directory / graph_file(segment.uuid)
    own = linked(space)
    if not own.fits(segment):
        raise DamagedGraph(path, "it is over other vectors, or encodings of another version")
    graph = Graph.open(path, segment.facts, own.distance, own.elements, own.base)
    graph.verify()
    advise(graph.links.neighbors, settings.graph_memory)
    return with_opened_codes(segment, graph, space, settings, directory)


def _punch(task: Task, segment: Segment, store: CollectionStore, should_stop: ShouldStop) -> bool:
    """Free the disk space of rows that are not in the graph; False while they may be read."""
    assert segment.unfreed_from is not None
    graph = _opened(store, segment).graph
    is_free = np.ones(segment.stop - segment.unfreed_from, dtype=np.bool_)
    is_free[segment.start - segment.unfreed_from :] = ~graph.node_mask()
    number = store.number
    for _ in range(_LOOKS):
        # Readers of a state with this segment read no rows of the range other than its nodes.
        if not store.is_behind_elsewhere(number) and all(
            _knows(state, task, segment) for state in store.states_in_use()
        ):
            first = task.space.skipped + segment.unfreed_from
            store.give_back(task.space.slot, first, is_free)
            freed = attrs.evolve(segment, unfreed_from=None)
            store.change_segments(_replacing(task, (segment,), freed))
            return True
        if should_stop():
            break
        sleep(_SECONDS_A_LOOK)
    return False


def _opened(store: CollectionStore, segment: Segment) -> SegmentGraph:
    """The opened graph of a segment. Raises Stopped if its vector name was dropped meanwhile."""
    opened = store.indexes.graphs.get(segment.key)
    if opened is None:
        raise Stopped
    return opened


def _knows(state: CollectionState, task: Task, segment: Segment) -> bool:
    space = state.linkable.get(task.name)
    return space is not None and any(own.uuid == segment.uuid for own in space.segments)


def _replacing(
    task: Task, old: Segments, new: Segment | None = None
) -> Callable[[CollectionState], Mapping[str, Segments]]:
    """The change that puts `new` in the place of `old`; it raises Stopped if all are gone."""
    gone = [segment.uuid for segment in old]

    def change(state: CollectionState) -> Mapping[str, Segments]:
        space = state.linkable.get(task.name)
        if space is None or space.slot != task.space.slot:
            raise Stopped
        return {task.name: with_replaced(space.segments, gone, new)}

    return change
