"""The codes of a range of rows, opened for search."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ....model.collection_params import Distance, VectorParams
from ...native_library import faiss
from ...storage.bitmap import Rows
from ...storage.map_advice import advise
from ...vectors.norms import squared_norms
from ..graph.native import lend
from ..kernels import Matrix, Scores, score_block
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
        base: int = 0,
    ) -> Codes:
        """Map the codes in a file. Verifies all but the codes themselves; see `verify`.

        Rows are counted from row `base` of the file. Raises DamagedCodes, also for codes other than
        `expected` or of another kind.
        """
        mapped = map_codes(path, params.size).moved(-base)
        if expected is not None and mapped.facts != expected:
            raise DamagedCodes(path, "they are other codes")
        if mapped.facts.kind != kind.name:
            raise DamagedCodes(path, f"they are of kind {mapped.facts.kind}")
        advise(mapped.codes, options.memory)
        return cls(mapped, params, kind, options)

    def moved(self, rows: int) -> Codes:
        """The same codes, with `rows` added to the numbers of the rows."""
        moved = copy(self)
        moved._mapped = self._mapped.moved(rows)
        return moved

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

    def compared(self, queries: Matrix, places: Rows) -> Matrix:
        """The codes at `places` compared with queries, [q, dim]: shape [n, q].

        Inner products for Cosine and Dot, squared distances for Euclid, distances for Manhattan.
        Of decoded vectors where these say the same: far faster than those of `storage`. Nothing may
        be so long that products overflow.
        """
        distance = self._params.distance
        codes = np.ascontiguousarray(self.rows[places])
        if not self._kind.decodes:
            found = self._by_storage(queries, codes)
            if distance is Distance.MANHATTAN:
                # The sum of as many equal shares, if differences are distributed normally.
                found = np.sqrt(np.maximum(found, 0) * np.float32(2 * self._params.size / np.pi))
            return found
        decoded = np.ascontiguousarray(self.storage.sa_decode(codes)[:, : queries.shape[1]])
        if distance is Distance.EUCLID:
            return _squared_distances(queries, decoded)
        if distance is Distance.MANHATTAN:
            return np.ascontiguousarray(score_block(distance, queries, decoded).T)
        return multiplied(decoded, np.ascontiguousarray(queries.T))

    @cached_property
    def storage(self) -> Any:
        """A faiss index over the codes, one per row of the range in order; they must outlive it."""
        storage = self._taught()
        lend(storage, self.rows)
        return storage

    def _by_storage(self, queries: Matrix, codes: Bytes) -> Matrix:
        """Distances as of `storage`, shape [n, q], of some codes."""
        storage = self._taught()
        lend(storage, codes)
        # All of them are within the radius.
        radius = _LARGEST if storage.metric_type == faiss.METRIC_L2 else -_LARGEST
        found = storage.range_search(self.prepared(queries), radius)
        return np.ascontiguousarray(found[1].reshape(len(queries), len(codes)).T)

    def _taught(self) -> Any:
        storage = self._kind.storage(self._params)
        self._kind.teach(storage, self.learned)
        if self._options.query_bits is not None and hasattr(storage, "qb"):
            storage.qb = self._options.query_bits
        return storage


def _squared_distances(queries: Matrix, vectors: Matrix) -> Matrix:
    """The squared distances, shape [n, q], of `vectors`, which are overwritten, and queries."""
    # From near the queries: of vectors far from zero, products round more than distances differ.
    centre = queries.mean(axis=0)
    queries = queries - centre
    vectors -= centre
    squares = multiplied(vectors, np.ascontiguousarray(-2 * queries.T))
    squares += squared_norms(vectors).astype(np.float32)[:, np.newaxis]
    squares += squared_norms(queries).astype(np.float32)
    return np.maximum(squares, 0, out=squares)
