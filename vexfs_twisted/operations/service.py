"""The implementation of the operations: resolves names, validates requests, applies timeouts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar, cast
from zlib import crc32

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..interfaces import (
    IDirectOperations,
    IDirectReads,
    IncomingStream,
    IServerOperations,
    ISnapshots,
    IStorage,
    IStreamOperations,
    OutgoingStream,
    WhenIdle,
)
from ..model.access import Caller
from ..model.collection import (
    Alias,
    AliasAction,
    ClusterInfo,
    CreateAlias,
    CreateCollection,
    RenameAlias,
    UpdateCollection,
)
from ..model.commands import CommandBatch, Outcome, VectorNameCommand
from ..model.errors import (
    DomainError,
    NotFound,
    NotSupported,
    TimedOut,
    TokenRefused,
    Unauthenticated,
    as_value,
)
from ..model.groups import GroupQuery
from ..model.names import check_collection_name, check_new_alias, check_new_collection_name
from ..model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ..model.queries import Count, Point, PointsRequest, Record, Retrieve, Scroll
from ..model.read_context import ReadContext
from ..model.reads import Answer, ReadRequest
from ..model.scored_points import AnswerTooLarge
from ..model.strict_mode import StrictCollection
from ..model.updates import Update, UpdateResult, UpdateStatus, check_not_empty
from ..reservations import CURRENT
from ..streaming.incoming import WaitsFor
from ..streaming.service import Streams
from .deadlines import with_deadline
from .lookups import Lookups, has_lookups
from .quotas import Quotas
from .reservations import within_reservation
from .restores import QuotaSnapshots
from .restricted import RestrictedOperations
from .strict_mode.service import Charge, Needed, StrictMode
from .strict_mode.updates import check_update

P = ParamSpec("P")
T = TypeVar("T")

_PEER_ID = crc32(b"vexfs-qdrant")
_SHARDS = 1
_CONDITION_FAILED = "Invalid JWT, stateful validation failed"
_LEAST_S = 0.001
"""Seconds that a timeout has at least: one of 0 is none."""

_LATE = UpdateResult(None, UpdateStatus.WAIT_TIMEOUT)


def _deferred(method: Callable[P, Awaitable[T]]) -> Callable[P, Deferred[T]]:
    """Make an `async def` method return a Deferred, as the interface requires."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        coroutine: Any = method(*args, **kwargs)
        return Deferred.fromCoroutine(coroutine)

    return call


