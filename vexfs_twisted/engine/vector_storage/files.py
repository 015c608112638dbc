"""The storages of a collection: one for each dense vector name, under the number of its slot.

The number of a slot is given out once. A file whose slot no commit knows is left from a creation
or removal that was cut off, and may go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from ...model.collection import CollectionConfig
from ...model.collection_params import VectorParams
from ..storage.bitmap import Bitmap
from ..storage.counters import Slot
from ..storage.files import sync_directory
from ..vector_index.segments import Segments
from ..vector_index.space import VectorSpace
from .dense import DenseStorage
from .storage import VectorStorage

_PATTERN = "vectors-*"


def stored_vectors(config: CollectionConfig) -> Iterator[tuple[str, VectorParams]]:
    """The vectors of a collection that have a storage: so far those that are dense."""
    for name, params in config.params.vectors.items():
        if params.multivector_config is None:
            yield name, params


def create_storage(directory: Path, params: VectorParams, slot: int) -> None:
    """Make an empty storage and sync it; its directory entries are left to the caller."""
    DenseStorage.create(directory, params, slot)


def open_storage(
    directory: Path,
    params: VectorParams,
    slot: Slot,
    present: Bitmap,
    rows: int,
    segments: Segments,
) -> tuple[VectorStorage, VectorSpace]:
    """A storage that was made there, and what it holds for `rows` rows, `present` or not.

    Raises UnknownFormat, and UnusableDataFolder for files that are missing or too short.
    """
    return DenseStorage.open(directory, params, slot, present, rows, segments)


def add_storage(
    directory: Path, params: VectorParams, slot: int
) -> tuple[VectorStorage, VectorSpace]:
    """Make a storage under a new slot durably, in the place of what was left under its number."""
    remove_storage(directory, slot)
    create_storage(directory, params, slot)
    sync_directory(directory)
    return open_storage(directory, params, Slot(slot), Bitmap.empty(), 0, ())


def remove_storage(directory: Path, slot: int) -> None:
    """Remove the files of a slot; a missing one is no error. Maps of them stay good."""
    for file in directory.glob(f"vectors-{slot}.*"):
        file.unlink(missing_ok=True)


def remove_stray_storages(directory: Path, slots: Collection[int]) -> None:
    """Remove the files of slots that are none of `slots`."""
    known = {str(slot) for slot in slots}
    for file in directory.glob(_PATTERN):
        if file.name.removeprefix("vectors-").partition(".")[0] not in known:
            file.unlink()
