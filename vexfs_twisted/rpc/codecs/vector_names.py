"""The codec of requests that create and delete vector names of a live collection."""

from __future__ import annotations

from ...model.collection_params import (
    SparseIndexParams,
    SparseVectorParams,
    VectorParams,
)
from ...model.commands import CreateVectorName, DeleteVectorName
from ...model.errors import MalformedMessage
from ...model.validation import validate
from ..generated import points_pb2 as pb
from .enums import DISTANCES, MODIFIERS
from .fields import known, read_enum
from .vector_params import read_datatype, read_multivector


def read_create_vector_name(message: pb.CreateVectorNameRequest) -> CreateVectorName:
    """Decode a request to create a vector name.

    Raises MalformedMessage without a configuration, and ValidationError.
    """
    kind = message.WhichOneof("vector_config")
    params: VectorParams | SparseVectorParams
    if kind == "dense_config":
        params = _read_dense(message.dense_config)
        validate(params, "dense_config")
    elif kind == "sparse_config":
        params = _read_sparse(message.sparse_config)
        validate(params, "sparse_config")
    else:
        raise MalformedMessage("Missing vector_config")
    return CreateVectorName(message.vector_name, params)


def read_delete_vector_name(message: pb.DeleteVectorNameRequest) -> DeleteVectorName:
    """Decode a request to delete a vector name."""
    return DeleteVectorName(message.vector_name)


def _read_dense(message: pb.DenseVectorCreationConfig) -> VectorParams:
    return VectorParams(
        size=message.size,
        distance=known(message.distance, "distance", DISTANCES),
        multivector_config=read_multivector(message),
        datatype=read_datatype(message),
    )


def _read_sparse(message: pb.SparseVectorCreationConfig) -> SparseVectorParams:
    datatype = read_datatype(message)
    index = None if datatype is None else SparseIndexParams(datatype=datatype)
    return SparseVectorParams(index=index, modifier=read_enum(message, "modifier", MODIFIERS))
