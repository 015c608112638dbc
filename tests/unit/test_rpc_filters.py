"""Filters over gRPC: each condition by itself, and what is refused.

A property test holds well-formed filters against the REST wire.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from twisted.trial.unittest import SynchronousTestCase

from tests.deep_filters import deep_filter
from vexfs_twisted.model.errors import BadInput, MalformedMessage, NotSupported, ValidationError
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
    Predicate,
    Range,
    Slice,
    ValuesCount,
)
from vexfs_twisted.model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.rpc.codecs.filters import CONDITIONS, read_filter
from vexfs_twisted.rpc.codecs.predicates import MATCHES, PREDICATES
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common

K = PayloadPath.parse("k")
RING = (GeoPoint(0, 0), GeoPoint(0, 1), GeoPoint(1, 1), GeoPoint(0, 0))


def field(**predicates: Any) -> common.Condition:
    return common.Condition(field=common.FieldCondition(key="k", **predicates))


def read(condition: common.Condition) -> Condition:
    (found,) = read_filter(common.Filter(must=[condition])).must
    return found


def ring(*points: tuple[float, float]) -> common.GeoLineString:
    return common.GeoLineString(points=[common.GeoPoint(lon=lon, lat=lat) for lon, lat in points])


def line(points: tuple[GeoPoint, ...]) -> common.GeoLineString:
    return ring(*((point.lon, point.lat) for point in points))


def span(**bounds: tuple[int, int]) -> common.DatetimeRange:
    """A range of datetimes, given in seconds and nanoseconds."""
    message = common.DatetimeRange()
    for name, (seconds, nanos) in bounds.items():
        bound = getattr(message, name)
        # Presence must be said: zero is a datetime too.
        bound.SetInParent()
        bound.seconds, bound.nanos = seconds, nanos
    return message


class PredicateTests(SynchronousTestCase):
    def assert_reads(self, predicate: Predicate, **parts: Any) -> None:
        found = read(field(**parts))
        self.assertEqual(found, FieldCondition(K, predicate))

    def test_matches(self) -> None:
        words = common.RepeatedStrings(strings=["x", "", "x"])
        numbers = common.RepeatedIntegers(integers=[-1, 2**63 - 1])
        matches: dict[str, tuple[Any, Predicate]] = {
            "keyword": ("x", MatchValue("x")),
            "integer": (0, MatchValue(0)),
            "boolean": (False, MatchValue(False)),
            "text": ("x y", MatchText("x y")),
            "text_any": ("", MatchTextAny("")),
            "phrase": ("x y", MatchPhrase("x y")),
            "prefix": ("", MatchPrefix("")),
            "keywords": (words, MatchAny(frozenset(("x", "")))),
            "integers": (common.RepeatedIntegers(), MatchAny(frozenset())),
            "except_keywords": (common.RepeatedStrings(), MatchExcept(frozenset())),
            "except_integers": (numbers, MatchExcept(frozenset((-1, 2**63 - 1)))),
        }
        self.assertEqual(matches.keys(), MATCHES.keys())
        for kind, (value, predicate) in matches.items():
            self.assert_reads(predicate, match=common.Match(**{kind: value}))

    def test_false_is_no_number(self) -> None:
        found = read(field(match=common.Match(boolean=False)))
        self.assertIn("value=False", repr(found))

    def test_ranges(self) -> None:
        self.assert_reads(Range(gt=0.0, lte=0.5), range=common.Range(gt=0, lte=0.5))
        self.assert_reads(Range(), range=common.Range())
        self.assert_reads(
            ValuesCount(lt=2**64 - 1, gte=0), values_count=common.ValuesCount(lt=2**64 - 1, gte=0)
        )

    def test_datetimes_are_microseconds(self) -> None:
        bounds = span(lt=(1, 1_999), gt=(-1, 999_999_999), gte=(0, 0), lte=(253_402_300_799, 0))
        expected = DatetimeRange(lt=1_000_001, gt=-1, gte=0, lte=253_402_300_799_000_000)
        self.assert_reads(expected, datetime_range=bounds)
        bounds = span(lt=(8_210_266_876_799, 0), gte=(-8_334_601_228_800, 1_000))
        expected = DatetimeRange(lt=8_210_266_876_799_000_000, gte=-8_334_601_228_799_999_999)
        self.assert_reads(expected, datetime_range=bounds)

    def test_areas(self) -> None:
        corner, other = common.GeoPoint(lon=170, lat=10), common.GeoPoint(lon=-170, lat=-10)
        self.assert_reads(
            GeoBoundingBox(GeoPoint(170, 10), GeoPoint(-170, -10)),
            geo_bounding_box=common.GeoBoundingBox(top_left=corner, bottom_right=other),
        )
        self.assert_reads(
            GeoRadius(GeoPoint(170, 10), 0.5),
            geo_radius=common.GeoRadius(center=corner, radius=0.5),
        )
        self.assert_reads(
            GeoPolygon(RING, (RING,)),
            geo_polygon=common.GeoPolygon(exterior=line(RING), interiors=[line(RING)]),
        )

    def test_absence(self) -> None:
        for name, predicate in (("is_empty", IsEmpty()), ("is_null", HoldsNull())):
            absent = FieldCondition(K, predicate)
            self.assertEqual(read(field(**{name: True})), absent)
            self.assertEqual(read(field(**{name: False})), Filter(must_not=(absent,)))

    def test_several_predicates_of_one_condition_are_alternatives(self) -> None:
        condition = field(match=common.Match(keyword="x"), range=common.Range(), is_null=False)
        expected = (
            FieldCondition(K, MatchValue("x")),
            FieldCondition(K, Range()),
            Filter(must_not=(FieldCondition(K, HoldsNull()),)),
        )
        self.assertEqual(read(condition), Filter(should=expected))

    def test_every_predicate_of_the_schema_is_read(self) -> None:
        fields = common.FieldCondition.DESCRIPTOR.fields_by_name
        self.assertEqual({*PREDICATES, "key", "is_empty", "is_null"}, set(fields))


class ConditionTests(SynchronousTestCase):
    def test_each(self) -> None:
        inner = common.Filter(must_not=[field(is_null=True)])
        means = Filter(must_not=(FieldCondition(K, HoldsNull()),))
        for kind, message, expected in (
            ("is_empty", common.IsEmptyCondition(key="k"), FieldCondition(K, IsEmpty())),
            ("is_null", common.IsNullCondition(key="k"), FieldCondition(K, IsNull())),
            ("has_id", common.HasIdCondition(), HasId(frozenset())),
            ("has_vector", common.HasVectorCondition(), HasVector("")),
            ("slice", common.SliceCondition(total=3, index=2), Slice(3, 2)),
            ("filter", inner, means),
            ("nested", common.NestedCondition(key="k", filter=inner), Nested(K, means)),
        ):
            parts: dict[str, Any] = {kind: message}
            self.assertEqual(read(common.Condition(**parts)), expected)

    def test_every_condition_of_the_schema_is_read(self) -> None:
        self.assertEqual(set(CONDITIONS), set(common.Condition.DESCRIPTOR.fields_by_name))

    def test_clauses(self) -> None:
        message = common.Filter(
            must=[field(is_null=True)],
            should=[field(is_empty=True)],
            must_not=[common.Condition(has_vector=common.HasVectorCondition(has_vector="v"))],
            min_should=common.MinShould(conditions=[field(is_null=True)], min_count=2),
        )
        null = FieldCondition(K, HoldsNull())
        expected = Filter(
            must=(null,),
            should=(FieldCondition(K, IsEmpty()),),
            must_not=(HasVector("v"),),
            min_should=MinShould((null,), 2),
        )
        self.assertEqual(read_filter(message), expected)
        self.assertEqual(read_filter(common.Filter()), Filter())


class RefusalTests(SynchronousTestCase):
    def assert_out_of_range(self, message: common.Filter, expected: str) -> None:
        error = self.assertRaises(ValidationError, read_filter, message)
        self.assertEqual(error.message, expected)

    def test_malformed(self) -> None:
        nowhere = common.GeoPoint()
        without_id = common.HasIdCondition(has_id=[common.PointId()])
        for condition, error in (
            (common.Condition(), MalformedMessage),
            (
                common.Condition(field=common.FieldCondition(key="a b", is_null=True)),
                MalformedMessage,
            ),
            (common.Condition(is_empty=common.IsEmptyCondition()), MalformedMessage),
            (common.Condition(has_id=without_id), MalformedMessage),
            (common.Condition(nested=common.NestedCondition(key="k")), MalformedMessage),
            (field(match=common.Match()), MalformedMessage),
            (field(match=common.Match(substring="x")), NotSupported),
            (field(geo_bounding_box=common.GeoBoundingBox(top_left=nowhere)), MalformedMessage),
            (field(geo_radius=common.GeoRadius(radius=1)), MalformedMessage),
            (field(geo_polygon=common.GeoPolygon()), MalformedMessage),
            (field(datetime_range=span(lt=(0, -1))), MalformedMessage),
            (field(datetime_range=span(lt=(8_210_266_876_800, 0))), MalformedMessage),
            (field(datetime_range=span(lt=(-8_334_601_228_801, 0))), MalformedMessage),
        ):
            self.assertRaises(error, read_filter, common.Filter(should=[condition]))

    def test_ids_inside_of_nested(self) -> None:
        by_id = common.Condition(has_id=common.HasIdCondition())
        deep = common.Condition(filter=common.Filter(should=[by_id]))
        nested = common.NestedCondition(key="k", filter=common.Filter(must=[deep]))
        message = common.Filter(must=[common.Condition(nested=nested)])
        self.assertRaises(BadInput, read_filter, message)

    def test_places_and_rings(self) -> None:
        far = common.GeoRadius(center=common.GeoPoint(lon=181))
        open_ring = common.GeoPolygon(exterior=ring((0, 0), (0, 1), (1, 1), (1, 0)))
        short = common.GeoPolygon(exterior=line(RING), interiors=[ring((0, 0), (0, 0))])
        for condition, expected in (
            (
                field(geo_radius=far),
                "geo_radius.center: value 181.0 invalid, must be from -180 to 180",
            ),
            (
                field(geo_polygon=open_ring),
                "geo_polygon.exterior.points: the first and the last point of a ring must be equal",
            ),
            (
                field(geo_polygon=short),
                "geo_polygon.interiors[0].points: the ring has 2 points, must have at least 4",
            ),
        ):
            message = common.Filter(must=[field(is_null=True), condition])
            self.assert_out_of_range(message, f"[filter.must[1].{expected}]")

    def test_conditions_out_of_range(self) -> None:
        few = common.Condition(slice=common.SliceCondition(total=2, index=2))
        none = common.Condition(slice=common.SliceCondition())
        nested = common.NestedCondition(key="k", filter=common.Filter(must_not=[field()]))
        says_nothing = "Validation error: At least one field condition must be specified [{}]"
        for condition, expected in (
            (field(), f".__all__: {says_nothing}"),
            (few, ".slice.index: value 2 invalid, must be smaller than total (2)"),
            (none, ".slice.total: value 0 invalid, must be 1 or larger"),
            (
                common.Condition(nested=nested),
                f".nested.filter.must_not[0].__all__: {says_nothing}",
            ),
        ):
            message = common.Filter(should=[condition])
            self.assert_out_of_range(message, f"[filter.should[0]{expected}]")
        self.assert_out_of_range(
            common.Filter(min_should=common.MinShould()),
            "[filter.min_should.min_count: min_count must be greater than 0]",
        )


class SizeTests(SynchronousTestCase):
    def test_ten_thousand_conditions(self) -> None:
        message = common.Filter(should=[field(is_null=True)] * 10_000)
        self.assertEqual(len(read_filter(message).should), 10_000)

    def test_depth(self) -> None:
        """What protobuf parses is read; what is deeper does not parse."""
        deepest = Filter()
        for _ in range(49):
            deepest = Filter(must=(deepest,))
        self.assertEqual(read_filter(common.Filter.FromString(deep_filter(49))), deepest)
        for depth in (51, 5_000):
            self.assertRaises(DecodeError, common.Filter.FromString, deep_filter(depth))
