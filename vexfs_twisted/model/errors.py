"""The one tree of errors that a request can end in.

Each class has a stable `code`; the wires turn codes into statuses with a table of their own. The
message is the whole text a client sees, in the words Qdrant uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, TypeVar

from attrs import asdict, frozen

from .device import Finding

X = TypeVar("X", bound=BaseException)


class DomainError(Exception):
    """What went wrong, said to the client. Subclasses fix the `code`; raise only those.

    `retry_after` is where trying again may help, in seconds. `details` is what programs may read
    beside the text, made of what JSON has.
    """

    code: ClassVar[str]
    prefix: ClassVar[str] = ""
    retry_after: int | None = None
    details: Mapping[str, Any] | None = None

    def __init__(self, text: str) -> None:
        self.message = f"{self.prefix}{text}"
        super().__init__(self.message)


class BadInput(DomainError):
    """The request is well formed but its values are wrong."""

    code = "bad_input"
    prefix = "Wrong input: "


class BadRequest(DomainError):
    """The request cannot be carried out as it is put."""

    code = "bad_request"
    prefix = "Bad request: "


class MalformedMessage(DomainError):
    """A message of gRPC without a part that it must have; clients know the bare texts."""

    code = "malformed"


class NotFound(DomainError):
    """Something that the request names does not exist."""

    code = "not_found"
    prefix = "Not found: "


class AlreadyExists(DomainError):
    """Something that the request creates exists already."""

    code = "already_exists"
    prefix = "Wrong input: "


class DeviceRejected(DomainError):
    """A VexFS device that is not used because of what was found of it."""

    code = "device_rejected"
    prefix = "Device rejected: "

    def __init__(self, path: str, findings: Sequence[Finding]) -> None:
        reasons = "; ".join(f"{finding.code}: {finding.text}" for finding in findings)
        super().__init__(f"{path} is not used: {reasons}")
        self.details = {"findings": [asdict(finding) for finding in findings]}


class Unauthenticated(DomainError):
    """The caller has not shown that it may call at all."""

    code = "unauthenticated"


class Forbidden(DomainError):
    """The caller may not do this."""

    code = "forbidden"
    prefix = "Forbidden: "


class Standalone(DomainError):
    """A cluster operation on a server that has no cluster."""

    code = "standalone"

    def __init__(self) -> None:
        super().__init__("Qdrant is running in standalone mode")


class NotSupported(DomainError):
    """A part of the interface that this server does not offer. The text names it."""

    code = "not_supported"


class TimedOut(DomainError):
    """The operation took longer than the caller allows."""

    code = "timeout"
    prefix = "Timeout error: "


class Unavailable(DomainError):
    """The server is starting or stopping."""

    code = "unavailable"
    prefix = "Service unavailable: "


class Overloaded(DomainError):
    """The server holds as much for others as it may."""

    code = "overloaded"
    prefix = "Service unavailable: "
    retry_after = 1


class Exhausted(DomainError):
    """A limit of the system on open files or memory maps is reached."""

    code = "exhausted"
    prefix = "Service unavailable: "
    retry_after = 1


class TooMany(DomainError):
    """The server does as much of this at a time as it may."""

    code = "too_many"
    prefix = "Too many requests: "
    retry_after = 1


class RateLimited(DomainError):
    """The caller asks more often than it may."""

    code = "rate_limited"
    prefix = "Rate limiting exceeded: "

    def __init__(self, text: str, retry_after: int) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Interrupted(DomainError):
    """A read that goes on for long was ended by the server; it may be begun again."""

    code = "interrupted"
    prefix = "Interrupted: "


class StorageFull(DomainError):
    """No room is left on the device."""

    code = "storage_full"
    prefix = "Storage is full: "
    retry_after = 60


class InternalError(DomainError):
    """A fault of the server. The text carries an incident id that finds the log line."""

    code = "internal"
    prefix = "Service internal error: "


class FormatError(DomainError):
    """A body that does not deserialize. `text` says what was found and what was expected."""

    code = "format"
    prefix = "Format error in JSON body: "


class QueryFormatError(DomainError):
    """A query string that does not deserialize."""

    code = "query_format"
    prefix = "Deserialize error in query parameters: "


class PayloadTooLarge(DomainError):
    """A body larger than the server takes."""

    code = "payload_too_large"


class MessageTooLarge(DomainError):
    """A message that is, or unpacks to, more than the server takes."""

    code = "message_too_large"


class Place(Enum):
    """The part of a request in which a value was found wanting."""

    BODY = "body"
    QUERY = "query parameters"
    PATH = "path parameters"


@frozen
class Problem:
    """One value that is out of its range: where it stands and what is wrong with it."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class ValidationError(DomainError):
    """Values that deserialized and are out of range. The wires put their own heading before it."""

    code = "validation"

    def __init__(self, problems: Iterable[Problem], place: Place = Place.BODY) -> None:
        self.problems = tuple(problems)
        self.place = place
        super().__init__(f"[{'; '.join(map(str, self.problems))}]")


def unexplained(text: str) -> str:
    """The text of a problem as clients know those that come without a message of their own."""
    return f"Validation error: {text} [{{}}]"


def as_value(error: X) -> X:
    """The error as a value that is kept beside others and told later.

    A DomainError lets go of the frames that it has come through. They lead back to whoever keeps
    it, so that all that these frames have seen, such as a view of a collection with the files it
    maps, would stay until the garbage collector comes.
    """
    if isinstance(error, DomainError):
        error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def unknown_collection(name: str) -> NotFound:
    """The error for a collection, or alias, that does not exist."""
    return NotFound(f"Collection `{name}` doesn't exist!")


def unknown_vector(name: str) -> BadInput:
    """The error for a vector name that the collection does not have."""
    return BadInput(f"Not existing vector name error: {name}")


def empty_vector(place: str = "") -> ValidationError:
    """The error for a dense vector without numbers, which stands in `place` of the request."""
    path = f"{place}.vector" if place else "vector"
    return ValidationError([Problem(path, "dense vector must not be empty")])


def wrong_dimension(expected: int, got: int, name: str = "") -> BadInput:
    """The error for a vector whose length is not that of its collection."""
    where = f" for vector '{name}'" if name else ""
    return BadInput(f"Vector dimension error: expected dim: {expected}, got {got}{where}")


def no_sparse_vectors() -> NotSupported:
    """The error for sparse vectors."""
    return NotSupported("Sparse vectors are not supported yet")


def no_multivectors() -> NotSupported:
    """The error for multivectors."""
    return NotSupported("Multivectors are not supported yet")


def not_finite() -> BadInput:
    """The error for vectors of which a number is NaN or infinite."""
    return BadInput("Vector contains NaN or infinite values")
