"""How each kind of predicate is evaluated: on one payload, and by a column of all payloads.

Both must agree: a filter is evaluated by whichever costs less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from ...model.filters import (
    DatetimeRange,
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
    Predicate,
    Range,
    TextMatch,
    ValuesCount,
)
from ...model.geo import GeoBoundingBox, GeoPolygon, GeoRadius
from ...model.payload_index import FieldSchema
from ...model.payload_path import Step
from ...text.predicates import indexed_text_test
from ..payload_index import lookups
from ..payload_index.column import Column
from ..payload_index.postings import Postings
from ..predicates import value_tests
from ..predicates.index_semantics import as_indexed, integers_seen, sees_integers
from ..predicates.paths import strings_at, values_at
from ..predicates.uuids import canonical, canonical_match, matches_uuids
from ..predicates.value_tests import PayloadTest, ValueTest

_InColumn: TypeAlias = Callable[[Column, Any, int], Postings]


@frozen
class _OfField:
    """A kind of predicate on what is at a path as a whole: absences and counts."""

    payload_test: Callable[[Sequence[Step], Any], PayloadTest]
    rows: _InColumn


@frozen
class _OfValue:
    """A kind of predicate that is satisfied where one of the values at a path satisfies it."""

    value_test: Callable[[Any], ValueTest]
    rows: _InColumn


_TEXT = _OfValue(value_tests.text_test, lookups.text_rows)
_AREA = _OfValue(value_tests.area_test, lookups.area_rows)

EVALUATORS: Mapping[type[Predicate], _OfField | _OfValue] = {
    IsEmpty: _OfField(value_tests.empty_test, lookups.empty_rows),
    IsNull: _OfField(value_tests.null_test, lookups.null_rows),
    HoldsNull: _OfField(value_tests.null_within_test, lookups.null_within_rows),
    ValuesCount: _OfField(value_tests.values_count_test, lookups.values_count_rows),
    MatchValue: _OfValue(value_tests.equal_test, lookups.equal_rows),
    MatchAny: _OfValue(value_tests.any_test, lookups.any_rows),
    MatchExcept: _OfValue(value_tests.except_test, lookups.except_rows),
    MatchText: _TEXT,
    MatchTextAny: _TEXT,
    MatchPhrase: _TEXT,
    MatchPrefix: _OfValue(value_tests.prefix_test, lookups.prefix_rows),
    Range: _OfValue(value_tests.range_test, lookups.range_rows),
    DatetimeRange: _OfValue(value_tests.datetime_test, lookups.datetime_rows),
    GeoBoundingBox: _AREA,
    GeoRadius: _AREA,
    GeoPolygon: _AREA,
}
"""The evaluation of every kind of predicate on fields without an index."""


def payload_test(
    steps: Sequence[Step], predicate: Predicate, index: FieldSchema | None
) -> PayloadTest:
    """Whether what the path selects in a payload satisfies `predicate`, with that index or none."""
    if isinstance(predicate, TextMatch) and index is not None and index.text is not None:
        reads = indexed_text_test(index.text, predicate)
        return lambda payload: reads(strings_at(payload, steps))
    predicate = as_indexed(index, predicate)
    evaluator = EVALUATORS[type(predicate)]
    if isinstance(evaluator, _OfField):
        return evaluator.payload_test(steps, predicate)
    if matches_uuids(index, predicate):
        passes = evaluator.value_test(canonical_match(predicate))
        return lambda payload: any(passes(canonical(value)) for value in values_at(payload, steps))
    passes = evaluator.value_test(predicate)
    if sees_integers(index, predicate):
        return lambda payload: any(map(passes, integers_seen(values_at(payload, steps))))
    return lambda payload: any(map(passes, values_at(payload, steps)))


def column_rows(
    column: Column, predicate: Predicate, index: FieldSchema | None, size: int
) -> Postings:
    """The rows, of those below `size`, that satisfy `predicate`, as far as the column has them."""
    if isinstance(predicate, TextMatch) and index is not None and index.text is not None:
        return column.read_by(index.text).satisfying(predicate)
    predicate = as_indexed(index, predicate)
    if matches_uuids(index, predicate):
        predicate = lookups.spelled_match(column, predicate)
    elif sees_integers(index, predicate):
        column = column.as_integers
    return EVALUATORS[type(predicate)].rows(column, predicate, size)
