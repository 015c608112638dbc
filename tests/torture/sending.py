"""Sends the commands of a torture run through the official client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qdrant_client import QdrantClient, models

from .contents import OWN_SIZE, SIZE, Command, components, content
from .drawing import MAIN


def send(client: QdrantClient, command: Command, *, wait: bool) -> None:
    """Send a command; returns once it is acknowledged."""
    data = command.data
    if command.kind in OPERATIONS:
        _UPDATES[command.kind](client, data, wait)
    elif command.kind == "batch":
        operations = [OPERATIONS[kind](own) for kind, own in data["updates"]]
        client.batch_update_points(MAIN, operations, wait=wait)
    else:
        _OTHERS[command.kind](client, data)


def vector_of(name: str, number: int) -> Any:
    """A vector as the client takes it."""
    found = content(name, number)
    return models.SparseVector(**found) if name == "s" else found


def vectors_of(vectors: Mapping[str, int]) -> dict[str, Any]:
    """The vectors of a point as the client takes them."""
    return {name: vector_of(name, number) for name, number in vectors.items()}


def match(key: str, value: int) -> models.FieldCondition:
    """A condition on a field."""
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _filter(data: Mapping[str, Any]) -> models.Filter:
    return models.Filter(must=[match(key, data[key]) for key in ("owner", "group")])


def _selector(data: Mapping[str, Any]) -> Any:
    if "ids" in data:
        return models.PointIdsList(points=data["ids"])
    return models.FilterSelector(filter=_filter(data))


def _which(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"points": data["ids"]} if "ids" in data else {"filter": _filter(data)}


def _points(data: Mapping[str, Any]) -> list[Any]:
    return [
        models.PointStruct(id=own, vector=vectors_of(vectors), payload=payload)
        for own, vectors, payload in data["points"]
    ]


def _moved(data: Mapping[str, Any]) -> list[Any]:
    return [
        models.PointVectors(id=own, vector=vectors_of(vectors)) for own, vectors in data["points"]
    ]


def _upsert_operation(data: Mapping[str, Any]) -> Any:
    return models.UpsertOperation(upsert=models.PointsList(points=_points(data)))


OPERATIONS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "upsert": _upsert_operation,
    "bulk upsert": _upsert_operation,
    "delete": lambda data: models.DeleteOperation(delete=_selector(data)),
    "set_payload": lambda data: models.SetPayloadOperation(
        set_payload=models.SetPayload(payload=data["payload"], **_which(data))
    ),
    "overwrite_payload": lambda data: models.OverwritePayloadOperation(
        overwrite_payload=models.SetPayload(payload=data["payload"], **_which(data))
    ),
    "delete_payload": lambda data: models.DeletePayloadOperation(
        delete_payload=models.DeletePayload(keys=data["keys"], **_which(data))
    ),
    "clear_payload": lambda data: models.ClearPayloadOperation(clear_payload=_selector(data)),
    "update_vectors": lambda data: models.UpdateVectorsOperation(
        update_vectors=models.UpdateVectors(points=_moved(data))
    ),
    "delete_vectors": lambda data: models.DeleteVectorsOperation(
        delete_vectors=models.DeleteVectors(vector=data["names"], **_which(data))
    ),
}
"""Updates as parts of a batch."""


def _upsert(client: QdrantClient, data: Mapping[str, Any], wait: bool) -> None:
    client.upsert(MAIN, _points(data), wait=wait)


_UPDATES: dict[str, Callable[[QdrantClient, Mapping[str, Any], bool], object]] = {
    "upsert": _upsert,
    "bulk upsert": _upsert,
    "delete": lambda client, data, wait: client.delete(MAIN, _selector(data), wait=wait),
    "set_payload": lambda client, data, wait: client.set_payload(
        MAIN, data["payload"], _selector(data), wait=wait
    ),
    "overwrite_payload": lambda client, data, wait: client.overwrite_payload(
        MAIN, data["payload"], _selector(data), wait=wait
    ),
    "delete_payload": lambda client, data, wait: client.delete_payload(
        MAIN, data["keys"], _selector(data), wait=wait
    ),
    "clear_payload": lambda client, data, wait: client.clear_payload(
        MAIN, _selector(data), wait=wait
    ),
    "update_vectors": lambda client, data, wait: client.update_vectors(
        MAIN, _moved(data), wait=wait
    ),
    "delete_vectors": lambda client, data, wait: client.delete_vectors(
        MAIN, data["names"], _selector(data), wait=wait
    ),
}


def create_main(client: QdrantClient) -> None:
    """Create the collection that the writers share: every kind of vectors, graphs early."""
    client.create_collection(
        MAIN,
        {
            "d": models.VectorParams(size=SIZE, distance=models.Distance.EUCLID),
            "m": models.VectorParams(
                size=4,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM
                ),
            ),
        },
        sparse_vectors_config={"s": models.SparseVectorParams()},
        optimizers_config=models.OptimizersConfigDiff(
            indexing_threshold=1, vacuum_min_vector_number=100
        ),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)
        ),
    )
    for name in ("owner", "group", "mark"):
        client.create_payload_index(MAIN, name, models.PayloadSchemaType.INTEGER)


def _create_collection(client: QdrantClient, data: Mapping[str, Any]) -> None:
    params = models.VectorParams(size=OWN_SIZE, distance=models.Distance.EUCLID)
    client.create_collection(data["name"], params, hnsw_config=models.HnswConfigDiff(m=data["m"]))


def _upsert_own(client: QdrantClient, data: Mapping[str, Any]) -> None:
    points = [
        models.PointStruct(id=own, vector=components(number, OWN_SIZE), payload={})
        for own, number in data["points"]
    ]
    client.upsert(data["name"], points)


def _create_vector_name(client: QdrantClient, data: Mapping[str, Any]) -> None:
    params = models.DenseVectorConfig(size=SIZE, distance=models.Distance.EUCLID)
    config = models.DenseVectorNameConfig(dense=params)
    client.create_vector_name(MAIN, data["name"], config)


def _change_aliases(client: QdrantClient, data: Mapping[str, Any]) -> None:
    actions: list[Any] = []
    before, alias = data["before"], data["alias"]
    if before is not None and (alias is None or before[0] != alias[0]):
        delete = models.DeleteAlias(alias_name=before[0])
        actions.append(models.DeleteAliasOperation(delete_alias=delete))
    if alias is not None:
        create = models.CreateAlias(alias_name=alias[0], collection_name=alias[1])
        actions.append(models.CreateAliasOperation(create_alias=create))
    client.update_collection_aliases(actions)


_OTHERS: dict[str, Callable[[QdrantClient, Mapping[str, Any]], object]] = {
    "create_index": lambda client, data: client.create_payload_index(
        MAIN, data["name"], models.PayloadSchemaType.INTEGER
    ),
    "delete_index": lambda client, data: client.delete_payload_index(MAIN, data["name"]),
    "create_vector_name": _create_vector_name,
    "drop_vector_name": lambda client, data: client.delete_vector_name(MAIN, data["name"]),
    "create_collection": _create_collection,
    "upsert into own collection": _upsert_own,
    "update_collection": lambda client, data: client.update_collection(
        data["name"], hnsw_config=models.HnswConfigDiff(m=data["m"])
    ),
    "delete_collection": lambda client, data: client.delete_collection(data["name"]),
    "change_aliases": _change_aliases,
}
