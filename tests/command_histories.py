"""Histories of commands that a small collection can carry out, or refuses for a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import orjson

from tests.engine_support import EVERYTHING, UUID_1, field
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.jsonform.collections import config_to_json
from vexfs_twisted.jsonform.payload_index import field_schema_to_json, read_field_schema
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    SparseVectorParams,
    StrictModeConfig,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.commands import Command, CreateVectorName, DeleteVectorName, Outcome
from vexfs_twisted.model.filters import Condition, Filter, HasId, HasVector, MatchValue, Range
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import CreateFieldIndex, DeleteFieldIndex
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Query, QueryBatch, Record, Scroll
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateMode,
    UpdateVectors,
    Upsert,
)
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors, vector_content
from vexfs_twisted.model.vectors import VectorColumn

REQUEST = CreateCollection(
    vectors={"a": VectorParams(Distance.EUCLID, 2)}, sparse_vectors={"s": SparseVectorParams()}
)
"""What a history begins with."""

NAMES = ["a", "b", "c"]
SPARSE_NAME = "s"
ALL_NAMES = [*NAMES, SPARSE_NAME]
PATHS = [PayloadPath.parse(text) for text in ("n", "x.y")]

CHECKED: list[Condition] = [
    *(field("n", Range(gte=number)) for number in range(5)),
    *(field("x.y", MatchValue(number)) for number in range(5)),
    *map(HasVector, ALL_NAMES),
]
"""Conditions that collections are compared by."""

FIRST = Upsert(
    [*range(9), UUID_1],
    {"a": VectorColumn.of(np.arange(20, dtype=np.float32).reshape(10, 2))},
    [orjson.dumps({"n": number % 5, "x": {"y": number % 3}}) for number in range(10)],
)
"""The first command of a history, so that those after it find points."""

names = st.sampled_from(NAMES)
all_names = st.sampled_from(ALL_NAMES)
point_ids: st.SearchStrategy[PointId] = st.integers(0, 8) | st.just(UUID_1)
id_lists = st.lists(point_ids, min_size=1, max_size=3)
numbers = st.integers(0, 4)
payloads = numbers.map(lambda number: orjson.dumps({"n": number, "x": {"y": [number, "t"]}}))
conditions = st.one_of(
    numbers.map(lambda number: field("n", Range(gte=number))),
    numbers.map(lambda number: field("x.y", MatchValue(number))),
    st.frozensets(point_ids, max_size=3).map(HasId),
    all_names.map(HasVector),
)
filters = conditions.map(lambda condition: Filter(must=(condition,)))
choices = st.one_of(id_lists.map(lambda ids: (ids, None)), filters.map(lambda found: (None, found)))


@st.composite
def columns(draw: st.DrawFn, points: int) -> dict[str, VectorColumn]:
    """Vectors for all of some points, now and then of a name or a length that is refused."""
    found: dict[str, VectorColumn] = {}
    for name in draw(st.lists(all_names, max_size=2, unique=True)):
        if name == SPARSE_NAME:
            found[name] = VectorColumn(draw(sparse_columns(points)))
            continue
        width = draw(st.sampled_from([2, 2, 2, 3]))
        lengths = draw(st.none() | st.lists(st.integers(1, 3), min_size=points, max_size=points))
        lines = points if lengths is None else sum(lengths)
        row = st.lists(st.integers(-3, 3), min_size=width, max_size=width)
        rows = draw(st.lists(row, min_size=lines, max_size=lines))
        data = np.array(rows, dtype=np.float32).reshape(lines, width)
        if lengths is None:
            found[name] = VectorColumn.of(data)
        else:
            found[name] = VectorColumn(MultiVectors.from_arrays(np.array(lengths), data))
    return found


@st.composite
def sparse_columns(draw: st.DrawFn, points: int) -> SparseVectors:
    """Sparse vectors for some points."""
    vector = st.dictionaries(st.integers(0, 9), st.integers(-3, 3), max_size=3)
    rows = draw(st.lists(vector, min_size=points, max_size=points))
    indices = [np.array(list(row), dtype=np.uint32) for row in rows]
    values = [np.array(list(row.values()), dtype=np.float32) for row in rows]
    return SparseVectors.of(indices, values, str)


@st.composite
def upserts(draw: st.DrawFn) -> Upsert:
    """Some points, the same one twice at times."""
    ids = draw(id_lists)
    found = draw(st.lists(payloads, min_size=len(ids), max_size=len(ids)))
    condition, mode = draw(st.none() | filters), draw(st.sampled_from(UpdateMode))
    return Upsert(ids, draw(columns(len(ids))), found, condition, mode)


@st.composite
def vector_updates(draw: st.DrawFn) -> UpdateVectors:
    """Vectors for points that may be missing."""
    ids = draw(id_lists)
    return UpdateVectors(ids, draw(columns(len(ids))), draw(st.none() | filters))


schemas = st.sampled_from(["integer", "keyword", {"type": "float", "on_disk": True}]).map(
    read_field_schema
)
params = st.builds(
    VectorParams,
    st.sampled_from([Distance.EUCLID, Distance.DOT]),
    st.integers(2, 3),
    multivector_config=st.sampled_from([None, MultiVectorConfig(MultiVectorComparator.MAX_SIM)]),
)
changes = st.one_of(
    st.integers(2, 40).map(lambda m: UpdateCollection(hnsw_config=HnswConfigDiff(m=m))),
    st.floats(-1, 1).map(
        lambda x: UpdateCollection(optimizers_config=OptimizersConfigDiff(deleted_threshold=x))
    ),
    st.tuples(names, st.booleans()).map(
        lambda given: UpdateCollection(vectors={given[0]: VectorParamsDiff(on_disk=given[1])})
    ),
    st.dictionaries(st.sampled_from(["k", "l"]), st.none() | numbers, max_size=2).map(
        lambda members: UpdateCollection(metadata=members)
    ),
    st.booleans().map(lambda b: UpdateCollection(strict_mode_config=StrictModeConfig(enabled=b))),
)
payload_updates: st.SearchStrategy[Command] = st.one_of(
    choices.map(lambda choice: ClearPayload(*choice)),
    st.tuples(payloads, choices).map(lambda given: SetPayload(given[0], *given[1])),
    st.tuples(payloads, choices).map(lambda given: OverwritePayload(given[0], *given[1])),
    choices.map(lambda choice: DeletePayload((PATHS[1],), *choice)),
)
KINDS: list[st.SearchStrategy[Command]] = [
    upserts(),
    upserts(),
    vector_updates(),
    vector_updates(),
    payload_updates,
    choices.map(lambda choice: DeletePoints(*choice)),
    st.tuples(all_names, choices).map(lambda given: DeleteVectors((given[0],), *given[1])),
    st.builds(CreateFieldIndex, st.sampled_from(PATHS), schemas),
    st.builds(DeleteFieldIndex, st.sampled_from(PATHS)),
    changes,
    st.builds(CreateVectorName, names, params),
    st.builds(CreateVectorName, names, params),
    st.builds(CreateVectorName, st.just(SPARSE_NAME), st.just(SparseVectorParams())),
    st.builds(DeleteVectorName, all_names),
]
# Each has the same chance, where `one_of` would prefer those that are made in many ways.
commands: st.SearchStrategy[Command] = st.sampled_from(KINDS).flatmap(lambda kind: kind)
batches = st.lists(commands, min_size=1, max_size=3)
histories = st.lists(batches, min_size=3, max_size=20).map(lambda found: [[FIRST], *found])


def shown(outcomes: Sequence[Outcome]) -> list[Any]:
    """Outcomes as values that compare."""
    return [
        (type(outcome).__name__, str(outcome)) if isinstance(outcome, Exception) else outcome
        for outcome in outcomes
    ]


def _contents(record: Record) -> dict[str, object]:
    return {name: vector_content(vector) for name, vector in (record.vectors or {}).items()}


def contents(collection: Collection) -> dict[str, Any]:
    """All that is told of a collection, and what it answers to a few filters and searches."""
    state = collection.state
    page = collection.read(Scroll(limit=1000, selection=EVERYTHING))
    exact = SearchParams(exact=True)
    told = collection.read(CollectionInfoRequest())
    return {
        "config": config_to_json(collection.config),
        "names": sorted(state.spaces),
        "indexes": {path: field_schema_to_json(schema) for path, schema in state.fields.items()},
        "schema": {path: info.points for path, info in told.payload_schema.items()},
        "numbers": (state.next_operation, state.last_command, collection.last_counter("log")),
        "points": [(record.id, record.payload, _contents(record)) for record in page.records],
        "versions": [
            (point.id, point.version)
            for name in state.dense
            for point in collection.read(
                QueryBatch([_nearest(state.dense[name].params.size, name, exact)])
            )[0]
        ],
        "filtered": [collection.read(Count(Filter(must=(condition,)))) for condition in CHECKED],
    }


def _nearest(size: int, name: str, params: SearchParams) -> Query:
    aim = VectorExample(np.ones(size, dtype=np.float32))
    return Query(aim, using=name, limit=50, params=params)
