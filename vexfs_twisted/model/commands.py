"""Commands: everything that changes a collection, or the catalog of collections, as one value.

A command is deterministic: whatever is random, comes from a clock or depends on the settings of a
server is resolved before it is made. Two collections to which the same commands were applied in the
same order are equal.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from attrs import field, frozen

from .collection import AliasAction, CollectionConfig, UpdateCollection
from .collection_params import SparseVectorParams, VectorParams
from .errors import BadInput
from .names import check_vector_name
from .updates import Update
from .validation import validate
from .vectors import UNNAMED

MAX_SOURCE_BYTES = 128


@frozen
class CreateVectorName:
    """Add a vector name, dense or sparse, that no point has a vector under yet.

    A name that exists with the same immutable parameters is left as it is.
    """

    name: str
    params: VectorParams | SparseVectorParams


@frozen
class DeleteVectorName:
    """Remove a vector name and the vectors of all points under it; a missing one is no error."""

    name: str


Command = Update | UpdateCollection | CreateVectorName | DeleteVectorName
"""A change of one collection."""


def _check_source(_: object, __: object, source: str) -> None:
    if not 0 < len(source.encode()) <= MAX_SOURCE_BYTES or "\0" in source:
        raise ValueError(f"a source has 1 to {MAX_SOURCE_BYTES} bytes, none of them NUL")


def _check_counter(_: object, __: object, counter: int) -> None:
    if not 0 <= counter < 2**64:
        raise ValueError("a counter is an unsigned integer of 64 bits")


@frozen
class Origin:
    """What identifies a batch of commands: who issued it, and a number of the issuer's own.

    A source issues its batches in ascending order of `counter`; gaps are allowed. Raises ValueError
    for a source longer than MAX_SOURCE_BYTES or with NUL, and for a counter that is no u64.
    """

    source: str = field(validator=_check_source)
    counter: int = field(validator=_check_counter)


@frozen
class CommandBatch:
    """Commands carried out one after another in one commit, up to the first that is refused.

    A batch with an `origin` takes effect once: when it comes again, the outcome recorded for it is
    the answer. One without commands only records that its source has come as far as `counter`.
    With the `uid` of a collection it is for that one, and not for a later one of the same name.
    """

    commands: Sequence[Command]
    origin: Origin | None = None
    uid: str | None = None


Outcome = int | Exception
"""The operation id of an update, or what kept it from taking effect.

A change of the configuration has no operation id of its own; its outcome is that of the next
update.
"""


class AlreadyApplied(Exception):
    """A batch at or below the last counter of its source, whose outcome is not recorded.

    It has been applied before, and is older than the outcomes that are kept, or it has come out of
    order. Nothing has changed.
    """

    def __init__(self, origin: Origin, last: int) -> None:
        super().__init__(
            f"{origin.source} is at {last}, and no outcome of {origin.counter} is recorded"
        )


@frozen
class AddCollection:
    """Create an empty collection with the whole configuration it is to have.

    `uid`, 32 hexadecimal digits, is never used for another one. `created` is in seconds since 1970.
    """

    name: str
    config: CollectionConfig
    uid: str
    created: float


@frozen
class DropCollection:
    """Delete a collection and the aliases that point to it; a missing one is no error.

    With a `uid`, a collection of that name that has another one is left as it is.
    """

    name: str
    uid: str | None = None


@frozen
class UpdateAliases:
    """Carry out actions on aliases in order, all or none."""

    actions: Sequence[AliasAction]


CatalogCommand = AddCollection | DropCollection | UpdateAliases
"""A change of the catalog."""


@frozen
class CatalogChange:
    """A command of the catalog; with an `origin` it takes effect once, as a CommandBatch does."""

    command: CatalogCommand
    origin: Origin | None = None


CatalogOutcome = bool | Exception
"""False for the deletion of a collection that there was not, or what kept it from taking effect."""


def with_vector_name(config: CollectionConfig, command: CreateVectorName) -> CollectionConfig:
    """`config` with the vector name that `command` creates; `config` itself where it has it.

    Raises BadInput for a name that exists otherwise or cannot be, and ValidationError for
    parameters out of range.
    """
    name, new = command.name, command.params
    is_dense = isinstance(new, VectorParams)
    vectors, sparse = config.params.vectors, config.params.sparse_vectors or {}
    old = vectors.get(name) or sparse.get(name)
    if old is not None:
        _check_same(name, old, new)
        return config
    check_vector_name(name, "dense" if is_dense else "sparse")
    if not is_dense and name == UNNAMED:
        raise BadInput("Sparse vector name cannot be empty")
    validate(new)
    if isinstance(new, VectorParams):
        params = attrs.evolve(config.params, vectors={**vectors, name: new})
    else:
        params = attrs.evolve(config.params, sparse_vectors={**sparse, name: new})
    return attrs.evolve(config, params=params)


def without_vector_name(config: CollectionConfig, command: DeleteVectorName) -> CollectionConfig:
    """`config` without a vector name; `config` itself where it does not have it."""
    params, name = config.params, command.name
    if name in params.vectors:
        vectors = {key: value for key, value in params.vectors.items() if key != name}
        return attrs.evolve(config, params=attrs.evolve(params, vectors=vectors))
    if name in (params.sparse_vectors or {}):
        sparse = {k: value for k, value in (params.sparse_vectors or {}).items() if k != name}
        return attrs.evolve(config, params=attrs.evolve(params, sparse_vectors=sparse or None))
    return config


def _check_same(
    name: str, old: VectorParams | SparseVectorParams, new: VectorParams | SparseVectorParams
) -> None:
    """Raise BadInput unless the parameters that cannot be changed later are the same."""
    if isinstance(old, VectorParams) != isinstance(new, VectorParams):
        kind = "dense" if isinstance(old, VectorParams) else "sparse"
        raise BadInput(f"Vector `{name}` already exists as a {kind} vector")
    if _immutable(old) != _immutable(new):
        kind = "Vector" if isinstance(old, VectorParams) else "Sparse vector"
        raise BadInput(f"{kind} `{name}` already exists with a different configuration")


def _immutable(params: VectorParams | SparseVectorParams) -> tuple[object, ...]:
    if isinstance(params, VectorParams):
        return params.size, params.distance, params.multivector_config, params.datatype
    return params.modifier, params.index and params.index.datatype
