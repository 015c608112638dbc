"""The storages of a collection: one per vector name, named by the number of its slot.

Slot numbers are never reused. A file whose slot is in no commit was left by an interrupted creation
or removal, and may be removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ...model.collection import CollectionConfig
from ...model.collection_params import SparseVectorParams, VectorParams
from ..storage.bitmap import Bitmap
from ..storage.counters import Slot
from ..storage.files import sync_directory
from ..vector_index.space import AnySpace
from .committed import CommittedVectors
from .dense import DenseStorage
from .multi import MultiStorage
from .sparse import SparseStorage
from .storage import AnyStorage

_PREFIX = "vectors-"

AnyParams = VectorParams | SparseVectorParams


def stored_vectors(config: CollectionConfig) -> Iterator[tuple[str, AnyParams]]:
    """The vector names of a collection and their parameters; each has a storage."""
    yield from config.params.vectors.items()
    yield from (config.params.sparse_vectors or {}).items()


def create_storage(directory: Path, params: AnyParams, slot: int) -> None:
    """Create an empty storage and sync its files; the caller syncs the directory."""
    if isinstance(params, SparseVectorParams):
        SparseStorage.create(directory, slot)
    elif params.multivector_config is not None:
        MultiStorage.create(directory, params, slot)
    else:
        DenseStorage.create(directory, params, slot)


def open_storage(
    directory: Path, params: AnyParams, committed: CommittedVectors
) -> tuple[AnyStorage, AnySpace]:
    """Open an existing storage, and return it with its space.

    Raises UnknownFormat, and UnusableDataFolder for files that are missing or too short.
    """
    if isinstance(params, SparseVectorParams):
        return SparseStorage.open(directory, params, committed)
    if params.multivector_config is not None:
        return MultiStorage.open(directory, params, committed)
    return DenseStorage.open(directory, params, committed)


def add_storage(
    directory: Path, params: AnyParams, slot: int, base: int
) -> tuple[AnyStorage, AnySpace]:
    """Create a storage with a new slot durably; replaces files left under its number.

    Its first row is row `base`, and so is that of the space.
    """
    remove_storage(directory, slot)
    create_storage(directory, params, slot)
    sync_directory(directory)
    committed = CommittedVectors(Slot(slot, first=base), Bitmap.empty(), base=base)
    return open_storage(directory, params, committed)


def remove_storage(directory: Path, slot: int) -> None:
    """Remove the files of a slot, if they exist. Existing maps of them stay valid."""
    for file in directory.glob(f"vectors-{slot}.*"):
        file.unlink(missing_ok=True)


def remove_stray_storages(directory: Path, names: Sequence[str], slots: Collection[int]) -> None:
    """Remove those of the files `names` that belong to other slots than `slots`."""
    known = {str(slot) for slot in slots}
    for name in names:
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX).partition(".")[0] not in known:
            (directory / name).unlink(missing_ok=True)
