"""Middleware around every call, for REST and gRPC alike.

A middleware is called before a call begins, where it may refuse it, and after the call has ended.
The middleware of a chain is ordered. REST and gRPC send calls and streams through the same chain.

Thread affinity: gRPC calls pass in the threads of their server and in the reactor's, REST calls in
the reactor's. The state of a middleware is guarded by a lock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from secrets import token_hex
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Protocol, runtime_checkable

from attrs import define, frozen

from .model.access import ANYONE, Caller, Need
from .model.errors import DomainError
from .model.system_limits import exhausted
from .model.trace import Trace

REQUEST_ID = "x-request-id"
"""The header, or metadata key, that carries the id of a call in requests and responses."""

RELAYED_PEER = "vexfs-relayed-peer"
"""The header, or metadata key, of a call that another process of the server passes on: the peer.

It is read on a Unix socket only, which programs of other users cannot reach.
"""

OK = "ok"
CANCELLED = "cancelled"
INTERNAL = "internal"

_MAX_ID_LENGTH = 128

_PROCESS = token_hex(4)

next_number = count(1).__next__
"""Returns the number of the next call. Thread-safe."""


@frozen
class Method:
    """A method of REST or gRPC.

    `method` is a gRPC method's full name, or an HTTP method and the template of its path. Their
    number does not grow with the collections, and REST and gRPC share none. `is_open`: needs no API
    key. `is_local`: where the server has no key, only clients on its own machine may call.
    `needs`: what the caller must be allowed; without it, all that there is.
    """

    wire: str
    method: str
    is_stream: bool = False
    is_open: bool = False
    is_local: bool = False
    needs: Need | None = None


@define
class StreamProgress:
    """Counters of a stream: messages and points so far."""

    messages: int = 0
    points: int = 0

    def add(self, points: int) -> None:
        """Count a message with `points` points."""
        self.messages += 1
        self.points += points


class CallInfo(NamedTuple):
    """One call or stream, as middleware sees it.

    `given_id` is the id that the client gave, if it is safe to send back; otherwise the id is made
    from `number`. `peer` is the client's address without its port. `header` looks up a header, or
    metadata, by its lower-case name; repeated values are joined with commas. `target` is the
    requested path, where `method` has only its template. `progress` is set for streams only.
    `caller` is who makes the call. `collection` is the name or alias of the collection that a unary
    call asks for, as it was given; empty if there is none, and over gRPC before the message is
    there.
    """

    kind: Method
    given_id: str | None
    number: int
    peer: str
    header: Callable[[str], str | None]
    target: str = ""
    progress: StreamProgress | None = None
    caller: Caller = ANYONE
    collection: str = ""

    @property
    def request_id(self) -> str:
        """The id of the call in the log and in the response."""
        return self.given_id or f"{_PROCESS}-{self.number:x}"


Header = Callable[[str], str | None]
"""Looks up a header by its lower-case name; see CallInfo."""


class Middleware(Protocol):
    """Code that runs before and after every call."""

    def before(self, call: CallInfo) -> None:
        """Called before a call begins. Raise a DomainError to refuse it."""

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Called when a call that `before` accepted has ended, also if a later one refused it.

        `outcome` is OK, CANCELLED, or the code of the domain error in the response.
        """


@runtime_checkable
class Identifier(Middleware, Protocol):
    """The middleware that knows callers."""

    def identify(self, header: Header) -> Caller:
        """Who makes a call, by its headers. A caller that is not known has a `refusal`."""


@runtime_checkable
class Traces(Middleware, Protocol):
    """The middleware that traces calls."""

    def trace_of(self, call: CallInfo) -> Trace | None:
        """The trace of a call that has begun and not ended."""


class MiddlewareChain:
    """An ordered chain of middleware, the first being the outermost. Thread-safe.

    `identify` says who makes a call, before the first of them is called. Without an Identifier
    among them, anyone may do everything. `traces` is None if calls are not traced.
    """

    def __init__(self, interceptors: Iterable[Middleware] = ()) -> None:
        self.interceptors = tuple(interceptors)
        identifiers = [own for own in self.interceptors if isinstance(own, Identifier)]
        self.identify = identifiers[0].identify if identifiers else _anyone
        traces = [own for own in self.interceptors if isinstance(own, Traces)]
        self.traces = traces[0] if traces else None
        self._inwards = tuple(interceptor.before for interceptor in self.interceptors)
        self._outwards = tuple(interceptor.after for interceptor in reversed(self.interceptors))

    def begin(self, call: CallInfo) -> None:
        """Run `before` of all; if one refuses, end the call for those before it, and raise."""
        passed = 0
        try:
            for before in self._inwards:
                before(call)
                passed += 1
        except Exception as error:
            self._tell(passed, call, outcome_of(error), 0.0)
            raise

    def end(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Run `after` of all middleware for a call that was accepted."""
        for after in self._outwards:
            after(call, outcome, seconds)

    def _tell(self, passed: int, call: CallInfo, outcome: str, seconds: float) -> None:
        for after in self._outwards[len(self._outwards) - passed :]:
            after(call, outcome, seconds)


class CallContext:
    """A context manager that runs and times one call in a chain.

    Entering it raises the error of the middleware that refuses the call.
    """

    __slots__ = ("_chain", "_started", "call")

    def __init__(self, chain: MiddlewareChain, call: CallInfo) -> None:
        self.call = call
        self._chain = chain
        self._started = perf_counter()

    def begin(self) -> None:
        """Begin the call. Raises the error of the middleware that refuses it."""
        self._chain.begin(self.call)

    def end(self, outcome: str) -> None:
        """End a call that was accepted."""
        self._chain.end(self.call, outcome, perf_counter() - self._started)

    def __enter__(self) -> None:
        self.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(OK if error is None else self.outcome_of(error))

    @property
    def trace(self) -> Trace | None:
        """The trace of the call, which has begun; None if calls are not traced."""
        traces = self._chain.traces
        return None if traces is None else traces.trace_of(self.call)

    def count(self, points: int) -> None:
        """Count a message of a stream."""
        if self.call.progress is not None:
            self.call.progress.add(points)

    def outcome_of(self, error: BaseException) -> str:
        """The outcome of a call that raised `error`; REST and gRPC know of more errors."""
        return outcome_of(error)


def _anyone(header: Header) -> Caller:
    return ANYONE


def outcome_of(error: BaseException) -> str:
    """The outcome of a call that raised `error`."""
    if isinstance(error, DomainError):
        return error.code
    found = exhausted(error)
    return INTERNAL if found is None else found.code


def id_from(given: str | None) -> str | None:
    """The id that a client gave a call; None unless it is safe to send back."""
    if given and len(given) <= _MAX_ID_LENGTH and given.isascii() and given.isprintable():
        return given
    return None
