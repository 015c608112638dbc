"""Filters on generated payloads, against a plain evaluator and against the official client's."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, example, given, settings
from qdrant_client import QdrantClient, models
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.engine_support import field, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.filtering import rewrite
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
from vexfs_twisted.model.payload_path import EachElement, Index, Key, Step
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import DeletePoints

Payload = dict[str, Any]

KEYS = ("a", "b", "c")
PATHS = ("a", "b", "a.b", "a[].b", "a[0]", "b[]", "a[0].b", "a.b.c", "b[].c[]")

strings = st.sampled_from(["x", "y", "", "X"])
integers = st.sampled_from([0, 1, 2, -5, 2**53 + 1])
scalars = st.none() | st.booleans() | strings | integers | st.sampled_from([0.0, 1.0, 1.5, -5.0])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=6,
)
payloads = st.dictionaries(st.sampled_from(KEYS), values)
bounds = st.none() | st.sampled_from([-5.0, 0.0, 1.0, 1.2, 2.0])
predicates = st.one_of(
    st.builds(MatchValue, strings | integers | st.booleans()),
    st.builds(MatchAny, st.frozensets(strings) | st.frozensets(integers)),
    st.builds(MatchExcept, st.frozensets(strings) | st.frozensets(integers)),
    st.builds(Range, lt=bounds, gt=bounds, gte=bounds, lte=bounds),
)
fields = st.builds(field, st.sampled_from(PATHS), predicates)
has_ids = st.builds(HasId, st.frozensets(st.integers(0, 12), max_size=8))


def filters_of(conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[Filter]:
    clause = st.lists(conditions, max_size=3).map(tuple)
    return st.builds(Filter, must=clause, should=clause, must_not=clause)


filters = filters_of(st.recursive(fields | has_ids, filters_of, max_leaves=5))


def reached(value: Any, steps: Sequence[Step]) -> list[Any]:
    """What a path selects, by its definition."""
    if not steps:
        return value if isinstance(value, list) else [value]
    match steps[0], value:
        case Key(name), dict() if name in value:
            return reached(value[name], steps[1:])
        case Index(position), list() if position < len(value):
            return reached(value[position], steps[1:])
        case EachElement(), list():
            return [found for element in value for found in reached(element, steps[1:])]
    return []


def is_same(found: Any, wanted: Any) -> bool:
    return type(found) is type(wanted) and found == wanted


def satisfies(found: Any, predicate: Any) -> bool:
    """Whether one value satisfies a predicate, by its definition."""
    match predicate:
        case MatchValue(wanted):
            return is_same(found, wanted)
        case MatchAny(several):
            return any(is_same(found, wanted) for wanted in several)
        case MatchExcept(several):
            return found is not None and not any(is_same(found, wanted) for wanted in several)
    if type(found) not in (int, float):
        return False
    checks = (
        predicate.lt is None or found < predicate.lt,
        predicate.gt is None or found > predicate.gt,
        predicate.gte is None or found >= predicate.gte,
        predicate.lte is None or found <= predicate.lte,
    )
    return all(checks)


def passes(point_id: int, payload: Payload, condition: Condition) -> bool:
    """Whether a point passes, by the definition of filters."""
    if isinstance(condition, HasId):
        return point_id in condition.ids
    if isinstance(condition, FieldCondition):
        found = reached(payload, condition.key.steps)
        return any(satisfies(value, condition.predicate) for value in found)
    assert isinstance(condition, Filter)
    return (
        all(passes(point_id, payload, inner) for inner in condition.must)
        and not any(passes(point_id, payload, inner) for inner in condition.must_not)
        and (
            not condition.should
            or any(passes(point_id, payload, inner) for inner in condition.should)
        )
    )


NOTHING = field("a", MatchAny(frozenset()))
"""A condition that no point satisfies."""


class NaiveFilterTests(SynchronousTestCase):
    """The engine agrees with the definition."""

    def setUp(self) -> None:
        path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, path)
        self.catalog = Catalog(path)
        self.catalog.open()
        self.addCleanup(self.catalog.close)
        self.collection = self.catalog.create("a", unnamed())
        self.patch(rewrite, "MANY", 2)

    @settings(max_examples=examples(75), suppress_health_check=list(HealthCheck))
    @given(st.lists(payloads, max_size=10), st.lists(filters, min_size=1, max_size=6))
    @example([{"a": "x"}], [Filter(should=(NOTHING, NOTHING))])
    @example([{}], [Filter(must_not=(Filter(should=(NOTHING, NOTHING)),))])
    def test_scroll_and_count_agree_with_the_definition(
        self, stored: list[Payload], tried: list[Filter]
    ) -> None:
        collection = self.collection
        everything = DeletePoints(filter=Filter())
        write(collection, everything, upsert(range(len(stored)), None, stored))
        for filter_ in tried:
            expected = [n for n, payload in enumerate(stored) if passes(n, payload, filter_)]
            page = collection.read(Scroll(limit=100, filter=filter_))
            self.assertEqual([record.id for record in page.records], expected)
            self.assertEqual(collection.read(Count(filter_)), len(expected))


def client_condition(condition: Condition) -> models.Condition:
    """A condition in the words of the official client."""
    match condition:
        case HasId(ids):
            return models.HasIdCondition(has_id=sorted(ids))
        case Filter(must, should, must_not):
            return models.Filter(
                must=[client_condition(inner) for inner in must],
                should=[client_condition(inner) for inner in should],
                must_not=[client_condition(inner) for inner in must_not],
            )
    assert isinstance(condition, FieldCondition)
    key = condition.key.text
    match condition.predicate:
        case Range(lt, gt, gte, lte):
            span = models.Range(lt=lt, gt=gt, gte=gte, lte=lte)
            return models.FieldCondition(key=key, range=span)
        case MatchValue(value):
            return models.FieldCondition(key=key, match=models.MatchValue(value=value))
        case MatchAny(several):
            any_of: Any = sorted(several)
            return models.FieldCondition(key=key, match=models.MatchAny(any=any_of))
        case MatchExcept(several):
            beside: Any = sorted(several)
            return models.FieldCondition(key=key, match=models.MatchExcept(**{"except": beside}))
    raise AssertionError(condition)


class ClientFilterTests(SynchronousTestCase):
    """The definition above agrees with the official client's local mode."""

    @settings(max_examples=examples(30), suppress_health_check=list(HealthCheck))
    @given(st.lists(payloads, min_size=1, max_size=8), st.lists(filters, min_size=1, max_size=5))
    def test_the_client_finds_the_same_points(
        self, stored: list[Payload], tried: list[Filter]
    ) -> None:
        client = QdrantClient(":memory:")
        client.create_collection("a", vectors_config={})
        points = [models.PointStruct(id=n, vector={}, payload=p) for n, p in enumerate(stored)]
        client.upsert("a", points)
        for filter_ in tried:
            wanted = client_condition(filter_)
            records, _ = client.scroll("a", scroll_filter=wanted, limit=100)  # type: ignore[arg-type]
            expected = [n for n, payload in enumerate(stored) if passes(n, payload, filter_)]
            self.assertEqual(sorted(record.id for record in records), expected)
