"""What reads see: one moment of a collection, immutable, shared by any number of threads."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from ...model.collection import CollectionConfig
from ...model.collection_params import VectorParams
from ...model.payload_index import FieldSchema
from .bitmap import Bitmap
from .tables import TableReader
from .touches import TouchLog
from .vectorfile import Matrix


@frozen
class VectorSpace:
    """The vectors of one name.

    `matrix` has shape [capacity, dim]; only the rows in `present` mean anything, and each of those
    belongs to a live point. No vector among them is longer than `norm_bound`.
    """

    params: VectorParams
    slot: int
    present: Bitmap
    matrix: Matrix = field(eq=False)
    norm_bound: float


@frozen
class View:
    """A moment of a collection. `spaces` maps the names of the dense vectors.

    `fields` are the declared payload indexes under their paths as spelled; `touches` tells of
    payloads that changed in rows that are older.
    """

    config: CollectionConfig
    next_row: int
    next_operation: int
    live: Bitmap
    spaces: Mapping[str, VectorSpace]
    fields: Mapping[str, FieldSchema]
    touches: TouchLog


@frozen
class Snapshot:
    """A view and the tables as of the same commit. Used by one thread."""

    view: View
    tables: TableReader
