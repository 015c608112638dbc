"""Filters on the wire."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.errors import BadInput, BadRequest, NotSupported, Problem, ValidationError
from ...model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    Match,
    MatchAny,
    MatchExcept,
    MatchValue,
    Range,
)
from ...model.payload_path import PayloadPath
from ..generated import qdrant_common_pb2 as common
from .fields import given
from .ids import read_ids


def read_filter(message: common.Filter) -> Filter:
    """The filter that `message` means. Raises a DomainError for one that cannot be served."""
    if message.HasField("min_should"):
        raise NotSupported("`min_should` in a filter is not supported yet")
    return Filter(
        must=_read_all(message.must),
        should=_read_all(message.should),
        must_not=_read_all(message.must_not),
    )


def _read_all(messages: Iterable[common.Condition]) -> tuple[Condition, ...]:
    return tuple(_read_condition(message) for message in messages)


def _read_condition(message: common.Condition) -> Condition:
    kind = message.WhichOneof("condition_one_of")
    if kind == "field":
        return _read_field(message.field)
    if kind == "has_id":
        return HasId(frozenset(read_ids(message.has_id.has_id)))
    if kind == "filter":
        return read_filter(message.filter)
    if kind is None:
        raise BadRequest("Condition is not set")
    raise NotSupported(f"The filter condition `{kind}` is not supported yet")


def _read_field(message: common.FieldCondition) -> Condition:
    key = read_path(message.key)
    conditions: list[Condition] = []
    for field, _ in message.ListFields():
        if field.name == "match":
            conditions.append(FieldCondition(key, _read_match(message.match)))
        elif field.name == "range":
            conditions.append(FieldCondition(key, _read_range(message.range)))
        elif field.name == "datetime_range":
            raise NotSupported("A range of dates is not supported yet")
        elif field.name != "key":
            raise NotSupported(f"The field condition `{field.name}` is not supported yet")
    if not conditions:
        text = "At least one field condition must be specified"
        raise ValidationError([Problem("filter", text)])
    # Several predicates in one condition are alternatives.
    return conditions[0] if len(conditions) == 1 else Filter(should=tuple(conditions))


def _read_match(message: common.Match) -> Match:
    kind = message.WhichOneof("match_value")
    if kind == "keyword":
        return MatchValue(message.keyword)
    if kind == "integer":
        return MatchValue(message.integer)
    if kind == "boolean":
        return MatchValue(message.boolean)
    if kind == "keywords":
        return MatchAny(frozenset(message.keywords.strings))
    if kind == "integers":
        return MatchAny(frozenset(message.integers.integers))
    if kind == "except_keywords":
        return MatchExcept(frozenset(message.except_keywords.strings))
    if kind == "except_integers":
        return MatchExcept(frozenset(message.except_integers.integers))
    if kind is None:
        raise BadRequest("Match condition is not set")
    raise NotSupported(f"The match kind `{kind}` is not supported yet")


def _read_range(message: common.Range) -> Range:
    return Range(**given(message, "lt", "gt", "gte", "lte"))


def read_path(text: str) -> PayloadPath:
    """The payload path that `text` spells. Raises BadInput when it spells none."""
    try:
        return PayloadPath.parse(text)
    except ValueError as error:
        raise BadInput(str(error)) from None
