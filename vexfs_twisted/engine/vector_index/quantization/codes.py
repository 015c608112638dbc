"""The codes of a range of rows, opened for search."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ....model.collection_params import Distance, VectorParams
from ...storage.bitmap import Rows
from ...storage.map_advice import advise
from ..graph.native import lend
from ..kernels import Matrix, Scores
from ..matrices import multiplied
from .errors import DamagedCodes
from .file import Bytes, CodesFacts, MappedCodes, map_codes
from .kinds import CodeKind, Learned
from .options import CodesOptions

_LARGEST = float(np.finfo(np.float32).max)


class Codes:
    """The codes of the rows of a range. Immutable and thread-safe.

    Distances by codes have the quantization error of the kind.
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
        """Map the codes in a file. Verifies all but the codes themselves; see `verify`.

        Raises DamagedCodes, also for codes other than `expected` or of another kind.
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
        """The description of the codes: their rows and kind."""
        return self._mapped.facts

    @property
    def learned(self) -> Learned:
        """The parameters learned from the vectors before encoding."""
        return self._mapped.learned

    @property
    def rows(self) -> Bytes:
        """The codes, shape [rows, code size], read-only; zeros for rows without a vector."""
        return self._mapped.codes.reshape(-1, self.facts.code_size)

    @property
    def oversampling(self) -> float:
        """The factor of candidates over the wanted number whose vectors should be compared."""
        return self._kind.oversampling

    def verify(self) -> None:
        """Verify what `open` did not, reading the whole file; raises DamagedCodes."""
        self._mapped.check_codes()

    def prepared(self, queries: Matrix) -> Matrix:
        """Queries, shape [q, dim], padded to the width of `storage`."""
        return self._kind.widened(queries)

    def scores(self, distances: Scores) -> Scores:
        """Convert distances of `storage` to scores."""
        if self._params.distance is Distance.EUCLID:
            return np.sqrt(np.maximum(distances, 0))
        return distances

    def products(self, queries: Matrix, places: Rows) -> Matrix:
        """The inner products, shape [n, q], of the codes at `places` and queries, [q, dim].

        Of decoded vectors where these say the same: far faster than those of `storage`. Nothing may
        be so long that products overflow. Not for Euclid.
        """
        codes = np.ascontiguousarray(self.rows[places])
        if not self._kind.decodes:
            storage = self._taught()
            lend(storage, codes)
            found = storage.range_search(self.prepared(queries), -_LARGEST)
            return np.ascontiguousarray(found[1].reshape(len(queries), len(codes)).T)
        decoded = self.storage.sa_decode(codes)[:, : queries.shape[1]]
        return multiplied(np.ascontiguousarray(decoded), np.ascontiguousarray(queries.T))

    @cached_property
    def storage(self) -> Any:
        """A faiss index over the codes, one per row of the range in order; they must outlive it."""
        storage = self._taught()
        lend(storage, self.rows)
        return storage

    def _taught(self) -> Any:
        storage = self._kind.storage(self._params)
        self._kind.teach(storage, self.learned)
        if self._options.query_bits is not None and hasattr(storage, "qb"):
            storage.qb = self._options.query_bits
        return storage
