"""Postings of the sparse vectors of a range of rows: the rows and weights of each term.

Rows never change, so postings stay valid: a row that has been deleted since is not a candidate any
more.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from ....model import ragged
from ....model.collection_params import Datatype
from ...native_library import faiss
from ...storage.bitmap import Bitmap
from ..space import SparseSpace
from .weights import Codes, Singles, decoded, encoded

COLUMN = 64
"""The arrays of common terms have a multiple of this many elements."""

_COMMON = 16
"""A term is common if more than one in this many rows has it."""

_LEAST_ROWS = 1024
"""Smaller ranges have no common terms."""

Terms = NDArray[np.uint32]
Mask = NDArray[np.bool_]


def width_of(start: int, stop: int) -> int:
    """The number of elements of the array of a common term of the rows in [start, stop)."""
    return -(-(stop - start) // COLUMN) * COLUMN


@frozen(eq=False)
class Postings:
    """The postings of the `count` vectors among the rows in [start, stop). Immutable.

    `terms`, shape [t], ascend. Term i has the elements offsets[i] to offsets[i + 1] of `rows`,
    int32, relative to `start` and ascending, and of `codes`, the weights as `datatype` stores them.
    `least` and `largest`, shape [t], are the bounds of the weights of each term. `common` has the
    positions of the common terms, ascending, and `dense` the weights of all rows for them, float32.
    """

    start: int
    stop: int
    count: int
    datatype: Datatype
    terms: Terms
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    codes: Codes
    least: Singles
    largest: Singles
    common: NDArray[np.int32]
    dense: Singles

    def moved(self, rows: int) -> Postings:
        """The same postings, with `rows` added to the numbers of the rows."""
        return evolve(self, start=self.start + rows, stop=self.stop + rows)

    @classmethod
    def of(cls, space: SparseSpace, start: int, stop: int, datatype: Datatype) -> Postings:
        """The postings of the present rows in [start, stop)."""
        own = space.everything.rows_between(start, stop)
        lengths, indices, values = space.elements(own)
        rows = (own[ragged.row_of_each(lengths)] - start).astype(np.int32)
        # Elements are in the order of rows, which a stable sort keeps within each term.
        order = np.argsort(indices, kind="stable")
        sorted_indices = indices[order]
        is_first = np.ones(len(sorted_indices), dtype=np.bool_)
        is_first[1:] = sorted_indices[1:] != sorted_indices[:-1]
        begins = np.flatnonzero(is_first)
        offsets = np.append(begins, len(sorted_indices)).astype(np.int64)
        values = values[order]
        least, largest = (
            reduce.reduceat(values, begins) if len(begins) else values[:0]
            for reduce in (np.minimum, np.maximum)
        )
        codes: Codes = values
        if datatype is not Datatype.FLOAT32:
            each = [bounds.repeat(np.diff(offsets)) for bounds in (least, largest)]
            codes = encoded(datatype, values, *each)
            values = decoded(datatype, codes, *each)
        if datatype is Datatype.FLOAT16:
            least, largest = (
                decoded(datatype, encoded(datatype, own, own, own), own, own)
                for own in (least, largest)
            )
        rows, terms = rows[order], sorted_indices[begins]
        common = _common_terms(np.diff(offsets), stop - start)
        dense = np.zeros((len(common), width_of(start, stop)), dtype=np.float32)
        for line, begin, end in zip(dense, offsets[common], offsets[common + 1], strict=True):
            line[rows[begin:end]] = values[begin:end]
        return cls(
            start=start,
            stop=stop,
            count=len(own),
            datatype=datatype,
            terms=terms,
            offsets=offsets,
            rows=rows,
            codes=codes,
            least=least,
            largest=largest,
            common=common.astype(np.int32),
            dense=dense,
        )

    @property
    def elements(self) -> int:
        """The number of elements of all vectors."""
        return len(self.rows)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """How many rows have each term, 0 of those not known, shape [t + 1]."""
        return np.append(np.diff(self.offsets), 0)

    @cached_property
    def spans(self) -> NDArray[np.int64]:
        """Of each term: where its elements begin and end, and its line in `dense` or -1.

        The shape is [t + 1, 3]. The last is that of terms that are not known, without elements.
        """
        spans = np.full((len(self.terms) + 1, 3), -1, dtype=np.int64)
        spans[:, 0] = self.offsets
        spans[:-1, 1] = self.offsets[1:]
        spans[-1, 1] = self.offsets[-1]
        spans[self.common, 2] = np.arange(len(self.common))
        return spans

    @cached_property
    def reaches(self) -> NDArray[np.float64]:
        """The largest absolute weight of each term, 0 of those not known, shape [t + 1]."""
        return np.append(np.maximum(self.largest, -self.least), 0).astype(np.float64)

    @cached_property
    def pointers(self) -> list[Any]:
        """The lines of `dense`, as functions of faiss take them."""
        return [faiss.swig_ptr(line) for line in self.dense]

    @cached_property
    def _padded(self) -> Terms:
        """The terms, and one more that differs from all terms above the last."""
        return np.append(self.terms, np.uint32(0))

    def places(self, terms: Terms) -> NDArray[np.int64]:
        """The positions of `terms`, in any order, t for those that are not known, shape [n]."""
        places = self.terms.searchsorted(terms)
        return np.where(self._padded.take(places) == terms, places, len(self.terms))

    def term(self, place: int) -> tuple[NDArray[np.int32], Singles]:
        """The rows and weights of the term at a position."""
        span = slice(self.offsets[place], self.offsets[place + 1])
        return self.rows[span], self.weights(self.codes[span], slice(place, place + 1))

    def weights(self, codes: Codes, places: NDArray[np.int64] | slice) -> Singles:
        """What some of `codes` stand for, shape [n]; `places` are the positions of their terms.

        `places` has shape [n], or is a slice of one position. May be a view of `codes`.
        """
        if self.datatype is Datatype.FLOAT32:
            return codes
        return decoded(self.datatype, codes, self.least[places], self.largest[places])

    def stored(self, terms: Terms, values: Singles) -> Singles:
        """The weights for elements of rows of the range, shape [n], by their terms and values."""
        if self.datatype is Datatype.FLOAT32:
            return values
        places = self.places(terms)
        # Only rows that had died when the postings were made have other terms.
        is_known = places < len(self.terms)
        bounds = self.least[places[is_known]], self.largest[places[is_known]]
        weights = values.copy()
        codes = encoded(self.datatype, values[is_known], *bounds)
        weights[is_known] = decoded(self.datatype, codes, *bounds)
        return weights

    def frequencies(
        self, terms: Terms, present: Bitmap, known: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """How many of the rows in `present` have each of `terms`, shape [n].

        `known` has these numbers by position, or -1, which are replaced.
        """
        places = self.places(terms)
        found = known.take(places)
        if known is not self.lengths and found.min(initial=0) < 0:
            for place in places[found < 0].tolist():
                rows = self.rows[self.offsets[place] : self.offsets[place + 1]]
                known[place] = np.count_nonzero(present.has(rows.astype(np.int64) + self.start))
            found = known.take(places)
        return found

    def no_frequencies(self, present: Bitmap) -> NDArray[np.int64]:
        """What `frequencies` begins with: all of them if no row has been deleted, shape [t + 1]."""
        if present.count_between(self.start, self.stop) == self.count:
            return self.lengths
        known = np.full(len(self.terms) + 1, -1, dtype=np.int64)
        known[-1] = 0
        return known


def _common_terms(lengths: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """The positions of the common terms, ascending, by the numbers of rows that have each term.

    Their arrays take no more memory than the elements of all terms.
    """
    common = np.flatnonzero(lengths * _COMMON > rows)
    most = 2 * int(lengths.sum()) // rows if rows >= _LEAST_ROWS else 0
    return np.sort(common[np.argsort(-lengths[common], kind="stable")[:most]])
