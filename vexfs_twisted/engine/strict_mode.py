"""What strict mode must know of a collection."""

from __future__ import annotations

from ..model.strict_mode import StrictCollection
from .mvcc.state import CollectionState
from .vector_index.space import AnySpace, VectorSpace


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

    Those of multivectors and sparse vectors include vectors that were replaced or deleted, but for
    those in rows before the first.
    """
    if isinstance(space, VectorSpace):
        return space.present.count * space.item_bytes
    return space.element_count * space.item_bytes
