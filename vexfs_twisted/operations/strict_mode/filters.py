"""The limits of filters: how many conditions, how large, and the payload indexes they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from ...model.errors import BadRequest
from ...model.filters import (
    Condition,
    DatetimeRange,
    FieldCondition,
    Filter,
    HasId,
    HoldsNull,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPhrase,
    MatchPrefix,
    MatchText,
    MatchTextAny,
    MatchValue,
    Nested,
    Predicate,
    Range,
    ValuesCount,
)
from ...model.ids import canonical_uuid
from ...model.payload_index import FieldSchema, FieldType
from ...model.payload_path import EachElement, Key, PayloadPath, Step
from ...model.strict_mode import Steps, StrictCollection, refused, steps_of

_FILTER = "filter"


def check_filter(
    filter_: Filter | None, collection: StrictCollection, *, may_be_unindexed: bool | None
) -> None:
    """Raise BadRequest for a filter beyond the limits of a collection.

    With `may_be_unindexed` False, each field needs a payload index that serves its condition.
    """
    if filter_ is None:
        return
    limits = collection.limits
    if limits.filter_max_conditions is not None:
        count = condition_count(filter_)
        if count > limits.filter_max_conditions:
            raise refused(
                f"Filter condition limit reached ({count} > {limits.filter_max_conditions})",
                "Reduce the amount of conditions of your filter.",
            )
    if limits.condition_max_size is not None:
        size = max(map(_size, _leaves(filter_)), default=0)
        if size > limits.condition_max_size:
            raise refused(
                f"Condition size limit reached ({size} > {limits.condition_max_size})",
                "Reduce the size of your condition.",
            )
    if may_be_unindexed is False:
        check_indexed(filter_, collection)


def condition_count(filter_: Filter | None) -> int:
    """The conditions of a filter, with those of filters in it; a nested one counts itself too."""
    if filter_ is None:
        return 0
    count = 0
    for condition in conditions_of(filter_):
        if isinstance(condition, Filter):
            count += condition_count(condition)
        elif isinstance(condition, Nested):
            count += 1 + condition_count(condition.filter)
        else:
            count += 1
    return count


def conditions_of(filter_: Filter) -> Iterator[Condition]:
    """The conditions of a filter itself."""
    some = () if filter_.min_should is None else filter_.min_should.conditions
    return chain(filter_.must, filter_.should, filter_.must_not, some)


def _leaves(filter_: Filter) -> Iterator[Condition]:
    """The conditions of a filter, and of those in it, that are no filters."""
    for condition in conditions_of(filter_):
        if isinstance(condition, Filter):
            yield from _leaves(condition)
        elif isinstance(condition, Nested):
            yield from _leaves(condition.filter)
        else:
            yield condition


def _size(condition: Condition) -> int:
    """The number of values that a condition lists."""
    if isinstance(condition, HasId):
        return len(condition.ids)
    if isinstance(condition, FieldCondition):
        predicate = condition.predicate
        if isinstance(predicate, MatchAny | MatchExcept):
            return len(predicate.values)
    return 0


def check_indexed(filter_: Filter, collection: StrictCollection, what: str = _FILTER) -> None:
    """Raise BadRequest for the first field without a payload index that serves its condition.

    `what` the fields are in, for the error.
    """
    for steps, condition, is_nested in unserved(filter_, collection.fields.get):
        name = spelled(steps) if is_nested else str(condition.key)
        raise no_index(name, kinds_for(condition.predicate), what)


def unserved(
    filter_: Filter, schema_of: Callable[[Steps], FieldSchema | None], above: Steps = ()
) -> Iterator[tuple[Steps, FieldCondition, bool]]:
    """The conditions of a filter that no payload index serves, and those of filters in it.

    With each the `steps_of` its path, and whether it is nested. `schema_of` returns the index of a
    field; `above` is the path of the array that is filtered.
    """
    for condition in conditions_of(filter_):
        if isinstance(condition, Filter):
            yield from unserved(condition, schema_of, above)
        elif isinstance(condition, Nested):
            array = (*above, *steps_of(condition.key.steps), EachElement())
            yield from unserved(condition.filter, schema_of, array)
        elif isinstance(condition, FieldCondition):
            steps = steps_of((*above, *condition.key.steps))
            if not serves(schema_of(steps), condition.predicate):
                yield steps, condition, bool(above)


def serves(schema: FieldSchema | None, predicate: Predicate) -> bool:
    """Whether a payload index serves a predicate."""
    if schema is None or schema.type not in kinds_for(predicate):
        return False
    if isinstance(predicate, Range) and schema.type is FieldType.INTEGER:
        return schema.range
    if isinstance(predicate, MatchValue | MatchAny | MatchExcept):
        return schema.type is not FieldType.INTEGER or schema.lookup or not _values(predicate)
    if isinstance(predicate, MatchPhrase):
        return schema.text is not None and schema.text.phrase_matching
    if isinstance(predicate, MatchPrefix):
        return schema.prefix
    return True


def kinds_for(predicate: Predicate) -> Sequence[FieldType]:
    """The types of payload indexes that can serve a predicate."""
    if isinstance(predicate, MatchValue | MatchAny | MatchExcept):
        return _kinds_of_values(_values(predicate))
    if isinstance(predicate, MatchText | MatchTextAny | MatchPhrase):
        return (FieldType.TEXT,)
    if isinstance(predicate, MatchPrefix):
        return (FieldType.KEYWORD,)
    if isinstance(predicate, Range):
        return (FieldType.INTEGER, FieldType.FLOAT)
    if isinstance(predicate, DatetimeRange):
        return (FieldType.DATETIME,)
    if isinstance(predicate, ValuesCount | IsEmpty | IsNull | HoldsNull):
        return tuple(FieldType)
    return (FieldType.GEO,)


def _values(predicate: MatchValue | MatchAny | MatchExcept) -> Sequence[str | int | bool]:
    return [predicate.value] if isinstance(predicate, MatchValue) else tuple(predicate.values)


def _kinds_of_values(values: Sequence[str | int | bool]) -> Sequence[FieldType]:
    if not values:
        return tuple(FieldType)
    first = values[0]
    if isinstance(first, bool):
        return (FieldType.BOOL,)
    if isinstance(first, int):
        return (FieldType.INTEGER,)
    are_uuids = all(canonical_uuid(str(value)) is not None for value in values)
    return (FieldType.KEYWORD, FieldType.UUID) if are_uuids else (FieldType.KEYWORD,)


def no_index(path: str, kinds: Sequence[FieldType], what: str = _FILTER) -> BadRequest:
    """The error for a field without a payload index of one of these types."""
    names = ", ".join(kind.value for kind in kinds)
    return refused(
        f'Index required but not found for "{path}" of one of the following types: [{names}]',
        f"Create an index for this key or use a different {what}.",
    )


def filters_by_tenant(filter_: Filter | None, collection: StrictCollection) -> bool:
    """Whether only points with certain values of a tenant field pass a filter."""
    return filter_ is not None and any(
        filters_by_tenant(condition, collection)
        if isinstance(condition, Filter)
        else isinstance(condition, FieldCondition) and _is_tenant(condition.key, collection)
        for condition in filter_.must
    )


def _is_tenant(path: PayloadPath, collection: StrictCollection) -> bool:
    schema = collection.fields.get(steps_of(path.steps))
    return schema is not None and schema.is_tenant


def spelled(steps: Sequence[Step]) -> str:
    """A path as text."""
    text = ""
    for step in steps:
        if isinstance(step, Key):
            text += f".{step.name}" if text else step.name
        else:
            text += "[]" if isinstance(step, EachElement) else f"[{step.position}]"
    return text
