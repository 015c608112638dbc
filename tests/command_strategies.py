"""Commands of every kind, at random: such as no collection need be able to carry out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import numpy as np
from hypothesis.extra import numpy as arrays

from vexfs_twisted.jsonform.payload_index import read_field_schema
from vexfs_twisted.model.collection import (
    CollectionConfig,
    CollectionParamsDiff,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    RenameAlias,
    UpdateCollection,
    new_config,
)
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    CompressionRatio,
    Datatype,
    Disabled,
    Distance,
    HnswConfigDiff,
    Memory,
    Modifier,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    SparseIndexParams,
    SparseVectorParams,
    StrictModeConfig,
    StrictModeSparse,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.commands import (
    AddCollection,
    CatalogChange,
    CatalogCommand,
    Command,
    CommandBatch,
    CreateVectorName,
    DeleteVectorName,
    DropCollection,
    Origin,
    UpdateAliases,
)
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
    Predicate,
    Range,
    Slice,
    ValuesCount,
)
from vexfs_twisted.model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import CreateFieldIndex, DeleteFieldIndex
from vexfs_twisted.model.payload_path import PayloadPath
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
from vexfs_twisted.model.vector_kinds import DenseVectors, MultiVectors, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

texts = st.text(max_size=6)
integers = st.integers(-(2**70), 2**70)
reals = st.floats(allow_nan=False)
u64 = st.integers(0, 2**64 - 1)
point_ids: st.SearchStrategy[PointId] = st.one_of(
    u64, st.uuids().map(lambda uuid: str(UUID(hex=uuid.hex)))
)
id_lists = st.lists(point_ids, max_size=6) | st.lists(u64, max_size=6)
paths = st.sampled_from(["a", "a.b", "a[].b", 'x[3]."y z"']).map(PayloadPath.parse)
places = st.builds(GeoPoint, reals, reals)
rings = st.lists(places, max_size=5).map(tuple)
sets = st.frozensets(integers, max_size=4) | st.frozensets(texts, max_size=4)


def ranges(kind: Any, numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Ranges of a kind with any of their bounds."""
    bound = st.none() | numbers
    return st.builds(kind, lt=bound, gt=bound, gte=bound, lte=bound)


predicates: st.SearchStrategy[Predicate] = st.one_of(
    st.builds(MatchValue, st.one_of(texts, integers, st.booleans())),
    st.builds(MatchAny, sets),
    st.builds(MatchExcept, sets),
    st.builds(MatchText, texts),
    st.builds(MatchTextAny, texts),
    st.builds(MatchPhrase, texts),
    st.builds(MatchPrefix, texts),
    ranges(Range, integers | reals),
    ranges(DatetimeRange, st.integers(-(2**63), 2**63 - 1)),
    ranges(ValuesCount, u64),
    st.builds(GeoBoundingBox, places, places),
    st.builds(GeoRadius, places, reals),
    st.builds(GeoPolygon, rings, st.lists(rings, max_size=2).map(tuple)),
    st.sampled_from([IsEmpty(), IsNull(), HoldsNull()]),
)


def combined(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Any]:
    """Filters of these conditions, and conditions that hold such filters."""
    several = st.lists(conditions, max_size=2).map(tuple)
    found = st.builds(
        Filter, several, several, several, st.none() | st.builds(MinShould, several, u64)
    )
    return found | st.builds(Nested, paths, found)


leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(FieldCondition, paths, predicates),
    st.builds(HasId, st.frozensets(point_ids, max_size=4)),
    st.builds(HasVector, texts),
    st.builds(Slice, u64, u64),
)
conditions: st.SearchStrategy[Condition] = st.recursive(leaves, combined, max_leaves=6)
filters = st.builds(Filter, must=st.lists(conditions, max_size=2).map(tuple))
maybe_filters = st.none() | filters
choices = {"ids": st.none() | id_lists, "filter": maybe_filters}

matrices = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 4), st.integers(1, 5)),
    elements=st.floats(width=32, allow_nan=True),
)


