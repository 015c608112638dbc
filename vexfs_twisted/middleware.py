"""What every call passes before it is carried out, whichever wire it came by.

An middleware is told of a call before it begins and after it has ended; before, it may refuse it.
A chain of them has an order, and both wires take their calls and streams through the same chain.

Thread affinity: gRPC calls pass in the event loop's thread, REST calls in the reactor's. What an
middleware keeps is guarded by a lock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from secrets import token_hex
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Protocol

from attrs import define, frozen

from .model.errors import DomainError
from .model.system_limits import exhausted

REQUEST_ID = "x-request-id"
"""The header, or key of metadata, in which the id of a call comes and goes back."""

OK = "ok"
CANCELLED = "cancelled"
INTERNAL = "internal"

_MAX_ID_LENGTH = 128

_PROCESS = token_hex(4)

next_number = count(1).__next__
"""The number of the next call. From any thread."""


@frozen
class Method:
    """What calls of one method have in common.

    `method` is a gRPC method's full name, or an HTTP method and the template of its path: there are
    few, however many collections there are, and no two wires share one. `is_open`: no key is asked
    for. `is_local`: where the server has no key, only programs on its own machine may call.
    """

    wire: str
    method: str
    is_stream: bool = False
    is_open: bool = False
    is_local: bool = False


@define
class StreamProgress:
    """What has gone through a stream so far."""

    messages: int = 0
    points: int = 0

    def add(self, points: int) -> None:
        """Count a message."""
        self.messages += 1
        self.points += points


class CallInfo(NamedTuple):
    """One call or stream, as middleware see it.

    `given_id` is the id that the client gave, if it is fit to be sent back, and `number` makes one
    otherwise. `peer` is the client's address without its port. `header` looks a header, or
    metadata, up by its name in lower case; what comes more than once is one value, with commas
    between. `target` is the path that was asked for, where `method` is only its template.
    `progress` is there for streams.
    """

    kind: Method
    given_id: str | None
    number: int
    peer: str
    header: Callable[[str], str | None]
    target: str = ""
    progress: StreamProgress | None = None

    @property
    def request_id(self) -> str:
        """The id under which the call is logged and answered."""
        return self.given_id or f"{_PROCESS}-{self.number:x}"


class Middleware(Protocol):
    """One thing that is done about every call."""

    def before(self, call: CallInfo) -> None:
        """A call is about to begin. Raising a DomainError refuses it."""

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """A call that was let through has ended, perhaps refused by a later middleware.

        `outcome` is OK, CANCELLED, or the code of the domain error that was answered.
        """


class MiddlewareChain:
    """Interceptors in their order, the first being the outermost. Usable from any thread."""

    def __init__(self, interceptors: Iterable[Middleware] = ()) -> None:
        self.interceptors = tuple(interceptors)
        self._inwards = tuple(interceptor.before for interceptor in self.interceptors)
        self._outwards = tuple(interceptor.after for interceptor in reversed(self.interceptors))

    def begin(self, call: CallInfo) -> None:
        """Let a call through, or raise what refuses it. Then its end has been told already."""
        passed = 0
        try:
            for before in self._inwards:
                before(call)
                passed += 1
        except Exception as error:
            self._tell(passed, call, outcome_of(error), 0.0)
            raise

    def end(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """A call that was let through has ended."""
        for after in self._outwards:
            after(call, outcome, seconds)

    def _tell(self, passed: int, call: CallInfo, outcome: str, seconds: float) -> None:
        for after in self._outwards[len(self._outwards) - passed :]:
            after(call, outcome, seconds)


class CallContext:
    """A context manager: one call on its way through a chain, timed.

    Entering it raises what refuses the call.
    """

    __slots__ = ("_chain", "_started", "call")

    def __init__(self, chain: MiddlewareChain, call: CallInfo) -> None:
        self.call = call
        self._chain = chain
        self._started = perf_counter()

    def __enter__(self) -> None:
        self._chain.begin(self.call)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        outcome = OK if error is None else self.outcome_of(error)
        self._chain.end(self.call, outcome, perf_counter() - self._started)

    def count(self, points: int) -> None:
        """Count a message of a stream."""
        if self.call.progress is not None:
            self.call.progress.add(points)

    def outcome_of(self, error: BaseException) -> str:
        """How the call ends that has raised `error`; wires know of more errors than this."""
        return outcome_of(error)


def outcome_of(error: BaseException) -> str:
    """How a call ends that has raised `error`."""
    if isinstance(error, DomainError):
        return error.code
    found = exhausted(error)
    return INTERNAL if found is None else found.code


def id_from(given: str | None) -> str | None:
    """The id that a client gave a call, where it is fit to be sent back."""
    if given and len(given) <= _MAX_ID_LENGTH and given.isascii() and given.isprintable():
        return given
    return None
