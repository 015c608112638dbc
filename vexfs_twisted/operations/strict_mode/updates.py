"""The limits of updates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...model.commands import VectorNameCommand
from ...model.errors import BadRequest, StorageFull
from ...model.filters import Filter
from ...model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ...model.resident_memory import resident_percent
from ...model.strict_mode import StrictCollection, refused
from ...model.updates import OverwritePayload, SetPayload, Update, UpdateVectors, Upsert
from ...model.validation import shortest
from ...model.vector_kinds import MultiVectors, SparseVectors
from ...model.vectors import VectorColumn
from .filters import check_filter
from .reads import check_most, check_timeout

AnyUpdate = Update | VectorNameCommand

_MEBIBYTE = 1024 * 1024
_BLOCK_BYTES = 128
"""The unit in which payloads are counted."""


def check_update(update: AnyUpdate, collection: StrictCollection, timeout: float | None) -> None:
    """Raise BadRequest for an update beyond the limits of a collection, sizes of payloads aside.

    Raises StorageFull for one that takes memory beyond the limit of that.
    `timeout` is the one that the client gave, in seconds.
    """
    check_timeout(timeout, collection)
    limits = collection.limits
    if isinstance(update, Upsert):
        check_most(len(update.ids), limits.upsert_max_batchsize, "upsert limit")
        _check_points(collection)
    elif isinstance(update, UpdateVectors):
        check_most(len(update.ids), limits.upsert_max_batchsize, "update limit")
    elif isinstance(update, CreateFieldIndex):
        _check_index_count(update, collection)
    if isinstance(update, Upsert | UpdateVectors):
        _check_vectors(update.vectors, collection)
        _check_vector_size(collection)
    if isinstance(update, Upsert | UpdateVectors | SetPayload | OverwritePayload):
        _check_memory(collection)
    is_allowed = limits.unindexed_filtering_update
    check_filter(filter_of(update), collection, may_be_unindexed=is_allowed)


def filter_of(update: AnyUpdate) -> Filter | None:
    """The filter of an update, if it has one: of the points to change, or that may be changed."""
    if isinstance(update, Upsert | UpdateVectors):
        return update.update_filter
    if isinstance(update, VectorNameCommand | CreateFieldIndex | DeleteFieldIndex):
        return None
    return update.filter


def _check_points(collection: StrictCollection) -> None:
    limit = collection.limits.max_points_count
    if limit is not None and collection.points >= limit:
        raise refused(
            f"Max points count limit of {limit} reached!",
            "Delete points, or raise `max_points_count`.",
        )


def _check_vector_size(collection: StrictCollection) -> None:
    limit = collection.limits.max_collection_vector_size_bytes
    if limit is not None and collection.vector_bytes() >= limit:
        raise _too_much("vector", limit)


def _check_memory(collection: StrictCollection) -> None:
    limit = collection.limits.max_resident_memory_percent
    if limit is not None and (resident_percent() or 0) >= limit:
        raise StorageFull(f"the server has reached {limit}% of the memory that it may have")


def check_payload_size(size: int, collection: StrictCollection) -> None:
    """Raise BadRequest if payloads of `size` bytes reach the limit of a collection."""
    limit = collection.limits.max_collection_payload_size_bytes
    if limit is not None and size >= limit:
        raise _too_much("payload", limit)


def _too_much(kind: str, limit: int) -> BadRequest:
    size = shortest(float(np.float32(limit / _MEBIBYTE))).removesuffix(".0")
    return refused(
        f"Max {kind} storage size limit of {size}MB reached!",
        f"Delete points, or raise `max_collection_{kind}_size_bytes`.",
    )


def _check_index_count(update: CreateFieldIndex, collection: StrictCollection) -> None:
    limit = collection.limits.max_payload_index_count
    names = collection.index_names
    if limit is not None and update.field.text not in names and len(names) >= limit:
        raise refused(
            f"Collection already has the maximum number of payload indices ({limit})",
            "Please delete an existing index before creating a new one.",
        )


def _check_vectors(vectors: Mapping[str, VectorColumn], collection: StrictCollection) -> None:
    """Check the rows of multivectors and the indices of sparse vectors."""
    multi = collection.limits.multivector_config or {}
    sparse = collection.limits.sparse_config or {}
    for name, column in vectors.items():
        own = column.vectors
        if isinstance(own, MultiVectors) and name in multi:
            _check_length(own, multi[name].max_vectors, f"Multivector '{name}'", "vectors")
        elif isinstance(own, SparseVectors) and name in sparse:
            _check_length(own, sparse[name].max_length, f"Sparse vector '{name}'", "indices")


def _check_length(
    column: MultiVectors | SparseVectors, limit: int | None, what: str, unit: str
) -> None:
    most = int(np.diff(column.offsets).max(initial=0))
    if limit is not None and most > limit:
        raise refused(
            f"{what} has a limit of {limit} {unit}, but {most} were provided!",
            f"Reduce the number of {unit}.",
        )


def payload_bytes(update: AnyUpdate, points: int) -> int:
    """The bytes of payloads that an update writes, in blocks; `points` is for those of a filter."""
    if isinstance(update, Upsert):
        return sum([_blocks(payload) for payload in update.payloads])
    if isinstance(update, SetPayload | OverwritePayload):
        count = points if update.ids is None else len(update.ids)
        return count * _blocks(update.payload)
    return 0


def _blocks(payload: bytes) -> int:
    return -(-len(payload) // _BLOCK_BYTES) * _BLOCK_BYTES
