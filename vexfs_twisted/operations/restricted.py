"""Operations for callers that may not do everything.

Each method declares what it needs; a test finds one that does not. A collection is that whose name
the caller gives, before aliases are resolved; see `model.access`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from ..interfaces import (
    IDirectOperations,
    IncomingStream,
    ISnapshots,
    IStreamOperations,
    OutgoingStream,
    ReceivedFile,
    WhenIdle,
)
from ..model.access import (
    ANYONE_KNOWN,
    MANAGE_SERVER,
    READ_COLLECTION,
    READ_POINTS,
    READ_SERVER,
    WRITE_COLLECTION,
    WRITE_POINTS,
    Access,
    Need,
    Scope,
)
from ..model.collection import Alias, AliasAction, ClusterInfo, CreateCollection, UpdateCollection
from ..model.commands import VectorNameCommand
from ..model.errors import Forbidden
from ..model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ..model.queries import PointsRequest
from ..model.read_context import ReadContext
from ..model.reads import Answer, ReadRequest
from ..model.snapshots import SnapshotDescription, SnapshotOwner, SnapshotSource
from ..model.streams import Acknowledgement, P
from ..model.updates import Update, UpdateResult, Upsert
from .lookups import has_lookups, looked_up

Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S", bound="_Restricted")

_OF_COLLECTION = VectorNameCommand | CreateFieldIndex | DeleteFieldIndex
"""Updates of more than points."""


class _Restricted:
    """What is restricted to an access."""

    _access: Access

    def _check(self, need: Need, collection: str | None) -> None:
        """Raise Forbidden unless the access is enough."""
        self._access.check(need, collection)


def _needs(
    need: Need,
) -> Callable[[Callable[Concatenate[S, Q], R]], Callable[Concatenate[S, Q], R]]:
    """Declare what a method needs: of the collection that its first argument names, if of one."""

    def declare(method: Callable[Concatenate[S, Q], R]) -> Callable[Concatenate[S, Q], R]:
        @wraps(method)
        def checked(self: S, /, *args: Q.args, **kwargs: Q.kwargs) -> R:
            collection: Any = args[0] if need.scope is Scope.COLLECTION else None
            self._check(need, collection)
            return method(self, *args, **kwargs)

        checked.needs = need  # type: ignore[attr-defined]
        return checked

    return declare


@implementer(IStreamOperations, IDirectOperations)
class RestrictedOperations(_Restricted):
    """The operations that an access permits; see IServerOperations.acting_for.

    Methods raise Forbidden before they return, and nothing has been done then.
    """

    __slots__ = ("_access", "_all")

    def __init__(self, everything: IStreamOperations, access: Access) -> None:
        """`everything` permits all, and provides IDirectOperations if any of its reads does."""
        self._all = everything
        self._access = access

    @property
    def snapshots(self) -> ISnapshots:
        """See IStreamOperations."""
        return RestrictedSnapshots(self._all.snapshots, self._access)

    @_needs(MANAGE_SERVER)
    def create_collection(self, name: str, request: CreateCollection) -> Deferred[bool]:
        """See IOperations."""
        return self._all.create_collection(name, request)

    @_needs(MANAGE_SERVER)
    def update_collection(self, name: str, request: UpdateCollection) -> Deferred[bool]:
        """See IOperations."""
        return self._all.update_collection(name, request)

    @_needs(MANAGE_SERVER)
    def delete_collection(self, name: str) -> Deferred[bool]:
        """See IOperations."""
        return self._all.delete_collection(name)

    @_needs(ANYONE_KNOWN)
    def list_collections(self) -> Deferred[list[str]]:
        """See IOperations. Those that the caller may read."""
        return self._all.list_collections().addCallback(
            lambda names: [name for name in names if self._access.sees(name)]
        )

    @_needs(READ_POINTS)
    def collection_exists(self, name: str) -> Deferred[bool]:
        """See IOperations."""
        return self._all.collection_exists(name)

    @_needs(READ_POINTS)
    def read(
        self, name: str, request: ReadRequest[Answer], timeout: float | None = None
    ) -> Deferred[Answer]:
        """See IOperations."""
        self._check_lookups(request)
        return self._all.read(name, request, timeout)

    @_needs(READ_POINTS)
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
        direct: IDirectOperations | None = IDirectOperations(self._all, None)
        if direct is None:
            return None
        self._check_lookups(request)
        return direct.read_direct(name, request, timeout, limit, answer, when_idle=when_idle)

    @_needs(READ_POINTS)
    def cluster_info(self, name: str) -> Deferred[ClusterInfo]:
        """See IOperations."""
        return self._all.cluster_info(name)

    @_needs(MANAGE_SERVER)
    def update_aliases(self, actions: Sequence[AliasAction]) -> Deferred[bool]:
        """See IOperations."""
        return self._all.update_aliases(actions)

    @_needs(ANYONE_KNOWN)
    def list_aliases(self, collection_name: str | None = None) -> Deferred[list[Alias]]:
        """See IOperations. Those of collections that the caller may read."""
        if collection_name is not None:
            self._check(READ_POINTS, collection_name)
        return self._all.list_aliases(collection_name).addCallback(
            lambda found: [alias for alias in found if self._access.sees(alias.collection_name)]
        )

    @_needs(WRITE_POINTS)
    def update(
        self,
        name: str,
        update: Update | VectorNameCommand,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Deferred[UpdateResult]:
        """See IOperations."""
        self._check_updates(name, [update])
        return self._all.update(name, update, wait=wait, timeout=timeout)

    @_needs(WRITE_POINTS)
    def update_batch(
        self, name: str, updates: Sequence[Update], wait: bool = False, timeout: float | None = None
    ) -> Deferred[list[UpdateResult]]:
        """See IOperations."""
        self._check_updates(name, updates)
        return self._all.update_batch(name, updates, wait=wait, timeout=timeout)

    @_needs(READ_POINTS)
    def stream(
        self, name: str, request: PointsRequest[Any, P], timeout: float | None = None
    ) -> Deferred[OutgoingStream[P]]:
        """See IStreamOperations."""
        self._check_lookups(request)
        return self._all.stream(name, request, timeout)

    @_needs(ANYONE_KNOWN)
    def stream_upsert(
        self, acknowledge: bool = False, timeout: float | None = None
    ) -> Deferred[IncomingStream]:
        """See IStreamOperations. Each message needs WRITE_POINTS in its collection."""
        opened = self._all.stream_upsert(acknowledge, timeout)
        return opened.addCallback(lambda stream: _RestrictedStream(stream, self._access))

    def _check_lookups(self, request: ReadRequest[Any]) -> None:
        if has_lookups(request):
            for name in sorted(looked_up(request)):
                self._check(READ_POINTS, name)

    def _check_updates(self, name: str, updates: Sequence[Update | VectorNameCommand]) -> None:
        if any(isinstance(update, _OF_COLLECTION) for update in updates):
            self._check(WRITE_COLLECTION, name)


class _RestrictedStream:
    """An IncomingStream that takes messages for the collections only that an access permits."""

    def __init__(self, stream: IncomingStream, access: Access) -> None:
        self._stream = stream
        self._access = access

    @property
    def points_written(self) -> int:
        """See IncomingStream."""
        return self._stream.points_written

    def put(self, name: str, update: Upsert) -> Deferred[None]:
        """See IncomingStream. What came before a message that is refused is written."""
        try:
            self._access.check(WRITE_POINTS, name)
        except Forbidden as error:
            refusal = error
            return self._stream.finish().addCallback(lambda _: fail(refusal))
        return self._stream.put(name, update)

    def finish(self) -> Deferred[int]:
        """See IncomingStream."""
        return self._stream.finish()

    def acknowledged(self) -> Deferred[Sequence[Acknowledgement]]:
        """See IncomingStream."""
        return self._stream.acknowledged()

    def close(self) -> None:
        """See IncomingStream."""
        self._stream.close()


@implementer(ISnapshots)
class RestrictedSnapshots(_Restricted):
    """The snapshots that an access permits. Snapshots of everything are about the server."""

    def __init__(self, everything: ISnapshots, access: Access) -> None:
        self._all = everything
        self._access = access

    @_needs(ANYONE_KNOWN)
    def list(self, owner: SnapshotOwner) -> Deferred[list[SnapshotDescription]]:
        """See ISnapshots."""
        self._check_owner(owner, READ_COLLECTION, READ_SERVER)
        return self._all.list(owner)

    @_needs(ANYONE_KNOWN)
    def create(self, owner: SnapshotOwner) -> Deferred[SnapshotDescription]:
        """See ISnapshots."""
        self._check_owner(owner, WRITE_COLLECTION, MANAGE_SERVER)
        return self._all.create(owner)

    @_needs(ANYONE_KNOWN)
    def delete(self, owner: SnapshotOwner, name: str) -> Deferred[None]:
        """See ISnapshots."""
        self._check_owner(owner, WRITE_COLLECTION, MANAGE_SERVER)
        return self._all.delete(owner, name)

    @_needs(ANYONE_KNOWN)
    def open(
        self, owner: SnapshotOwner, name: str
    ) -> Deferred[tuple[BinaryIO, SnapshotDescription]]:
        """See ISnapshots."""
        self._check_owner(owner, READ_COLLECTION, READ_SERVER)
        return self._all.open(owner, name)

    @_needs(ANYONE_KNOWN)
    def read(self, function: Callable[..., R], *args: Any) -> Deferred[R]:
        """See ISnapshots. The caller was allowed to open the file."""
        return self._all.read(function, *args)

    @_needs(ANYONE_KNOWN)
    def stream(self, owner: SnapshotOwner) -> Deferred[BinaryIO]:
        """See ISnapshots."""
        self._check_owner(owner, WRITE_COLLECTION, MANAGE_SERVER)
        return self._all.stream(owner)

    @_needs(MANAGE_SERVER)
    def receive(self) -> ReceivedFile:
        """See ISnapshots."""
        return self._all.receive()

    @_needs(MANAGE_SERVER)
    def restore(self, name: str, source: SnapshotSource) -> Deferred[None]:
        """See ISnapshots."""
        return self._all.restore(name, source)

    @_needs(MANAGE_SERVER)
    def restore_file(self, name: str, file: ReceivedFile, checksum: str | None) -> Deferred[None]:
        """See ISnapshots."""
        return self._all.restore_file(name, file, checksum)

    def _check_owner(self, owner: SnapshotOwner, of_collection: Need, of_server: Need) -> None:
        if owner.collection is None:
            self._check(of_server, None)
        else:
            self._check(of_collection, owner.collection)
