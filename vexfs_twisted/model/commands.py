"""Commands: all changes of a collection, or of the catalog of collections, as values.

Commands are deterministic: random values, times and settings of the server are resolved before a
command is created. Collections with the same history of commands are equal.
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
    """Add a vector name, dense or sparse, of which no point has a vector yet.

    No-op if the name exists with the same immutable parameters.
    """

    name: str
    params: VectorParams | SparseVectorParams


@frozen
class DeleteVectorName:
    """Remove a vector name and its vectors of all points; no-op if it does not exist."""

    name: str


VectorNameCommand = CreateVectorName | DeleteVectorName
"""A change of the vector names of a collection."""

Command = Update | UpdateCollection | VectorNameCommand
"""A command of one collection."""


def _check_source(_: object, __: object, source: str) -> None:
    if not 0 < len(source.encode()) <= MAX_SOURCE_BYTES or "\0" in source:
        raise ValueError(f"a source has 1 to {MAX_SOURCE_BYTES} bytes, none of them NUL")


def _check_counter(_: object, __: object, counter: int) -> None:
    if not 0 <= counter < 2**64:
        raise ValueError("a counter is an unsigned integer of 64 bits")


@frozen
class Origin:
    """The identity of a batch of commands: its source, and a counter of that source.

    Batches of a source are submitted in ascending order of `counter`; gaps are allowed. Raises
    ValueError for a source longer than MAX_SOURCE_BYTES or with NUL, and for a counter outside of
    u64.
    """

    source: str = field(validator=_check_source)
    counter: int = field(validator=_check_counter)


@frozen
class CommandBatch:
    """Commands that are executed in order in one commit, up to the first that is refused.

    A batch with an `origin` is applied once: when it is submitted again, the recorded outcomes are
    returned. Without commands, it only records the progress of its source. With a `uid`, it is for
    the collection with that uid, not for a later one of the same name.
    """

    commands: Sequence[Command]
    origin: Origin | None = None
    uid: str | None = None


Outcome = int | Exception
"""The operation id of an update, or the error that kept it from taking effect.

A change of the configuration has no operation id of its own; its outcome is that of the next
update.
"""


class AlreadyApplied(Exception):
    """A batch at or below the last counter of its source, without a recorded outcome.

    It was applied before, and its outcome is no longer kept, or it was submitted out of order.
    Nothing has changed.
    """

    def __init__(self, origin: Origin, last: int) -> None:
        super().__init__(
            f"{origin.source} is at {last}, and no outcome of {origin.counter} is recorded"
        )


@frozen
class AddCollection:
    """Create an empty collection with a complete configuration.

    `uid`, 32 hexadecimal digits, is unique forever. `created` is in seconds since 1970.
    """

    name: str
    config: CollectionConfig
    uid: str
    created: float


@frozen
class DropCollection:
    """Delete a collection and the aliases that point to it; no-op if it does not exist.

    With a `uid`, also a no-op if the collection with this name has another uid.
    """

    name: str
    uid: str | None = None


@frozen
class UpdateAliases:
    """Execute actions on aliases in order, all or none."""

    actions: Sequence[AliasAction]


CatalogCommand = AddCollection | DropCollection | UpdateAliases
"""A command of the catalog."""


@frozen
class CatalogChange:
    """A command of the catalog; with an `origin` it is applied once, like a CommandBatch."""

    command: CatalogCommand
    origin: Origin | None = None


CatalogOutcome = bool | Exception
"""False for the deletion of a missing collection, else True; or the error that refused it."""


def with_vector_name(config: CollectionConfig, command: CreateVectorName) -> CollectionConfig:
    """`config` with the vector name that `command` creates; `config` itself if it exists already.

    Raises BadInput for an invalid name, or one that exists with other parameters, and
    ValidationError for parameters out of range.
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
    """`config` without a vector name; `config` itself if it does not exist."""
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
    """Raise BadInput unless the immutable parameters are equal."""
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
