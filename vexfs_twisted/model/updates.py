"""Changes to the points of a collection, and what is answered to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np
from attrs import frozen

from .collection_params import VectorParams
from .errors import BadInput, unknown_vector, wrong_dimension
from .filters import Filter
from .ids import PointId
from .vectors import VectorColumn


@frozen
class Upsert:
    """Whole points to write: each replaces the point of the same id; the last of an id wins.

    `payloads` holds one JSON object per point as bytes, `b"{}"` where it is empty.
    """

    ids: Sequence[PointId]
    vectors: Mapping[str, VectorColumn]
    payloads: Sequence[bytes]


@frozen
class DeletePoints:
    """Points to remove: those named by `ids` or, where it is None, all that pass `filter`."""

    ids: Sequence[PointId] | None = None
    filter: Filter | None = None


Update = Upsert | DeletePoints


class UpdateStatus(Enum):
    """How far an update had come when it was answered."""

    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"
    WAIT_TIMEOUT = "wait_timeout"


@frozen
class UpdateResult:
    """The answer to an update. `operation_id` counts the updates of the collection from 0."""

    operation_id: int | None
    status: UpdateStatus


def check_upsert(upsert: Upsert, params: Mapping[str, VectorParams]) -> None:
    """Raise BadInput unless the vectors fit the collection: names, dimensions, finite numbers."""
    for name, column in upsert.vectors.items():
        known = params.get(name)
        if known is None:
            raise unknown_vector(name)
        for dimension in column.dimensions:
            if dimension != known.size:
                raise wrong_dimension(known.size, dimension)
        if not np.isfinite(column.data).all():
            raise BadInput("Vector contains NaN or infinite values")
