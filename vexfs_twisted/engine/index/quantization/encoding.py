"""Making the codes of a range of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import VectorParams
from ...store.bitmap import Rows
from ..kernels import Matrix, faiss, threads_of_faiss
from .file import Bytes, CodesFacts, save_codes
from .kinds import Kind

Read = Callable[[Rows], Matrix]
"""Gives the vectors of rows as they are compared, shape [n, dim]."""

_SAMPLED_ROWS = 10_000
_SAMPLED_ELEMENTS = 1 << 23
_BLOCK_ELEMENTS = 1 << 20


class _Stopped(Exception):
    """Encoding was told to stop."""


def write_codes(
    path: Path,
    kind: Kind,
    params: VectorParams,
    read: Read,
    start: int,
    is_coded: NDArray[np.bool_],
    threads: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
) -> CodesFacts | None:
    """Encode vectors of the rows from `start` on, and write the codes durably.

    `is_coded`, shape [rows], tells which of them have one: at least one does. Returns None, and
    leaves nothing behind, if it was stopped: it asks several times a second. Raises StorageFull.
    """
    rows = np.flatnonzero(is_coded) + start
    width = kind.width(params.size)
    with threads_of_faiss(threads):
        learned = kind.learn(widened(read(_sample(rows, width)), width), should_stop)
        if learned is None:
            return None
        storage = kind.storage(params)
        kind.teach(storage, learned)
        blocks = _blocks(storage, read, start, is_coded, should_stop)
        try:
            limits = (start, start + len(is_coded))
            return save_codes(path, limits, kind.name, params.size, learned, blocks)
        except _Stopped:
            return None


def widened(data: Matrix, width: int) -> Matrix:
    """The rows of `data`, shape [n, dim], filled up with zeros to [n, width], C-contiguous."""
    if data.shape[1] == width:
        return np.ascontiguousarray(data)
    return np.pad(data, ((0, 0), (0, width - data.shape[1])))


def _sample(rows: Rows, width: int) -> Rows:
    count = min(len(rows), _SAMPLED_ROWS, max(_SAMPLED_ELEMENTS // width, 256))
    generator = np.random.default_rng(len(rows))
    return np.sort(generator.choice(rows, count, replace=False))


def _blocks(
    storage: Any,
    read: Read,
    start: int,
    is_coded: NDArray[np.bool_],
    should_stop: Callable[[], bool],
) -> Iterator[Bytes]:
    """The codes of all rows, in blocks."""
    size = storage.sa_code_size()
    step = max(_BLOCK_ELEMENTS // storage.d, 1)
    for first in range(0, len(is_coded), step):
        if should_stop():
            raise _Stopped
        chosen = is_coded[first : first + step]
        block = np.zeros((len(chosen), size), dtype=np.uint8)
        places = np.flatnonzero(chosen)
        if len(places):
            vectors = widened(read(places + (start + first)), storage.d)
            codes = np.empty((len(places), size), dtype=np.uint8)
            storage.sa_encode_c(len(vectors), faiss.swig_ptr(vectors), faiss.swig_ptr(codes))
            block[places] = codes
        yield block