@st.composite
def multi_columns(draw: st.DrawFn) -> MultiVectors:
    """Vectors of some rows each, which end to end are a matrix."""
    data = draw(matrices)
    return MultiVectors.from_arrays(np.array(draw(lengths(len(data))), np.int64), data)


@st.composite
def sparse_columns(draw: st.DrawFn) -> SparseVectors:
    """Vectors of distinct indices."""
    own = draw(st.lists(st.sets(st.integers(0, 2**32 - 1), max_size=4).map(sorted), max_size=4))
    indices = np.array([index for each in own for index in each], np.uint32)
    return SparseVectors.from_arrays(
        np.array(list(map(len, own)), np.int64), indices, indices.astype(np.float32)
    )


def lengths(total: int) -> st.SearchStrategy[list[int]]:
    """Lengths, none of them 0, that are `total` together."""
    cuts = st.sets(st.integers(1, max(total - 1, 1)), max_size=3)
    return cuts.map(
        lambda chosen: [
            stop - start
            for start, stop in pairwise([0, *sorted(c for c in chosen if c < total), total])
            if stop > start
        ]
    )


@st.composite
def columns(draw: st.DrawFn) -> VectorColumn:
    """A column: of each kind, for all points or some, or uneven."""
    if draw(st.integers(0, 5)) == 0:
        return VectorColumn.uneven(tuple(draw(st.lists(st.integers(0, 9), min_size=2, max_size=3))))
    vectors = draw(matrices.map(DenseVectors) | multi_columns() | sparse_columns())
    positions = st.lists(st.integers(0, 2**40), min_size=len(vectors), max_size=len(vectors))
    chosen = draw(st.none() | positions)
    return VectorColumn(vectors, None if chosen is None else np.array(chosen, dtype=np.int64))


named_columns = st.dictionaries(texts, columns(), max_size=2)


@st.composite
def upserts(draw: st.DrawFn) -> Upsert:
    """An upsert with a payload for each id."""
    ids = draw(id_lists)
    payloads = draw(st.lists(st.binary(max_size=9), min_size=len(ids), max_size=len(ids)))
    mode = draw(st.sampled_from(UpdateMode))
    return Upsert(ids, draw(named_columns), payloads, draw(maybe_filters), mode)


