"""Callers, what they may do, and what a call needs.

Names of collections are those that a request gives: a caller that may use an alias may use what it
points to, and one that may use a collection may not use its aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import attrs
from attrs import frozen

from .errors import DomainError, Forbidden
from .filters import Filter


class Scope(Enum):
    """What a need is about."""

    CALLER = "caller"
    """Any caller that is known; an answer tells only of what it may see."""
    COLLECTION = "collection"
    SERVER = "server"
    """The server as a whole: callers with access to single collections may not do it."""


@frozen
class Need:
    """What a call needs its caller to be allowed.

    `is_write`: it changes points. `is_extra`: it is about more than points, as indexes and
    snapshots are. `is_managing`: nobody may who has access to single collections only.
    """

    scope: Scope
    is_write: bool = False
    is_extra: bool = False
    is_managing: bool = False


ANYONE_KNOWN = Need(Scope.CALLER)
READ_POINTS = Need(Scope.COLLECTION)
WRITE_POINTS = Need(Scope.COLLECTION, is_write=True)
READ_COLLECTION = Need(Scope.COLLECTION, is_extra=True)
"""Reads more than points, such as snapshots."""
WRITE_COLLECTION = Need(Scope.COLLECTION, is_write=True, is_extra=True)
"""Changes more than points, such as payload indexes."""
MANAGE_COLLECTION = Need(Scope.COLLECTION, is_write=True, is_extra=True, is_managing=True)
READ_SERVER = Need(Scope.SERVER)
MANAGE_SERVER = Need(Scope.SERVER, is_write=True, is_managing=True)


class GlobalMode(Enum):
    """Access to everything, by its name in tokens."""

    READ = "r"
    MANAGE = "m"


class CollectionMode(Enum):
    """Access to one collection, by its name in tokens. POINTS: to change points only."""

    READ = "r"
    WRITE = "rw"
    POINTS = "prw"


@frozen
class Access:
    """What a caller may do: everything in the mode `everywhere`, or else what `collections` says.

    The keys of `collections` are the names that requests use.
    """

    everywhere: GlobalMode | None = None
    collections: Mapping[str, CollectionMode] = attrs.field(factory=dict)

    def check(self, need: Need, collection: str | None = None) -> None:
        """Raise Forbidden unless a call with `need` is allowed, of `collection` if it is about one.

        None for a collection that is not known yet: then only what holds for all is checked.
        """
        if self.everywhere is not None:
            if need.is_write and self.everywhere is GlobalMode.READ:
                raise Forbidden("Global manage access is required")
        elif need.scope is Scope.SERVER:
            raise Forbidden("Global access is required")
        elif need.scope is Scope.COLLECTION and collection is not None:
            self._check_mode(need, collection)

    def sees(self, collection: str) -> bool:
        """Whether a list may have the collection."""
        return self.everywhere is not None or collection in self.collections

    def _check_mode(self, need: Need, collection: str) -> None:
        mode = self.collections.get(collection)
        if mode is None:
            raise Forbidden(f"Access to collection {collection} is required")
        if need.is_write and mode is CollectionMode.READ:
            raise Forbidden(f"Write access to collection {collection} is required")
        if need.is_managing:
            raise Forbidden("Manage access for this operation is required")
        if need.is_extra and mode is CollectionMode.POINTS:
            raise Forbidden(f"Only points access is allowed for collection {collection}")


MANAGE = Access(GlobalMode.MANAGE)
READ = Access(GlobalMode.READ)
NOTHING = Access()


class Means(Enum):
    """How a caller is known."""

    NONE = "none"
    """It need not be known, or it is not."""
    API_KEY = "api_key"
    ALT_API_KEY = "alt_api_key"
    READ_ONLY_API_KEY = "read_only_api_key"
    TOKEN = "token"


@frozen
class ValueExists:
    """A condition of a token: that a point of the collection passes `filter`."""

    collection: str
    filter: Filter


@frozen
class Caller:
    """Who makes a call: its name in the claims of its token or "", by which means, its access.

    `value_exists`: the call is allowed only while this holds. `refusal`: why the caller is not
    known; raised by the middleware unless the method is open to everyone.
    """

    who: str
    means: Means
    access: Access
    value_exists: ValueExists | None = None
    refusal: DomainError | None = attrs.field(default=None, eq=False)

    @property
    def may_all(self) -> bool:
        """Whether nothing needs to be checked."""
        return self.access.everywhere is GlobalMode.MANAGE and self.value_exists is None


ANYONE = Caller("", Means.NONE, MANAGE)
"""The caller of a server without keys."""


def unknown(refusal: DomainError) -> Caller:
    """A caller that is not known, and why."""
    return Caller("", Means.NONE, NOTHING, refusal=refusal)
