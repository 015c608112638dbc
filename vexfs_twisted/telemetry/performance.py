"""Figures of calls by method: how many, how they ended, how long they took, how many are open."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from threading import Lock

from ..middleware import CANCELLED, OK, CallInfo, Method
from ..model.status import CallFigures
from .histogram import Histogram

_AT_ONCE = 100
"""How many calls are added up at once: a tenth of a millisecond."""


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
    """Keeps the figures of all calls since the server was made. Usable from any thread.

    What a call adds is put down as it is, and added up for many calls at once: done for each on its
    own, in between other work, it would cost several times as much.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._ended: deque[tuple[Method, str, float]] = deque()
        self._lock = Lock()

    def before(self, call: CallInfo) -> None:
        """Count an open stream. Other calls are over too soon for anyone to see them."""
        if call.progress is not None:
            with self._lock:
                self._record(call.kind).open += 1

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Count a call that has ended."""
        self._ended.append((call.kind, outcome, seconds))
        if len(self._ended) >= _AT_ONCE:
            with self._lock:
                self._add_up()

    def figures(self, wire: str) -> Mapping[str, CallFigures]:
        """The figures of the methods of a wire that were called, by their names, sorted."""
        with self._lock:
            self._add_up()
            return {
                method: record.figures()
                for method, record in sorted(self._records.items())
                if record.wire == wire
            }

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
