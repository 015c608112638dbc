"""Payload indexes: what is told of them, and what they change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.engine_support import UUID_1, UUID_2, EngineTestCase, unnamed, upsert, write
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.filters import (
    Condition,
    FieldCondition,
    Filter,
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
    Range,
    ValuesCount,
)
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
    TextOptions,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import DeletePoints, SetPayload


def index(path: str, kind: FieldType, **options: Any) -> CreateFieldIndex:
    return CreateFieldIndex(PayloadPath.parse(path), FieldSchema(kind, **options))


class SchemaTests(EngineTestCase):
    """The declarations, and the points that have values of them."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", unnamed())

    def points(self) -> dict[str, int]:
        described = self.collection.read(CollectionInfoRequest()).payload_schema
        return {path: info.points for path, info in described.items()}

    def test_points_with_at_least_one_value_of_the_type(self) -> None:
        values = ["x", 5, 5.5, True, {"lon": 1, "lat": 2}, "2015-02-01", UUID_2, [[], None], [1, 2]]
        write(self.collection, upsert(range(9), None, [{"v": value} for value in values]))
        for kind, count in {
            FieldType.KEYWORD: 3,
            FieldType.INTEGER: 2,
            FieldType.FLOAT: 3,
            FieldType.BOOL: 1,
            FieldType.GEO: 1,
            FieldType.DATETIME: 1,
            FieldType.UUID: 1,
            FieldType.TEXT: 3,
        }.items():
            write(self.collection, index("v", kind))
            self.assertEqual(self.points(), {"v": count}, kind)

    def test_updates_are_counted(self) -> None:
        write(self.collection, index("v", FieldType.INTEGER))
        self.assertEqual(self.points(), {"v": 0})
        write(self.collection, upsert([1, 2, 3], None, [{"v": 1}, {"v": 2}, {"v": "x"}]))
        self.assertEqual(self.points(), {"v": 2})
        write(self.collection, DeletePoints([1]), SetPayload(b'{"v":3}', [3]))
        self.assertEqual(self.points(), {"v": 2})

    def test_declarations_are_kept_as_given_and_can_be_dropped(self) -> None:
        declared = {"type": "integer", "lookup": True, "range": False}
        schema = FieldSchema(FieldType.INTEGER, declared, lookup=True, range=False)
        path = PayloadPath.parse("a[].b")
        write(self.collection, CreateFieldIndex(path, schema), index("k", FieldType.KEYWORD))
        collection = self.reopen().get("a")
        described = collection.read(CollectionInfoRequest()).payload_schema
        self.assertEqual(described["a[].b"].schema, schema)
        self.assertEqual(described["k"].schema, FieldSchema(FieldType.KEYWORD))
        write(collection, DeleteFieldIndex(path), DeleteFieldIndex(path))
        self.assertEqual(list(collection.read(CollectionInfoRequest()).payload_schema), ["k"])


class TextIndexTests(EngineTestCase):
    """A text index changes how text is matched, by payloads and by columns alike."""

    def test_tokens_take_the_place_of_substrings(self) -> None:
        collection = self.catalog.create("a", unnamed())
        texts: list[dict[str, Any]] = [
            {"t": "Red apples"},
            {"t": ["green pear", "red"]},
            {"t": "infrared"},
            {"t": 5},
        ]
        write(collection, upsert(range(4), None, texts))
        schema = FieldSchema(FieldType.TEXT, text=TextOptions(phrase_matching=True))
        path = PayloadPath.parse("t")

        def passing(predicate: Any, few_rows: int) -> list[Any]:
            self.patch(row_filter, "FEW_ROWS", few_rows)
            filter_ = Filter(must=(FieldCondition(path, predicate),))
            return [record.id for record in collection.read(Scroll(filter=filter_)).records]

        for few_rows in (-1, 1000):
            self.assertEqual(passing(MatchText("red"), few_rows), [1, 2])
            self.assertEqual(passing(MatchTextAny("red Red"), few_rows), [0, 1, 2])
            self.assertEqual(passing(MatchPhrase("d app"), few_rows), [0])
        write(collection, CreateFieldIndex(path, schema))
        for few_rows in (-1, 1000):
            self.assertEqual(passing(MatchText("red"), few_rows), [0, 1])
            self.assertEqual(passing(MatchText("PEAR red"), few_rows), [1])
            self.assertEqual(passing(MatchText(""), few_rows), [])
            self.assertEqual(passing(MatchTextAny("apples pear"), few_rows), [0, 1])
            self.assertEqual(passing(MatchPhrase("green pear"), few_rows), [1])
            self.assertEqual(passing(MatchPhrase("pear red"), few_rows), [])


