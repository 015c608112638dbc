"""What reads see: one moment of a collection, immutable, shared by any number of threads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from attrs import field, frozen

from ...model.collection import CollectionConfig
from ...model.collection_params import VectorParams
from ...model.payload_index import FieldSchema
from ..columns.cache import Columns, Moment, Steps
from ..columns.declared import schemas_by_path
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
    payloads that changed in rows that are older; `columns` is what all moments share.
    """

    config: CollectionConfig
    next_row: int
    next_operation: int
    live: Bitmap
    spaces: Mapping[str, VectorSpace]
    fields: Mapping[str, FieldSchema]
    touches: TouchLog
    columns: Columns = field(factory=Columns, eq=False)

    @cached_property
    def schemas(self) -> Mapping[Steps, FieldSchema]:
        """The declared indexes under the steps of their paths, as `schemas_by_path` tells them."""
        return schemas_by_path(self.fields)


@frozen
class Snapshot:
    """A view and the tables as of the same commit, or of a draft. Used by one thread."""

    view: View
    tables: TableReader
    is_draft: bool = False

    @property
    def moment(self) -> Moment:
        """The moment that columns must answer for."""
        view = self.view
        return Moment(
            view.next_operation, view.next_row, view.live, view.touches, self.tables, self.is_draft
        )
