"""Call statistics: counts, outcomes, latencies and open streams, by method and by collection."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Collection, Mapping
from threading import Lock
from time import time
from typing import Any

from ..middleware import CANCELLED, OK, CallInfo, Method
from ..model.distribution import Distribution
from ..model.status import CallFigures
from .histogram import Histogram

_AT_ONCE = 100
"""The number of ended calls that are aggregated together, in about 0.1 ms."""

MOST_COLLECTIONS = 1000
"""Statistics are kept of so many collections, those that were called last."""

Dumped = dict[str, Any]
"""The statistics of a process, as JSON can have them: `methods`, and `collections` by name."""

ByOutcome = Mapping[str, Distribution]
ByMethod = Mapping[str, ByOutcome]
"""The durations of calls by method and by outcome."""

_Key = tuple[str, str, str]
"""Wire, method and outcome."""


class _Record:
    """The statistics of one method."""

    __slots__ = ("durations", "open", "outcomes", "wire")

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self.open = 0
        self.outcomes: defaultdict[str, Distribution] = defaultdict(Distribution)
        self.durations = Histogram()

    def dump(self) -> dict[str, Any]:
        """All of it, as JSON can have it."""
        return {
            "wire": self.wire,
            "open": self.open,
            "outcomes": {outcome: own.dump() for outcome, own in self.outcomes.items()},
            "durations": self.durations.dump(),
        }

    def merge(self, dumped: Mapping[str, Any]) -> None:
        """Add what another record has dumped."""
        self.open += dumped["open"]
        for outcome, durations in dumped["outcomes"].items():
            self.outcomes[outcome].merge(durations)
        self.durations.merge(dumped["durations"])

    def figures(self) -> CallFigures:
        count = self.durations.count
        cancelled, good = (self._count(outcome) for outcome in (CANCELLED, OK))
        return CallFigures(
            count=count,
            errors=count - good - cancelled,
            cancelled=cancelled,
            open_streams=self.open,
            p50=self.durations.quantile(0.50),
            p95=self.durations.quantile(0.95),
            p99=self.durations.quantile(0.99),
        )

    def _count(self, outcome: str) -> int:
        durations = self.outcomes.get(outcome)
        return 0 if durations is None else durations.count


class _Group:
    """Calls of one method, collection and outcome that are counted together."""

    __slots__ = ("durations", "kind", "last")

    def __init__(self, kind: Method) -> None:
        self.kind = kind
        self.durations: list[float] = []
        self.last = 0.0


class _Collections:
    """The statistics of calls by collection, bounded. Not thread-safe."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, defaultdict[_Key, Distribution]] = OrderedDict()
        self._changed: set[str] = set()

    def at(self, name: str) -> defaultdict[_Key, Distribution]:
        """The durations of a collection, to be changed."""
        records = self._records
        own = records.get(name)
        if own is None:
            own = records[name] = defaultdict(Distribution)
            if len(records) > MOST_COLLECTIONS:
                self._changed.discard(records.popitem(last=False)[0])
        else:
            records.move_to_end(name)
        self._changed.add(name)
        return own

    def changes(self) -> dict[str, Any]:
        """What has changed since this was called last, whole for each collection."""
        changed, self._changed = self._changed, set()
        return self.dump(changed)

    def dump(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """The statistics of these collections, or of all."""
        return {
            name: [[*key, own.dump()] for key, own in self._records[name].items()]
            for name in (self._records if names is None else names)
        }


class Performance:
    """The middleware that keeps statistics of all calls since it was created. Thread-safe.

    Ended calls are queued and aggregated in batches: to aggregate each on its own, between other
    work, costs several times as much.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._collections = _Collections()
        self._ended: deque[tuple[Method, str, str, float, float]] = deque()
        self._lock = Lock()
        self._others: dict[int, Dumped] = {}

    def before(self, call: CallInfo) -> None:
        """Count an open stream. Open unary calls are not counted, as they end soon."""
        if call.progress is not None:
            with self._lock:
                self._record(call.kind).open += 1

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Count an ended call."""
        self._ended.append((call.kind, call.collection, outcome, seconds, time()))
        if len(self._ended) >= _AT_ONCE:
            with self._lock:
                self._add_up()

    def figures(self, wire: str) -> Mapping[str, CallFigures]:
        """The statistics of all called methods of `wire`, "rest" or "grpc", sorted by name.

        Those of other processes are added.
        """
        return {
            method: record.figures()
            for method, record in sorted(self._summed().items())
            if record.wire == wire
        }

    def durations(self, wire: str) -> ByMethod:
        """The durations of all called methods of `wire`, with those of other processes."""
        return {
            method: record.outcomes
            for method, record in sorted(self._summed().items())
            if record.wire == wire
        }

    def open_streams(self) -> Mapping[str, int]:
        """The number of open streams of each method that has had one, in all processes."""
        records = self._summed().items()
        return {method: record.open for method, record in sorted(records) if record.open}

    def durations_by_collection(self, wire: str, names: Collection[str]) -> Mapping[str, ByMethod]:
        """As `durations`, for each of the collections or aliases `names` that was called.

        The collections that were called last, MOST_COLLECTIONS of each process, are known.
        """
        with self._lock:
            self._add_up()
            dumps = [self._collections.dump()]
        dumps += [other["collections"] for other in self._others.values()]
        summed: dict[str, defaultdict[str, defaultdict[str, Distribution]]] = {}
        for dumped in dumps:
            for name in dumped.keys() & names:
                for own_wire, method, outcome, durations in dumped[name]:
                    if own_wire == wire:
                        own = summed.setdefault(name, defaultdict(_by_outcome))
                        own[method][outcome].merge(durations)
        return dict(sorted(summed.items()))

    def dump_changes(self) -> Dumped:
        """The statistics of this process, as `take` of another process takes them.

        Of the collections those that were called since this was called last.
        """
        with self._lock:
            self._add_up()
            methods = {method: record.dump() for method, record in self._records.items()}
            return {"methods": methods, "collections": self._collections.changes()}

    def take(self, number: int, dumped: Mapping[str, Any]) -> None:
        """Take the changes of the process `number`."""
        known = self._others.pop(number, {"collections": {}})
        collections = {**known["collections"], **dumped["collections"]}
        for name in [*collections][:-MOST_COLLECTIONS]:
            del collections[name]
        self._others[number] = {"methods": dumped["methods"], "collections": collections}

    def forget(self, number: int) -> None:
        """Drop the statistics of a process that has ended."""
        self._others.pop(number, None)

    def _summed(self) -> dict[str, _Record]:
        with self._lock:
            self._add_up()
            records = {method: record.dump() for method, record in self._records.items()}
        summed: dict[str, _Record] = {}
        for methods in (records, *(other["methods"] for other in self._others.values())):
            for method, record in methods.items():
                summed.setdefault(method, _Record(record["wire"])).merge(record)
        return summed

    def _add_up(self) -> None:
        ended = self._ended
        # Most calls of a batch are alike, and those are counted together.
        groups: dict[tuple[str, str, str], _Group] = {}
        for _ in range(len(ended)):
            kind, collection, outcome, seconds, ended_at = ended.popleft()
            key = kind.method, collection, outcome
            group = groups.get(key)
            if group is None:
                group = groups[key] = _Group(kind)
            group.durations.append(seconds)
            group.last = ended_at
        for (method, collection, outcome), group in groups.items():
            kind, durations, last = group.kind, sorted(group.durations), group.last
            record = self._record(kind)
            record.outcomes[outcome].add(durations, last)
            record.durations.add(durations)
            if kind.is_stream:
                record.open -= len(durations)
            if collection:
                self._collections.at(collection)[kind.wire, method, outcome].add(durations, last)

    def _record(self, kind: Method) -> _Record:
        record = self._records.get(kind.method)
        if record is None:
            record = self._records[kind.method] = _Record(kind.wire)
        return record


def _by_outcome() -> defaultdict[str, Distribution]:
    return defaultdict(Distribution)
