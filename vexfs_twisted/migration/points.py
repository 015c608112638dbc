"""Points as a server tells them, and as it is given them."""

from __future__ import annotations

from collections.abc import Iterable

from ..rpc.generated import collections_pb2, points_pb2, qdrant_common_pb2
from .errors import MigrationError

Id = int | str
"""An id as the state file has it: a number, or a UUID in text form."""


def id_value(message: qdrant_common_pb2.PointId) -> Id:
    """The value of an id."""
    return message.num if message.WhichOneof("point_id_options") == "num" else message.uuid


def id_message(value: Id) -> qdrant_common_pb2.PointId:
    """The message of an id."""
    if isinstance(value, int):
        return qdrant_common_pb2.PointId(num=value)
    return qdrant_common_pb2.PointId(uuid=value)


def get_request(collection: str, ids: Iterable[qdrant_common_pb2.PointId]) -> points_pb2.GetPoints:
    """The request for all that is stored of points."""
    return points_pb2.GetPoints(
        collection_name=collection,
        ids=ids,
        with_payload=points_pb2.WithPayloadSelector(enable=True),
        with_vectors=points_pb2.WithVectorsSelector(enable=True),
    )


def point_of(record: points_pb2.RetrievedPoint) -> points_pb2.PointStruct:
    """The point that an upsert stores as what `record` tells. Raises MigrationError."""
    point = points_pb2.PointStruct(id=record.id)
    point.payload.MergeFrom(record.payload)
    kind = record.vectors.WhichOneof("vectors_options")
    if kind == "vector":
        point.vectors.vector.CopyFrom(vector_of(record.vectors.vector))
    else:
        # A point without any vector is one of a collection with names.
        names = point.vectors.vectors
        names.SetInParent()
        for name, vector in record.vectors.vectors.vectors.items():
            names.vectors[name].CopyFrom(vector_of(vector))
    return point


def vector_of(output: points_pb2.VectorOutput) -> points_pb2.Vector:
    """A vector in the form of requests, from either form of answers. Raises MigrationError."""
    kind = output.WhichOneof("vector")
    if kind == "dense":
        return points_pb2.Vector(dense=output.dense)
    if kind == "sparse":
        return points_pb2.Vector(sparse=output.sparse)
    if kind == "multi_dense":
        return points_pb2.Vector(multi_dense=output.multi_dense)
    return _from_flat_fields(output)


def _from_flat_fields(output: points_pb2.VectorOutput) -> points_pb2.Vector:
    """The same of the flat fields, which is all that older servers fill in."""
    if output.HasField("indices"):
        sparse = points_pb2.SparseVector(values=output.data, indices=output.indices.data)
        return points_pb2.Vector(sparse=sparse)
    if not output.HasField("vectors_count"):
        return points_pb2.Vector(dense=points_pb2.DenseVector(data=output.data))
    count = output.vectors_count
    if count == 0 or len(output.data) % count:
        raise MigrationError(f"{len(output.data)} numbers are no {count} vectors of one length")
    size = len(output.data) // count
    vector = points_pb2.Vector()
    for start in range(0, len(output.data), size):
        vector.multi_dense.vectors.add(data=output.data[start : start + size])
    return vector


def vectors_by_name(point: points_pb2.PointStruct) -> dict[str, points_pb2.Vector]:
    """The vectors of a point, the unnamed one as ""."""
    if point.vectors.WhichOneof("vectors_options") == "vector":
        return {"": point.vectors.vector}
    return dict(point.vectors.vectors.vectors)


def dense_params(
    config: collections_pb2.VectorsConfig,
) -> dict[str, collections_pb2.VectorParams]:
    """The declarations of dense vectors and multivectors, the unnamed one as ""."""
    kind = config.WhichOneof("config")
    if kind == "params":
        return {"": config.params}
    return dict(config.params_map.map)
