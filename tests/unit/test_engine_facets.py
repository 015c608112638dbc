"""Counting the values of indexed fields, and ordering by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.engine_support import UUID_2, EngineTestCase, field, payload_of, unnamed, upsert, write
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.filters import Filter, MatchValue, Range
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import ALL_PAYLOAD, Facet, Record, Scroll, Selection
from vexfs_twisted.model.query_forms import Direction, OrderBy
from vexfs_twisted.model.updates import DeletePoints, SetPayload

V = PayloadPath.parse("v")


class IndexedCase(EngineTestCase):
    """A collection with one indexed field `v`."""

    def keep(self, kind: FieldType, values: Sequence[Any], **options: Any) -> None:
        self.catalog.delete("a")
        self.collection = self.catalog.create("a", unnamed())
        payloads = [{"v": value, "n": number} for number, value in enumerate(values)]
        schema = FieldSchema(kind, **options)
        write(self.collection, CreateFieldIndex(V, schema))
        write(self.collection, upsert(range(len(values)), None, payloads))


class FacetTests(IndexedCase):
    """Values with the number of points that have them."""

    def facet(self, **options: Any) -> list[tuple[Any, int]]:
        return [(value, count) for value, count in self.collection.read(Facet(V, **options))]

    def test_by_count_then_by_value(self) -> None:
        self.keep(FieldType.KEYWORD, ["b", "a", ["a", "c", "a"], ["b"], 5, None, ["c"], "d"])
        self.assertEqual(self.facet(), [("a", 2), ("b", 2), ("c", 2), ("d", 1)])
        self.assertEqual(self.facet(limit=1), [("a", 2)])

    def test_integers_and_booleans(self) -> None:
        self.keep(FieldType.INTEGER, [3, 3, -1, 2.0, "3", True, 0])
        self.assertEqual(self.facet(), [(3, 2), (-1, 1), (0, 1), (2, 1)])
        self.keep(FieldType.BOOL, [True, False, True, 1])
        found = self.facet()
        self.assertEqual(found, [(True, 2), (False, 1)])
        self.assertIs(found[0][0], True)

    def test_uuids_in_every_spelling_are_one(self) -> None:
        self.keep(FieldType.UUID, [UUID_2, UUID_2.upper(), [UUID_2, UUID_2.replace("-", "")], "x"])
        self.assertEqual(self.facet(), [(UUID_2, 3)])

    def test_a_filter_restricts_points_and_not_their_values(self) -> None:
        self.keep(FieldType.KEYWORD, [["a", "b"], "b", "c"])
        first = Filter(must=(field("v", MatchValue("a")),))
        self.assertEqual(self.facet(filter=first), [("a", 1), ("b", 1)])
        self.assertEqual(self.facet(filter=Filter()), [("b", 2), ("a", 1), ("c", 1)])

    def test_updates_count_at_once(self) -> None:
        self.keep(FieldType.KEYWORD, ["a", "a", "b"])
        self.assertEqual(self.facet(), [("a", 2), ("b", 1)])
        write(self.collection, DeletePoints([0]), SetPayload(b'{"v":"new"}', [1]))
        write(self.collection, upsert([2, 3], None, [{"v": "new"}, {}]))
        self.assertEqual(self.facet(), [("new", 2)])

    def test_floats_without_a_fraction_are_integers(self) -> None:
        values = [42.0, 42, [42.0, 1], 42.5, [42, 42.0], -0.0, 2.0**63, 1e300, -(2.0**63)]
        self.keep(FieldType.INTEGER, values)
        expected = [(42, 4), (-(2**63), 1), (0, 1), (1, 1)]
        self.assertEqual(self.facet(), expected)
        self.assertEqual(
            self.collection.read(CollectionInfoRequest()).payload_schema["v"].points, 6
        )
        self.collection = self.reopen().get("a")
        self.assertEqual(self.facet(), expected)

    def test_a_field_and_its_elements_are_two(self) -> None:
        self.keep(FieldType.INTEGER, [[1, 2.0], 3])
        elements = PayloadPath.parse("v[]")
        self.assertRaises(BadInput, self.collection.read, Facet(elements))
        order = Scroll(order_by=OrderBy(elements))
        self.assertRaises(BadInput, self.collection.read, order)
        write(self.collection, CreateFieldIndex(elements, FieldSchema(FieldType.INTEGER)))
        self.assertEqual(self.collection.read(Facet(elements)), [(1, 1), (2, 1)])
        self.assertEqual(self.facet(), [(1, 1), (2, 1), (3, 1)])
        write(self.collection, DeleteFieldIndex(V))
        self.assertRaises(BadInput, self.facet)

    def test_nothing_is_counted_where_there_are_no_points(self) -> None:
        self.keep(FieldType.GEO, [])
        for path in ("v", "v[]", "other"):
            self.assertEqual(self.collection.read(Facet(PayloadPath.parse(path))), [])
        write(self.collection, upsert([1], None, [{"v": 1}]))
        self.assertRaises(BadInput, self.facet)
        write(self.collection, DeletePoints([1]))
        self.assertEqual(self.facet(), [])

    def test_only_indexes_that_look_values_up_count_them(self) -> None:
        for kind, options in (
            (FieldType.FLOAT, {}),
            (FieldType.TEXT, {}),
            (FieldType.INTEGER, {"lookup": False}),
        ):
            self.keep(kind, [1], **options)
            self.assertRaises(BadInput, self.facet)
        self.keep(FieldType.INTEGER, [1])
        self.assertEqual(self.facet(), [(1, 1)])
        write(self.collection, DeleteFieldIndex(V))
        error = self.assertRaises(BadInput, self.facet)
        self.assertIn("No appropriate index for faceting: `v`", error.message)


class OrderTests(IndexedCase):
    """Scrolling in the order of a field."""

    def records(self, limit: int = 100, filter: Filter | None = None, **order: Any) -> list[Record]:
        request = Scroll(
            limit, filter=filter, order_by=OrderBy(V, **order), selection=Selection(ALL_PAYLOAD)
        )
        page = self.collection.read(request)
        self.assertIsNone(page.next_offset)
        return list(page.records)

    def ordered(self, **options: Any) -> list[tuple[Any, Any]]:
        return [(record.id, record.order_value) for record in self.records(**options)]

    def test_a_point_once_for_each_value_and_equal_values_by_id(self) -> None:
        self.keep(FieldType.INTEGER, [5, [7, 1], None, 5, [], "5", 5.0, 5])
        self.assertEqual(self.ordered(), [(1, 1), (0, 5), (3, 5), (6, 5), (7, 5), (1, 7)])
        down = self.ordered(direction=Direction.DESC)
        self.assertEqual(down, [(1, 7), (0, 5), (3, 5), (6, 5), (7, 5), (1, 1)])
        self.assertEqual(self.ordered(limit=2), [(1, 1), (0, 5)])
        self.assertEqual(self.ordered(limit=2, direction=Direction.DESC), [(1, 7), (0, 5)])

    def test_records_carry_what_was_selected(self) -> None:
        self.keep(FieldType.INTEGER, [2, 1])
        self.assertEqual([payload_of(record)["n"] for record in self.records()], [1, 0])

    def test_ties_go_by_id_even_where_points_were_written_anew(self) -> None:
        self.keep(FieldType.INTEGER, [1, 1, 1])
        write(self.collection, upsert([0], None, [{"v": 1}]))
        self.assertEqual(self.ordered(limit=1), [(0, 1)])

    def test_start_from_is_inclusive_both_ways(self) -> None:
        self.keep(FieldType.INTEGER, [1, 2, 3])
        self.assertEqual(self.ordered(start_from=2), [(1, 2), (2, 3)])
        self.assertEqual(self.ordered(start_from=1.5), [(1, 2), (2, 3)])
        down = self.ordered(start_from=2, direction=Direction.DESC)
        self.assertEqual(down, [(1, 2), (0, 1)])

    def test_start_from_past_the_integers_that_floats_tell_apart(self) -> None:
        large = 2**53
        self.keep(FieldType.INTEGER, [large - 1, large, large + 1, float(large + 2)])
        self.assertEqual(self.ordered(start_from=large + 1), [(2, large + 1), (3, large + 2)])
        self.assertEqual(self.ordered(start_from=large + 0.0)[0], (1, large))
        down = self.ordered(start_from=large + 1, direction=Direction.DESC)
        self.assertEqual(down, [(2, large + 1), (1, large), (0, large - 1)])
        self.assertEqual(self.ordered(start_from=float("nan")), [])
        self.keep(FieldType.FLOAT, [large - 1, large + 1])
        self.assertEqual(self.ordered(), [(0, large - 1.0), (1, large + 0.0)])
        self.assertEqual(self.ordered(start_from=large + 1), [(1, large + 0.0)])

    def test_integers_are_told_of_floats_without_a_fraction(self) -> None:
        self.keep(FieldType.INTEGER, [42.0, 42, [42.0, 1], 42.5, [42, 42.0], -0.0, 1e300])
        found = self.ordered()
        self.assertEqual(found, [(5, 0), (2, 1), (0, 42), (1, 42), (2, 42), (4, 42)])
        self.assertEqual({type(value) for _, value in found}, {int})

    def test_floats_take_integers_too(self) -> None:
        self.keep(FieldType.FLOAT, [1.5, 1, -2.5])
        self.assertEqual(self.ordered(), [(2, -2.5), (1, 1.0), (0, 1.5)])

    def test_datetimes_are_microseconds(self) -> None:
        self.keep(FieldType.DATETIME, ["1970-01-01T00:00:01Z", "1970-01-01", "no date"])
        self.assertEqual(self.ordered(), [(1, 0), (0, 1_000_000)])
        self.assertEqual(self.ordered(start_from=1), [(0, 1_000_000)])

    def test_datetimes_of_any_year(self) -> None:
        late, early = 253_402_300_800_000_000, -62_198_755_200_000_000
        self.keep(FieldType.DATETIME, ["+10000-01-01T00:00:00Z", "-0001-1-1", "1970-1-1 0:0:1"])
        self.assertEqual(self.ordered(), [(1, early), (2, 1_000_000), (0, late)])
        self.assertEqual(self.ordered(start_from=early + 1), [(2, 1_000_000), (0, late)])

    def test_a_filter(self) -> None:
        self.keep(FieldType.INTEGER, [3, 2, 1])
        late = Filter(must=(field("n", Range(gte=1)),))
        self.assertEqual(self.ordered(filter=late), [(2, 1), (1, 2)])
        self.assertEqual(self.ordered(filter=late, limit=1), [(2, 1)])

    def test_only_indexes_that_know_an_order_give_one(self) -> None:
        for kind, options in ((FieldType.KEYWORD, {}), (FieldType.INTEGER, {"range": False})):
            self.keep(kind, [1], **options)
            error = self.assertRaises(BadInput, self.ordered)
            self.assertIn("No range index for `order_by` key: `v`.", error.message)
