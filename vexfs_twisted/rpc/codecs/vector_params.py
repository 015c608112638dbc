"""Codecs of the parameters of dense and sparse vectors, and of their HNSW graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.collection import CollectionParams
from ...model.collection_params import (
    Datatype,
    HnswConfig,
    HnswConfigDiff,
    MultiVectorConfig,
    SparseIndexParams,
    SparseVectorParams,
    VectorParams,
    VectorParamsDiff,
)
from ...model.vectors import UNNAMED
from ..generated import collections_pb2 as pb
from ..generated import points_pb2
from .enums import COMPARATORS, DATATYPES, DISTANCES, MEMORIES, MODIFIERS, number_of
from .fields import given, known, read_enum, write_given
from .quantization import read_quantization, read_quantization_diff, write_quantization

_HNSW = (
    "m",
    "ef_construct",
    "full_scan_threshold",
    "max_indexing_threads",
    "on_disk",
    "payload_m",
    "inline_storage",
)


def read_vectors(message: pb.VectorsConfig) -> dict[str, Any]:
    """The model's fields of dense vectors: declarations by name, "" for the unnamed one."""
    if message.WhichOneof("config") == "params":
        return {"vectors": {UNNAMED: _read_vector(message.params)}}
    spaces = message.params_map.map
    vectors = {name: _read_vector(spaces[name]) for name in spaces}
    return {"vectors": vectors, "unnamed_in_map": UNNAMED in vectors}


def read_vectors_diff(message: pb.VectorsConfigDiff) -> dict[str, VectorParamsDiff]:
    """Decode changes of dense vectors by name, "" for the unnamed one."""
    if message.WhichOneof("config") == "params":
        return {UNNAMED: _read_vector_diff(message.params)}
    spaces = message.params_map.map
    return {name: _read_vector_diff(spaces[name]) for name in spaces}


def _read_vector(message: pb.VectorParams) -> VectorParams:
    parts = _read_placement(message)
    if message.HasField("quantization_config"):
        parts["quantization_config"] = read_quantization(message.quantization_config)
    parts["multivector_config"] = read_multivector(message)
    parts["datatype"] = read_datatype(message)
    distance = known(message.distance, "distance", DISTANCES)
    return VectorParams(size=message.size, distance=distance, **parts)


def read_multivector(
    message: pb.VectorParams | points_pb2.DenseVectorCreationConfig,
) -> MultiVectorConfig | None:
    """The configuration of multivectors; None for dense vectors."""
    if not message.HasField("multivector_config"):
        return None
    return MultiVectorConfig(
        known(message.multivector_config.comparator, "comparator", COMPARATORS)
    )


def read_datatype(
    message: pb.VectorParams
    | pb.SparseIndexConfig
    | points_pb2.DenseVectorCreationConfig
    | points_pb2.SparseVectorCreationConfig,
) -> Datatype | None:
    """The datatype of vectors; None for the default."""
    if message.datatype == pb.Datatype.Default:
        return None
    return known(message.datatype, "datatype", DATATYPES)


def _read_vector_diff(message: pb.VectorParamsDiff) -> VectorParamsDiff:
    parts = _read_placement(message)
    if message.HasField("quantization_config"):
        parts["quantization_config"] = read_quantization_diff(message.quantization_config)
    return VectorParamsDiff(**parts)


def _read_placement(message: pb.VectorParams | pb.VectorParamsDiff) -> dict[str, Any]:
    parts = given(message, "on_disk")
    parts["memory"] = read_enum(message, "memory", MEMORIES)
    if message.HasField("hnsw_config"):
        parts["hnsw_config"] = read_hnsw(message.hnsw_config)
    return parts


def read_hnsw(message: pb.HnswConfigDiff) -> HnswConfigDiff:
    """Decode HNSW parameters; unset ones stay unset."""
    memory = read_enum(message, "memory", MEMORIES)
    return HnswConfigDiff(**given(message, *_HNSW), memory=memory)


def read_sparse_vectors(message: pb.SparseVectorConfig) -> dict[str, SparseVectorParams]:
    """Decode the declarations of sparse vectors by name."""
    return {name: _read_sparse(message.map[name]) for name in message.map}


def _read_sparse(message: pb.SparseVectorParams) -> SparseVectorParams:
    index = None
    if message.HasField("index"):
        index = SparseIndexParams(
            **given(message.index, "full_scan_threshold", "on_disk"),
            datatype=read_datatype(message.index),
            memory=read_enum(message.index, "memory", MEMORIES),
        )
    return SparseVectorParams(index=index, modifier=read_enum(message, "modifier", MODIFIERS))


def write_vectors_config(params: CollectionParams, message: pb.VectorsConfig) -> None:
    """Write the declarations of dense vectors into `message`, in the form they were declared in."""
    if params.is_single:
        _write_vector(params.vectors[UNNAMED], message.params)
        return
    message.params_map.SetInParent()
    for name, space in params.vectors.items():
        _write_vector(space, message.params_map.map[name])


def _write_vector(params: VectorParams, message: pb.VectorParams) -> None:
    message.size = params.size
    message.distance = number_of(params.distance, DISTANCES)
    write_given(params, message, "on_disk", datatype=DATATYPES, memory=MEMORIES)
    if params.hnsw_config is not None:
        write_hnsw(params.hnsw_config, message.hnsw_config)
    if params.quantization_config is not None:
        write_quantization(params.quantization_config, message.quantization_config)
    if params.multivector_config is not None:
        comparator = number_of(params.multivector_config.comparator, COMPARATORS)
        message.multivector_config.SetInParent()
        message.multivector_config.comparator = comparator


def write_hnsw(config: HnswConfig | HnswConfigDiff, message: pb.HnswConfigDiff) -> None:
    """Write HNSW parameters into `message`."""
    message.SetInParent()
    write_given(config, message, *_HNSW, memory=MEMORIES)


def write_sparse_vectors(
    vectors: Mapping[str, SparseVectorParams], message: pb.SparseVectorConfig
) -> None:
    """Write the declarations of sparse vectors into `message`."""
    for name, params in vectors.items():
        space = message.map[name]
        write_given(params, space, modifier=MODIFIERS)
        if params.index is not None:
            space.index.SetInParent()
            names = ("full_scan_threshold", "on_disk")
            write_given(params.index, space.index, *names, datatype=DATATYPES, memory=MEMORIES)