quantizations = st.one_of(
    st.builds(
        ScalarQuantization,
        st.just(ScalarType.INT8),
        st.none() | st.floats(0.5, 1),
        st.none() | st.booleans(),
    ).map(lambda kind: QuantizationConfig(scalar=kind)),
    st.builds(ProductQuantization, st.sampled_from(CompressionRatio)).map(
        lambda kind: QuantizationConfig(product=kind)
    ),
    st.builds(BinaryQuantization, st.none() | st.booleans()).map(
        lambda kind: QuantizationConfig(binary=kind)
    ),
)
graphs = st.builds(
    HnswConfigDiff, m=st.none() | st.integers(0, 64), memory=st.none() | st.sampled_from(Memory)
)
dense_params = st.builds(
    VectorParams,
    distance=st.sampled_from(Distance),
    size=st.integers(1, 65536),
    hnsw_config=st.none() | graphs,
    quantization_config=st.none() | quantizations,
    datatype=st.none() | st.sampled_from(Datatype),
    multivector_config=st.sampled_from([None, MultiVectorConfig(MultiVectorComparator.MAX_SIM)]),
)
sparse_params = st.builds(
    SparseVectorParams,
    index=st.none() | st.builds(SparseIndexParams, full_scan_threshold=st.none() | u64),
    modifier=st.none() | st.sampled_from(Modifier),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
metadata = st.none() | st.dictionaries(texts, json_values, max_size=3)
config_changes = st.builds(
    UpdateCollection,
    vectors=st.none()
    | st.dictionaries(
        texts,
        st.builds(
            VectorParamsDiff,
            hnsw_config=st.none() | graphs,
            quantization_config=st.none() | st.just(Disabled.DISABLED) | quantizations,
            on_disk=st.none() | st.booleans(),
        ),
        max_size=2,
    ),
    optimizers_config=st.none()
    | st.builds(
        OptimizersConfigDiff,
        deleted_threshold=st.none() | st.floats(0, 1),
        max_optimization_threads=st.none() | st.just("auto") | u64,
    ),
    params=st.none() | st.builds(CollectionParamsDiff, on_disk_payload=st.none() | st.booleans()),
    hnsw_config=st.none() | graphs,
    quantization_config=st.none() | st.just(Disabled.DISABLED) | quantizations,
    sparse_vectors=st.none() | st.dictionaries(texts, sparse_params, max_size=2),
    strict_mode_config=st.none()
    | st.builds(
        StrictModeConfig,
        enabled=st.none() | st.booleans(),
        sparse_config=st.none()
        | st.dictionaries(texts, st.builds(StrictModeSparse, st.none() | u64), max_size=2),
    ),
    metadata=metadata,
)
schemas = st.sampled_from(
    [
        "keyword",
        {"type": "integer", "lookup": False, "range": True, "is_principal": True},
        {"type": "text", "tokenizer": "prefix", "min_token_len": 2, "stopwords": "english"},
        {"type": "uuid", "is_tenant": True, "on_disk": False, "memory": "pinned"},
    ]
).map(read_field_schema)

BY_KIND: dict[str, st.SearchStrategy[Command]] = {
    "upsert": upserts(),
    "delete_points": st.builds(DeletePoints, **choices),
    "set_payload": st.builds(SetPayload, st.binary(max_size=9), key=st.none() | paths, **choices),
    "overwrite_payload": st.builds(OverwritePayload, st.binary(max_size=9), **choices),
    "delete_payload": st.builds(DeletePayload, st.lists(paths, max_size=3).map(tuple), **choices),
    "clear_payload": st.builds(ClearPayload, **choices),
    "update_vectors": st.builds(UpdateVectors, id_lists, named_columns, maybe_filters),
    "delete_vectors": st.builds(DeleteVectors, st.lists(texts, max_size=3).map(tuple), **choices),
    "create_field_index": st.builds(CreateFieldIndex, paths, schemas),
    "delete_field_index": st.builds(DeleteFieldIndex, paths),
    "update_collection": config_changes,
    "create_vector_name": st.builds(CreateVectorName, texts, dense_params | sparse_params),
    "delete_vector_name": st.builds(DeleteVectorName, texts),
}
"""Commands of a collection, under the names that kinds have in the encoding."""


def _config(names: dict[str, VectorParams], given: dict[str, Any] | None) -> CollectionConfig:
    request = CreateCollection(vectors=names, unnamed_in_map="" in names, metadata=given)
    return new_config(request, CollectionConfig())


configs = st.builds(
    _config, st.dictionaries(st.sampled_from(["", "a", "b"]), dense_params, max_size=2), metadata
)
actions = st.one_of(
    st.builds(CreateAlias, texts, texts),
    st.builds(DeleteAlias, texts),
    st.builds(RenameAlias, texts, texts),
)
CATALOG_BY_KIND: dict[str, st.SearchStrategy[CatalogCommand]] = {
    "add_collection": st.builds(AddCollection, texts, configs, texts, reals),
    "drop_collection": st.builds(DropCollection, texts, st.none() | texts),
    "update_aliases": st.builds(UpdateAliases, st.lists(actions, max_size=3)),
}
"""Commands of the catalog, under the names that kinds have in the encoding."""

sources = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=9)
origins = st.builds(Origin, sources, u64)
command_batches = st.builds(
    CommandBatch,
    st.lists(st.one_of(*BY_KIND.values()), max_size=3),
    st.none() | origins,
    st.none() | texts,
)
catalog_changes = st.builds(
    CatalogChange, st.one_of(*CATALOG_BY_KIND.values()), st.none() | origins
)
