"""Filters by columns agree with filters by payloads, through updates and reopening."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import orjson
from hypothesis import HealthCheck, given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.engine_support import UUID_1, UUID_2, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.payload_index import cache
from vexfs_twisted.model.filters import (
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
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
    TextOptions,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import ClearPayload, DeletePayload, DeletePoints, SetPayload

KEYS = ("a", "b", "c")
PATHS = ("a", "b", "a.b", "a[].b", "a[0]", "b[]", "a[0].b", "a.b.c", "b[].c[]")
DAYS = ("2015-02-01", "2015-2-1 0:0:0.5", "1969-12-31 23:59", "20150201", "-1-1-1", "+10000-1-1")
IDS = (0, 1, 2, 3, 4, 5, 6, 7, UUID_1, UUID_2)
MANY = 2**63
SPELLINGS = (UUID_2, UUID_2.upper(), UUID_2.replace("-", ""))

strings = st.sampled_from(["x", "y", "", "X", "x y", "yx", *DAYS, *SPELLINGS])
integers = st.sampled_from([0, 1, 2, -5, 2**53 + 1, -(2**63), MANY, 2**64 - 1])
floats = st.sampled_from([0.0, 1.0, 1.5, -5.0, float(MANY), 1e300])
places = st.fixed_dictionaries({
    "lon": st.sampled_from([0, 5, 10.0, -179.5, 179.5, 200, "x"]),
    "lat": st.sampled_from([0, 5, 10.0, -90, 91]),
})  # fmt: skip
scalars = st.none() | st.booleans() | strings | integers | floats | places
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=6,
)
payloads = st.dictionaries(st.sampled_from(KEYS), values)

numbers = (
    st.none() | floats | integers | st.sampled_from([2.0**53, -1e300, float("inf"), float("nan")])
)
datetimes = st.none() | st.sampled_from([-(2**55), -60_000_000, 0, 1_422_748_800_000_000, 2**57])
counts = st.none() | st.integers(0, 3)
points = st.builds(
    GeoPoint,
    lon=st.sampled_from([-180.0, 0.0, 5.0, 10.0, 179.0]),
    lat=st.sampled_from([-90.0, 0.0, 7.0, 90.0]),
)
rings = st.lists(points, min_size=3, max_size=5).map(lambda ring: (*ring, ring[0]))
predicates = st.one_of(
    st.builds(MatchValue, strings | integers | st.booleans()),
    st.builds(MatchAny, st.frozensets(strings) | st.frozensets(integers)),
    st.builds(MatchExcept, st.frozensets(strings) | st.frozensets(integers)),
    st.builds(MatchText, strings),
    st.builds(MatchTextAny, strings),
    st.builds(MatchPhrase, strings),
    st.builds(MatchPrefix, strings),
    st.builds(Range, numbers, numbers, numbers, numbers),
    st.builds(DatetimeRange, datetimes, datetimes, datetimes, datetimes),
    st.builds(ValuesCount, counts, counts, counts, counts),
    st.builds(GeoBoundingBox, points, points),
    st.builds(GeoRadius, points, st.sampled_from([0.0, 1e6, 2e7])),
    st.builds(GeoPolygon, rings, st.lists(rings, max_size=1).map(tuple)),
    st.just(IsEmpty()),
    st.just(IsNull()),
    st.just(HoldsNull()),
)
paths = st.sampled_from(PATHS).map(PayloadPath.parse)
fields = st.builds(FieldCondition, paths, predicates)
row_conditions = st.one_of(
    st.builds(HasId, st.frozensets(st.sampled_from(IDS))),
    st.builds(HasVector, st.sampled_from(["", "none"])),
    st.builds(Slice, st.just(3), st.integers(0, 2)),
)


def filters_of(conditions: Any) -> Any:
    clause = st.lists(conditions, max_size=3).map(tuple)
    least = st.none() | st.builds(MinShould, clause, st.integers(0, 4))
    return st.builds(Filter, must=clause, should=clause, must_not=clause, min_should=least)


def conditions_of(inner: Any) -> Any:
    return filters_of(inner) | st.builds(Nested, paths, filters_of(inner))


filters = filters_of(st.recursive(fields | row_conditions, conditions_of, max_leaves=5))
ids = st.lists(st.sampled_from(IDS), max_size=4, unique=True)
TEXT = FieldSchema(FieldType.TEXT, text=TextOptions(phrase_matching=True))
schemas = st.sampled_from(
    [FieldSchema(kind) for kind in (FieldType.UUID, FieldType.INTEGER)] + [TEXT]
)
updates = st.one_of(
    st.builds(
        lambda point, payload: upsert([point], None, [payload]), st.sampled_from(IDS), payloads
    ),
    st.builds(DeletePoints, ids),
    st.builds(lambda chosen: DeletePoints(filter=chosen), filters),
    st.builds(lambda new, f: SetPayload(orjson.dumps(new), filter=f), payloads, filters),
    st.builds(lambda key: DeletePayload((key,), filter=Filter()), paths),
    st.builds(lambda f: ClearPayload(filter=f), filters),
    st.builds(CreateFieldIndex, paths, schemas),
    st.builds(DeleteFieldIndex, paths),
)


class ColumnFilterTests(SynchronousTestCase):
    """The same points pass, and counts agree."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.path)
        self.catalog = Catalog(self.path)
        self.catalog.open()
        self.addCleanup(lambda: self.catalog.close())
        self.collection = self.catalog.create("a", unnamed())

    def passing(self, filter_: Filter, few_rows: int) -> list[Any]:
        self.patch(row_filter, "FEW_ROWS", few_rows)
        page = self.collection.read(Scroll(limit=100, filter=filter_))
        found = [record.id for record in page.records]
        self.assertEqual(self.collection.read(Count(filter_)), len(found))
        return found

    def check(self, tried: list[Filter]) -> None:
        for filter_ in tried:
            self.assertEqual(self.passing(filter_, -1), self.passing(filter_, 10**6), filter_)

    @settings(max_examples=examples(50), suppress_health_check=list(HealthCheck))
    @given(
        st.lists(payloads, max_size=10),
        st.lists(filters, min_size=1, max_size=5),
        st.lists(updates, max_size=6),
        st.booleans(),
        st.sampled_from([-1, 2, 1000]),
    )
    def test_columns_agree_with_payloads(
        self,
        stored: list[Any],
        tried: list[Filter],
        changes: list[Any],
        reopens: bool,
        few_fresh: int,
    ) -> None:
        self.patch(cache, "FEW_FRESH", few_fresh)
        everything = DeletePoints(filter=Filter())
        write(self.collection, everything, upsert(IDS[: len(stored)], None, stored))
        self.check(tried)
        for change in changes:
            self.patch(row_filter, "FEW_ROWS", -1)
            write(self.collection, change)
            self.check(tried)
        if reopens:
            self.catalog.close()
            self.catalog = Catalog(self.path)
            self.catalog.open()
            self.collection = self.catalog.get("a")
            self.check(tried)

    def test_deep_filters_and_long_ones(self) -> None:
        write(self.collection, upsert(range(8), None, [{"a": number} for number in range(8)]))
        key = PayloadPath.parse("a")
        deep = Filter(must=(FieldCondition(key, MatchValue(3)),))
        for depth in range(64):
            deep = Filter(must=(deep,)) if depth % 2 else Filter(should=(deep,))
        several = tuple(FieldCondition(key, MatchValue(number)) for number in range(4, 10_000))
        self.check([deep, Filter(should=several), Filter(must_not=several)])
        self.assertEqual(self.passing(Filter(should=(deep, *several)), -1), [3, 4, 5, 6, 7])
