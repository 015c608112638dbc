"""Strict mode: what it allows of reads and updates, and the state of each collection's limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from ...interfaces import IStorage
from ...model.collection_params import StrictModeConfig
from ...model.errors import DomainError, as_value
from ...model.filters import Condition, FieldCondition, Filter, HasId, Nested
from ...model.ids import PointId
from ...model.queries import Count, Retrieve, Selection
from ...model.read_context import ReadContext
from ...model.reads import ReadRequest
from ...model.strict_mode import PayloadSizeRequest, StrictCollection, steps_of
from ...model.updates import OverwritePayload, SetPayload, Update, Upsert
from ...model.vector_kinds import MultiVector
from .costs import multivector_examples, read_cost, write_cost
from .filters import serves
from .rates import TokenBucket
from .reads import check_read
from .updates import AnyUpdate, check_payload_size, check_update, filter_of, payload_bytes

REMEASURED_S = 5.0
"""Seconds after which the size of payloads is read again, if some were written meanwhile."""

_MAX_COLLECTIONS = 10_000
"""Collections whose state is kept; more than a server has open."""


@define
class _PayloadSize:
    """The size of payloads when it was last read, in bytes, and what was written since."""

    measured: int
    at: float
    written: int = 0


@define
class _State:
    """The state of the limits of one collection, which begins anew with another configuration."""

    limits: StrictModeConfig
    reads: TokenBucket | None
    writes: TokenBucket | None
    payloads: _PayloadSize | None = field(default=None)


@frozen
class Charge:
    """The tokens that a read has taken."""

    bucket: TokenBucket
    cost: int

    def give_back(self) -> None:
        """Return them: the read is begun again elsewhere."""
        self.bucket.give_back(self.cost)


class StrictMode:
    """The strict mode of all collections.

    `charge_read` is thread-safe and does not block, the rest runs in the reactor thread. `clock`
    returns seconds, is monotonic and thread-safe.
    """

    def __init__(self, storage: IStorage, clock: Callable[[], float]) -> None:
        self.of = storage.strict_mode
        self._storage = storage
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._lock = Lock()

    def changed(self, name: str) -> None:
        """Begin the rates of the collection `name` anew: its configuration was changed."""
        collection = self.of(name)
        if collection is not None:
            with self._lock:
                self._states.pop(collection.uid, None)

    def charge_read(
        self, request: ReadRequest[Any], collection: StrictCollection, timeout: float | None
    ) -> Charge | Needed | None:
        """Check a read, and take its tokens; None if it takes none.

        `Needed` if what it costs depends on stored points: `charge_by_points` takes them then.
        Raises BadRequest and RateLimited.
        """
        check_read(request, collection, timeout)
        bucket = self._state(collection).reads
        if bucket is None:
            return None
        points = multivector_examples(request, collection)
        return Needed(bucket, points) if points else _charge(bucket, read_cost(request, {}))

    async def admit_read(
        self,
        name: str,
        request: ReadRequest[Any],
        collection: StrictCollection,
        timeout: float | None,
    ) -> None:
        """Check a read of the collection `name`, and take its tokens."""
        charge = self.charge_read(request, collection, timeout)
        if not isinstance(charge, Needed):
            return
        rows: dict[tuple[str, PointId], int] = {}
        for vector, ids in charge.points.items():
            wanted = Retrieve(ids, Selection(vectors=(vector,)))
            records = await self._read(name, wanted)
            rows |= {
                (vector, record.id): len(own.rows)
                for record in records
                if isinstance(own := (record.vectors or {}).get(vector), MultiVector)
            }
        _charge(charge.bucket, read_cost(request, rows))

    async def admit_update(
        self, name: str, update: AnyUpdate, collection: StrictCollection, timeout: float | None
    ) -> None:
        """Check an update of the collection `name`, and take its tokens."""
        check_update(update, collection, timeout)
        await self._take_for_update(name, update, collection)

    async def _take_for_update(
        self, name: str, update: AnyUpdate, collection: StrictCollection
    ) -> None:
        state = self._state(collection)
        if collection.limits.max_collection_payload_size_bytes is not None:
            await self._count_payloads(name, update, collection, state)
        if state.writes is None:
            return
        filter_, matching = filter_of(update), 0
        if filter_ is not None and write_cost(update, 1):
            matching = round(await self._matching(name, filter_, collection))
        state.writes.take(write_cost(update, matching))

    async def charge_updates(
        self, name: str, updates: Sequence[Update], collection: StrictCollection
    ) -> tuple[Sequence[Update], DomainError | None]:
        """Take the tokens of updates that `check_update` has passed, one by one.

        Returns those before the first that is refused, and the error of that one.
        """
        for position, update in enumerate(updates):
            try:
                await self._take_for_update(name, update, collection)
            except DomainError as error:
                return updates[:position], as_value(error)
        return updates, None

    async def _count_payloads(
        self, name: str, update: AnyUpdate, collection: StrictCollection, state: _State
    ) -> None:
        """Count the payloads that an update writes; versions replaced count until the next look."""
        if not isinstance(update, Upsert | SetPayload | OverwritePayload):
            return
        now, known = self._clock(), state.payloads
        if known is None or (known.written and now - known.at >= REMEASURED_S):
            measured = await self._read(name, PayloadSizeRequest())
            known = state.payloads = _PayloadSize(measured, now)
        check_payload_size(known.measured + known.written, collection)
        known.written += payload_bytes(update, collection.points)

    async def _matching(self, name: str, filter_: Filter, collection: StrictCollection) -> float:
        """The points that a filter is expected to select, its conditions taken as independent."""
        if not collection.points:
            return 0.0
        share = 1.0
        for condition in filter_.must:
            share *= await self._share(name, condition, collection)
        for condition in filter_.must_not:
            share *= 1 - await self._share(name, condition, collection)
        some = (*filter_.should, *(filter_.min_should.conditions if filter_.min_should else ()))
        if some:
            none = 1.0
            for condition in some:
                none *= 1 - await self._share(name, condition, collection)
            share *= 1 - none
        return share * collection.points

    async def _share(self, name: str, condition: Condition, collection: StrictCollection) -> float:
        """The share of points that meet a condition: counted by its index, or else half of them."""
        points = collection.points
        if isinstance(condition, Filter):
            return await self._matching(name, condition, collection) / points
        if isinstance(condition, HasId):
            return min(1.0, len(condition.ids) / points)
        if isinstance(condition, Nested) or not isinstance(condition, FieldCondition):
            return 0.5
        schema = collection.fields.get(steps_of(condition.key.steps))
        if not serves(schema, condition.predicate):
            return 0.5
        count: int = await self._read(name, Count(Filter(must=(condition,))))
        return min(1.0, count / points)

    def _read(self, name: str, request: ReadRequest[Any]) -> Deferred[Any]:
        return self._storage.read(name, request, ReadContext())

    def _state(self, collection: StrictCollection) -> _State:
        state = self._states.get(collection.uid)
        if state is not None and state.limits is collection.limits:
            return state
        limits = collection.limits
        with self._lock:
            state = self._states.get(collection.uid)
            if state is None or state.limits != limits:
                state = _State(
                    limits,
                    self._bucket("Read", limits.read_rate_limit),
                    self._bucket("Write", limits.write_rate_limit),
                )
                while len(self._states) >= _MAX_COLLECTIONS:
                    del self._states[next(iter(self._states))]
                self._states[collection.uid] = state
        return state

    def _bucket(self, kind: str, limit: int | None) -> TokenBucket | None:
        return None if limit is None else TokenBucket(kind, limit, self._clock)


@frozen
class Needed:
    """The tokens of a read are known once the multivectors of these points are."""

    bucket: TokenBucket
    points: Mapping[str, Sequence[PointId]]


def _charge(bucket: TokenBucket, cost: int) -> Charge | None:
    if not cost:
        return None
    bucket.take(cost)
    return Charge(bucket, cost)
