"""The jobs of a collection, and the report about them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from attrs import evolve, frozen

from ...model.collection import CollectionStatus
from ...model.optimizations import Optimizations, PendingOptimization, SegmentSummary
from ..mvcc.state import CollectionState
from ..vector_index.linked import LinkedSpace
from .jobs import Build, Encode, Job, Punch, Reason
from .journal import Journal
from .plan import plan
from .settings import OptimizerSettings, is_paused, lines_each, settings_of

_URGENCY = (
    Reason.REMOVAL,
    Reason.VERIFICATION,
    Reason.HOLES,
    Reason.INDEXING,
    Reason.CONFIG,
    Reason.VACUUM,
    Reason.MERGE,
)


@frozen
class Task:
    """A job on the vectors `name`, with their `space` as of now and the wanted `settings`."""

    name: str
    space: LinkedSpace
    settings: OptimizerSettings
    job: Job

    @property
    def is_paused(self) -> bool:
        """Whether the configuration has paused the job."""
        return self.settings.is_paused and isinstance(self.job, Build | Encode)


def tasks(state: CollectionState, graphs: Collection[str], *, is_quiet: bool = True) -> list[Task]:
    """All jobs, most urgent first; some are planned only if the collection `is_quiet`.

    `graphs` are the keys of the segments whose graphs are open.
    """
    cores = os.cpu_count() or 1
    found: list[Task] = []
    for name, space in state.linkable.items():
        settings = settings_of(state.config, space.params, cores, lines_each(space))
        if settings.is_paused:
            settings = evolve(settings, is_paused=is_paused(state))
        jobs = plan(space, graphs, state.next_row, settings, is_quiet=is_quiet)
        found += [Task(name, space, settings, job) for job in jobs]
    return sorted(found, key=lambda task: _URGENCY.index(task.job.reason))


def status(waiting: Iterable[Task], *, is_running: bool) -> CollectionStatus:
    """The status by the jobs that are waiting. Punch jobs do not count."""
    counted = [task for task in waiting if not isinstance(task.job, Punch)]
    if is_running or any(not task.is_paused for task in counted):
        return CollectionStatus.YELLOW
    return CollectionStatus.GREY if counted else CollectionStatus.GREEN


def indexed_count(state: CollectionState) -> int:
    """The number of live vectors of all names that are in a graph."""
    return sum(
        segment.live(space.present)
        for space in state.linkable.values()
        for segment in space.segments
    )


def segment_count(state: CollectionState) -> int:
    """The number of segments: those with a graph, and one for all other rows."""
    return 1 + sum(len(space.segments) for space in state.linkable.values())


def report(
    state: CollectionState, graphs: Collection[str], journal: Journal, home: Path
) -> Optimizations:
    """The report about the optimizer of the collection in the directory `home`."""
    running = journal.running
    busy = {segment.uuid for segment in running.segments} if running is not None else set()
    queued = []
    for task in tasks(state, graphs):
        if isinstance(task.job, Build | Encode):
            segments = involved(task, home)
            if not busy.intersection(segment.uuid for segment in segments):
                queued.append(PendingOptimization(task.job.reason.value, segments))
    busy.update(segment.uuid for waiting in queued for segment in waiting.segments)
    return Optimizations(
        running=() if running is None else (running,),
        queued=queued,
        completed=journal.completed(),
        idle_segments=[told for told in _all_segments(state, home) if told.uuid not in busy],
    )


def involved(task: Task, home: Path) -> list[SegmentSummary]:
    """Summaries of the segments of a task, and of the rows that are in no segment."""
    job, present = task.job, task.space.present
    told = [SegmentSummary(s.uuid, s.live(present)) for s in job.segments]
    if isinstance(job, Build) and job.fresh:
        told.append(SegmentSummary(rest_uuid(home), job.fresh))
    return told


def _all_segments(state: CollectionState, home: Path) -> Iterator[SegmentSummary]:
    for space in state.linkable.values():
        for segment in space.segments:
            yield SegmentSummary(segment.uuid, segment.live(space.present))
    yield SegmentSummary(rest_uuid(home), _unindexed_count(state))


def rest_uuid(home: Path) -> str:
    """The stable uuid of the pseudo-segment of rows without a graph."""
    return str(uuid5(NAMESPACE_URL, home.name))


def _unindexed_count(state: CollectionState) -> int:
    """The most live points that are in no graph of a vector name; all if there are no names."""
    if not state.linkable:
        return state.live.count
    counts = [
        state.live.count - sum(s.live(state.live) for s in space.segments)
        for space in state.linkable.values()
    ]
    return max(counts)
