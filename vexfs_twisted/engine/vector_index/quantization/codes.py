"""The codes of a range of rows, opened for search."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ....model.collection_params import Distance, VectorParams
from ...storage.map_advice import advise
from ..graph.native import lend
from ..kernels import Matrix, Scores
from .errors import DamagedCodes
from .file import Bytes, CodesFacts, MappedCodes, map_codes
from .kinds import CodeKind, Learned
from .options import CodesOptions


class Codes:
    """The codes of the rows of a range. Immutable; any thread may search them.

    What they tell of distances is off by what the codes leave out.
    """

    def __init__(
        self, mapped: MappedCodes, params: VectorParams, kind: CodeKind, options: CodesOptions
    ) -> None:
        self._mapped = mapped
        self._params = params
        self._kind = kind
        self._options = options

    @classmethod
    def open(
        cls,
        path: Path,
        expected: CodesFacts | None,
        params: VectorParams,
        kind: CodeKind,
        options: CodesOptions,
    ) -> Codes:
        """Map the codes in a file. Checks all but the codes: that is left to `verify`.

        Raises DamagedCodes, also for codes other than those `expected` or of another kind.
        """
        mapped = map_codes(path, params.size)
        if expected is not None and mapped.facts != expected:
            raise DamagedCodes(path, "they are other codes")
        if mapped.facts.kind != kind.name:
            raise DamagedCodes(path, f"they are of kind {mapped.facts.kind}")
        advise(mapped.codes, options.memory)
        return cls(mapped, params, kind, options)

    @property
    def facts(self) -> CodesFacts:
        """What the codes are for and how they were made."""
        return self._mapped.facts

    @property
    def learned(self) -> Learned:
        """What was learned of the vectors before they were encoded."""
        return self._mapped.learned

    @property
    def rows(self) -> Bytes:
        """The codes, shape [rows, code size], read-only; zeros where there was no vector."""
        return self._mapped.codes.reshape(-1, self.facts.code_size)

    @property
    def oversampling(self) -> float:
        """How many times as many candidates as are wanted to compare by their vectors."""
        return self._kind.oversampling

    def verify(self) -> None:
        """Check what `open` left out, reading the whole file; raises DamagedCodes."""
        self._mapped.check_codes()

    def prepared(self, queries: Matrix) -> Matrix:
        """Queries, shape [q, dim], as `storage` takes them."""
        return self._kind.widened(queries)

    def scores(self, distances: Scores) -> Scores:
        """The scores that distances, as `storage` measures them, stand for."""
        if self._params.distance is Distance.EUCLID:
            return np.sqrt(np.maximum(distances, 0))
        return distances

    @cached_property
    def storage(self) -> Any:
        """A faiss index over the codes, one a row of the range in order, which must outlive it."""
        storage = self._kind.storage(self._params)
        self._kind.teach(storage, self.learned)
        if self._options.query_bits is not None and hasattr(storage, "qb"):
            storage.qb = self._options.query_bits
        lend(storage, self.rows)
        return storage
