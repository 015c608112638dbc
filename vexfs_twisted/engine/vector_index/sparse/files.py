"""Postings on disk: one mapped file for each range of rows, which never changes.

A derived file (see `derived_files`): one that is damaged, or of an older version, is left out, and
its range is made again from the vectors. After the head come the arrays of `Postings`: offsets,
terms, rows, bounds of weights, the positions of common terms and the weights of all rows for them,
and codes, as the datatype stores them. The head has the range, of rows as numbered in the tables,
and the operation that they were made at.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from attrs import frozen
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from ....model.collection_params import Datatype
from ...storage.derived_files import PAGE, DerivedFormat
from ...storage.files import write_durably
from ..space import SparseSpace
from .cache import PostingsCache
from .postings import Postings, width_of
from .weights import ITEMS

log = logging.getLogger("vexfs.engine")


class PostingsDamaged(Exception):
    """A file of postings is not what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}")


_FORMAT = DerivedFormat(b"vexfspostings-3\n", PostingsDamaged, "whose")
_ARRAYS: Mapping[str, str] = {
    "offsets": "<i8",
    "terms": "<u4",
    "rows": "<i4",
    "least": "<f4",
    "largest": "<f4",
    "common": "<i4",
    "dense": "<f4",
}
"""All but `codes`, which are the last, as their items may be shorter."""


@frozen
class _Head:
    """The head: the range, its datatype, and the number of its vectors, terms and elements."""

    start: int
    stop: int
    count: int
    datatype: str
    terms: int
    elements: int
    common: int
    operation: int
    checksum: int

    def arrays(self) -> list[tuple[str, np.dtype[Any], int]]:
        """The names, types and lengths of the arrays, in their order."""
        terms, elements = self.terms, self.elements
        lengths = [terms + 1, terms, elements, terms, terms, self.common]
        lengths.append(self.common * width_of(self.start, self.stop))
        arrays = [
            (name, np.dtype(kind), length)
            for (name, kind), length in zip(_ARRAYS.items(), lengths, strict=True)
        ]
        return [*arrays, ("codes", ITEMS[Datatype(self.datatype)], elements)]

    @property
    def size(self) -> int:
        """See Head of `derived_files`."""
        return PAGE + sum(kind.itemsize * length for _, kind, length in self.arrays())


class _Loaded(NamedTuple):
    operation: int
    postings: Postings


class PostingsFiles:
    """The files of the postings of one collection. Used by one thread at a time.

    `spaces` are those of the newest state, `operation` is its next operation.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._slots = {_slot_of(file) for file in directory.glob("postings-*")}
        self._sound: set[Path] = set()

    def load(self, spaces: Sequence[SparseSpace], operation: int, cache: PostingsCache) -> None:
        """Put the postings of usable files into the cache."""
        for space in spaces:
            found: list[_Loaded] = []
            for file in sorted(self._files_of(space.slot), key=_start_of):
                loaded = _load(file, found[-1].postings.stop if found else 0, space.base)
                if loaded is not None and _is_of_use(loaded, space, operation):
                    found.append(loaded)
                    self._sound.add(file)
            if found:
                made = max(own.operation for own in found)
                cache.put(space, made, [own.postings for own in found])

    def is_due(self, spaces: Sequence[SparseSpace], cache: PostingsCache) -> bool:
        """Whether postings are to be made, written or removed. Does not block or read files."""
        if self._slots - {space.slot for space in spaces}:
            return True
        return any(cache.is_due(space) or self._is_behind(space, cache) for space in spaces)

    def save(self, spaces: Sequence[SparseSpace], operation: int, cache: PostingsCache) -> None:
        """Bring the postings up to date, write those that are new, and remove the others.

        Raises OSError.
        """
        slots = {space.slot for space in spaces}
        cache.keep(spaces)
        for space in spaces:
            ranges = cache.update(space, operation)
            wanted = {self._directory / _name(space, own): own for own in ranges}
            for file, own in wanted.items():
                if file not in self._sound:
                    _write(file, own.moved(space.base), operation)
                    self._sound.add(file)
            self._remove(self._files_of(space.slot) - wanted.keys())
        self._remove(
            {file for file in self._directory.glob("postings-*") if _slot_of(file) not in slots}
        )
        self._slots = slots

    def _is_behind(self, space: SparseSpace, cache: PostingsCache) -> bool:
        """Whether postings that a search has made are not written."""
        return any(
            self._directory / _name(space, own) not in self._sound for own in cache.ranges(space)
        )

    def _files_of(self, slot: int) -> set[Path]:
        return set(self._directory.glob(f"postings-{slot}-*"))

    def _remove(self, files: set[Path]) -> None:
        for file in files:
            file.unlink(missing_ok=True)
        self._sound -= files


def _is_of_use(loaded: _Loaded, space: SparseSpace, operation: int) -> bool:
    """Whether the postings are not of a later state, as after an older copy was put back."""
    return loaded.operation <= operation and loaded.postings.stop <= space.rows


def _name(space: SparseSpace, postings: Postings) -> str:
    """The name of the file of a range; `count` differs when dead rows were left out since."""
    own = postings.moved(space.base)
    return f"postings-{space.slot}-{own.start}-{own.stop}-{own.count}-{own.datatype.value}.bin"


def _slot_of(file: Path) -> int:
    return int(file.name.split("-")[1])


def _start_of(file: Path) -> int:
    return int(file.name.split("-")[2])


def _write(file: Path, postings: Postings, operation: int) -> None:
    arrays = _arrays(postings)
    head = BytesIO()
    _FORMAT.write_head(
        head,
        {
            "start": postings.start,
            "stop": postings.stop,
            "count": postings.count,
            "datatype": postings.datatype.value,
            "terms": len(postings.terms),
            "elements": postings.elements,
            "common": len(postings.common),
            "operation": operation,
            "checksum": _checksum(arrays),
        },
    )
    write_durably(file, head.getvalue().ljust(PAGE, b"\0"), *[own.data for own in arrays])


def _load(file: Path, start: int, base: int) -> _Loaded | None:
    """The postings of a file that begins at row `start`, counted from `base`; None if none do."""
    try:
        head, _, mapped = _FORMAT.map(file, _Head)
        arrays: dict[str, NDArray[Any]] = {}
        place = PAGE
        for name, kind, length in head.arrays():
            arrays[name] = mapped.array(kind, length, place)
            place += arrays[name].nbytes
        if head.start != base + start:
            return None
        if _checksum(arrays.values()) != head.checksum:
            raise PostingsDamaged(file, "whose content is not what was written")
    except (PostingsDamaged, OSError, TypeError) as error:
        log.warning("postings of sparse vectors are made again: %s", error)
        return None
    arrays["dense"] = arrays["dense"].reshape(head.common, width_of(head.start, head.stop))
    datatype = Datatype(head.datatype)
    postings = Postings(head.start, head.stop, head.count, datatype, **arrays)
    return _Loaded(head.operation, postings.moved(-base))


def _arrays(postings: Postings) -> list[NDArray[Any]]:
    arrays = [
        np.ascontiguousarray(getattr(postings, name), dtype=kind) for name, kind in _ARRAYS.items()
    ]
    return [*arrays, np.ascontiguousarray(postings.codes, dtype=ITEMS[postings.datatype])]


def _checksum(arrays: Iterable[NDArray[Any]]) -> int:
    checksum = 0
    for own in arrays:
        checksum = crc32(own.data, checksum)
    return checksum
