"""The vector files of a collection: one for each dense vector name, under the number of its slot.

The number of a slot is given out once. A file whose slot no commit knows is left from a creation
or removal that was cut off, and may go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from ...model.collection import CollectionConfig
from ...model.collection_params import VectorParams
from ..storage.files import sync_directory
from ..storage.map_advice import memory_placement
from .encodings import Encoding, encoding_of
from .vector_file import VectorFile

_PATTERN = "vectors-*"


def has_file(params: VectorParams) -> bool:
    """Whether vectors of these parameters lie in a file: those of one row a point."""
    return params.multivector_config is None


def names_with_files(config: CollectionConfig) -> Iterator[tuple[str, VectorParams]]:
    """The dense vector names that have a file."""
    for name, params in config.params.vectors.items():
        if has_file(params):
            yield name, params


def create_vector_file(directory: Path, slot: int, params: VectorParams) -> None:
    """Make the file of a slot, without rows; its directory entry is left to the caller."""
    form = encoding_of(params.datatype)
    VectorFile.create(_path(directory, slot, form), form, params.size)


def open_vector_file(directory: Path, slot: int, params: VectorParams, rows: int) -> VectorFile:
    """Open the file of a slot, which must hold `rows` rows. Raises EngineStartError."""
    form = encoding_of(params.datatype)
    memory = memory_placement(params.memory, params.on_disk)
    return VectorFile.open(_path(directory, slot, form), form, params.size, rows, memory)


def add_vector_file(directory: Path, slot: int, params: VectorParams) -> VectorFile:
    """Make the file of a new slot durably, in the place of what was left under its number."""
    remove_vector_file(directory, slot)
    create_vector_file(directory, slot, params)
    sync_directory(directory)
    return open_vector_file(directory, slot, params, 0)


def remove_vector_file(directory: Path, slot: int) -> None:
    """Remove the file of a slot; a missing one is no error. Maps of it stay good."""
    for file in directory.glob(f"vectors-{slot}.*"):
        file.unlink(missing_ok=True)


def remove_stray_vectors(directory: Path, slots: Collection[int]) -> None:
    """Remove the files of slots that are none of `slots`."""
    known = {str(slot) for slot in slots}
    for file in directory.glob(_PATTERN):
        if file.name.removeprefix("vectors-").partition(".")[0] not in known:
            file.unlink()


def _path(directory: Path, slot: int, form: Encoding) -> Path:
    return directory / f"vectors-{slot}.{form.suffix}"
