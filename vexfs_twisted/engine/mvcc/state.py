"""The state of a collection after a commit, and snapshots: a state and the tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from attrs import evolve, frozen

from ...model.collection import CollectionConfig
from ...model.payload_index import FieldSchema
from ..payload_index.builder import Steps
from ..payload_index.row_snapshot import RowSnapshot
from ..payload_index.schemas import schemas_by_path
from ..storage.bitmap import Bitmap
from ..storage.payload_changelog import PayloadChangelog
from ..storage.table_reader import TableReader
from ..vector_index.segments import Segments
from ..vector_index.space import AnySpace, MultiSpace, VectorSpace
from .indexes import Indexes


@frozen
class CollectionState:
    """The state of a collection in memory as of one commit. Immutable and thread-safe.

    `spaces` has the vectors of every kind by name. `fields` are the declared payload indexes under
    their paths as spelled; `payload_changes` tells which rows had their payload changed in place;
    `last_command` is the number of the last command applied. Rows are counted from `base`, which is
    the number of row 0 in tables and files: states with different ones may name a point by
    different rows. Caches and opened graphs are in the Indexes of a snapshot.
    """

    config: CollectionConfig
    next_row: int
    next_operation: int
    live: Bitmap
    spaces: Mapping[str, AnySpace]
    fields: Mapping[str, FieldSchema]
    payload_changes: PayloadChangelog
    last_command: int
    next_slot: int
    base: int = 0

    def without_vectors(self) -> CollectionState:
        """The state without vectors, for when its files are closed: no point has a vector."""
        empty = Bitmap.empty().with_room(self.next_row)
        return evolve(
            self, spaces={name: space.emptied(empty) for name, space in self.spaces.items()}
        )

    @property
    def end(self) -> int:
        """The next row, as numbered in tables and files."""
        return self.base + self.next_row

    @cached_property
    def dense(self) -> Mapping[str, VectorSpace]:
        """The spaces of dense vectors."""
        spaces = self.spaces.items()
        return {name: space for name, space in spaces if isinstance(space, VectorSpace)}

    @cached_property
    def linkable(self) -> Mapping[str, VectorSpace | MultiSpace]:
        """The spaces that may have graphs: those of dense vectors and of multivectors."""
        spaces = self.spaces.items()
        return {
            name: space for name, space in spaces if isinstance(space, VectorSpace | MultiSpace)
        }

    @cached_property
    def schemas(self) -> Mapping[Steps, FieldSchema]:
        """The declared indexes by the steps of their paths; see `schemas_by_path`."""
        return schemas_by_path(self.fields)


def segments_of(state: CollectionState) -> dict[str, Segments]:
    """The segments of each vector name."""
    return {name: space.segments for name, space in state.spaces.items()}


@frozen
class Snapshot:
    """A state and the tables as of the same commit, or of an uncommitted write batch, and indexes.

    Used by one thread at a time.
    """

    state: CollectionState
    tables: TableReader
    indexes: Indexes
    is_uncommitted: bool = False

    @property
    def rows(self) -> RowSnapshot:
        """The rows of the snapshot, for lookups in columns."""
        state = self.state
        return RowSnapshot(
            state.next_operation,
            state.next_row,
            state.live,
            state.payload_changes,
            self.tables,
            self.is_uncommitted,
            state.base,
        )