@implementer(IServerOperations, IDirectOperations)
class Operations:
    """See IStreamOperations. Methods are called in the reactor thread, except `read_direct`."""

    def __init__(
        self,
        storage: IStorage,
        clock: IReactorTime,
        streams: Streams | None = None,
        read_seconds: float | None = None,
        snapshots: ISnapshots | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        """`read_seconds`: the default timeout of reads, and that of each read of a stream."""
        self._quotas = Quotas() if quotas is None else quotas
        self._snapshots = None if snapshots is None else QuotaSnapshots(snapshots, self._quotas)
        self._storage = storage
        self._direct: IDirectReads | None = IDirectReads(storage, None)
        self._read_seconds = read_seconds
        self._clock = clock
        self._streams = streams or Streams(clock)
        self._strict_mode = StrictMode(storage, monotonic)

    @property
    def snapshots(self) -> ISnapshots:
        """See IStreamOperations."""
        if self._snapshots is None:
            raise NotSupported("Taking or restoring a snapshot is not supported here")
        return self._snapshots

    def acting_for(self, caller: Caller) -> IStreamOperations:
        """See IServerOperations."""
        return RestrictedOperations(self, caller.access)

    @_deferred
    async def verify_caller(self, caller: Caller) -> None:
        """See IServerOperations."""
        condition = caller.value_exists
        if condition is None:
            return
        wanted = Scroll(limit=1, filter=condition.filter)
        context = ReadContext(self._read_seconds)
        try:
            real = self._resolve(condition.collection)
            await self._until_open(real)
            page = await self._storage.read(real, wanted, context)
        except NotFound:
            raise TokenRefused(_CONDITION_FAILED) from None
        if not page.records:
            raise Unauthenticated(_CONDITION_FAILED)

    @_deferred
    async def create_collection(self, name: str, request: CreateCollection) -> bool:
        """See IOperations."""
        check_new_collection_name(name)
        self._quotas.admit_growth()
        await self._storage.create_collection(name, request)
        return True

    @_deferred
    async def update_collection(self, name: str, request: UpdateCollection) -> bool:
        """See IOperations."""
        real = self._resolve(name)
        await self._until_open(real)
        await self._storage.update_collection(real, request)
        self._strict_mode.changed(real)
        return True

    @_deferred
    async def delete_collection(self, name: str) -> bool:
        """See IOperations."""
        check_collection_name(name)
        return await self._storage.delete_collection(name)

    @_deferred
    async def list_collections(self) -> list[str]:
        """See IOperations."""
        return self._storage.collection_names()

    @_deferred
    async def collection_exists(self, name: str) -> bool:
        """See IOperations."""
        try:
            self._resolve(name)
        except NotFound:
            return False
        return True

    def read(
        self, name: str, request: ReadRequest[Answer], timeout: float | None = None
    ) -> Deferred[Answer]:
        """See IOperations."""
        seconds = self._read_seconds if timeout is None else timeout
        read = self._read_with_lookups if has_lookups(request) else self._read
        reading = maybeDeferred(read, name, request, ReadContext(seconds), timeout)
        return with_deadline(reading, seconds, self._clock)

    def read_direct(
        self,
        name: str,
        request: ReadRequest[Answer],
        timeout: float | None,
        limit: int,
        answer: Callable[[Answer | Exception], object],
        *,
        when_idle: WhenIdle,
    ) -> ReadContext | None:
        """See IDirectOperations."""
        if self._direct is None or has_lookups(request):
            return None
        real = self._resolve(name)
        request.check()
        strict = self._strict_mode.of(real)
        charge: Charge | None = None
        if strict is not None:
            found = self._strict_mode.charge_read(request, strict, timeout)
            if isinstance(found, Needed):
                return None
            charge, answer = found, _given_back(found, answer)
        context = ReadContext(self._read_seconds if timeout is None else timeout)
        context.size = limit
        is_begun = self._direct.read_direct(real, request, context, answer, when_idle=when_idle)
        if charge is not None and not is_begun:
            charge.give_back()
        return context if is_begun else None

    @_deferred
    async def cluster_info(self, name: str) -> ClusterInfo:
        """See IOperations."""
        points = await self.read(name, Count())
        return ClusterInfo(peer_id=_PEER_ID, shard_count=_SHARDS, points_count=points)

    @_deferred
    async def update_aliases(self, actions: Sequence[AliasAction]) -> bool:
        """See IOperations."""
        for position, action in enumerate(actions):
            place = f"actions[{position}]"
            if isinstance(action, CreateAlias):
                check_new_alias(action.alias_name, f"{place}.create_alias.alias_name")
            elif isinstance(action, RenameAlias):
                check_new_alias(action.new_alias_name, f"{place}.rename_alias.new_alias_name")
        await self._storage.update_aliases(actions)
        return True

    @_deferred
    async def list_aliases(self, collection_name: str | None = None) -> list[Alias]:
        """See IOperations."""
        aliases = self._storage.aliases()
        if collection_name is None:
            return list(aliases)
        check_collection_name(collection_name)
        return [alias for alias in aliases if alias.collection_name == collection_name]

    @_deferred
    async def update(
        self,
        name: str,
        update: Update | VectorNameCommand,
        wait: bool = False,
        timeout: float | None = None,
    ) -> UpdateResult:
        """See IOperations."""
        if not isinstance(update, VectorNameCommand):
            check_not_empty(update)
        real = self._resolve(name)
        timeout = await self._until_open(real, timeout)
        self._quotas.admit(update)
        strict = self._strict_mode.of(real)
        if strict is not None:
            await self._strict_mode.admit_update(real, update, strict, timeout)
        turn = self._storage.turn(real, [update])
        if turn is not None:
            timeout = await self._taken(turn, timeout)
        written = self._storage.update(real, update)
        try:
            operation_id = await with_deadline(written, _limit(wait, timeout), self._clock)
        except TimedOut:
            return _LATE
        if timeout == 0 and isinstance(update, CreateFieldIndex | DeleteFieldIndex):
            return UpdateResult(operation_id, UpdateStatus.WAIT_TIMEOUT)
        return _done(operation_id, wait)

    @_deferred
    async def update_batch(
        self, name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> list[UpdateResult]:
        """See IOperations."""
        real = self._resolve(name)
        timeout = await self._until_open(real, timeout)
        for update in updates:
            self._quotas.admit(update)
        strict = self._strict_mode.of(real)
        if strict is not None:
            # Before any of them is carried out, unlike what their rates and sizes forbid.
            for update in updates:
                check_update(update, strict, timeout)
        sound, problem = await self._charged(
            real, strict, *_before_refused(updates, check_not_empty)
        )
        turn = self._storage.turn(real, sound)
        if turn is not None:
            timeout = await self._taken(turn, timeout)
        written = self._storage.update_batch(real, sound)
        try:
            operations = await with_deadline(written, _limit(wait, timeout), self._clock)
            results = [_done(operation_id, wait) for operation_id in operations]
        except TimedOut:
            results = [_LATE] * len(updates)
        if problem is not None:
            raise problem
        return results

    @_deferred
    async def stream(
        self, name: str, request: PointsRequest[Any, Point], timeout: float | None = None
    ) -> OutgoingStream[Point]:
        """See IStreamOperations."""
        real = self._resolve(name)
        await self._until_open(real)
        strict = self._strict_mode.of(real)
        if strict is not None:
            await self._strict_mode.admit_read(real, request, strict, timeout)
        if has_lookups(request):
            lookups = self._lookups(real, self._read_seconds if timeout is None else timeout)
            request = cast("PointsRequest[Any, Point]", await lookups.replace(request))
        request.check()
        own = ReadContext(timeout, self._read_seconds)
        return await self._streams.outgoing(
            lambda: self._storage.open_cursor(real, request, own), timeout, own
        )

    @_deferred
    async def stream_upsert(
        self, acknowledge: bool = False, timeout: float | None = None
    ) -> IncomingStream:
        """See IStreamOperations."""
        return self._streams.incoming(self._write_each, acknowledge, timeout)

    async def _until_open(self, real: str, timeout: float | None = None) -> float | None:
        """Wait until a collection is open, as `_taken` waits for a turn."""
        opening = self._storage.opening(real)
        return timeout if opening is None else await self._taken(opening, timeout)

    async def _taken(self, turn: Deferred[None], timeout: float | None) -> float | None:
        """Wait for the turn of an update; returns what is left of its timeout.

        Raises TimedOut. Nothing is done then, nor for a client that leaves meanwhile.
        """
        reservation = CURRENT.get()
        if reservation is not None:
            reservation.when_released(turn.cancel)
        begun = self._clock.seconds()
        await with_deadline(turn, timeout or None, self._clock)
        if not timeout:
            return timeout
        return max(timeout - (self._clock.seconds() - begun), _LEAST_S)

    @_deferred
    async def _write_each(
        self, name: str, updates: Sequence[Update], waits_for: WaitsFor
    ) -> list[Outcome]:
        """Apply updates of a stream in order, the first at least; the outcomes up to an error."""
        real = self._resolve(name)
        await self._until_open(real)
        if self._storage.prevents_unoptimized(real):
            # All together would be many points past the threshold.
            updates = updates[:1]
        strict = self._strict_mode.of(real)

        def check(update: Update) -> None:
            check_not_empty(update)
            self._quotas.admit(update)
            if strict is not None:
                check_update(update, strict, None)

        sound, problem = _before_refused(updates, check)
        sound, problem = await self._charged(real, strict, sound, problem)
        # The stream counts their memory.
        turn = self._storage.turn(real, sound, takes_memory=False)
        if turn is not None:
            waits_for(turn)
            await turn
        outcomes = await self._storage.apply(real, CommandBatch(sound))
        is_done = len(outcomes) == len(sound) and not any(
            isinstance(outcome, Exception) for outcome in outcomes
        )
        return [*outcomes, problem] if problem is not None and is_done else outcomes

    async def _charged(
        self,
        real: str,
        strict: StrictCollection | None,
        updates: Sequence[Update],
        problem: DomainError | None,
    ) -> tuple[Sequence[Update], DomainError | None]:
        """The updates before the first whose tokens are refused, and the error of that one.

        `problem` is the error of what follows `updates`.
        """
        if strict is None:
            return updates, problem
        updates, refusal = await self._strict_mode.charge_updates(real, updates, strict)
        return updates, refusal or problem

    def _read(
        self,
        name: str,
        request: ReadRequest[Answer],
        context: ReadContext,
        timeout: float | None,
    ) -> Deferred[Answer]:
        real = self._resolve(name)
        opening = self._storage.opening(real)
        if opening is not None:
            return opening.addCallback(lambda _: self._read(name, request, context, timeout))
        request.check()
        strict = self._strict_mode.of(real)
        if strict is not None:
            return self._read_strictly(real, request, context, strict, timeout)
        return self._read_in(real, request, context)

    @_deferred
    async def _read_strictly(
        self,
        real: str,
        request: ReadRequest[Answer],
        context: ReadContext,
        strict: StrictCollection,
        timeout: float | None,
    ) -> Answer:
        await self._strict_mode.admit_read(real, request, strict, timeout)
        return await self._read_in(real, request, context)

    @_deferred
    async def _read_with_lookups(
        self,
        name: str,
        request: ReadRequest[Answer],
        context: ReadContext,
        timeout: float | None,
    ) -> Answer:
        real = self._resolve(name)
        await self._until_open(real)
        strict = self._strict_mode.of(real)
        if strict is not None:
            await self._strict_mode.admit_read(real, request, strict, timeout)
        lookups = self._lookups(real, context.seconds)
        local = await lookups.replace(request)
        local.check()
        answer: Any = await self._read_in(real, local, context)
        if isinstance(request, GroupQuery) and request.lookup is not None:
            answer = await lookups.add_records(answer, request.lookup)
        return cast("Answer", answer)

    def _lookups(self, real: str, seconds: float | None) -> Lookups:
        """The lookups of a read of the collection `real` with a timeout of `seconds`."""

        @_deferred
        async def fetch(name: str, request: Retrieve) -> list[Record]:
            await self._until_open(name)
            return await self._read_in(name, request, ReadContext(seconds))

        return Lookups(real, self._storage.resolve, fetch)

    def _read_in(
        self, real: str, request: ReadRequest[Answer], context: ReadContext
    ) -> Deferred[Answer]:
        return within_reservation(
            lambda own: self._storage.read(real, request, own), context, request.size_of
        )

    def _resolve(self, name: str) -> str:
        check_collection_name(name)
        return self._storage.resolve(name)


def _given_back(
    charge: Charge | None, answer: Callable[[Answer | Exception], object]
) -> Callable[[Answer | Exception], object]:
    """`answer`, which returns the tokens of a read that has to be begun again."""
    if charge is None:
        return answer

    def give(result: Answer | Exception) -> object:
        if isinstance(result, AnswerTooLarge):
            charge.give_back()
        return answer(result)

    return give


def _before_refused(
    updates: Sequence[Update], check: Callable[[Update], object]
) -> tuple[Sequence[Update], DomainError | None]:
    """The updates before the first one that a check refuses, and the error of that one."""
    for position, update in enumerate(updates):
        try:
            check(update)
        except DomainError as error:
            return updates[:position], as_value(error)
    return updates, None


def _limit(wait: bool, timeout: float | None) -> float | None:
    """The timeout of an update, in seconds; None for no timeout.

    A timeout of 0 would expire before anything was done. Nevertheless the commit is awaited, as it
    is without `wait`, so that a client gets the error of a refused update.
    """
    return timeout or None if wait else None


def _done(operation_id: int, wait: bool) -> UpdateResult:
    status = UpdateStatus.COMPLETED if wait else UpdateStatus.ACKNOWLEDGED
    return UpdateResult(operation_id, status)
