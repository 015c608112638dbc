"""Payload indexes: what is told of them, and what they change."""

from __future__ import annotations

from typing import Any

from tests.engine_support import UUID_1, UUID_2, EngineTestCase, unnamed, upsert, write
from vexfs_twisted.engine.filtering import rows
from vexfs_twisted.model.filters import (
    FieldCondition,
    Filter,
    MatchAny,
    MatchExcept,
    MatchPhrase,
    MatchPrefix,
    MatchText,
    MatchTextAny,
    MatchValue,
    Nested,
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
        described = self.collection.info().payload_schema
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
        described = collection.info().payload_schema
        self.assertEqual(described["a[].b"].schema, schema)
        self.assertEqual(described["k"].schema, FieldSchema(FieldType.KEYWORD))
        write(collection, DeleteFieldIndex(path), DeleteFieldIndex(path))
        self.assertEqual(list(collection.info().payload_schema), ["k"])


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
            self.patch(rows, "FEW_ROWS", few_rows)
            filter_ = Filter(must=(FieldCondition(path, predicate),))
            return [record.id for record in collection.scroll(Scroll(filter=filter_)).records]

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
            self.patch(rows, "FEW_ROWS", few_rows)
            filter_ = Filter(must=(FieldCondition(PayloadPath.parse("v"), predicate),))
            page = self.collection.scroll(Scroll(limit=100, filter=filter_))
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
            return self.collection.count(Count(Filter(must=(nested,))))

        for few_rows in (1000, -1):
            self.patch(rows, "FEW_ROWS", few_rows)
            write(self.collection, index("o[].v", FieldType.UUID))
            self.assertEqual(count(), 7)
            write(self.collection, DeleteFieldIndex(PayloadPath.parse("o[].v")))
            self.assertEqual(count(), 1)

    def test_updates_by_filter(self) -> None:
        write(self.collection, index("v", FieldType.UUID))
        same = FieldCondition(PayloadPath.parse("v"), MatchValue(UUID_2))
        write(self.collection, DeletePoints(filter=Filter(must=(same,))))
        self.assertEqual(self.collection.count(Count()), 5)
