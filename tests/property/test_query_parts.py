"""The executor over a collection cut into three, against the same over the whole collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests import examples
from tests.engine_support import EngineTestCase, upsert, write
from tests.property.test_query_oracle import COUNT, NAMES, forms_of, in_collection, random_points
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.mvcc.state import Snapshot
from vexfs_twisted.engine.payload_index.only_values import OnlyValues, ValueKind
from vexfs_twisted.engine.query.executor import rank_each
from vexfs_twisted.engine.query.leaves import SnapshotSource
from vexfs_twisted.engine.query.plan import Keys, Leaf, Mask, Ranked, TermStatistics, sound
from vexfs_twisted.engine.query.records import fetch_records
from vexfs_twisted.engine.read_bounds import ReadBoundsOfEach
from vexfs_twisted.model.collection_params import Distance, SparseVectorParams, VectorParams
from vexfs_twisted.model.errors import NotFound, VectorNotFound
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
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
from vexfs_twisted.model.groups import GroupId
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query, Selection
from vexfs_twisted.model.query_forms import (
    Dbsf,
    Direction,
    Mmr,
    OrderBy,
    PointExample,
    QueryForm,
    Rrf,
    VectorExample,
)
from vexfs_twisted.model.vector_kinds import Vector, Vectors, concat
from vexfs_twisted.model.vectors import VectorColumn

PARTS = 3
_BITS = 40
"""A key is the number of a part and a row in it."""


class PartsSource:
    """See LeafSource. Leaf reads run on each part, and are merged."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._sources = [SnapshotSource(snapshot) for snapshot in snapshots]

    def params_of(self, using: str) -> VectorParams | SparseVectorParams:
        return self._sources[0].params_of(using)

    def examples(self, using: str, ids: Sequence[PointId]) -> list[Vector | Exception]:
        answers = [source.examples(using, ids) for source in self._sources]
        return [min(each, key=_completeness) for each in zip(*answers, strict=True)]

    def term_statistics(
        self, using: str, terms: NDArray[np.uint32], corpus: Filter | None
    ) -> TermStatistics:
        each = [source.term_statistics(using, terms, corpus) for source in self._sources]
        frequencies = np.stack([own.frequencies for own in each]).sum(axis=0)
        return TermStatistics(sum(own.points for own in each), frequencies)

    def read(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Ranked | Exception]:
        lists = []
        for part, source in enumerate(self._sources):
            own = [leaf._replace(candidates=_of_part(leaf.candidates, part)) for leaf in leaves]
            lists.append(source.read(own, bounds))
        return [
            self._merged(leaf, list(map(sound, each)))
            for leaf, each in zip(leaves, zip(*lists, strict=True), strict=True)
        ]

    def _merged(self, leaf: Leaf, each: Sequence[Ranked]) -> Ranked:
        keys = np.concatenate([own.keys + (part << _BITS) for part, own in enumerate(each)])
        scores = np.concatenate([own.scores for own in each])
        values: NDArray[Any] | None = None
        ids = self.ids(keys)
        order = np.argsort(ids)
        if isinstance(leaf.form, OrderBy):
            values = np.concatenate([own.order_values for own in each if len(own.keys)] or [ids])
            sign = 1 if leaf.form.direction is Direction.ASC else -1
            order = np.lexsort((ids, sign * values))
        elif leaf.form is not None:
            params = self.params_of(leaf.using)
            ascends = (
                isinstance(leaf.form, VectorExample)
                and isinstance(params, VectorParams)
                and not params.distance.larger_is_nearer
            )
            order = np.lexsort((ids, scores if ascends else -scores))
        return Ranked(keys, scores, values).where(order[: leaf.limit])

    def vectors(self, using: str, keys: Keys) -> Vectors:
        parts = [source.vectors(using, rows) for source, rows in self._split(keys)]
        return concat(parts).take(np.argsort(self._places(keys)))

    def payloads(self, keys: Keys) -> Sequence[bytes]:
        found = [own for source, rows in self._split(keys) for own in source.payloads(rows)]
        return [found[place] for place in np.argsort(self._places(keys)).tolist()]

    def only_values(self, path: PayloadPath, kind: ValueKind, keys: Keys) -> OnlyValues:
        order = np.argsort(self._places(keys))
        each = [source.only_values(path, kind, rows) for source, rows in self._split(keys)]
        return OnlyValues(*(np.concatenate(arrays)[order] for arrays in zip(*each, strict=True)))

    def only_group_ids(self, path: PayloadPath, keys: Keys) -> list[Sequence[GroupId] | None]:
        found = [
            own for source, rows in self._split(keys) for own in source.only_group_ids(path, rows)
        ]
        return [found[place] for place in np.argsort(self._places(keys)).tolist()]

    def passing(self, filter_: Filter, keys: Keys) -> Mask:
        masks = [source.passing(filter_, rows) for source, rows in self._split(keys)]
        mask: Mask = np.concatenate(masks)[np.argsort(self._places(keys))]
        return mask

    def ids(self, keys: Keys) -> NDArray[np.int64]:
        """The ids of points, all integers."""
        records = [
            fetch_records(self._snapshots[key >> _BITS], _rows([key]), Selection())[0]
            for key in keys.tolist()
        ]
        return np.array([record.id for record in records], dtype=np.int64)

    def _split(self, keys: Keys) -> Iterator[tuple[SnapshotSource, Keys]]:
        for part, source in enumerate(self._sources):
            rows = _of_part(keys, part)
            assert rows is not None
            if len(rows):
                yield source, rows

    @staticmethod
    def _places(keys: Keys) -> NDArray[np.int64]:
        """The positions of keys in the order of their parts."""
        return np.argsort(keys >> _BITS, kind="stable")


