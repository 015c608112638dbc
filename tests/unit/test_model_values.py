"""Ids, names, payload paths and the rules on values."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import BadInput, DomainError, ValidationError
from vexfs_twisted.model.ids import MAX_INTEGER_ID, canonical_uuid, parse_point_id, sort_key
from vexfs_twisted.model.names import (
    check_collection_name,
    check_new_alias,
    check_new_collection_name,
    check_vector_name,
)
from vexfs_twisted.model.payload_path import EachElement, Index, Key, PayloadPath
from vexfs_twisted.model.queries import Query, check_query_vector
from vexfs_twisted.model.search_params import Acorn, SearchParams
from vexfs_twisted.model.validation import bounded, validate
from vexfs_twisted.model.vectors import VectorColumn

CANONICAL = "936da01f-9abd-4d9d-80c7-02af85c822a8"


class PointIdTests(SynchronousTestCase):
    """The spellings of an id."""

    def test_every_uuid_spelling_becomes_canonical(self) -> None:
        plain = CANONICAL.replace("-", "")
        for spelling in (CANONICAL, CANONICAL.upper(), plain, f"urn:uuid:{CANONICAL}"):
            self.assertEqual(canonical_uuid(spelling), CANONICAL)

    def test_other_text_is_no_uuid(self) -> None:
        for text in ("", "abc", CANONICAL[:-1], CANONICAL + "0", plain_with_misplaced_hyphen()):
            self.assertIsNone(canonical_uuid(text))

    def test_a_path_segment_is_a_number_or_a_uuid(self) -> None:
        self.assertEqual(parse_point_id("17"), 17)
        self.assertEqual(parse_point_id(str(MAX_INTEGER_ID)), MAX_INTEGER_ID)
        self.assertEqual(parse_point_id(CANONICAL.upper()), CANONICAL)
        for text in ("-1", "1.5", "abc", str(MAX_INTEGER_ID + 1), "\u0661"):
            self.assertIsNone(parse_point_id(text))

    def test_integers_sort_before_uuids(self) -> None:
        low = str(UUID(int=0))
        self.assertEqual(
            sorted([CANONICAL, 2**63, low, 7], key=sort_key), [7, 2**63, low, CANONICAL]
        )


def plain_with_misplaced_hyphen() -> str:
    """32 hex digits with hyphens where none belong."""
    return "936da01-f9abd-4d9d-80c7-02af85c822a8"


class NameTests(SynchronousTestCase):
    """What may be called what."""

    def test_length_of_collection_names(self) -> None:
        check_collection_name("x" * 255)
        for name in ("", "x" * 256, "/" * 256):
            error = self.assertRaises(ValidationError, check_collection_name, name)
            self.assertEqual(error.message, "[collection_name: must be from 1 to 255 characters]")

    def test_the_first_forbidden_character_of_their_order_is_told(self) -> None:
        forbidden = '<>:"/\\|?*\0\x1f'
        for place, char in enumerate(forbidden):
            for name in (f"a{char}", char, f"{forbidden[:place:-1]}{char}"):
                error = self.assertRaises(ValidationError, check_collection_name, name)
                text = f'[collection_name: collection name cannot contain "{char}" char]'
                self.assertEqual(error.message, text)
        check_collection_name("päckchen 1.2-β")

    def test_what_is_not_seen_only_matters_for_new_names(self) -> None:
        for name in ("a\nb", "\u202ea", "\ufeff", ".", ".."):
            check_collection_name(name)
            self.assertRaises(ValidationError, check_new_collection_name, name)
            self.assertRaises(ValidationError, check_new_alias, name, "alias_name")
            self.assertRaises(BadInput, check_vector_name, name)
        # Aliases with these are taken by Qdrant.
        check_new_alias("a/b", "alias_name")
        check_vector_name("")

    def test_vector_names_count_bytes(self) -> None:
        check_vector_name("é" * 100)
        self.assertRaises(BadInput, check_vector_name, "é" * 101)
        for kind in ("dense", "sparse"):
            error = self.assertRaises(BadInput, check_vector_name, "a/b", kind)
            text = f'Invalid {kind} vector name `a/b`: vector name cannot contain "/" char'
            self.assertEqual(error.message, f"Wrong input: {text}")


class PayloadPathTests(SynchronousTestCase):
    """The grammar of paths."""

    def test_steps(self) -> None:
        cases = {
            "a": (Key("a"),),
            "a.b-c_d": (Key("a"), Key("b-c_d")),
            "a[].b": (Key("a"), EachElement(), Key("b")),
            "a[12][]": (Key("a"), Index(12), EachElement()),
            '"a.b".c': (Key("a.b"), Key("c")),
            '""': (Key(""),),
            "straße.\u0661": (Key("straße"), Key("\u0661")),
            "123": (Key("123"),),
        }
        for text, steps in cases.items():
            self.assertEqual(PayloadPath.parse(text).steps, steps, text)

    def test_what_is_no_path(self) -> None:
        for text in ("", ".", "a.", ".a", "a..b", "a b", "a[", "a[x]", "[0]", 'a"b"', '"a'):
            with self.assertRaises(ValueError, msg=text):
                PayloadPath.parse(text)


@frozen
class _Inner:
    size: int | None = bounded(1, 10)


@frozen
class _Outer:
    inner: _Inner = _Inner()
    named: dict[str, _Inner] | None = None
    listed: tuple[_Inner, ...] = ()
    ratio: float | None = bounded(0.0)


class ValidationTests(SynchronousTestCase):
    """Where rules are broken, and how that is said."""

    def message(self, value: object, path: str = "") -> str:
        return str(self.assertRaises(ValidationError, validate, value, path))

    def test_sound_values_pass(self) -> None:
        validate(_Outer(_Inner(10), {"a": _Inner(1)}, (_Inner(),), 0.0))

    def test_paths_and_bounds(self) -> None:
        self.assertEqual(
            self.message(_Outer(_Inner(0))),
            "[inner.size: value 0 invalid, must be from 1 to 10]",
        )
        self.assertEqual(
            self.message(_Outer(ratio=-1.0), "body"),
            "[body.ratio: value -1.0 invalid, must be 0.0 or larger]",
        )
        self.assertIn("named.?.size:", self.message(_Outer(named={"a": _Inner(11)})))
        self.assertIn("named.size:", self.message(_Outer(named={"": _Inner(11)})))
        self.assertIn("listed[1].size:", self.message(_Outer(listed=(_Inner(1), _Inner(0)))))

    def test_all_problems_are_listed(self) -> None:
        text = self.message(_Outer(_Inner(0), None, (), -1.0))
        self.assertEqual(text.count("; "), 1)

    def test_queries(self) -> None:
        validate(Query(limit=2**64 - 1))
        self.assertEqual(
            self.message(Query(limit=0), "internal"),
            "[internal.limit: value 0 invalid, must be 1 or larger]",
        )
        query = Query(params=SearchParams(hnsw_ef=0, acorn=Acorn(max_selectivity=1.5)))
        text = self.message(query)
        self.assertIn("params.hnsw_ef", text)
        self.assertIn("params.acorn.max_selectivity", text)


class VectorTests(SynchronousTestCase):
    """Columns of vectors and query vectors."""

    def test_columns_compare_by_content(self) -> None:
        rows = np.eye(3, dtype=np.float32)
        self.assertEqual(VectorColumn.of(rows), VectorColumn.of(rows.copy()))
        self.assertNotEqual(VectorColumn.of(rows), VectorColumn.of(rows + 1))
        self.assertEqual(VectorColumn.of(rows).dimensions, (3,))

    def test_query_vectors_hold_finite_numbers(self) -> None:
        check_query_vector(np.ones(2, dtype=np.float32))
        for bad in ([], [np.nan], [np.inf, 1.0]):
            vector = np.array(bad, dtype=np.float32)
            self.assertRaises(DomainError, check_query_vector, vector)
