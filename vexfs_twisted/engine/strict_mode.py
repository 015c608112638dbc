"""What strict mode must know of a collection."""

from __future__ import annotations

from ..model.strict_mode import StrictCollection
from .mvcc.state import CollectionState
from .vector_index.space import AnySpace, MultiSpace, VectorSpace

_ELEMENT_BYTES = 8
"""An index and a value of a sparse vector."""


def strict_collection(uid: str, state: CollectionState) -> StrictCollection | None:
    """The collection with the directory `uid`; None if strict mode is not enabled."""
    limits = state.config.strict_mode_config
    if limits is None or not limits.enabled:
        return None
    return StrictCollection(
        uid,
        limits,
        state.config,
        state.schemas,
        state.fields,
        state.live.count,
        lambda: sum(map(_vector_bytes, state.spaces.values())),
    )


def _vector_bytes(space: AnySpace) -> int:
    """The bytes of the vectors of a space as stored.

    Those of multivectors and sparse vectors include vectors that were replaced or deleted, as long
    as they are part of the files.
    """
    if isinstance(space, VectorSpace):
        return space.present.count * _line_bytes(space)
    count = int(space.offsets[-1])
    if isinstance(space, MultiSpace):
        return count * _line_bytes(space)
    return count * _ELEMENT_BYTES


def _line_bytes(space: VectorSpace | MultiSpace) -> int:
    return int(space.matrix.shape[1] * space.matrix.itemsize)
