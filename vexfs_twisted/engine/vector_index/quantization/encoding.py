"""Encodes the vectors of a range of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import VectorParams
from ...native_library import faiss
from ...storage.bitmap import Rows
from ...vectors.norms import typical
from ..kernels import Matrix, threads_of_faiss
from .codes import Codes
from .file import Bytes, CodesFacts, save_codes
from .kinds import CodeKind, Learned, ShouldStop

Read = Callable[[Rows], Matrix]
"""Reads the vectors of rows in the form used for comparison, shape [n, dim]."""

_SAMPLED_ROWS = 10_000
_SAMPLED_ELEMENTS = 1 << 23
_LEAST_SAMPLED_ROWS = 256
_BLOCK_ELEMENTS = 1 << 20


class _Stopped(Exception):
    """`should_stop` returned true during encoding."""


class Encoder:
    """Encodes vectors to codes of one kind, by `threads` threads. Used by one thread.

    `read` reads the vectors; `should_stop` is called several times a second.
    """

    def __init__(
        self,
        kind: CodeKind,
        params: VectorParams,
        read: Read,
        threads: int,
        should_stop: ShouldStop,
    ) -> None:
        self._kind = kind
        self._params = params
        self._read = read
        self._threads = threads
        self._should_stop = should_stop

    def write(
        self,
        path: Path,
        start: int,
        is_coded: NDArray[np.bool_],
        earlier: Codes | None = None,
        base: int = 0,
    ) -> CodesFacts | None:
        """Encode the vectors of the rows from `start` on, and write the codes durably.

        `is_coded`, shape [rows], is the mask of rows to encode, at least one. `earlier` has codes
        of all vectors in its own range; they are reused if they have the same kind and cover at
        least half of the rows. Rows are counted from row `base` of the file. Returns None, and
        leaves no file behind, if stopped. Raises StorageFull.
        """
        if earlier is not None and not self._is_most(earlier, start, is_coded):
            earlier = None
        with threads_of_faiss(self._threads):
            rows = np.flatnonzero(is_coded) + start
            learned = self._learned(rows) if earlier is None else earlier.learned
            if learned is None:
                return None
            storage = self._kind.storage(self._params)
            self._kind.teach(storage, learned)
            blocks = self._blocks(storage, start, is_coded, earlier)
            limits = (base + start, base + start + len(is_coded))
            kind, size = self._kind.name, self._params.size
            try:
                return save_codes(path, limits, kind, size, learned, blocks).moved(-base)
            except _Stopped:
                return None

    def _is_most(self, earlier: Codes, start: int, is_coded: NDArray[np.bool_]) -> bool:
        """Whether the earlier codes cover at least half of the rows, so that they can be reused."""
        facts = earlier.facts
        if facts.kind != self._kind.name:
            return False
        own = is_coded[max(facts.start - start, 0) : max(facts.stop - start, 0)]
        return bool(2 * np.count_nonzero(own) >= np.count_nonzero(is_coded))

    def _learned(self, rows: Rows) -> Learned | None:
        width = self._kind.width(self._params.size)
        most = max(_SAMPLED_ELEMENTS // width, _LEAST_SAMPLED_ROWS)
        count = min(len(rows), _SAMPLED_ROWS, most)
        sample = np.random.default_rng(len(rows)).choice(rows, count, replace=False)
        vectors = self._kind.bounded(typical(self._read(np.sort(sample))))
        return self._kind.learn(vectors, self._should_stop)

    def _blocks(
        self, storage: Any, start: int, is_coded: NDArray[np.bool_], earlier: Codes | None
    ) -> Iterator[Bytes]:
        """Yield the codes of all rows in blocks. Raises _Stopped."""
        size = storage.sa_code_size()
        step = max(_BLOCK_ELEMENTS // storage.d, 1)
        for first in range(start, start + len(is_coded), step):
            if self._should_stop():
                raise _Stopped
            chosen = is_coded[first - start : first - start + step].copy()
            block = np.zeros((len(chosen), size), dtype=np.uint8)
            if earlier is not None:
                _take_over(earlier, first, block, chosen)
            places = np.flatnonzero(chosen)
            if len(places):
                block[places] = self._encoded(storage, places + first)
            yield block

    def _encoded(self, storage: Any, rows: Rows) -> Bytes:
        vectors = self._kind.bounded(self._read(rows))
        codes = np.empty((len(rows), storage.sa_code_size()), dtype=np.uint8)
        storage.sa_encode_c(len(rows), faiss.swig_ptr(vectors), faiss.swig_ptr(codes))
        return codes


def _take_over(earlier: Codes, first: int, block: Bytes, is_left: NDArray[np.bool_]) -> None:
    """Copy earlier codes into a block of the codes of the rows from `first` on.

    `is_left`, shape [rows of the block], is the mask of rows still to encode; updated in place.
    """
    facts = earlier.facts
    begin, end = max(first, facts.start), min(first + len(block), facts.stop)
    if begin < end:
        own = earlier.rows[begin - facts.start : end - facts.start]
        block[begin - first : end - first] = own
        is_left[begin - first : end - first] = False
