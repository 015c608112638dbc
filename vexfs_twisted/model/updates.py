"""Updates of the points of a collection, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from attrs import frozen

from .collection import CollectionParams
from .errors import (
    BadRequest,
    not_finite,
    not_multi,
    not_sparse,
    unknown_vector,
    wrong_dimension,
)
from .filters import Filter
from .ids import PointId
from .payload_index import CreateFieldIndex, DeleteFieldIndex
from .payload_path import PayloadPath
from .vector_kinds import MultiVectors, SparseVectors
from .vectors import VectorColumn


class UpdateMode(Enum):
    """Which points of an upsert are written: all, new ones only, or existing ones only."""

    UPSERT = "upsert"
    INSERT_ONLY = "insert_only"
    UPDATE_ONLY = "update_only"


@frozen
class Upsert:
    """Insert or replace points by their ids; the last point of an id wins.

    `payloads` has one JSON object per point as bytes, `b"{}"` if it is empty. Existing points are
    replaced only if they pass `update_filter` and `mode` permits it.
    """

    ids: Sequence[PointId]
    vectors: Mapping[str, VectorColumn]
    payloads: Sequence[bytes]
    update_filter: Filter | None = None
    mode: UpdateMode = UpdateMode.UPSERT


@frozen
class DeletePoints:
    """Delete the points `ids` or, if that is None, all that pass `filter`."""

    ids: Sequence[PointId] | None = None
    filter: Filter | None = None


@frozen
class SetPayload:
    """Merge the JSON object `payload` into payloads: top-level keys, or below the path `key`.

    A null value removes its key. Points are selected as in DeletePoints; missing ids are an error.
    """

    payload: bytes
    ids: Sequence[PointId] | None = None
    filter: Filter | None = None
    key: PayloadPath | None = None


@frozen
class OverwritePayload:
    """Replace whole payloads by the JSON object `payload`."""

    payload: bytes
    ids: Sequence[PointId] | None = None
    filter: Filter | None = None


@frozen
class DeletePayload:
    """Remove the values at the paths `keys` from payloads."""

    keys: tuple[PayloadPath, ...]
    ids: Sequence[PointId] | None = None
    filter: Filter | None = None


@frozen
class ClearPayload:
    """Clear payloads."""

    ids: Sequence[PointId] | None = None
    filter: Filter | None = None


@frozen
class UpdateVectors:
    """Replace some vectors of existing points."""

    ids: Sequence[PointId]
    vectors: Mapping[str, VectorColumn]
    update_filter: Filter | None = None


@frozen
class DeleteVectors:
    """Delete the vectors `names` of points; no-op for points without them.

    Unlike other updates, it applies to the points `ids` and to those that pass `filter`.
    """

    names: tuple[str, ...]
    ids: Sequence[PointId] | None = None
    filter: Filter | None = None


PayloadUpdate = SetPayload | OverwritePayload | DeletePayload | ClearPayload

Update = (
    Upsert
    | DeletePoints
    | PayloadUpdate
    | UpdateVectors
    | DeleteVectors
    | CreateFieldIndex
    | DeleteFieldIndex
)


class UpdateStatus(Enum):
    """The progress of an update when it was acknowledged."""

    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"
    WAIT_TIMEOUT = "wait_timeout"


@frozen
class UpdateResult:
    """The result of an update. `operation_id` counts the updates of the collection from 0."""

    operation_id: int | None
    status: UpdateStatus


def check_update(update: Update, params: CollectionParams) -> None:
    """Raise a DomainError unless `update` is valid for a collection with `params`.

    Whether the points exist is only checked during execution.
    """
    if isinstance(update, CreateFieldIndex):
        update.schema.check()
    elif isinstance(update, Upsert | UpdateVectors):
        _check_vectors(update.vectors, params)
    elif not isinstance(update, DeleteFieldIndex):
        if update.ids is None and update.filter is None:
            raise BadRequest("No filter or points provided")
        if isinstance(update, DeleteVectors):
            _check_names(update.names, params)


def _check_vectors(vectors: Mapping[str, VectorColumn], params: CollectionParams) -> None:
    """Raise BadInput unless vectors are valid: known names, right kinds and dimensions, finite."""
    for name, column in vectors.items():
        is_sparse = isinstance(column.vectors, SparseVectors)
        known = params.vectors.get(name)
        if known is None:
            if name not in (params.sparse_vectors or {}):
                raise unknown_vector(name)
            if not is_sparse:
                raise not_sparse()
        else:
            if is_sparse:
                raise not_sparse()
            for dimension in column.dimensions:
                if dimension != known.size:
                    raise wrong_dimension(known.size, dimension, name)
            if isinstance(column.vectors, MultiVectors) and known.multivector_config is None:
                raise not_multi()
        if not column.vectors.is_finite:
            raise not_finite()


def _check_names(names: Sequence[str], params: CollectionParams) -> None:
    for name in names:
        if name not in params.vectors and name not in (params.sparse_vectors or {}):
            raise unknown_vector(name)


def check_not_empty(update: Update) -> None:
    """Raise BadRequest for an update of points with an empty list of ids."""
    if isinstance(update, CreateFieldIndex | DeleteFieldIndex):
        return
    if isinstance(update, DeleteVectors) and update.filter is not None:
        return
    if update.ids is not None and len(update.ids) == 0:
        raise BadRequest("Empty update request")
