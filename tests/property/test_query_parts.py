"""The executor over a collection cut into three, against the same over the whole collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from functools import cache
from typing import Any

import numpy as np
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import examples
from tests.engine_support import EngineTestCase, upsert, write
from tests.parts_source import PartsSource
from tests.property.test_query_oracle import COUNT, GROUND, NAMES, in_collection, random_points
from tests.query_trees import vector_forms
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.query.executor import rank_each
from vexfs_twisted.engine.query.groups import rank_groups
from vexfs_twisted.engine.query.leaves import SnapshotSource
from vexfs_twisted.engine.query.plan import Keys, sound
from vexfs_twisted.engine.query.records import fetch_records
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.errors import NotFound, VectorNotFound
from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, MatchValue
from vexfs_twisted.model.formula import (
    Constant,
    Decay,
    DecayKind,
    FilterTest,
    Formula,
    Mult,
    PayloadNumber,
    Sum,
)
from vexfs_twisted.model.formula import Score as PrefetchScore
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query, Selection
from vexfs_twisted.model.query_forms import (
    Dbsf,
    Direction,
    Mmr,
    OrderBy,
    QueryForm,
    Rrf,
    Sample,
)
from vexfs_twisted.model.search_params import Idf, SearchParams
from vexfs_twisted.model.vectors import VectorColumn

PARTS = 3

_NUMBER = PayloadPath.parse("n")
_LIST = PayloadPath.parse("list")
_FEW = frozenset({1, 2, 5, 9})


@cache
def _above() -> st.SearchStrategy[QueryForm]:
    """Forms that merge or score two prefetches."""
    number = PayloadNumber(_NUMBER)
    expression = Sum((PrefetchScore(), Mult((Constant(0.5), PrefetchScore(1)))))
    condition = Filter(must=(FieldCondition(PayloadPath.parse("k"), MatchValue(2)),))
    near = Decay(DecayKind.GAUSSIAN, number, Constant(10.0), 7.0)
    return st.sampled_from(
        [
            Rrf(),
            Rrf(5, (2.0, 0.5)),
            Dbsf(),
            Formula(Sum((expression, near)), {"$score[1]": 0.5}),
            Formula(Sum((expression, FilterTest(condition))), {"$score[1]": 0.5}),
            OrderBy(_NUMBER, Direction.DESC),
        ]
    )


@cache
def _orders() -> st.SearchStrategy[OrderBy]:
    """Orders of a field with one value, and of one with several, some of which are equal."""
    starts = st.none() | st.integers(0, COUNT)
    return st.builds(OrderBy, st.sampled_from([_NUMBER, _LIST]), st.sampled_from(Direction), starts)


@cache
def _forms(name: str) -> st.SearchStrategy[QueryForm]:
    return vector_forms(GROUND.examples(name))


@cache
def _selections(name: str) -> st.SearchStrategy[Mmr]:
    """Selections for diversity, from all points or the nearest of them."""
    most = st.none() | st.integers(1, COUNT)
    return st.builds(Mmr, GROUND.examples(name), st.sampled_from([0.0, 0.25, 0.5, 1.0]), most)


@cache
def _filters() -> st.SearchStrategy[Filter | None]:
    def of(number: int) -> Filter:
        return Filter(must_not=(FieldCondition(PayloadPath.parse("k"), MatchValue(number)),))

    return st.none() | st.integers(0, 3).map(of)


@cache
def _thresholds() -> st.SearchStrategy[float | None]:
    return st.none() | st.sampled_from([-1.0, 0.0, 0.5, 2.0])


@cache
@st.composite
def _params(draw: st.DrawFn, distance: Distance, name: str) -> SearchParams:
    """A corpus of idf where the vectors have it."""
    if distance is not Distance.DOT or name != "sparse":
        return SearchParams()
    return SearchParams(idf=draw(st.builds(Idf, _filters()) | st.none()))


@cache
@st.composite
def _prefetches(
    draw: st.DrawFn, distance: Distance, depth: int = 1, is_ranked: bool = False
) -> Prefetch:
    """Prefetches, no samples if their ranks count."""
    name: str = draw(st.sampled_from(NAMES))
    limit: int = draw(st.integers(1, COUNT))
    form: QueryForm | None = draw(_forms(name))
    params = draw(_params(distance, name))
    threshold = draw(_thresholds())
    below: tuple[Prefetch, ...] = ()
    kind: int = draw(st.integers(0, 7))
    if kind == 0:
        # Which points a sample has is not determined, but that it has all.
        form = None if is_ranked else draw(st.sampled_from([None, Sample()]))
        limit = limit if form is None else COUNT
    elif kind == 1:
        form = draw(_orders())
    elif kind == 2:
        form = draw(_selections(name))
    elif kind == 3 and depth:
        below = (draw(_prefetches(distance, depth - 1)), draw(_prefetches(distance, depth - 1)))
    if kind < 2:
        params, threshold = SearchParams(), None
    return Prefetch(
        form,
        name,
        draw(_filters()),
        params,
        limit=limit,
        prefetch=below,
        score_threshold=threshold,
    )


class _Kind(Enum):
    """What a query does."""

    MERGE = "merges, scores or orders prefetches"
    SELECTION = "selects for diversity"
    RESCORING = "compares the points of prefetches with examples"
    SEARCH = "compares all points with examples"
    ORDER = "reads in the order of a field, or of ids"


@cache
@st.composite
def _queries(draw: st.DrawFn, distance: Distance, kind: _Kind) -> Query:
    name: str = draw(st.sampled_from(NAMES))
    is_ranked = kind is _Kind.MERGE
    prefetches = (
        draw(_prefetches(distance, is_ranked=is_ranked)),
        draw(_prefetches(distance, is_ranked=is_ranked)),
    )
    options: dict[str, Any] = {
        "filter": draw(_filters()),
        "limit": draw(st.integers(1, COUNT)),
        "offset": draw(st.integers(0, 3)),
    }
    if kind is _Kind.ORDER:
        return Query(draw(_orders() | st.none()), **options)
    threshold = draw(_thresholds())
    if is_ranked:
        form = draw(_above())
        threshold = None if isinstance(form, OrderBy) else threshold
        return Query(form, prefetch=prefetches, score_threshold=threshold, **options)
    is_prefetched: bool = draw(st.booleans())
    if kind is not _Kind.SELECTION:
        is_prefetched = kind is _Kind.RESCORING
    return Query(
        draw(_selections(name) if kind is _Kind.SELECTION else _forms(name)),
        name,
        params=draw(_params(distance, name)),
        prefetch=prefetches if is_prefetched else (),
        score_threshold=threshold,
        **options,
    )


class Parts(EngineTestCase):
    """Forty points in one collection, and by thirds in three others."""

    def prepare(self, distance: Distance) -> list[Collection]:
        points = random_points(distance)
        found = []
        for number in range(PARTS + 1):
            ids = [i for i in range(COUNT) if number == PARTS or i % PARTS == number]
            collection = self.catalog.create(f"{distance.value}{number}", in_collection(distance))
            payloads = [{"k": i % 4, "n": i, "list": [i % 7, f"s{i % 3}", i - 3]} for i in ids]
            rows = np.array(ids)
            chosen = {name: VectorColumn(own.vectors.take(rows)) for name, own in points.items()}
            write(collection, upsert(ids, chosen, payloads))
            for path in (_NUMBER, _LIST):
                write(collection, CreateFieldIndex(path, FieldSchema(FieldType.INTEGER)))
            found.append(collection)
        return found

    @contextmanager
    def sources(self, distance: Distance) -> Iterator[tuple[SnapshotSource, Any, PartsSource]]:
        with ExitStack() as stack:
            snapshots = [stack.enter_context(own.snapshot()) for own in self.prepare(distance)]
            whole = snapshots.pop()
            yield SnapshotSource(whole), whole, PartsSource(snapshots)

    def compare(self, distance: Distance) -> None:
        with self.sources(distance) as (source, snapshot, parts):

            def ids_of(keys: Keys) -> list[PointId]:
                return [own.id for own in fetch_records(snapshot, keys, Selection())]

            def check(query: Query) -> None:
                (ours,) = map(sound, rank_each(parts, [query]))
                (expected,) = map(sound, rank_each(source, [query]))
                self.assertEqual(parts.ids(ours.keys).tolist(), ids_of(expected.keys), query)
                self.assertEqual(ours.scores.tolist(), expected.scores.tolist(), query)
                if expected.order_values is not None:
                    assert ours.order_values is not None
                    values = ours.order_values.tolist()
                    self.assertEqual(values, expected.order_values.tolist(), query)

            def check_groups(query: Query, path: PayloadPath, size: int) -> None:
                request = GroupQuery(evolve(query, offset=0), path, size)
                ours, expected = rank_groups(parts, request), rank_groups(source, request)
                self.assertEqual([own.id for own in ours], [own.id for own in expected], request)
                for own, other in zip(ours, expected, strict=True):
                    keys, scores = map(list, zip(*own.points, strict=True))
                    rows, expected_scores = map(list, zip(*other.points, strict=True))
                    found = parts.ids(np.array(keys)).tolist()
                    self.assertEqual(found, ids_of(np.array(rows)), request)
                    self.assertEqual(scores, expected_scores, request)

            for kind in _Kind:
                # Of each kind apart: hypothesis draws many examples that are much alike.
                settings(max_examples=examples(15))(given(_queries(distance, kind))(check))()
            paths, sizes = st.sampled_from([_NUMBER, _LIST]), st.integers(1, 4)
            every = st.sampled_from(_Kind).flatmap(lambda kind: _queries(distance, kind))
            settings(max_examples=examples(25))(given(every, paths, sizes)(check_groups))()

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot_with_idf(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)

    def test_samples(self) -> None:
        """As many points as are wanted, none twice, and all of them if all are wanted."""
        below = (Prefetch(Sample(), limit=COUNT, filter=Filter(must=(HasId(_FEW),))),)
        with self.sources(Distance.DOT) as (_, _, parts):
            for limit in (1, 7, COUNT, 2**64 - 1):
                ranked = sound(rank_each(parts, [Query(Sample(), limit=limit)])[0])
                ids = set(parts.ids(ranked.keys).tolist())
                self.assertEqual(len(ids), len(ranked.keys))
                self.assertEqual(len(ids), min(limit, COUNT))
                self.assertFalse(ranked.scores.any())
                again = Query(Sample(), limit=limit, prefetch=below)
                ranked = sound(rank_each(parts, [again])[0])
                self.assertLessEqual(set(parts.ids(ranked.keys).tolist()), _FEW)
                self.assertEqual(len(ranked.keys), min(limit, len(_FEW)))

    def test_missing_examples(self) -> None:
        """A point without the vector is told from no point, whichever part the point is in."""
        with ExitStack() as stack:
            collections = self.prepare(Distance.DOT)
            for point in range(PARTS):
                bare = upsert([1000 + point], {}, [{}])
                write(collections[point], bare)
                write(collections[PARTS], bare)
            snapshots = [stack.enter_context(own.snapshot()) for own in collections]
            whole = SnapshotSource(snapshots.pop())
            parts = PartsSource(snapshots)
            wanted = [1000, 1001, 1002, 2000]
            for name in NAMES:
                answers = parts.examples(name, wanted)
                kinds = [type(own) for own in answers]
                self.assertEqual(kinds, [VectorNotFound] * 3 + [NotFound])
                expected = whole.examples(name, wanted)
                self.assertEqual(list(map(str, answers)), list(map(str, expected)))
