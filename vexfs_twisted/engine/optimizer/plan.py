"""Plans the jobs of one vector space from its state and its settings.

Rows without a graph get one when there are enough of them: by growing the last graph if that pays,
else by a graph of their own. Growing a graph copies it, so a large graph is only merged with small
ones that are large enough in proportion; the amortized cost of a row then stays near the cost of
linking it once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from attrs import frozen

from ..storage.bitmap import Bitmap
from ..vector_index.linked import LinkedSpace, rows_known
from ..vector_index.segments import Segment, Segments
from .jobs import Build, Drop, Encode, Job, Punch, Reason, Verify
from .settings import OptimizerSettings

ROWS_AT_ONCE = 1 << 17
"""The most rows that a job links, not counting its seed, so that searches get graphs early."""

WEIGHT = 32
"""A graph is grown by new rows if it has at most this many times as many rows."""

LEAST_GROWTH = 512
"""A large graph is not grown by fewer rows at the end: scanning these is as fast."""

SMALL = 4096
"""A graph of up to this many rows is grown by any number of rows, since that is fast."""

LONG_RANGE = 1 << 17
"""Files of graphs over more rows than this are not kept long for dead rows at their beginning."""

LEAST_LINKED = 64
"""Fewer rows at the end wait until the collection is quiet, if there is a graph already."""


def plan(
    space: LinkedSpace,
    graphs: Collection[str],
    rows: int,
    settings: OptimizerSettings,
    *,
    is_quiet: bool = True,
) -> list[Job]:
    """The jobs for the first `rows` rows of the collection, most urgent first.

    Planning is repeated after each job; the jobs after the first are a forecast. `graphs` are the
    keys of the segments whose graphs are open. `is_quiet`: no rows are being written, so that jobs
    that would otherwise wait for more rows are planned too.
    """
    planner = _Planner(space, graphs, rows_known(space, rows), settings, is_quiet=is_quiet)
    planner.drop()
    planner.verify()
    planner.punch()
    if settings.builds:
        planner.index()
    planner.renew()
    if settings.builds:
        planner.merge()
    planner.encode()
    return planner.jobs


@frozen
class UnlinkedRange:
    """A range of rows between segments, or after all (`is_tail`). `count` have a vector."""

    start: int
    stop: int
    count: int
    is_tail: bool


def unlinked_ranges(present: Bitmap, segments: Segments, rows: int) -> Iterator[UnlinkedRange]:
    """The ranges of the first `rows` rows that are in no segment."""
    start = 0
    for segment in segments:
        if segment.start > start:
            count = present.count_between(start, segment.start)
            yield UnlinkedRange(start, segment.start, count, is_tail=False)
        start = segment.stop
    if rows > start:
        yield UnlinkedRange(start, rows, present.count_between(start, rows), is_tail=True)


class _Planner:
    """Makes one plan. A segment is in at most one job, not counting a Punch."""

    def __init__(
        self,
        space: LinkedSpace,
        graphs: Collection[str],
        rows: int,
        settings: OptimizerSettings,
        *,
        is_quiet: bool,
    ) -> None:
        self._present = space.present.with_room(rows)
        self._segments = space.segments
        self._graphs = graphs
        self._rows = rows
        self._settings = settings
        self._is_quiet = is_quiet
        self._taken: set[str] = set()
        self.jobs: list[Job] = []

    def drop(self) -> None:
        """Drop segments without live rows, or all segments if graphs are disabled."""
        unwanted = not self._settings.m
        useless = tuple(s for s in self._segments if unwanted or not self._live(s))
        if useless:
            self._add(Drop(useless))

    def verify(self) -> None:
        """Verify segments that have not been verified since the start."""
        for segment in self._left():
            if segment.key not in self._graphs:
                self._add(Verify(segment))

    def index(self) -> None:
        """Index rows without a graph, if there are enough for one or there is one to grow."""
        for range_ in unlinked_ranges(self._present, self._segments, self._rows):
            if not range_.count or self._may_wait(range_):
                continue
            is_enough = range_.count >= (self._settings.threshold or 0)
            seed = self._large_seed(range_) if is_enough else self._seed(range_)
            if seed is not None or is_enough:
                self._add(self._grown(range_, seed))

    def renew(self) -> None:
        """Rebuild graphs with outdated build options or with too many dead rows."""
        for segment in self._left():
            if not self._is_as_wanted(segment):
                reason = Reason.CONFIG
            elif self._is_littered(segment):
                reason = Reason.VACUUM
            else:
                continue
            self._add(self._building(reason, (segment.start, segment.stop), (segment,), None, 0))

    def merge(self) -> None:
        """Merge the two neighbors that are cheapest to merge, if there are too many segments."""
        number = self._settings.segment_number
        if 0 < number >= len(self._segments):
            return
        pairs = []
        for pair in pairwise(self._segments):
            small, large = sorted(pair, key=lambda segment: segment.nodes)
            if any(s.uuid in self._taken or not self._may_seed(s) for s in pair):
                continue
            fresh = self._live(small) + self._count(pair[0].stop, pair[1].start)
            if large.nodes + fresh > self._settings.largest:
                continue
            if number or fresh * WEIGHT >= large.nodes:
                pairs.append((fresh, pair, large))
        if pairs:
            fresh, pair, large = min(pairs, key=lambda found: found[0])
            between = self._count(pair[0].stop, pair[1].start)
            rows = pair[0].start, pair[1].stop
            self._add(self._building(Reason.MERGE, rows, pair, large, between))

    def encode(self) -> None:
        """Encode segments whose codes are not those configured."""
        wanted = None if self._settings.codes is None else self._settings.codes.name
        for segment in self._left():
            if (None if segment.codes is None else segment.codes.kind) != wanted:
                self._add(Encode(segment))

    def punch(self) -> None:
        """Free the disk space of dead rows of segments."""
        # Before all long jobs, since rows may die as fast as others are linked.
        left = self._left()
        self.jobs += [Punch(segment) for segment in left if segment.unfreed_from is not None]

    def _add(self, job: Job) -> None:
        self.jobs.append(job)
        self._taken.update(segment.uuid for segment in job.segments)

    def _left(self) -> list[Segment]:
        return [segment for segment in self._segments if segment.uuid not in self._taken]

    def _live(self, segment: Segment) -> int:
        return segment.live(self._present)

    def _count(self, start: int, stop: int) -> int:
        return self._present.count_between(start, stop)

    def _may_wait(self, range_: UnlinkedRange) -> bool:
        """Whether so few rows should wait for more, to be linked by one job together."""
        is_few = range_.is_tail and range_.count < LEAST_LINKED
        return is_few and bool(self._segments) and not self._is_quiet

    def _is_as_wanted(self, segment: Segment) -> bool:
        wanted = (self._settings.m, self._settings.ef_construct)
        return (segment.facts.m, segment.facts.ef_construct) == wanted

    def _may_seed(self, segment: Segment) -> bool:
        return segment.key in self._graphs and self._is_as_wanted(segment)

    def _is_littered(self, segment: Segment) -> bool:
        """Whether a graph has too many dead rows, or begins with very many."""
        dead = segment.nodes - self._live(segment)
        return self._begins_dead(segment) or (
            segment.nodes >= self._settings.vacuum_least
            and dead > self._settings.deleted_threshold * segment.nodes
        )

    def _begins_dead(self, segment: Segment) -> bool:
        """Whether more than half of a long range comes before its first live row."""
        length = segment.stop - segment.start
        if length <= LONG_RANGE:
            return False
        first = self._present.nth_between(segment.start, segment.stop, 1)
        return 2 * (first - segment.start) > length

    def _weight(self, segment: Segment) -> int:
        """The number of rows of a segment that its replacement would have."""
        return self._live(segment) if self._is_littered(segment) else segment.nodes

    def _large_seed(self, range_: UnlinkedRange) -> Segment | None:
        """The segment before a range of enough rows that should be grown by them, or None."""
        for segment in self._left():
            if segment.stop == range_.start and self._may_seed(segment):
                weight = self._weight(segment)
                room = self._settings.largest - weight
                number = self._settings.segment_number
                if room <= 0 or number == 0:
                    added = min(range_.count, room)
                    is_worth_it = added * WEIGHT >= weight or (weight <= SMALL and room > 0)
                else:
                    is_worth_it = number == 1 or weight * number < self._present.count
                return segment if is_worth_it else None
        return None

    def _seed(self, range_: UnlinkedRange) -> Segment | None:
        """The segment next to a range of too few rows that should be grown by all, or None."""
        for segment in self._left():
            is_beside = range_.start == segment.stop or range_.stop == segment.start
            weight = self._weight(segment)
            has_room = weight + range_.count <= self._settings.largest
            if is_beside and has_room and self._may_seed(segment):
                is_heavy = self._is_quiet or range_.count * WEIGHT >= weight
                is_worth_it = range_.count >= LEAST_GROWTH or weight <= SMALL
                if not range_.is_tail or (is_heavy and is_worth_it):
                    return segment
        return None

    def _grown(self, range_: UnlinkedRange, seed: Segment | None) -> Build:
        """Build one graph over the range, or as much of it as one job takes, and its seed.

        A seed with too many dead rows is not extended; its live rows are linked anew.
        """
        if seed is None:
            stop = self._cut(range_, min(ROWS_AT_ONCE, self._settings.largest))
            fresh = self._count(range_.start, stop)
            return self._building(Reason.INDEXING, (range_.start, stop), (), None, fresh)
        kept = None if self._is_littered(seed) else seed
        if seed.start == range_.stop:
            rows = range_.start, seed.stop
            return self._building(Reason.INDEXING, rows, (seed,), kept, range_.count)
        room = self._settings.largest - self._weight(seed)
        stop = self._cut(range_, min(ROWS_AT_ONCE, room))
        fresh = self._count(range_.start, stop)
        return self._building(Reason.INDEXING, (seed.start, stop), (seed,), kept, fresh)

    def _building(
        self,
        reason: Reason,
        rows: tuple[int, int],
        segments: Segments,
        seed: Segment | None,
        fresh: int,
    ) -> Build:
        """The job for a range of rows, without the dead rows at its beginning."""
        first, stop = rows
        start = self._present.nth_between(first, stop, 1)
        if seed is not None:
            start = min(start, seed.start)
        unfreed = [s.unfreed_from for s in segments if s.unfreed_from is not None]
        return Build(reason, start, stop, segments, seed, fresh, min([first, *unfreed]))

    def _cut(self, range_: UnlinkedRange, limit: int) -> int:
        """The end of the part of the range that has `limit` rows with a vector."""
        if range_.count <= limit:
            return range_.stop
        return self._present.nth_between(range_.start, range_.stop, limit) + 1
