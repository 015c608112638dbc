"""The hierarchy of errors of requests.

Each class has a stable `code`, which the REST and gRPC APIs map to statuses by tables of their own.
The message is the complete text for the client, with Qdrant's wording.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, TypeVar

from attrs import asdict, frozen

from .damage import Damage
from .device import Finding

X = TypeVar("X", bound=BaseException)


class DomainError(Exception):
    """An error for the client. Subclasses define the `code`; only they are raised.

    `retry_after`: seconds after which a retry may succeed, if it may. `details` are JSON values for
    programs, beside the text.
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
    """The request cannot be executed in this form."""

    code = "bad_request"
    prefix = "Bad request: "


class MalformedMessage(DomainError):
    """A gRPC message without a required part; its texts have no prefix."""

    code = "malformed"


class NotFound(DomainError):
    """Something that the request refers to does not exist."""

    code = "not_found"
    prefix = "Not found: "


class VectorNotFound(NotFound):
    """A point that the request refers to exists, but has no vector of the name it is asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(f'Vector with name "{name}" for point not found')


class AlreadyExists(DomainError):
    """Something that the request would create exists already."""

    code = "already_exists"
    prefix = "Wrong input: "


class DeviceRejected(DomainError):
    """A VexFS device that is rejected because of the findings of its probe."""

    code = "device_rejected"
    prefix = "Device rejected: "

    def __init__(self, path: str, findings: Sequence[Finding]) -> None:
        reasons = "; ".join(f"{finding.code}: {finding.text}" for finding in findings)
        super().__init__(f"{path} is not used: {reasons}")
        self.details = {"findings": [asdict(finding) for finding in findings]}


class Unauthenticated(DomainError):
    """The caller has not authenticated."""

    code = "unauthenticated"


class TokenRefused(DomainError):
    """The caller's token is one of this server's, but is not valid, or not any more."""

    code = "token_refused"


class Forbidden(DomainError):
    """The caller may not do this."""

    code = "forbidden"
    prefix = "Forbidden: "


class InferenceError(DomainError):
    """Text, or anything else, that the server cannot turn into a vector."""

    code = "inference"
    prefix = "Inference error: "


class Standalone(DomainError):
    """A cluster operation on a server that has no cluster."""

    code = "standalone"

    def __init__(self) -> None:
        super().__init__("Qdrant is running in standalone mode")


class NotSupported(DomainError):
    """A part of the interface that this server does not implement. The text names it."""

    code = "not_supported"


class TimedOut(DomainError):
    """The operation exceeded the timeout of the caller."""

    code = "timeout"
    prefix = "Timeout error: "


class Unavailable(DomainError):
    """The server is starting or stopping."""

    code = "unavailable"
    prefix = "Service unavailable: "


class Starting(Unavailable):
    """The collections are not open yet."""

    retry_after = 1

    def __init__(self) -> None:
        super().__init__("the server is starting")


class Stopping(Unavailable):
    """Nothing new is begun any more."""

    def __init__(self) -> None:
        super().__init__("the server is stopping")


class Overloaded(DomainError):
    """The memory budget of the server is exhausted by other calls."""

    code = "overloaded"
    prefix = "Service unavailable: "
    retry_after = 1


class Exhausted(DomainError):
    """A limit of the system on open files or memory maps is reached."""

    code = "exhausted"
    prefix = "Service unavailable: "
    retry_after = 1


class TooMany(DomainError):
    """A limit on concurrent operations of this kind is reached."""

    code = "too_many"
    prefix = "Too many requests: "
    retry_after = 1


class RateLimited(DomainError):
    """The caller exceeds its rate limit. Without `retry_after`, no retry helps."""

    code = "rate_limited"
    prefix = "Rate limiting exceeded: "

    def __init__(self, text: str, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Interrupted(DomainError):
    """A long read was ended by the server; it may be restarted."""

    code = "interrupted"
    prefix = "Interrupted: "


class StorageFull(DomainError):
    """No space is left on the storage device."""

    code = "storage_full"
    prefix = "Storage is full: "
    retry_after = 60


class InternalError(DomainError):
    """A fault of the server. The text has an incident id, which is also in the log."""

    code = "internal"
    prefix = "Service internal error: "


class DataDamaged(DomainError):
    """Data of a collection that is not what was written, so that the request has no answer."""

    code = "damaged"
    prefix = "Service internal error: "

    def __init__(self, collection: str, directory: str, damage: Damage) -> None:
        super().__init__(f"collection `{collection}` is damaged: {directory}/{damage}")
        self.damage = damage


class FormatError(DomainError):
    """A body that cannot be deserialized. `text` describes what was found and expected."""

    code = "format"
    prefix = "Format error in JSON body: "


class QueryFormatError(DomainError):
    """A query string that cannot be deserialized."""

    code = "query_format"
    prefix = "Deserialize error in query parameters: "


class PayloadTooLarge(DomainError):
    """A body that exceeds the size limit."""

    code = "payload_too_large"


class MessageTooLarge(DomainError):
    """A message that exceeds the size limit, compressed or decompressed."""

    code = "message_too_large"


class Place(Enum):
    """The part of a request that has an invalid value."""

    BODY = "body"
    QUERY = "query parameters"
    PATH = "path parameters"


@frozen
class Problem:
    """One invalid value: its path and a description."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class ValidationError(DomainError):
    """Values that could be deserialized but are out of range. Each API adds its own heading."""

    code = "validation"

    def __init__(self, problems: Iterable[Problem], place: Place = Place.BODY) -> None:
        self.problems = tuple(problems)
        self.place = place
        super().__init__(f"[{'; '.join(map(str, self.problems))}]")


def unexplained(text: str) -> str:
    """The text of a problem, in the form of validators without a message of their own."""
    return f"Validation error: {text} [{{}}]"


def as_value(error: X) -> X:
    """The error as a value that is stored and reported later.

    Removes the traceback of a DomainError. Its frames refer to whatever stores the error: a cycle
    that would keep their locals, such as a snapshot and its maps, until garbage collection.
    """
    if isinstance(error, DomainError):
        error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def unknown_collection(name: str) -> NotFound:
    """The error for a collection, or alias, that does not exist."""
    return NotFound(f"Collection `{name}` doesn't exist!")


def not_openable(name: str, error: Exception) -> Unavailable:
    """The error for a collection that cannot be opened now, although it is not damaged."""
    return Unavailable(f"collection `{name}` cannot be opened: {error}")


def unknown_vector(name: str) -> BadInput:
    """The error for a vector name that the collection does not have."""
    return BadInput(f"Not existing vector name error: {name}")


def empty_vector(place: str = "") -> ValidationError:
    """The error for a dense vector without components, at `place` of the request."""
    path = f"{place}.vector" if place else "vector"
    return ValidationError([Problem(path, "dense vector must not be empty")])


def wrong_dimension(expected: int, got: int, name: str = "") -> BadInput:
    """The error for a vector with another dimension than its collection."""
    where = f" for vector '{name}'" if name else ""
    return BadInput(f"Vector dimension error: expected dim: {expected}, got {got}{where}")


def not_sparse() -> BadInput:
    """The error for a sparse vector where another kind is needed, and the other way round."""
    return BadInput("Conversion between sparse and regular vectors failed")


def not_multi() -> BadInput:
    """The error for a multivector where a dense vector is needed."""
    return BadInput("Conversion between multi and regular vectors failed")


def not_finite() -> BadInput:
    """The error for vectors with a component that is NaN or infinite."""
    return BadInput("Vector contains NaN or infinite values")
