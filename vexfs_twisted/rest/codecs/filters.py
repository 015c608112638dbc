"""Decoding of filters from JSON.

Unknown conditions are refused: to ignore one would return points that the client excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from attrs import evolve, frozen

from ...gil import yielding
from ...jsonform.converter import located
from ...model.errors import BadInput, DomainError, FormatError, Problem, ValidationError
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
from .fields import (
    optional,
    present,
    read_boolean,
    read_list,
    read_object,
    read_string,
    read_u32,
    read_unsigned,
    required,
    set_of,
)
from .ids import read_ids
from .predicates import PREDICATES
from .selectors import read_path

C = TypeVar("C")

_CLAUSES = ("should", "min_should", "must", "must_not")
_MAX_DEPTH = 64


@frozen
class _Scope:
    """The position of a part of a filter: its path, its depth, and whether it is in `nested`.

    Where the path is empty, as only errors need it, those of the members are too: see `_read`.
    """

    path: str
    depth: int = 0
    is_nested: bool = False

    def at(self, name: str) -> _Scope:
        """The scope of a member."""
        if not self.path:
            return self
        return _Scope(f"{self.path}.{name}", self.depth, self.is_nested)

    def deeper(self) -> _Scope:
        """The scope of a filter used as a condition here."""
        return _Scope(self.path, self.depth + 1, self.is_nested)


_ANYWHERE = _Scope("")


def read_filter(value: Any, path: str = "filter") -> Filter:
    """Decode a filter. `path` is its path in the request, for validation errors.

    Raises FormatError if it is malformed or nested too deeply, BadInput for a condition that is not
    allowed at its place, and ValidationError for values out of range and for a field condition
    without a predicate.
    """
    return _read(_read_filter, value, path)


def read_condition(value: Any, path: str) -> Condition:
    """Decode a condition outside of a filter; `path` and errors: see read_filter."""
    return _read(_read_condition, value, path)


def read_optional_filter(body: dict[str, Any], path: str, name: str = "filter") -> Filter | None:
    """The filter in the member `name` of a request, or None; `path` and errors: see read_filter."""
    return optional(body, name, lambda value: read_filter(value, path), None)


def _read(read: Callable[[Any, _Scope], C], value: Any, path: str) -> C:
    """Decode; a second time with the path of each part if there is an error to be located.

    To make the paths took a third of the time of a filter with many conditions.
    """
    try:
        return read(value, _ANYWHERE)
    except DomainError:
        return read(value, _Scope(path))


def _read_filter(value: Any, scope: _Scope) -> Filter:
    # Recursion uses few frames per level, so that the deepest filter fits on the stack.
    if scope.depth > _MAX_DEPTH:
        raise FormatError("recursion limit exceeded")
    body = read_object(value, "Filter")
    unknown = body.keys() - set(_CLAUSES)
    if unknown:
        expected = ", ".join(f"`{name}`" for name in _CLAUSES)
        raise FormatError(f"unknown field `{min(unknown)}`, expected one of {expected}")
    min_should = None
    part = body.get("min_should")
    if part is not None:
        min_should = located("min_should", _read_min_should, part, scope.at("min_should"))
    return Filter(
        must=_read_clause(body, "must", scope),
        should=_read_clause(body, "should", scope),
        must_not=_read_clause(body, "must_not", scope),
        min_should=min_should,
    )


def _read_min_should(value: Any, scope: _Scope) -> MinShould:
    body = read_object(value, "MinShould")
    required(body, "conditions", read_list)
    min_count = required(body, "min_count", read_unsigned)
    if not min_count:
        raise no_min_count(scope.path)
    return MinShould(_read_clause(body, "conditions", scope), min_count)


def _read_clause(body: dict[str, Any], name: str, scope: _Scope) -> tuple[Condition, ...]:
    value = body.get(name)
    if value is None:
        return ()
    if type(value) is not list:
        # A single condition is allowed in place of a list; validation errors give it index 0.
        return (located(name, _read_condition, value, scope.at(f"{name}[0]")),)
    if not scope.path:
        return tuple([_read_condition(item, scope) for item in yielding(value)])
    found = []
    for index, item in enumerate(value):
        place = f"{name}[{index}]"
        found.append(located(place, _read_condition, item, scope.at(place)))
    return tuple(found)


def _read_condition(value: Any, scope: _Scope) -> Condition:
    if type(value) is dict:
        if "key" in value:
            return _read_field_condition(value, scope)
        for name, read in _CONDITIONS.items():
            part = value.get(name)
            if part is not None:
                return located(name, read, part, scope.at(name))
        if not value.keys() - set(_CLAUSES):
            return _read_filter(value, scope.deeper())
    raise FormatError("data did not match any variant of untagged enum Condition")


def _read_field_condition(body: dict[str, Any], scope: _Scope) -> Condition:
    key = required(body, "key", read_path)
    found: list[Condition] = []
    for name, part in body.items():
        if part is None:
            continue
        read = PREDICATES.get(name)
        if read is not None:
            predicate = located(name, read, part, f"{scope.path}.{name}")
            found.append(FieldCondition(key, predicate))
        elif name in _ABSENCES:
            condition = FieldCondition(key, _ABSENCES[name])
            is_wanted = located(name, read_boolean, part)
            found.append(condition if is_wanted else Filter(must_not=(condition,)))
    if not found:
        raise no_field_condition(scope.path)
    # A field condition with several predicates matches if any of them does.
    return found[0] if len(found) == 1 else Filter(should=tuple(found))


def _read_has_id(value: Any, scope: _Scope) -> HasId:
    if scope.is_nested:
        raise BadInput("`has_id` is not allowed inside of `nested`: its points have no ids there")
    return HasId(set_of(read_ids(value)))


def _read_has_vector(value: Any, _: _Scope) -> HasVector:
    return HasVector(read_string(value))


def _read_absence(predicate: IsEmpty | IsNull) -> Callable[[Any, _Scope], FieldCondition]:
    def read(value: Any, _: _Scope) -> FieldCondition:
        key = required(read_object(value, "PayloadField"), "key", read_path)
        return FieldCondition(key, predicate)

    return read


def _read_nested(value: Any, scope: _Scope) -> Nested:
    body = read_object(value, "Nested")
    inner = evolve(scope.at("filter").deeper(), is_nested=True)
    key = required(body, "key", read_path)
    return Nested(key, located("filter", _read_filter, present(body, "filter"), inner))


def _read_slice(value: Any, scope: _Scope) -> Slice:
    body = read_object(value, "Slice")
    total = required(body, "total", read_u32)
    index = required(body, "index", read_u32)
    if total == 0:
        raise FormatError("total: invalid value: integer `0`, expected a nonzero u32")
    if index >= total:
        text = f"value {index} invalid, must be smaller than total ({total})"
        raise ValidationError([Problem(f"{scope.path}.index", text)])
    return Slice(total, index)


_ABSENCES: Mapping[str, IsEmpty | HoldsNull] = {"is_empty": IsEmpty(), "is_null": HoldsNull()}

_CONDITIONS: Mapping[str, Callable[[Any, _Scope], Condition]] = {
    "has_id": _read_has_id,
    "has_vector": _read_has_vector,
    "is_empty": _read_absence(IsEmpty()),
    "is_null": _read_absence(IsNull()),
    "nested": _read_nested,
    "slice": _read_slice,
}
"""Readers of conditions by the member that determines the kind of condition."""
