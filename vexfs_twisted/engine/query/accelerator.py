"""Accelerators: what may find the nearest rows of a collection in the engine's place."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..mvcc.state import CollectionState
from ..vector_index.hits import Hits
from ..vector_index.kernels import Matrix


class SearchAccelerator(Protocol):
    """Something beside the engine that can be asked for the nearest rows, such as a device."""

    def nearest(
        self, state: CollectionState, name: str, queries: Matrix, limits: NDArray[np.int64]
    ) -> list[Hits] | None:
        """For each of `queries`, shape [q, dim], the nearest of all rows that have the vector.

        `queries` are as they are compared, and each limit is at most as many as there are rows.
        Answers as many rows as the limit, with the scores of `score_pairs`, or None where the
        engine has to be asked. Any reader's thread may call, and nothing is ever raised.
        """


class Accelerators:
    """The accelerators that there are now, by the directories of their collections. Any thread."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._found: dict[str, SearchAccelerator] = {}

    def get(self, directory: str) -> SearchAccelerator | None:
        """That of a collection, if it has one."""
        return self._found.get(directory)

    def put(self, directory: str, accelerator: SearchAccelerator) -> None:
        """Have searches of a collection ask the accelerator before the engine."""
        with self._changing:
            self._found[directory] = accelerator

    def remove(self, directory: str, accelerator: SearchAccelerator) -> None:
        """Have searches of a collection not ask the accelerator any more, unless it is another."""
        with self._changing:
            if self._found.get(directory) is accelerator:
                del self._found[directory]
