"""Decoding of filters from protobuf.

The depth needs no limit here: protobuf refuses messages nested deeper than a hundred levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen
from google.protobuf.message import Message

from ...gil import yielding
from ...model.errors import BadInput, DomainError, MalformedMessage, Problem, ValidationError
from ...model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    HasVector,
    HoldsNull,
    IsEmpty,
    IsNull,
    MinShould,
    Nested,
    Slice,
    no_field_condition,
    no_min_count,
)
from ...model.payload_path import PayloadPath
from ...model.validation import ValueRange
from ..generated import qdrant_common_pb2 as common
from .ids import read_ids
from .predicates import PREDICATES

M = TypeVar("M", bound=Message)
C = TypeVar("C")

_AT_LEAST_ONE = ValueRange(1)


@frozen
class _Scope:
    """The position of a part of a filter: its path, and whether it is in `nested`.

    Where the path is empty, as only errors need it, those of the members are too: see `_read`.
    """

    path: str
    is_nested: bool = False

    def at(self, name: str) -> _Scope:
        """The scope of a member."""
        return _Scope(f"{self.path}.{name}", self.is_nested) if self.path else self

    def at_each(self, name: str, index: int) -> _Scope:
        """The scope of an element of a repeated member."""
        if not self.path:
            return self
        return _Scope(f"{self.path}.{name}[{index}]", self.is_nested)


_ANYWHERE = _Scope("")


def read_filter(message: common.Filter, path: str = "filter") -> Filter:
    """Decode a filter. `path` is its path in the request, for validation errors.

    Raises a DomainError if it is malformed or not supported.
    """
    return _read(_read_filter, message, path)


def read_condition(message: common.Condition, path: str) -> Condition:
    """Decode a condition outside of a filter; `path` and errors: see read_filter."""
    return _read(_read_condition, message, path)


def read_optional_filter(
    message: Message, path: str = "filter", name: str = "filter"
) -> Filter | None:
    """The filter in the field `name` of a request, or None; `path` and errors: see read_filter."""
    return read_filter(getattr(message, name), path) if message.HasField(name) else None


def _read(read: Callable[[M, _Scope], C], message: M, path: str) -> C:
    """Decode; a second time with the path of each part if there is an error to be located.

    To make the paths took a third of the time of a filter with many conditions.
    """
    try:
        return read(message, _ANYWHERE)
    except DomainError:
        return read(message, _Scope(path))


def _read_filter(message: common.Filter, scope: _Scope) -> Filter:
    min_should = None
    if message.HasField("min_should"):
        min_should = _read_min_should(message.min_should, scope.at("min_should"))
    return Filter(
        must=_read_all(message.must, "must", scope),
        should=_read_all(message.should, "should", scope),
        must_not=_read_all(message.must_not, "must_not", scope),
        min_should=min_should,
    )


def _read_min_should(message: common.MinShould, scope: _Scope) -> MinShould:
    if not message.min_count:
        raise no_min_count(scope.path)
    return MinShould(_read_all(message.conditions, "conditions", scope), message.min_count)


def _check_at_least_one(number: int, path: str) -> None:
    complaint = _AT_LEAST_ONE.complaint(number)
    if complaint is not None:
        raise ValidationError([Problem(path, complaint)])


def _read_all(
    messages: Sequence[common.Condition], clause: str, scope: _Scope
) -> tuple[Condition, ...]:
    return tuple(
        [
            _read_condition(message, scope.at_each(clause, index))
            for index, message in enumerate(yielding(messages))
        ]
    )


def _read_condition(message: common.Condition, scope: _Scope) -> Condition:
    kind = message.WhichOneof("condition_one_of")
    if kind is None:
        raise MalformedMessage("Malformed Condition type")
    return CONDITIONS[kind](getattr(message, kind), scope)


def _read_field(message: common.FieldCondition, scope: _Scope) -> Condition:
    key = read_path(message.key)
    found: list[Condition] = []
    for descriptor, value in message.ListFields():
        name = descriptor.name
        read = PREDICATES.get(name)
        if read is not None:
            found.append(FieldCondition(key, read(value, f"{scope.path}.{name}")))
        elif name in _ABSENCES:
            condition = FieldCondition(key, _ABSENCES[name])
            found.append(condition if value else Filter(must_not=(condition,)))
    if not found:
        raise no_field_condition(scope.path)
    # A condition with several predicates matches if any of them does.
    return found[0] if len(found) == 1 else Filter(should=tuple(found))


def _read_has_id(message: common.HasIdCondition, scope: _Scope) -> HasId:
    if scope.is_nested:
        raise BadInput("`has_id` is not allowed inside of `nested`: its points have no ids there")
    return HasId(frozenset(read_ids(message.has_id)))


def _read_has_vector(message: common.HasVectorCondition, _: _Scope) -> HasVector:
    return HasVector(message.has_vector)


def _read_absence(predicate: IsEmpty | IsNull) -> Callable[[Any, _Scope], FieldCondition]:
    return lambda message, _: FieldCondition(read_path(message.key), predicate)


def _read_nested(message: common.NestedCondition, scope: _Scope) -> Nested:
    if not message.HasField("filter"):
        raise MalformedMessage("Malformed NestedCondition: no filter")
    inner = evolve(scope.at("nested.filter"), is_nested=True)
    return Nested(read_path(message.key), _read_filter(message.filter, inner))


def _read_slice(message: common.SliceCondition, scope: _Scope) -> Slice:
    total, index = message.total, message.index
    _check_at_least_one(total, f"{scope.path}.slice.total")
    if index >= total:
        text = f"value {index} invalid, must be smaller than total ({total})"
        raise ValidationError([Problem(f"{scope.path}.slice.index", text)])
    return Slice(total, index)


_ABSENCES: Mapping[str, IsEmpty | HoldsNull] = {"is_empty": IsEmpty(), "is_null": HoldsNull()}

CONDITIONS: Mapping[str, Callable[[Any, _Scope], Condition]] = {
    "field": _read_field,
    "filter": _read_filter,
    "has_id": _read_has_id,
    "has_vector": _read_has_vector,
    "is_empty": _read_absence(IsEmpty()),
    "is_null": _read_absence(IsNull()),
    "nested": _read_nested,
    "slice": _read_slice,
}
"""Decoders of conditions by kind."""


def read_path(text: str) -> PayloadPath:
    """Parse a payload path. Raises MalformedMessage."""
    try:
        return PayloadPath.parse(text)
    except ValueError:
        raise MalformedMessage(f"Failed to parse json path: {text}") from None


def read_paths(texts: Iterable[str]) -> tuple[PayloadPath, ...]:
    """Parse payload paths. Raises MalformedMessage."""
    return tuple(map(read_path, texts))
