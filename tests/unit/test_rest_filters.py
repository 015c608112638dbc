"""Filters from JSON."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import BadInput, FormatError, ValidationError
from vexfs_twisted.model.filters import (
    Condition,
    DatetimeRange,
    FieldCondition,
    Filter,
    HasId,
    HasVector,
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
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)
from vexfs_twisted.model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius
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
            ({"text": "good cheap"}, MatchText("good cheap")),
            ({"text_any": "good cheap"}, MatchTextAny("good cheap")),
            ({"phrase": ""}, MatchPhrase("")),
            ({"prefix": ""}, MatchPrefix("")),
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
        nulls = {"value": None, "any": [1]}
        self.assertEqual(
            only({"key": "city", "match": nulls}), FieldCondition(CITY, MatchAny(frozenset({1})))
        )

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
        self.assertEqual(problem.path, "internal.filter.must[1].should[0].__all__")
        text = "Validation error: At least one field condition must be specified [{}]"
        self.assertEqual(problem.text, text)

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
            {"must": [{"has_vector": 1}]},
            {"must": [{"key": "a", "match": {"text": 1}}]},
            {"must": [{"key": "a", "match": {"prefix": ["x"]}}]},
            {"must": [{"key": "a", "range": {"gt": "2024-01-01", "lt": 5}}]},
            {"must": [{"key": "a", "range": {"gt": "yesterday"}}]},
            {"must": [{"key": "a", "range": {"gt": "1420070400"}}]},
            {"must": [{"key": "a", "range": {"gt": "20150201"}}]},
            {"must": [{"key": "a", "range": {"gt": "2015-02-01 02:00 PM"}}]},
            {"must": [{"key": "a", "range": {"gt": "Sun, 01 Feb 2015 00:00:00 GMT"}}]},
            {"must": [{"key": "a", "values_count": {"gt": -1}}]},
            {"must": [{"key": "a", "values_count": {"gt": 1.5}}]},
            {"must": [{"key": "a", "is_empty": "yes"}]},
            {"must": [{"is_empty": "a"}]},
            {"must": [{"is_null": {}}]},
            {"must": [{"key": "a", "geo_radius": {"center": {"lon": 1, "lat": 1}}}]},
            {"must": [{"key": "a", "geo_radius": {"center": {"lon": 1}, "radius": 1}}]},
            {"must": [{"key": "a", "geo_bounding_box": {}}]},
            {"must": [{"key": "a", "geo_polygon": {"exterior": []}}]},
            {"must": [{"nested": {"key": "a"}}]},
            {"must": [{"nested": {"filter": {}}}]},
            {"must": [{"nested": {"key": "", "filter": {}}}]},
            {"must": [{"slice": {"total": 0, "index": 0}}]},
            {"must": [{"slice": {"total": 2**32, "index": 0}}]},
            {"must": [{"slice": {"total": 4}}]},
            {"min_should": {"conditions": []}},
            {"min_should": {"min_count": 1}},
            {"min_should": {"conditions": {}, "min_count": 1}},
            {"min_should": []},
        ):
            with self.assertRaises(FormatError, msg=str(value)):
                read_filter(value)

    def test_min_should(self) -> None:
        has = HasId(frozenset({1}))
        one = {"has_id": [1]}
        value: Any = {"conditions": [one, one], "min_count": 2}
        self.assertEqual(
            read_filter({"min_should": value}), Filter(min_should=MinShould((has, has), 2))
        )
        value = {"conditions": [], "min_count": 1}
        self.assertEqual(read_filter({"min_should": value}), Filter(min_should=MinShould((), 1)))

    def test_the_least_count_of_min_should(self) -> None:
        self.assert_invalid(
            {"min_should": {"conditions": [], "min_count": 0}},
            "filter.min_should.min_count",
            "min_count must be greater than 0",
        )

    def test_bounds_stay_what_they_are(self) -> None:
        given = {"gt": 2**53 + 1, "lte": 0.5, "lt": 2**64 - 1, "gte": -0.0}
        found = only({"key": "city", "range": given})
        expected = FieldCondition(CITY, Range(gt=2**53 + 1, lte=0.5, lt=2**64 - 1, gte=-0.0))
        self.assertEqual(repr(found), repr(expected))

    def test_ranges_of_datetimes(self) -> None:
        second = 1_000_000
        for given, expected in (
            ({"gte": "1970-01-01T00:00:01Z"}, DatetimeRange(gte=second)),
            (
                {"gt": "1970-01-02", "lt": "1970-01-01 00:00:01.5+00:00", "lte": None},
                DatetimeRange(gt=24 * 3600 * second, lt=3 * second // 2),
            ),
        ):
            self.assertEqual(only({"key": "city", "range": given}), FieldCondition(CITY, expected))

    def test_values_count(self) -> None:
        given = {"lt": 5, "gt": 0, "gte": None}
        expected = FieldCondition(CITY, ValuesCount(lt=5, gt=0))
        self.assertEqual(only({"key": "city", "values_count": given}), expected)

    def test_absence_in_both_forms(self) -> None:
        for name, alone, predicate in (
            ("is_empty", IsEmpty(), IsEmpty()),
            ("is_null", IsNull(), HoldsNull()),
        ):
            self.assertEqual(only({name: {"key": "city"}}), FieldCondition(CITY, alone))
            condition = FieldCondition(CITY, predicate)
            self.assertEqual(only({"key": "city", name: True}), condition)
            self.assertEqual(only({"key": "city", name: False}), Filter(must_not=(condition,)))

    def test_areas(self) -> None:
        berlin, munich = {"lon": 13.4, "lat": 52.5}, {"lon": 11.6, "lat": 48}
        box = {"top_left": berlin, "bottom_right": munich}
        ring = [berlin, munich, {"lon": 180, "lat": -90}, berlin]
        a, b = GeoPoint(13.4, 52.5), GeoPoint(11.6, 48.0)
        closed = (a, b, GeoPoint(180.0, -90.0), a)
        for name, given, expected in (
            ("geo_bounding_box", box, GeoBoundingBox(a, b)),
            ("geo_radius", {"center": berlin, "radius": 1000}, GeoRadius(a, 1000.0)),
            ("geo_polygon", {"exterior": {"points": ring}}, GeoPolygon(closed)),
            (
                "geo_polygon",
                {"exterior": {"points": ring}, "interiors": [{"points": ring}]},
                GeoPolygon(closed, (closed,)),
            ),
        ):
            self.assertEqual(only({"key": "city", name: given}), FieldCondition(CITY, expected))

    def test_areas_that_are_out_of_this_world(self) -> None:
        here, far = {"lon": 0, "lat": 0}, {"lon": 0, "lat": 90.5}
        ring = [here, {"lon": 1, "lat": 0}, {"lon": 1, "lat": 1}, here]
        hole = {"exterior": {"points": ring}, "interiors": [{"points": ring}, {"points": ring[1:]}]}
        too_high = "value 90.5 invalid, must be from -90 to 90"
        unclosed = "the first and the last point of a ring must be equal"
        for name, given, place, text in (
            ("geo_radius", {"center": far, "radius": 1}, "center", too_high),
            ("geo_bounding_box", {"top_left": here, "bottom_right": far}, "bottom_right", too_high),
            (
                "geo_radius",
                {"center": {"lon": -181, "lat": 0}, "radius": 1},
                "center",
                "value -181.0 invalid, must be from -180 to 180",
            ),
            ("geo_polygon", {"exterior": {"points": [here, far]}}, "exterior.points[1]", too_high),
            (
                "geo_polygon",
                {"exterior": {"points": [*ring[:-1], {"lon": 2, "lat": 2}]}},
                "exterior.points",
                unclosed,
            ),
            (
                "geo_polygon",
                hole,
                "interiors[1].points",
                "the ring has 3 points, must have at least 4",
            ),
        ):
            value = {"must": {"key": "city", name: given}}
            self.assert_invalid(value, f"filter.must[0].{name}.{place}", text)

    def test_vectors_and_slices(self) -> None:
        self.assertEqual(only({"has_vector": ""}), HasVector(""))
        self.assertEqual(only({"has_vector": "image"}), HasVector("image"))
        self.assertEqual(only({"slice": {"total": 4, "index": 3}}), Slice(4, 3))

    def test_the_index_of_a_slice_is_below_its_total(self) -> None:
        self.assert_invalid(
            {"must_not": {"slice": {"total": 4, "index": 4}}},
            "filter.must_not[0].slice.index",
            "value 4 invalid, must be smaller than total (4)",
        )

    def test_nested(self) -> None:
        for key in ("a.b", "a.b[]"):
            inner = {"must_not": {"nested": {"key": "c", "filter": {"should": None}}}}
            expected = Nested(
                PayloadPath.parse(key),
                Filter(must_not=(Nested(PayloadPath.parse("c"), Filter()),)),
            )
            self.assertEqual(only({"nested": {"key": key, "filter": inner}}), expected)

    def test_inside_of_nested_there_are_no_ids(self) -> None:
        has = {"must": [{"has_id": [1]}]}
        for inner in (has, {"should": has}, {"must": {"nested": {"key": "b", "filter": has}}}):
            with self.assertRaises(BadInput) as caught:
                only({"nested": {"key": "a", "filter": inner}})
            self.assertIn("`has_id` is not allowed inside of `nested`", caught.exception.message)

    def test_nesting_has_an_end(self) -> None:
        for wrap in (
            lambda inner: {"must": [inner]},
            lambda inner: {"should": inner},
            lambda inner: {"min_should": {"conditions": [inner], "min_count": 1}},
            lambda inner: {"must_not": [{"nested": {"key": "a", "filter": inner}}]},
            lambda inner: {
                "min_should": {
                    "conditions": [{"nested": {"key": "a", "filter": inner}}],
                    "min_count": 1,
                }
            },
        ):
            value: Any = {}
            for _ in range(64):
                value = wrap(value)
            read_filter(value)
            with self.assertRaises(FormatError) as caught:
                read_filter(wrap(value))
            self.assertTrue(caught.exception.message.endswith("recursion limit exceeded"))

    def test_a_filter_of_many_conditions(self) -> None:
        many = [{"key": "city", "match": {"value": number}} for number in range(10_000)]
        self.assertEqual(len(read_filter({"should": many}).should), 10_000)

    def assert_invalid(self, value: Any, path: str, text: str) -> None:
        with self.assertRaises(ValidationError) as caught:
            read_filter(value)
        (problem,) = caught.exception.problems
        self.assertEqual((problem.path, problem.text), (path, text))
