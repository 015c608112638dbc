"""Call statistics by method: counts, outcomes, latencies and open streams."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from threading import Lock
from typing import Any

from ..middleware import CANCELLED, OK, CallInfo, Method
from ..model.status import CallFigures
from .histogram import Histogram

_AT_ONCE = 100
"""The number of ended calls that are aggregated together, in about 0.1 ms."""


Dumped = dict[str, dict[str, Any]]
"""The statistics of a process by method."""


class _Record:
    """The statistics of one method."""

    __slots__ = ("durations", "open", "outcomes", "wire")

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self.open = 0
        self.outcomes: Counter[str] = Counter()
        self.durations = Histogram()

    def dump(self) -> dict[str, Any]:
        """All of it, as JSON can have it."""
        durations, outcomes = self.durations.dump(), dict(self.outcomes)
        return {
            "wire": self.wire,
            "open": self.open,
            "outcomes": outcomes,
            "durations": durations,
        }

    def merge(self, dumped: Mapping[str, Any]) -> None:
        """Add what another record has dumped."""
        self.open += dumped["open"]
        self.outcomes.update(dumped["outcomes"])
        self.durations.merge(dumped["durations"])

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
    """The middleware that keeps statistics of all calls since it was created. Thread-safe.

    Ended calls are queued and aggregated in batches: to aggregate each on its own, between other
    work, costs several times as much.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._ended: deque[tuple[Method, str, float]] = deque()
        self._lock = Lock()
        self.others: dict[int, Dumped] = {}

    def before(self, call: CallInfo) -> None:
        """Count an open stream. Open unary calls are not counted, as they end soon."""
        if call.progress is not None:
            with self._lock:
                self._record(call.kind).open += 1

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Count an ended call."""
        self._ended.append((call.kind, outcome, seconds))
        if len(self._ended) >= _AT_ONCE:
            with self._lock:
                self._add_up()

    def figures(self, wire: str) -> Mapping[str, CallFigures]:
        """The statistics of all called methods of `wire`, "rest" or "grpc", sorted by name.

        Those of other processes are added, as far as `others` has them.
        """
        with self._lock:
            self._add_up()
            records = {method: record.dump() for method, record in self._records.items()}
        summed: dict[str, _Record] = {}
        for dumped in (records, *self.others.values()):
            for method, record in dumped.items():
                summed.setdefault(method, _Record(record["wire"])).merge(record)
        return {
            method: record.figures()
            for method, record in sorted(summed.items())
            if record.wire == wire
        }

    def dump(self) -> Dumped:
        """The statistics of this process by method, as `others` takes them."""
        with self._lock:
            self._add_up()
            return {method: record.dump() for method, record in self._records.items()}

    def _add_up(self) -> None:
        ended = self._ended
        for _ in range(len(ended)):
            kind, outcome, seconds = ended.popleft()
            record = self._record(kind)
            record.outcomes[outcome] += 1
            record.durations.add(seconds)
            if kind.is_stream:
                record.open -= 1

    def _record(self, kind: Method) -> _Record:
        record = self._records.get(kind.method)
        if record is None:
            record = self._records[kind.method] = _Record(kind.wire)
        return record
