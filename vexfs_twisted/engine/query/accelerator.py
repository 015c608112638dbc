"""Accelerators: optional replacements for the engine's search of nearest rows."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..mvcc.state import CollectionState
from ..vector_index.hits import Hits
from ..vector_index.kernels import Matrix


class SearchAccelerator(Protocol):
    """An alternative to the engine's search of nearest rows, such as a device."""

    def nearest(
        self, state: CollectionState, name: str, queries: Matrix, limits: NDArray[np.int64]
    ) -> list[Hits] | None:
        """For each of `queries`, shape [q, dim], the nearest of all rows that have the vector.

        `queries` are in the form used for comparison; each limit is at most the number of rows.
        Returns as many rows as the limit, with the scores of `score_pairs`, or None if the engine
        has to search. Thread-safe; never raises.
        """


class Accelerators:
    """The registry of accelerators, by the directory of the collection. Thread-safe."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._found: dict[str, SearchAccelerator] = {}

    def get(self, directory: str) -> SearchAccelerator | None:
        """The accelerator of a collection, or None."""
        return self._found.get(directory)

    def put(self, directory: str, accelerator: SearchAccelerator) -> None:
        """Register an accelerator, which searches of the collection then try before the engine."""
        with self._changing:
            self._found[directory] = accelerator

    def remove(self, directory: str, accelerator: SearchAccelerator) -> None:
        """Unregister an accelerator; no-op if the collection has another one or none."""
        with self._changing:
            if self._found.get(directory) is accelerator:
                del self._found[directory]
