"""What goes in over the REST wire is what comes out, for ids, vectors, payloads and filters."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.filter_json import filter_to_json
from tests.recorded_operations import RecordedOperations
from tests.rest_harness import RestClient
from tests.suites.values import dense_rows
from vexfs_twisted.model.errors import DomainError
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
from vexfs_twisted.model.queries import Record, ScoredPoint
from vexfs_twisted.rest.bodies.content import parse
from vexfs_twisted.rest.codecs.filters import read_filter
from vexfs_twisted.rest.codecs.ids import id_in_path, read_ids
from vexfs_twisted.rest.codecs.indexes import read_create_index
from vexfs_twisted.rest.codecs.queries import read_query
from vexfs_twisted.rest.codecs.reads import read_facet, read_scroll
from vexfs_twisted.rest.codecs.results import record_to_json, scored_point_to_json
from vexfs_twisted.rest.codecs.searches import read_search
from vexfs_twisted.rest.codecs.updates import (
    read_delete,
    read_delete_payload,
    read_delete_vectors,
    read_set_payload,
)
from vexfs_twisted.rest.codecs.upserts import read_update_vectors, read_upsert
from vexfs_twisted.rest.responses.rows import rows_to_json

integers = st.integers(0, 2**64 - 1)
uuids = st.uuids()
point_ids = integers | uuids.map(str)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)
payloads = st.dictionaries(words, json_values, max_size=4)
keys = st.sampled_from(["a", "a.b", "a[].b", 'x."y z"', "n[0]"])
numbers = st.integers(-(2**63), 2**63 - 1)
paths = keys.map(PayloadPath.parse)
moments = st.integers(1, 2**52)
places = st.builds(GeoPoint, st.floats(-180, 180), st.floats(-90, 90))
rings = st.lists(places, min_size=3, max_size=5).map(lambda ring: (*ring, ring[0]))
BOUNDS = ("lt", "gt", "lte", "gte")
TEXTS = (MatchText, MatchTextAny, MatchPhrase, MatchPrefix)
bounds = st.none() | st.floats(allow_nan=False, allow_infinity=False)


def spell(point_id: UUID, how: int) -> str:
    """One of the spellings of a UUID that clients use."""
    text = str(point_id)
    return [text, text.upper(), text.replace("-", ""), f"urn:uuid:{text}"][how]


def field_conditions() -> st.SearchStrategy[FieldCondition]:
    values = st.frozensets(words, max_size=3) | st.frozensets(numbers, max_size=3)
    predicates: st.SearchStrategy[Any] = st.one_of(
        st.builds(MatchValue, words | st.booleans() | numbers),
        st.builds(MatchAny, values),
        st.builds(MatchExcept, values),
        *(st.builds(kind, words) for kind in TEXTS),
        st.builds(Range, **dict.fromkeys(BOUNDS, bounds)),
        st.builds(DatetimeRange, gte=moments, **dict.fromkeys(BOUNDS[:-1], st.none() | moments)),
        st.builds(ValuesCount, **dict.fromkeys(BOUNDS, st.none() | integers)),
        st.builds(GeoBoundingBox, places, places),
        st.builds(GeoRadius, places, st.floats(0, 1e9, width=32)),
        st.builds(GeoPolygon, rings, st.lists(rings, max_size=2).map(tuple)),
        st.just(IsEmpty()),
        st.just(IsNull()),
        st.just(HoldsNull()),
    )
    return st.builds(FieldCondition, paths, predicates)


def filters_of(conditions: st.SearchStrategy[Condition], most: int) -> st.SearchStrategy[Filter]:
    clauses = st.lists(conditions, max_size=most).map(tuple)
    min_should = st.none() | st.builds(MinShould, clauses, st.integers(1, 3))
    return st.builds(Filter, clauses, clauses, clauses, min_should)


def filters() -> st.SearchStrategy[Filter]:
    anywhere = field_conditions() | st.builds(HasVector, words) | slices()
    inside = st.recursive(
        anywhere, lambda inner: st.builds(Nested, paths, filters_of(inner, 2)), max_leaves=4
    )
    conditions: st.SearchStrategy[Condition] = st.recursive(
        inside | st.builds(HasId, st.frozensets(point_ids, max_size=3)),
        lambda inner: filters_of(inner, 2),
        max_leaves=8,
    )
    return filters_of(conditions, 3)


def slices() -> st.SearchStrategy[Slice]:
    totals = st.integers(1, 2**32 - 1)
    return totals.flatmap(lambda n: st.builds(Slice, st.just(n), st.integers(0, n - 1)))


def decode(read: Any, value: Any) -> Any:
    """`value` through JSON text and `read`."""
    return read(parse(json.dumps(value).encode()))


class Codecs(SynchronousTestCase):
    @cached_property
    def operations(self) -> RecordedOperations:
        return RecordedOperations(self)

    @given(st.lists(integers | uuids, max_size=6), st.integers(0, 3))
    def test_ids(self, ids: list[int | UUID], how: int) -> None:
        given_ids = [spell(i, how) if isinstance(i, UUID) else i for i in ids]
        expected = [str(i) if isinstance(i, UUID) else i for i in ids]
        self.assertEqual(decode(read_ids, given_ids), expected)
        self.assertEqual([id_in_path(str(i)) for i in expected], expected)

    @settings(max_examples=examples(40))
    @given(filters())
    def test_filters(self, condition: Filter) -> None:
        read = decode(read_filter, filter_to_json(condition))
        self.assertEqual(read, condition)
        # Python takes 1, 1.0 and True for equal; the text of a value does not.
        self.assertEqual(sorted(repr(read)), sorted(repr(condition)))

    @given(st.lists(payloads, min_size=1, max_size=4))
    def test_payload_bytes(self, given_payloads: list[dict[str, Any]]) -> None:
        points = [{"id": i, "vector": {}, "payload": p} for i, p in enumerate(given_payloads)]
        upsert = decode(read_upsert, {"points": points})
        for stored, payload in zip(upsert.payloads, given_payloads, strict=True):
            self.assertEqual(repr(orjson.loads(stored)), repr(orjson.loads(orjson.dumps(payload))))
            written = orjson.dumps(record_to_json(Record(1, stored, None)))
            self.assertIn(stored, written)

    @given(
        st.integers(1, 5).flatmap(
            lambda size: st.lists(
                st.lists(floats, min_size=size, max_size=size), min_size=1, max_size=5
            )
        )
    )
    def test_vectors(self, rows: list[list[float]]) -> None:
        expected = np.array(rows, dtype=np.float32)
        points = [{"id": i, "vector": row} for i, row in enumerate(rows)]
        listed = decode(read_upsert, {"points": points}).vectors[""]
        column = decode(read_upsert, {"batch": {"ids": list(range(len(rows))), "vectors": rows}})
        np.testing.assert_array_equal(dense_rows(listed), expected)
        np.testing.assert_array_equal(dense_rows(column.vectors[""]), expected)

    @given(st.lists(floats, min_size=1, max_size=8), floats)
    def test_float32_is_written_in_the_fewest_digits_that_read_back(
        self, numbers: list[float], score: float
    ) -> None:
        vector = np.array(numbers, dtype=np.float32)
        scored = ScoredPoint(1, 0, score, None, {"": vector})
        written = rows_to_json([scored], scored_point_to_json)
        (point,) = json.loads(written, parse_float=str, parse_int=str)
        for text, number in zip([*point["vector"], point["score"]], [*vector, score], strict=True):
            self.assertEqual(np.float32(text).tobytes(), np.float32(number).tobytes())
            shortest = np.format_float_scientific(np.float32(number), unique=True)
            self.assertLessEqual(len(digits(text)), len(digits(shortest)), (text, shortest))

    @given(st.lists(st.tuples(point_ids, payloads, floats), max_size=40), st.integers(1, 2000))
    @settings(max_examples=40)
    def test_rows_written_in_pieces_are_the_rows(
        self, rows: list[tuple[Any, dict[str, Any], float]], piece: int
    ) -> None:
        records = [
            Record(i, orjson.dumps(p), {"": np.array([x], dtype=np.float32)}) for i, p, x in rows
        ]
        whole = orjson.dumps(
            [record_to_json(record) for record in records], option=orjson.OPT_SERIALIZE_NUMPY
        )
        self.assertEqual(rows_to_json(records, record_to_json, piece), whole)

    @given(json_values)
    def test_no_body_makes_a_reader_fail_in_any_other_way_than_it_may(self, value: Any) -> None:
        for read in (
            read_upsert,
            read_delete,
            read_query,
            read_search,
            read_scroll,
            read_filter,
            read_set_payload,
            read_delete_payload,
            read_update_vectors,
            read_delete_vectors,
            read_create_index,
            read_facet,
        ):
            try:
                decode(read, value)
            except DomainError:
                continue

    @given(st.binary(max_size=60))
    def test_no_bytes_make_the_server_fail(self, data: bytes) -> None:
        client = RestClient(self, self.operations)
        for path in ("/collections/a/points/query", "/collections/a/points/delete"):
            self.assertIn(client.ask("POST", path, data).status, (400, 404))


def digits(text: str) -> str:
    """The significant digits of a number's text."""
    mantissa = text.lower().partition("e")[0]
    return mantissa.replace(".", "").lstrip("-0").rstrip("0")
