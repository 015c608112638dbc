"""The storages of a collection: one per dense vector name, named by the number of its slot.

Slot numbers are never reused. A file whose slot is in no commit was left by an interrupted creation
or removal, and may be removed.
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
    """The vector names of a collection that have a storage: so far the dense ones."""
    for name, params in config.params.vectors.items():
        if params.multivector_config is None:
            yield name, params


def create_storage(directory: Path, params: VectorParams, slot: int) -> None:
    """Create an empty storage and sync its files; the caller syncs the directory."""
    DenseStorage.create(directory, params, slot)


def open_storage(
    directory: Path,
    params: VectorParams,
    slot: Slot,
    present: Bitmap,
    rows: int,
    segments: Segments,
) -> tuple[VectorStorage, VectorSpace]:
    """Open an existing storage, and return it with its space of `rows` rows.

    Raises UnknownFormat, and UnusableDataFolder for files that are missing or too short.
    """
    return DenseStorage.open(directory, params, slot, present, rows, segments)


def add_storage(
    directory: Path, params: VectorParams, slot: int
) -> tuple[VectorStorage, VectorSpace]:
    """Create a storage with a new slot durably; replaces files left under its number."""
    remove_storage(directory, slot)
    create_storage(directory, params, slot)
    sync_directory(directory)
    return open_storage(directory, params, Slot(slot), Bitmap.empty(), 0, ())


def remove_storage(directory: Path, slot: int) -> None:
    """Remove the files of a slot, if they exist. Existing maps of them stay valid."""
    for file in directory.glob(f"vectors-{slot}.*"):
        file.unlink(missing_ok=True)


def remove_stray_storages(directory: Path, slots: Collection[int]) -> None:
    """Remove the files of all slots except `slots`."""
    known = {str(slot) for slot in slots}
    for file in directory.glob(_PATTERN):
        if file.name.removeprefix("vectors-").partition(".")[0] not in known:
            file.unlink()
