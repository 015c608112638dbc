"""Accelerated search: a device finds candidates, and the host scores and ranks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np
from attrs import field, frozen

from ...engine.acceleration import (
    Hits,
    Limits,
    Matrix,
    Rows,
    VectorView,
    best_of,
    merged_hits,
    no_hits,
)
from ...engine.read_bounds import STOPS
from ...model.device import Neighbours
from .calls import DeviceCallQueue
from .file import METRICS, MirrorFile, live_below, rows_from
from .health_check import DeviceUnreliable, HealthCheck
from .settings import MirrorSettings

_SPARE = 16
_WIDER = 4


@frozen
class Trust:
    """What searches use to call a device and to check its results.

    `give_up` is called with the reason when the device must not be used any more.
    """

    calls: DeviceCallQueue
    watch: HealthCheck
    settings: MirrorSettings
    give_up: Callable[[Exception], None]


@frozen(eq=False)
class _Part:
    """The overlap of one collection state and one vector file.

    All rows of the state below `row` are in the file; there are `live` of them. `tail` are the
    other rows of the state, which the host scans. `count` is the number of vectors in the file.
    """

    vectors: VectorView
    file: MirrorFile
    row: int
    live: int
    tail: Rows
    count: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "count", self.file.count)


class _Short(Exception):
    """The device cannot return enough live rows in time; the engine searches. It is no fault."""


class DeviceAccelerator:
    """The SearchAccelerator of one collection; `files` are its mirror files by vector name."""

    def __init__(self, files: Mapping[str, MirrorFile], trust: Trust) -> None:
        self._files = files
        self._trust = trust

    def nearest(
        self, name: str, vectors: VectorView, queries: Matrix, limits: Limits
    ) -> list[Hits] | None:
        """See SearchAccelerator. After any error the device is dropped, and the engine searches.

        Raises what stops the read, which is no error of the device.
        """
        file = self._files.get(name)
        # A name that was removed and created again has another slot.
        part = None
        if file is not None and file.slot == vectors.slot:
            part = self._part(vectors, file)
        if part is None:
            return None
        try:
            return self._found(part, np.ascontiguousarray(queries), limits)
        except _Short:
            return None
        except STOPS:
            raise
        except Exception as error:
            if not part.file.is_retired:
                self._trust.give_up(error)
            return None

    def _part(self, vectors: VectorView, file: MirrorFile) -> _Part | None:
        row = file.row_for(vectors)
        live = live_below(vectors, row) if row else 0
        if not live or vectors.count - live > self._trust.settings.most_unmirrored:
            return None
        return _Part(vectors, file, row, live, rows_from(vectors, row))

    def _found(self, part: _Part, queries: Matrix, limits: Limits) -> list[Hits]:
        ends = perf_counter() + self._trust.settings.search_seconds
        tails = part.vectors.nearest(part.tail, queries, np.minimum(limits, len(part.tail)))
        return [
            self._one(part, query, limit, tail, ends)
            for query, limit, tail in zip(queries, limits.tolist(), tails, strict=True)
        ]

    def _one(self, part: _Part, query: Matrix, limit: int, tail: Hits, ends: float) -> Hits:
        """The nearest rows to one query, shape [dim]. Raises _Short and the device's errors."""
        distance = part.vectors.params.distance
        wanted = min(limit, part.live)
        k = _reach(part, wanted)
        named, is_checked = self._candidates(part, query, k, ends)
        if len(named.rows) < wanted and k < part.count:
            k = min(_WIDER * k, part.count)
            named, is_checked = self._candidates(part, query, k, ends)
        if len(named.rows) < wanted:
            raise _reason(part, k)
        own = best_of(distance, *named, limit)
        hits = merged_hits(distance, own, tail, limit)
        if is_checked:
            rows = part.vectors.rows()
            (true,) = part.vectors.nearest(rows, query[np.newaxis], np.array([limit]))
            self._trust.watch.check(part.vectors, query, hits, true)
        return hits

    def _candidates(self, part: _Part, query: Matrix, k: int, ends: float) -> tuple[Hits, bool]:
        """The device's candidates that are live in the state, and whether to check the result.

        Raises _Short after `ends`, in seconds of perf_counter, and where `k` is too large.
        """
        started = perf_counter()
        # A batch of many queries may run out of time, which is no fault of the device, and a device
        # may refuse a `k` of millions, which a client may ask for.
        if started >= ends or k > self._trust.settings.most_neighbours:
            raise _Short
        metric = METRICS[part.vectors.params.distance]
        search = part.file.file.search
        seconds = self._trust.settings.search_seconds
        found = self._trust.calls.run("search", seconds, search, query, k, metric)
        is_checked = self._trust.watch.took(perf_counter() - started)
        self._trust.watch.answer(found, k, part.count, part.file.sent)
        return self._present(part, query, found), is_checked

    def _present(self, part: _Part, query: Matrix, found: Neighbours) -> Hits:
        """The candidates that are live in the state and not in its tail, with the host's scores.

        In the order of the device. Checks the device's scores against those of the host.
        """
        rows = found.ids.astype(np.int64) - part.vectors.base
        below = np.flatnonzero((rows >= 0) & (rows < part.row))
        places = below[part.vectors.has(rows[below])]
        if not len(places):
            return no_hits()
        rows = rows[places]
        scores = part.vectors.scores(query, rows)
        self._trust.watch.scores(part.vectors, query, found, (found.scores[places], scores))
        return Hits(rows, scores)


def _reach(part: _Part, wanted: int) -> int:
    """How many neighbours to request, so that `wanted` of them are live.

    Any candidate may be a dead row; twice their expected share is added. A few more compensate for
    scores that the device rounds differently.
    """
    dead = part.count - part.live
    spare = max(_SPARE, -(-2 * wanted * dead // part.live))
    return min(wanted + spare, part.count)


def _reason(part: _Part, k: int) -> Exception:
    """Why too few of the `k` requested candidates are live: DeviceUnreliable or _Short."""
    file = part.file
    if k == part.count == file.count and file.sent == file.row and not file.is_retired:
        return DeviceUnreliable("wrong_count", "vectors that were inserted are not found")
    return _Short()
