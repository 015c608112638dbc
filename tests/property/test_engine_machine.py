"""A collection and a dictionary go through the same changes, closings and crashes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import hypothesis.strategies as st
import numpy as np
import orjson
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.engine_support import (
    EVERYTHING,
    UUID_1,
    UUID_2,
    column,
    field,
    floats,
    payload_of,
    to_vector,
    write,
)
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.filtering import row_filter as filtering
from vexfs_twisted.engine.payload_index import cache as columns
from vexfs_twisted.engine.storage import payload_changelog
from vexfs_twisted.engine.vector_storage.files import stored_vectors
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import CreateVectorName, DeleteVectorName
from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, HasVector, MatchValue, Range
from vexfs_twisted.model.ids import PointId, sort_key
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    Count,
    Query,
    QueryBatch,
    Record,
    Retrieve,
    Scroll,
    Selection,
)
from vexfs_twisted.model.query_forms import PointExample
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    PayloadUpdate,
    SetPayload,
    Update,
    UpdateMode,
    UpdateVectors,
    Upsert,
)
from vexfs_twisted.model.vector_kinds import (
    DenseVectors,
    MultiVector,
    MultiVectors,
    SparseVector,
    SparseVectors,
    Vector,
    Vectors,
)
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 3
NAME = "tested"

point_ids: st.SearchStrategy[PointId] = st.one_of(
    st.integers(0, 20), st.sampled_from([2**64 - 1, UUID_1, UUID_2])
)
vectors = st.lists(st.integers(-8, 8).map(float), min_size=SIZE, max_size=SIZE)
sparse_vectors = st.dictionaries(st.integers(0, 2**32 - 1), st.integers(-8, 8), max_size=4)
multivectors = st.lists(vectors, min_size=1, max_size=3)
named_vectors = st.fixed_dictionaries(
    {}, optional={"": vectors, "s": sparse_vectors, "m": multivectors}
)
names = st.lists(st.sampled_from(["", "s", "m"]), min_size=1, max_size=3, unique=True)
points = st.tuples(point_ids, st.integers(0, 5), named_vectors)
upserts = st.lists(points, max_size=12)
thresholds = st.integers(0, 6)
filters = st.one_of(
    thresholds.map(lambda n: Filter(must=(field("n", Range(gte=n)),))),
    thresholds.map(lambda n: Filter(must_not=(field("n", MatchValue(n)),))),
    st.frozensets(point_ids, max_size=5).map(lambda ids: Filter(must=(HasId(ids),))),
    st.just(Filter()),
)

choices = st.one_of(
    st.lists(point_ids, max_size=4).map(lambda ids: (ids, None)),
    filters.map(lambda filter_: (None, filter_)),
)
edits = st.none() | st.integers(0, 5)

Named = dict[str, Any]
"""The vectors of a point: numbers, numbers by index, and lists of numbers, by name."""

Point = tuple[PointId, int, Named]
Stored = tuple[int | None, Named]
Choice = tuple[list[PointId] | None, Filter | None]
"""Points by their ids or by a filter."""


def upsert_of(written: list[Point]) -> Upsert:
    """The upsert of generated points."""
    payloads = [orjson.dumps({"n": number}) for _, number, _ in written]
    ids = [point_id for point_id, _, _ in written]
    return Upsert(ids, columns_of([own for _, _, own in written]), payloads)


def columns_of(points: list[Named]) -> dict[str, VectorColumn]:
    """The vectors of some points as columns."""
    columns = {}
    for name, kind in (("", dense_column), ("s", sparse_column), ("m", multi_column)):
        places = [place for place, own in enumerate(points) if name in own]
        if places:
            rows = kind([points[place][name] for place in places])
            columns[name] = VectorColumn(rows, np.array(places, dtype=np.int64))
    return columns


def dense_column(rows: list[list[float]]) -> Vectors:
    return DenseVectors(np.array(rows, dtype=np.float32))


def sparse_column(rows: list[dict[int, int]]) -> Vectors:
    indices = [np.array(list(row), dtype=np.uint32) for row in rows]
    return SparseVectors.of(indices, [floats(list(row.values()))[0] for row in rows], str)


def multi_column(rows: list[list[list[float]]]) -> Vectors:
    return MultiVectors.of([MultiVector(floats(*row)) for row in rows])


def shown_by_name(vectors: Mapping[str, Vector]) -> Named:
    """The vectors of a record as they are in the dictionary."""
    return {name: shown(vector) for name, vector in vectors.items()}


def shown(vector: Vector) -> Any:
    """A vector as it is in the dictionary."""
    if isinstance(vector, SparseVector):
        return dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))
    return vector.rows.tolist() if isinstance(vector, MultiVector) else vector.tolist()


def shown_record(record: Record) -> object:
    """A record as one of `expected_of`."""
    return record.id, payload_of(record).get("n"), shown_by_name(record.vectors or {})


def expected_of(model: Mapping[PointId, Stored]) -> list[object]:
    """All points of the dictionary, in the order of a scroll."""
    return [(i, *model[i]) for i in sorted(model, key=sort_key)]


def edit_of(number: int | None, choice: Choice, spelling: int) -> PayloadUpdate:
    """One of several updates that leave the payload with `number`, or empty for None."""
    ids, filter_ = choice
    if number is None:
        path = PayloadPath.parse("n")
        kinds: list[PayloadUpdate] = [
            ClearPayload(ids, filter_),
            DeletePayload((path,), ids, filter_),
            SetPayload(b'{"n":null}', ids, filter_),
        ]
    else:
        payload = orjson.dumps({"n": number})
        kinds = [SetPayload(payload, ids, filter_), OverwritePayload(payload, ids, filter_)]
    return kinds[spelling % len(kinds)]


def passes(point_id: PointId, stored: Stored, filter_: Filter) -> bool:
    """Whether a point of the dictionary passes one of the filters generated here."""
    for condition in (*filter_.must, *filter_.must_not):
        if isinstance(condition, HasId):
            return point_id in condition.ids
        assert isinstance(condition, FieldCondition)
        if isinstance(condition.predicate, Range):
            return stored[0] is not None and stored[0] >= (condition.predicate.gte or 0)
        assert isinstance(condition.predicate, MatchValue)
        return stored[0] != condition.predicate.value
    return True


class CollectionMachine(RuleBasedStateMachine):
    """The collection under Euclid with vectors of small whole numbers, so distances are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.homes = [Path(tempfile.mkdtemp(prefix="vexfs-engine-"))]
        self.catalogs = [self.opened(self.homes[0])]
        multi = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        params = VectorParams(Distance.EUCLID, SIZE)
        vectors = {"": params, "m": attrs.evolve(params, multivector_config=multi)}
        request = CreateCollection(vectors, sparse_vectors={"s": SparseVectorParams()})
        self.catalogs[0].create(NAME, request)
        self.model: dict[PointId, Stored] = {}
        self.operations = 0
        self.indexed: set[str] = set()

    def opened(self, home: Path) -> Catalog:
        """An open catalog on a folder."""
        catalog = Catalog(home)
        catalog.open()
        return catalog

    def teardown(self) -> None:
        for catalog in self.catalogs:
            catalog.close()
        for home in self.homes:
            shutil.rmtree(home)

    @property
    def collection(self) -> Collection:
        return self.catalogs[-1].get(NAME)

    def write(self, *updates: Update) -> None:
        expected = list(range(self.operations, self.operations + len(updates)))
        assert write(self.collection, *updates) == expected
        self.operations += len(updates)

    def remember(self, written: list[Point]) -> None:
        for point_id, number, vector in written:
            self.model[point_id] = (number, dict(vector))

    def forget(self, filter_: Filter) -> None:
        gone = [i for i, stored in self.model.items() if passes(i, stored, filter_)]
        for point_id in gone:
            del self.model[point_id]

    @rule(written=upserts)
    def upsert(self, written: list[Point]) -> None:
        self.write(upsert_of(written))
        self.remember(written)

    @rule(ids=st.lists(point_ids, max_size=6))
    def delete(self, ids: list[PointId]) -> None:
        self.write(DeletePoints(ids))
        for point_id in ids:
            self.model.pop(point_id, None)

    @rule(filter_=filters)
    def delete_by_filter(self, filter_: Filter) -> None:
        self.write(DeletePoints(filter=filter_))
        self.forget(filter_)

    @rule(first=upserts, filter_=filters, second=upserts)
    def group(self, first: list[Point], filter_: Filter, second: list[Point]) -> None:
        self.write(upsert_of(first), DeletePoints(filter=filter_), upsert_of(second))
        self.remember(first)
        self.forget(filter_)
        self.remember(second)

    def chosen(self, choice: Choice) -> list[PointId] | None:
        """The points of a choice; None when it names one that does not exist."""
        ids, filter_ = choice
        if ids is None:
            return [i for i, stored in self.model.items() if passes(i, stored, filter_ or Filter())]
        return ids if all(point_id in self.model for point_id in ids) else None

    def write_or_be_refused(self, update: Update, is_sound: bool) -> bool:
        """Write an update, or see it refused because a point is missing."""
        if is_sound:
            self.write(update)
        else:
            (outcome,) = self.collection.apply([update])
            assert isinstance(outcome, NotFound), outcome
        return is_sound

    @rule(number=edits, choice=choices, spelling=st.integers(0, 5))
    def edit_payloads(self, number: int | None, choice: Choice, spelling: int) -> None:
        ids = self.chosen(choice)
        if self.write_or_be_refused(edit_of(number, choice, spelling), ids is not None):
            for point_id in ids or ():
                self.model[point_id] = (number, self.model[point_id][1])

    @rule(choice=choices, names=names)
    def delete_vectors(self, choice: Choice, names: list[str]) -> None:
        ids = self.chosen(choice)
        if self.write_or_be_refused(DeleteVectors(tuple(names), *choice), ids is not None):
            for point_id in ids or ():
                number, own = self.model[point_id]
                left = {name: vector for name, vector in own.items() if name not in names}
                self.model[point_id] = (number, left)

    @rule(
        written=st.lists(st.tuples(point_ids, named_vectors), min_size=1, max_size=5),
        filter_=st.none() | filters,
    )
    def update_vectors(self, written: list[tuple[PointId, Named]], filter_: Filter | None) -> None:
        ids = [point_id for point_id, _ in written]
        update = UpdateVectors(ids, columns_of([own for _, own in written]), filter_)
        if self.write_or_be_refused(update, self.chosen((ids, None)) is not None):
            for point_id, own in written:
                stored = self.model[point_id]
                if passes(point_id, stored, filter_ or Filter()):
                    self.model[point_id] = (stored[0], {**stored[1], **own})

    @rule(name=st.sampled_from(["s", "m"]))
    def drop_and_create_a_name(self, name: str) -> None:
        params = dict(stored_vectors(self.collection.config))[name]
        outcomes = self.collection.apply([DeleteVectorName(name), CreateVectorName(name, params)])
        assert outcomes == [self.operations, self.operations + 1], outcomes
        self.operations += 2
        for _, own in self.model.values():
            own.pop(name, None)

    @rule(name=st.sampled_from(["", "s", "m"]))
    def count_those_with_a_vector(self, name: str) -> None:
        having = self.collection.read(Count(Filter(must=(HasVector(name),))))
        assert having == sum(name in own for _, own in self.model.values())

    @rule(written=upserts, filter_=st.none() | filters, mode=st.sampled_from(UpdateMode))
    def upsert_on_conditions(
        self, written: list[Point], filter_: Filter | None, mode: UpdateMode
    ) -> None:
        self.write(attrs.evolve(upsert_of(written), update_filter=filter_, mode=mode))
        before = dict(self.model)
        for point_id, number, vector in written:
            stored = before.get(point_id)
            if stored is None:
                is_written = mode is not UpdateMode.UPDATE_ONLY
            else:
                is_written = mode is not UpdateMode.INSERT_ONLY
                is_written &= passes(point_id, stored, filter_ or Filter())
            if is_written:
                self.model[point_id] = (number, dict(vector))

    @rule(first=upserts, filter_=filters, number=edits, last=upserts)
    def edits_in_a_group(
        self, first: list[Point], filter_: Filter, number: int | None, last: list[Point]
    ) -> None:
        """A filter inside a commit sees what was written before it in the same commit."""
        refused = ClearPayload(ids=[*self.model, 99])
        edit = edit_of(number, (None, filter_), 0)
        outcomes = self.collection.apply([upsert_of(first), edit, refused, edit, upsert_of(last)])
        assert isinstance(outcomes.pop(2), NotFound)
        assert outcomes == list(range(self.operations, self.operations + 4)), outcomes
        self.operations += 4
        self.remember(first)
        for _ in range(2):
            for point_id in self.chosen((None, filter_)) or ():
                self.model[point_id] = (number, self.model[point_id][1])
        self.remember(last)

    @rule(first=upserts, second=upserts)
    def group_with_a_poisoned_update(self, first: list[Point], second: list[Point]) -> None:
        """The transaction of all three breaks after vectors were written, and is undone."""
        poisoned = Upsert([0], {"": column([9, 9, 9])}, [None])  # type: ignore[list-item]
        outcomes = self.collection.apply([upsert_of(first), poisoned, upsert_of(second)])
        assert isinstance(outcomes.pop(1), TypeError)
        assert outcomes == [self.operations, self.operations + 1]
        self.operations += 2
        self.remember(first)
        self.remember(second)

    @rule(spelling=st.sampled_from(["n", "m"]), is_kept=st.sampled_from([True, True, False]))
    def declare_an_index(self, spelling: str, is_kept: bool) -> None:
        """Have an index, or drop it."""
        path = PayloadPath.parse(spelling)
        if is_kept:
            self.write(CreateFieldIndex(path, FieldSchema(FieldType.INTEGER)))
            self.indexed.add(spelling)
        else:
            self.write(DeleteFieldIndex(path))
            self.indexed.discard(spelling)

    @rule()
    def optimize(self) -> None:
        """Have the columns of indexes on disk as they are now; a later crash finds them old."""
        self.collection.checkpoint()
        self.collection.optimize()
        assert not self.collection.is_optimizer_due()

    @rule()
    def reopen(self) -> None:
        self.catalogs[-1].close()
        self.catalogs.append(self.opened(self.homes[-1]))

    @rule()
    def crash(self) -> None:
        """Go on with what is on disk, as after a power cut; the old process never closes."""
        home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        shutil.copytree(self.homes[-1], home, dirs_exist_ok=True)
        self.homes.append(home)
        self.catalogs.append(self.opened(home))

    @rule(
        changes=st.lists(st.tuples(edits, choices, st.integers(0, 5)), max_size=3),
        written=upserts,
        filter_=filters,
    )
    def crash_between_checkpoints(
        self, changes: list[tuple[int | None, Choice, int]], written: list[Point], filter_: Filter
    ) -> None:
        """What a crash leaves are columns that are older than the last changes."""
        if "n" not in self.indexed:
            self.declare_an_index("n", True)
        self.optimize()
        for number, choice, spelling in changes:
            self.edit_payloads(number, choice, spelling)
        self.upsert(written)
        self.crash()
        self.read_filtered(filter_, 30)
        self.describe()

    @invariant()
    def every_point_is_as_written(self) -> None:
        page = self.collection.read(Scroll(limit=2**64 - 1, selection=EVERYTHING))
        found, expected = list(map(shown_record, page.records)), expected_of(self.model)
        assert found == expected, (found, expected)
        assert self.collection.read(Count()) == len(self.model)

    @rule()
    def describe(self) -> None:
        info = self.collection.read(CollectionInfoRequest())
        assert info.points_count == len(self.model)
        described = {path: field.points for path, field in info.payload_schema.items()}
        numbered = sum(number is not None for number, _ in self.model.values())
        expected = {path: numbered if path == "n" else 0 for path in self.indexed}
        assert described == expected, (described, expected)

    @rule(filter_=filters, limit=st.integers(1, 30))
    def read_filtered(self, filter_: Filter, limit: int) -> None:
        expected = sorted(
            (i for i, stored in self.model.items() if passes(i, stored, filter_)), key=sort_key
        )
        assert self.collection.read(Count(filter_)) == len(expected)
        page = self.collection.read(Scroll(limit=limit, filter=filter_))
        assert [record.id for record in page.records] == expected[:limit]
        assert page.next_offset == (expected[limit] if len(expected) > limit else None)

    @rule(ids=st.lists(point_ids, max_size=6))
    def retrieve(self, ids: list[PointId]) -> None:
        expected = [i for i in dict.fromkeys(ids) if i in self.model]
        assert [r.id for r in self.collection.read(Retrieve(ids, Selection()))] == expected

    @rule(aim=vectors, filter_=st.none() | filters, limit=st.integers(1, 30))
    def query(self, aim: list[float], filter_: Filter | None, limit: int) -> None:
        (found,) = self.collection.read(QueryBatch([to_vector(aim, limit=limit, filter=filter_)]))
        self.check_nearest(found, aim, filter_ or Filter(), limit, None)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), limit=st.integers(1, 5))
    def query_by_id(self, data: st.DataObject, limit: int) -> None:
        point_id = data.draw(st.sampled_from(sorted(self.model, key=sort_key)))
        vector = self.model[point_id][1].get("")
        query = Query(PointExample(point_id), limit=limit)
        if vector is None:
            try:
                self.collection.read(QueryBatch([query]))
            except NotFound:
                return
            raise AssertionError("a point without a vector was a target")
        (found,) = self.collection.read(QueryBatch([query]))
        self.check_nearest(found, vector, Filter(), limit, point_id)

    def check_nearest(
        self,
        found: Any,
        aim: list[float],
        filter_: Filter,
        limit: int,
        excluded: PointId | None,
    ) -> None:
        distances = {
            i: float(np.float32(np.linalg.norm(np.subtract(stored[1][""], aim))))
            for i, stored in self.model.items()
            if "" in stored[1] and i != excluded and passes(i, stored, filter_)
        }
        assert [point.score for point in found] == sorted(distances.values())[:limit]
        assert all(distances[point.id] == point.score for point in found)
        assert len({point.id for point in found}) == len(found)


class CollectionMachineTests(SynchronousTestCase):
    """Whatever is done to it, a collection answers like the dictionary."""

    def test_with_filters_answered_by_payloads(self) -> None:
        self.run_machine(max_examples=examples(25))

    def test_with_filters_answered_by_columns(self) -> None:
        """Columns are built at once, and take in what changed when that is a few rows.

        Little is remembered of what was touched, so that much of that is put together or forgotten.
        """
        self.patch(filtering, "FEW_ROWS", 0)
        self.patch(columns, "FEW_FRESH", 3)
        self.patch(payload_changelog, "_MOST_ENTRIES", 6)
        self.patch(payload_changelog, "_MOST_ROWS", 60)
        self.run_machine(max_examples=examples(35))

    def run_machine(self, max_examples: int) -> None:
        run_state_machine_as_test(
            CollectionMachine,
            settings=settings(max_examples=max_examples, stateful_step_count=25),
        )