def _completeness(answer: Vector | Exception) -> int:
    """Orders the answers of parts: a vector, then a point without it, then no such point."""
    return isinstance(answer, Exception) + (type(answer) is NotFound)


def _of_part(keys: Keys | None, part: int) -> Keys | None:
    return None if keys is None else _rows(keys[keys >> _BITS == part])


def _rows(keys: Any) -> Keys:
    rows: Keys = np.asarray(keys, dtype=np.int64) & ((1 << _BITS) - 1)
    return rows


def _above() -> st.SearchStrategy[QueryForm]:
    """Forms that merge or score prefetches."""
    number = PayloadNumber(PayloadPath.parse("n"))
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
            OrderBy(PayloadPath.parse("n"), Direction.DESC),
        ]
    )


@st.composite
def _prefetches(draw: st.DrawFn, depth: int = 1) -> Prefetch:
    name: str = draw(st.sampled_from(NAMES))
    limit: int = draw(st.integers(1, COUNT))
    form: QueryForm | None = draw(st.none() | forms_of(name))
    below: list[Prefetch] = []
    if depth and form is not None and draw(st.integers(0, 3)) == 0:
        below = draw(st.lists(_prefetches(depth - 1), min_size=1, max_size=2))
    threshold: float | None = None
    if form is not None:
        threshold = draw(st.none() | st.sampled_from([-1.0, 0.0, 0.5, 2.0]))
    return Prefetch(
        form,
        name,
        draw(_filters()),
        limit=limit,
        prefetch=tuple(below),
        score_threshold=threshold,
    )


def _filters() -> st.SearchStrategy[Filter | None]:
    def of(number: int) -> Filter:
        return Filter(must_not=(FieldCondition(PayloadPath.parse("k"), MatchValue(number)),))

    return st.none() | st.integers(0, 3).map(of)


@st.composite
def _queries(draw: st.DrawFn) -> Query:
    prefetches: list[Prefetch] = draw(st.lists(_prefetches(), min_size=2, max_size=2))
    name: str = draw(st.sampled_from(NAMES))
    options: dict[str, Any] = {
        "limit": draw(st.integers(1, COUNT)),
        "offset": draw(st.integers(0, 3)),
    }
    kind: int = draw(st.integers(0, 4))
    if kind == 4:
        # The order of a field, or of ids.
        direction: Direction = draw(st.sampled_from(Direction))
        start: int | None = draw(st.none() | st.integers(0, COUNT))
        order = OrderBy(PayloadPath.parse("n"), direction, start)
        root: QueryForm | None = draw(st.sampled_from([order, None]))
        return Query(root, "", draw(_filters()), **options)
    options["score_threshold"] = draw(st.none() | st.sampled_from([-1.0, 0.0, 0.5, 2.0]))
    if kind == 0:
        return Query(draw(_above()), "", draw(_filters()), prefetch=tuple(prefetches), **options)
    form: QueryForm = draw(forms_of(name))
    if kind == 1 and isinstance(form, VectorExample | PointExample):
        form = Mmr(form, 0.25, 20)
    below = tuple(prefetches) if kind == 2 else ()
    return Query(form, name, draw(_filters()), prefetch=below, **options)


class Parts(EngineTestCase):
    """Forty points in one collection, and by thirds in three others."""

    def prepare(self, distance: Distance) -> list[Collection]:
        points = random_points(distance)
        found = []
        for number in range(PARTS + 1):
            ids = [i for i in range(COUNT) if number == PARTS or i % PARTS == number]
            collection = self.catalog.create(f"{distance.value}{number}", in_collection(distance))
            payloads = [{"k": i % 4, "n": i} for i in ids]
            rows = np.array(ids)
            chosen = {name: VectorColumn(own.vectors.take(rows)) for name, own in points.items()}
            write(collection, upsert(ids, chosen, payloads))
            schema = FieldSchema(FieldType.INTEGER)
            write(collection, CreateFieldIndex(PayloadPath.parse("n"), schema))
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

            @settings(max_examples=examples(50))
            @given(_queries())
            def check(query: Query) -> None:
                (ours,) = map(sound, rank_each(parts, [query]))
                (expected,) = map(sound, rank_each(source, [query]))
                records = fetch_records(snapshot, expected.keys, Selection())
                found = parts.ids(ours.keys).tolist()
                self.assertEqual(found, [record.id for record in records], query)
                self.assertEqual(ours.scores.tolist(), expected.scores.tolist(), query)

            check()

    def test_cosine(self) -> None:
        self.compare(Distance.COSINE)

    def test_dot_with_idf(self) -> None:
        self.compare(Distance.DOT)

    def test_euclid(self) -> None:
        self.compare(Distance.EUCLID)

    def test_manhattan(self) -> None:
        self.compare(Distance.MANHATTAN)

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
