"""The rows that the optimizer has yet to link, for collections whose writes wait for it."""

from __future__ import annotations

import os
from collections.abc import Collection

from ..mvcc.state import CollectionState
from ..vector_index.linked import LinkedSpace, rows_known
from .jobs import Build, Reason
from .plan import plan, unlinked_ranges
from .settings import OptimizerSettings, lines_each, settings_of


def room_for_rows(state: CollectionState, graphs: Collection[str]) -> int | None:
    """How many rows more may be written before the optimizer has enough of them; None: any number.

    Below 0 the optimizer has more rows to link than the indexing threshold, and a job for them.
    Without a job, rows would be waited with for nothing, as they are not linked: when the optimizer
    is paused, or graphs are disabled, or the rows are too few at each of their places.
    """
    cores = os.cpu_count() or 1
    least: int | None = None
    for space in state.linkable.values():
        settings = settings_of(state.config, space.params, cores, lines_each(space))
        if settings.threshold is None or not settings.builds or settings.is_paused:
            continue
        known = rows_known(space, state.next_row)
        present = space.present.with_room(known)
        ranges = unlinked_ranges(present, space.segments, known)
        room = settings.threshold - sum(range_.count for range_ in ranges)
        if room < 0 and not _is_linking(space, graphs, state.next_row, settings):
            continue
        least = room if least is None else min(least, room)
    return least


def _is_linking(
    space: LinkedSpace, graphs: Collection[str], rows: int, settings: OptimizerSettings
) -> bool:
    """Whether a job is planned that links rows."""
    jobs = plan(space, graphs, rows, settings, is_quiet=False)
    return any(isinstance(job, Build) and job.reason is Reason.INDEXING for job in jobs)
