"""Filters from JSON."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import FormatError, NotSupported, ValidationError
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
from vexfs_twisted.rest.codecs.filters import read_filter

CITY = PayloadPath.parse("city")


def only(value: Any) -> Condition:
    """The one condition that `value` is read as."""
    (condition,) = read_filter({"must": [value]}).must
    return condition


class Filters(SynchronousTestCase):
    def test_clauses_take_one_condition_or_several_or_none(self) -> None:
        has = HasId(frozenset({1}))
        one = {"has_id": [1]}
        self.assertEqual(read_filter({"must": one}), Filter(must=(has,)))
        self.assertEqual(read_filter({"should": [one, one]}), Filter(should=(has, has)))
        self.assertEqual(read_filter({"must_not": []}), Filter())
        nothing = dict.fromkeys(("must", "should", "must_not", "min_should"))
        self.assertTrue(read_filter(nothing).is_empty)

    def test_filters_nest(self) -> None:
        inner = Filter(should=(HasId(frozenset({1})),), must_not=(Filter(),))
        self.assertEqual(only({"should": {"has_id": [1]}, "must_not": [{}]}), inner)

    def test_match(self) -> None:
        for match, expected in (
            ({"value": "Berlin"}, MatchValue("Berlin")),
            ({"value": -(2**63)}, MatchValue(-(2**63))),
            ({"any": ["a", "b"]}, MatchAny(frozenset({"a", "b"}))),
            ({"any": [1, 2]}, MatchAny(frozenset({1, 2}))),
            ({"any": []}, MatchAny(frozenset())),
            ({"except": ["a"]}, MatchExcept(frozenset({"a"}))),
            ({"except": []}, MatchExcept(frozenset())),
        ):
            self.assertEqual(only({"key": "city", "match": match}), FieldCondition(CITY, expected))

    def test_a_boolean_stays_one(self) -> None:
        condition = only({"key": "city", "match": {"value": True}})
        assert isinstance(condition, FieldCondition) and isinstance(condition.predicate, MatchValue)
        self.assertIs(condition.predicate.value, True)

    def test_range(self) -> None:
        for given, expected in (
            ({"gt": 1, "lte": 2.5}, Range(gt=1.0, lte=2.5)),
            ({"lt": 0, "gte": None}, Range(lt=0.0)),
            ({}, Range()),
        ):
            self.assertEqual(only({"key": "city", "range": given}), FieldCondition(CITY, expected))

    def test_unset_and_unknown_parts_of_a_field_condition_are_ignored(self) -> None:
        value = {"key": "city", "match": {"value": 1}, "range": None, "is_null": None, "new": 1}
        self.assertEqual(only(value), FieldCondition(CITY, MatchValue(1)))

    def test_several_predicates_on_a_field_are_alternatives(self) -> None:
        value = {"key": "city", "match": {"value": 1}, "range": {"gt": 5}}
        parts = (FieldCondition(CITY, MatchValue(1)), FieldCondition(CITY, Range(gt=5.0)))
        self.assertEqual(only(value), Filter(should=parts))

    def test_ids(self) -> None:
        uuid = "550e8400-e29b-41d4-a716-446655440000"
        self.assertEqual(only({"has_id": [1, uuid.upper()]}), HasId(frozenset({1, uuid})))
        self.assertEqual(only({"has_id": []}), HasId(frozenset()))

    def test_a_field_condition_that_says_nothing(self) -> None:
        with self.assertRaises(ValidationError) as caught:
            read_filter({"must": [{"has_id": []}, {"should": {"key": "a"}}]}, "internal.filter")
        (problem,) = caught.exception.problems
        self.assertEqual(problem.path, "internal.filter.must[1].should")
        self.assertEqual(problem.text, "At least one field condition must be specified")

    def test_what_is_no_filter(self) -> None:
        value: Any
        for value in (
            [],
            1,
            "must",
            {"bogus": []},
            {"must": 1},
            {"must": [None]},
            {"must": [[]]},
            {"must": [{"bogus": 1}]},
            {"must": [{"key": 1, "match": {"value": 1}}]},
            {"must": [{"key": "", "match": {"value": 1}}]},
            {"must": [{"key": "a b", "match": {"value": 1}}]},
            {"must": [{"key": None, "match": {"value": 1}}]},
            {"must": [{"key": "a", "match": {}}]},
            {"must": [{"key": "a", "match": "x"}]},
            {"must": [{"key": "a", "match": {"value": 1.5}}]},
            {"must": [{"key": "a", "match": {"value": None}}]},
            {"must": [{"key": "a", "match": {"value": 2**63}}]},
            {"must": [{"key": "a", "match": {"any": [1, "a"]}}]},
            {"must": [{"key": "a", "match": {"any": [True]}}]},
            {"must": [{"key": "a", "match": {"any": "a"}}]},
            {"must": [{"key": "a", "match": {"except": [1.5]}}]},
            {"must": [{"key": "a", "range": {"gt": True}}]},
            {"must": [{"key": "a", "range": [1, 2]}]},
            {"must": [{"has_id": None}]},
            {"must": [{"has_id": 1}]},
            {"must": [{"has_id": ["x"]}]},
        ):
            with self.assertRaises(FormatError, msg=str(value)):
                read_filter(value)

    def test_what_comes_later_is_refused_and_never_ignored(self) -> None:
        for value in (
            {"min_should": {"conditions": [], "min_count": 1}},
            {"must": [{"is_empty": {"key": "a"}}]},
            {"must": [{"is_null": {"key": "a"}}]},
            {"must": [{"has_vector": "a"}]},
            {"must": [{"nested": {"key": "a", "filter": {}}}]},
            {"must": [{"slice": {"total": 2, "index": 0}}]},
            {"must": [{"key": "a", "values_count": {"gt": 1}}]},
            {"must": [{"key": "a", "is_empty": False}]},
            {"must": [{"key": "a", "geo_radius": {}}]},
            {"must": [{"key": "a", "match": {"value": 1}, "is_null": True}]},
            {"must": [{"key": "a", "match": {"text": "x"}}]},
            {"must": [{"key": "a", "match": {"prefix": "x"}}]},
            {"must": [{"key": "a", "range": {"gt": "2024-01-01"}}]},
        ):
            with self.assertRaises(NotSupported, msg=str(value)) as caught:
                read_filter(value)
            self.assertIn("not supported yet", caught.exception.message)

    def test_nesting_has_an_end(self) -> None:
        value: Any = {}
        for _ in range(63):
            value = {"must": [value]}
        read_filter(value)
        with self.assertRaises(FormatError):
            read_filter({"must": [value]})
