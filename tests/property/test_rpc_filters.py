from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    MatchAny,
    MatchExcept,
    MatchValue,
    Range,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.rpc.codecs.filters import read_filter
from vexfs_twisted.rpc.codecs.ids import write_id
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common

integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
sets = st.frozensets(integers, min_size=1, max_size=4) | st.frozensets(texts, max_size=4)
bounds = st.none() | st.floats(allow_nan=False)
predicates = (
    st.builds(MatchValue, integers | texts | st.booleans())
    | st.builds(MatchAny, sets)
    | st.builds(MatchExcept, sets)
    | st.builds(Range, lt=bounds, gt=bounds, gte=bounds, lte=bounds)
)
paths = st.sampled_from(["a", "a.b", "a[]", "a[2].b", '"a b".c']).map(PayloadPath.parse)
ids = st.frozensets(st.integers(0, 2**64 - 1) | st.uuids().map(str), max_size=4)
leaves: st.SearchStrategy[Condition] = st.builds(FieldCondition, paths, predicates) | st.builds(
    HasId, ids
)


def filters_of(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Filter]:
    some = st.lists(conditions, max_size=3).map(tuple)
    return st.builds(Filter, must=some, should=some, must_not=some)


filters = filters_of(st.recursive(leaves, filters_of, max_leaves=10))


def as_message(value: Filter) -> common.Filter:
    return common.Filter(
        must=map(condition_message, value.must),
        should=map(condition_message, value.should),
        must_not=map(condition_message, value.must_not),
    )


def condition_message(value: Condition) -> common.Condition:
    if isinstance(value, Filter):
        return common.Condition(filter=as_message(value))
    if isinstance(value, HasId):
        has_id = common.HasIdCondition()
        for point_id in value.ids:
            write_id(point_id, has_id.has_id.add())
        return common.Condition(has_id=has_id)
    field = common.FieldCondition(key=value.key.text)
    if isinstance(value.predicate, Range):
        bounds = value.predicate
        field.range.CopyFrom(
            common.Range(lt=bounds.lt, gt=bounds.gt, gte=bounds.gte, lte=bounds.lte)
        )
    else:
        field.match.CopyFrom(match_message(value.predicate))
    return common.Condition(field=field)


def match_message(match: MatchValue | MatchAny | MatchExcept) -> common.Match:
    if isinstance(match, MatchValue):
        if isinstance(match.value, bool):
            return common.Match(boolean=match.value)
        if isinstance(match.value, int):
            return common.Match(integer=match.value)
        return common.Match(keyword=match.value)
    numbers = common.RepeatedIntegers(integers=[v for v in match.values if isinstance(v, int)])
    words = common.RepeatedStrings(strings=[v for v in match.values if isinstance(v, str)])
    if isinstance(match, MatchAny):
        is_words = not numbers.integers
        return common.Match(keywords=words) if is_words else common.Match(integers=numbers)
    if numbers.integers:
        return common.Match(except_integers=numbers)
    return common.Match(except_keywords=words)


def typed(value: Any) -> Any:
    """`value` as lists with type names: 1 and True are equal to Python, and sets have no order."""
    if isinstance(value, PayloadPath):
        return value.text
    if attrs.has(type(value)):
        return [type(value).__name__, *map(typed, attrs.astuple(value, recurse=False))]
    if isinstance(value, tuple):
        return [typed(item) for item in value]
    if isinstance(value, frozenset):
        return sorted([type(item).__name__, str(item)] for item in value)
    return [type(value).__name__, value]


class FilterTests(SynchronousTestCase):
    @given(filters)
    def test_message_means_the_filter(self, value: Filter) -> None:
        received = common.Filter.FromString(as_message(value).SerializeToString())
        self.assertEqual(typed(read_filter(received)), typed(value))
