"""Figures of calls by method: how many, how they ended, how long they took, how many are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock

from ..interception import CANCELLED, OK, Call, Kind
from ..model.status import CallFigures
from .histogram import Histogram


class _Record:
    """The figures of one method, as they grow."""

    __slots__ = ("durations", "open", "outcomes", "wire")

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self.open = 0
        self.outcomes: Counter[str] = Counter()
        self.durations = Histogram()

    def figures(self) -> CallFigures:
        outcomes = self.outcomes
        count = self.durations.count
        return CallFigures(
            count=count,
            errors=count - outcomes[OK] - outcomes[CANCELLED],
            cancelled=outcomes[CANCELLED],
            open_streams=self.open,
            p50=self.durations.quantile(0.50),
            p95=self.durations.quantile(0.95),
            p99=self.durations.quantile(0.99),
        )


class Performance:
    """Keeps the figures of all calls since the server was made. Usable from any thread."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._lock = Lock()

    def before(self, call: Call) -> None:
        """Count an open stream. Other calls are over too soon for anyone to see them."""
        if call.kind.is_stream:
            with self._lock:
                self._record(call.kind).open += 1

    def after(self, call: Call, outcome: str, seconds: float) -> None:
        """Count a call that has ended."""
        with self._lock:
            record = self._record(call.kind)
            record.outcomes[outcome] += 1
            record.durations.add(seconds)
            if call.kind.is_stream:
                record.open -= 1

    def figures(self, wire: str) -> Mapping[str, CallFigures]:
        """The figures of the methods of a wire that were called, by their names, sorted."""
        with self._lock:
            return {
                method: record.figures()
                for method, record in sorted(self._records.items())
                if record.wire == wire
            }

    def _record(self, kind: Kind) -> _Record:
        record = self._records.get(kind.method)
        if record is None:
            record = self._records[kind.method] = _Record(kind.wire)
        return record