class UuidIndexTests(EngineTestCase):
    """With a uuid index, strings that spell one UUID are equal; without one they are not."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", unnamed())
        simple = UUID_2.replace("-", "")
        values: list[Any] = [UUID_2, UUID_2.upper(), simple, f"urn:uuid:{UUID_2}", f"{{{UUID_2}}}"]
        values += ["x", ["x", UUID_2.upper()], 5, None, [UUID_1, simple], UUID_1, UUID_2[:-1]]
        payloads = [{"v": v, "o": [{"v": UUID_1, "n": 0}, {"v": v, "n": n}]}
                    for n, v in enumerate(values)]  # fmt: skip
        write(self.collection, upsert(range(12), None, payloads))

    def passing(self, predicate: Any) -> list[Any]:
        """The points that pass on the field, by payloads and by columns."""
        found = []
        for few_rows in (1000, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            filter_ = Filter(must=(FieldCondition(PayloadPath.parse("v"), predicate),))
            page = self.collection.read(Scroll(limit=100, filter=filter_))
            found.append([record.id for record in page.records])
        self.assertEqual(found[0], found[1])
        return found[0]

    def check_indexed(self) -> None:
        same = [0, 1, 2, 3, 4, 6, 9]
        for spelled in (UUID_2, UUID_2.upper(), UUID_2.replace("-", ""), f"urn:uuid:{UUID_2}"):
            self.assertEqual(self.passing(MatchValue(spelled)), same)
            self.assertEqual(self.passing(MatchAny(frozenset([spelled]))), same)
            others = self.passing(MatchExcept(frozenset([spelled])))
            self.assertEqual(others, [5, 6, 7, 9, 10, 11])
        self.assertEqual(self.passing(MatchAny(frozenset([UUID_2, UUID_1]))), [*same, 10])
        self.assertEqual(self.passing(MatchAny(frozenset([UUID_2, "x"]))), [0, 1, 2, 3, 4, 5, 6, 9])
        self.assertEqual(self.passing(MatchExcept(frozenset([UUID_2, "x"]))), [7, 9, 10, 11])
        self.assertEqual(self.passing(MatchAny(frozenset())), [])
        self.assertEqual(self.passing(MatchValue("x")), [5, 6])
        self.assertEqual(self.passing(MatchValue("X")), [])
        self.assertEqual(self.passing(MatchValue(5)), [7])
        self.assertEqual(self.passing(MatchPrefix("f47")), [0, 2, 9, 11])

    def check_plain(self) -> None:
        self.assertEqual(self.passing(MatchValue(UUID_2)), [0])
        self.assertEqual(self.passing(MatchValue(UUID_2.upper())), [1, 6])
        self.assertEqual(self.passing(MatchAny(frozenset([UUID_2, "x"]))), [0, 5, 6])
        others = self.passing(MatchExcept(frozenset([UUID_2])))
        self.assertEqual(others, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11])

    def test_only_a_uuid_index_makes_spellings_equal(self) -> None:
        self.check_plain()
        write(self.collection, index("v", FieldType.KEYWORD))
        self.check_plain()
        write(self.collection, index("v", FieldType.UUID))
        self.check_indexed()
        write(self.collection, DeleteFieldIndex(PayloadPath.parse("v")))
        self.check_plain()

    def test_after_a_restart(self) -> None:
        write(self.collection, index("v[]", FieldType.UUID))
        self.check_indexed()
        self.collection = self.reopen().get("a")
        self.check_indexed()

    def test_elements_of_a_nested_condition(self) -> None:
        def count() -> int:
            wanted = Filter(must=(FieldCondition(PayloadPath.parse("v"), MatchValue(UUID_2)),))
            nested = Nested(PayloadPath.parse("o"), wanted)
            return self.collection.read(Count(Filter(must=(nested,))))

        for few_rows in (1000, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            write(self.collection, index("o[].v", FieldType.UUID))
            self.assertEqual(count(), 7)
            write(self.collection, DeleteFieldIndex(PayloadPath.parse("o[].v")))
            self.assertEqual(count(), 1)

    def test_updates_by_filter(self) -> None:
        write(self.collection, index("v", FieldType.UUID))
        same = FieldCondition(PayloadPath.parse("v"), MatchValue(UUID_2))
        write(self.collection, DeletePoints(filter=Filter(must=(same,))))
        self.assertEqual(self.collection.read(Count()), 5)


class ByBothCase(EngineTestCase):
    """Points whose field `v` has one value each, asked by payloads and by columns alike."""

    values: Sequence[Any] = ()

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", unnamed())
        payloads = [{"v": value, "o": [{"w": value}]} for value in self.values]
        write(self.collection, upsert(range(len(payloads)), None, payloads))

    def passing(self, *conditions: Condition) -> list[Any]:
        """The points that pass all of the conditions."""
        found = []
        for few_rows in (1000, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            page = self.collection.read(Scroll(limit=100, filter=Filter(must=conditions)))
            found.append([record.id for record in page.records])
        self.assertEqual(found[0], found[1])
        return found[0]

    def on(self, predicate: Any, path: str = "v") -> list[Any]:
        return self.passing(FieldCondition(PayloadPath.parse(path), predicate))


class IntegerIndexTests(ByBothCase):
    """An index of integers holds floats without a fraction, and no other numbers."""

    values = (42.0, 42, [42.0, 1], 42.5, [42.5, "x"], "42", True, 1e300, 2.0**63, -0.0, None)

    def test_a_match_sees_what_the_index_holds(self) -> None:
        both = frozenset([42, 0])
        self.assertEqual(self.on(MatchValue(42)), [1])
        self.assertEqual(self.on(MatchAny(both)), [1])
        self.assertEqual(self.on(MatchExcept(both)), [0, 2, 3, 4, 5, 6, 7, 8, 9])
        write(self.collection, index("v", FieldType.INTEGER))
        self.assertEqual(self.on(MatchValue(42)), [0, 1, 2])
        self.assertEqual(self.on(MatchValue(0)), [9])
        self.assertEqual(self.on(MatchValue(2**63 - 1)), [])
        self.assertEqual(self.on(MatchAny(both)), [0, 1, 2, 9])
        self.assertEqual(self.on(MatchExcept(both)), [2, 4, 5, 6])
        self.assertEqual(self.on(MatchExcept(frozenset(["x"]))), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        self.assertEqual(self.on(MatchExcept(frozenset())), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        self.assertEqual(self.on(MatchValue("42")), [5])
        self.assertEqual(self.on(MatchValue(True)), [6])
        write(self.collection, DeleteFieldIndex(PayloadPath.parse("v")))
        self.assertEqual(self.on(MatchAny(both)), [1])

    def test_a_range_sees_what_the_index_holds(self) -> None:
        self.assertEqual(self.on(Range(gte=42)), [0, 1, 2, 3, 4, 7, 8])
        self.assertEqual(self.on(Range(gte=42, lte=42)), [0, 1, 2])
        write(self.collection, index("v", FieldType.INTEGER))
        self.assertEqual(self.on(Range(gte=42)), [0, 1, 2])
        self.assertEqual(self.on(Range(gte=42, lte=42)), [0, 1, 2])
        self.assertEqual(self.on(Range(gt=-0.5, lt=0.5)), [9])
        self.assertEqual(self.on(Range(lt=2)), [2, 9])

    def test_each_capability_is_of_its_own(self) -> None:
        write(self.collection, index("v", FieldType.INTEGER, lookup=False))
        self.assertEqual(self.on(MatchValue(42)), [1])
        self.assertEqual(self.on(Range(gte=42)), [0, 1, 2])
        write(self.collection, index("v", FieldType.INTEGER, range=False))
        self.assertEqual(self.on(MatchValue(42)), [0, 1, 2])
        self.assertEqual(self.on(Range(gte=42)), [0, 1, 2, 3, 4, 7, 8])

    def test_other_indexes_leave_numbers_alone(self) -> None:
        for kind in (FieldType.FLOAT, FieldType.KEYWORD, FieldType.DATETIME):
            write(self.collection, index("v", kind))
            self.assertEqual(self.on(MatchValue(42)), [1])
            self.assertEqual(self.on(Range(gte=42)), [0, 1, 2, 3, 4, 7, 8])

    def test_counts_of_values_and_absence_are_those_of_the_payload(self) -> None:
        for _ in range(2):
            self.assertEqual(self.on(ValuesCount(gte=2)), [2, 4])
            self.assertEqual(self.on(IsEmpty()), [10])
            write(self.collection, index("v", FieldType.INTEGER))

    def test_elements_of_nested_objects(self) -> None:
        inner = FieldCondition(PayloadPath.parse("w"), MatchValue(42))
        nested = Nested(PayloadPath.parse("o"), Filter(must=(inner,)))
        other = FieldCondition(PayloadPath.parse("w"), Range(gt=42))
        above = Nested(PayloadPath.parse("o"), Filter(must=(other,)))
        self.assertEqual((self.passing(nested), self.passing(above)), ([1], [3, 4, 7, 8]))
        write(self.collection, index("o[].w", FieldType.INTEGER))
        self.assertEqual((self.passing(nested), self.passing(above)), ([0, 1, 2], []))

    def test_updates_and_a_restart(self) -> None:
        write(self.collection, index("v", FieldType.INTEGER))
        self.assertEqual(self.on(MatchValue(42)), [0, 1, 2])
        write(self.collection, SetPayload(b'{"v":42.0}', [3]), SetPayload(b'{"v":42.5}', [0, 1]))
        self.assertEqual(self.on(MatchValue(42)), [2, 3])
        self.collection = self.reopen().get("a")
        self.assertEqual(self.on(MatchValue(42)), [2, 3])
        self.assertEqual(
            self.collection.read(CollectionInfoRequest()).payload_schema["v"].points, 3
        )


class NullTests(ByBothCase):
    """Whether a field is null depends on its index, where it is an array; nothing else does."""

    values = (None, [None, None], [1, None], [[None]], [], 1, {"x": None})

    def check_all(self, itself: list[int]) -> None:
        arrays = [0, 1, 2]
        self.assertEqual(self.on(IsNull()), itself)
        self.assertEqual(self.on(HoldsNull()), arrays)
        self.assertEqual(self.on(IsNull(), "v[]"), [1, 2] if itself == [0] else [1, 2, 3])
        self.assertEqual(self.on(HoldsNull(), "v[]"), [1, 2, 3])
        self.assertEqual(self.on(IsEmpty()), [0, 4])
        self.assertEqual(self.on(IsEmpty(), "v[]"), [0, 1, 4, 5, 6])
        self.assertEqual(self.on(IsNull(), "v.x"), [6])
        self.assertEqual(self.on(IsNull(), "missing"), [])

    def test_the_table(self) -> None:
        self.check_all([0])
        for kind in FieldType:
            options = {"text": TextOptions()} if kind is FieldType.TEXT else {}
            write(self.collection, index("v", kind, **options))
            self.check_all([0, 1, 2])
        self.collection = self.reopen().get("a")
        self.check_all([0, 1, 2])
        write(self.collection, DeleteFieldIndex(PayloadPath.parse("v")))
        self.check_all([0])

    def test_an_index_of_another_field(self) -> None:
        write(self.collection, index("o", FieldType.KEYWORD), index("v.x", FieldType.KEYWORD))
        self.check_all([0])

    def test_elements_of_nested_objects(self) -> None:
        inner = FieldCondition(PayloadPath.parse("w"), IsNull())
        nested = Nested(PayloadPath.parse("o"), Filter(must=(inner,)))
        self.assertEqual(self.passing(nested), [0])
        write(self.collection, index("o[].w", FieldType.KEYWORD))
        self.assertEqual(self.passing(nested), [0, 1, 2])
