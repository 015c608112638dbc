"""Filters as masks over rows: what needs no payload first, then one pass over the payloads left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from ...model.filters import Filter, HasId, HasVector
from ..store.bitmap import Bitmap, Rows
from ..store.keys import encode_ids
from ..store.rowvalue import key_of, payload_of
from ..store.tables import TableReader
from .payloads import RowCondition, filter_test
from .slices import slice_of

Mask = NDArray[np.bool_]

_BATCH = 1024


def select_rows(
    filter_: Filter,
    reader: TableReader,
    among: Bitmap,
    vectors: Mapping[str, Bitmap] | None = None,
) -> Rows:
    """The rows of `among`, all live, that pass `filter_`; ascending."""
    rows = RowFilter(filter_, reader, vectors)
    named = rows.named()
    candidates = among.rows() if named is None else named[among.has(named)]
    return candidates[rows.mask(candidates)]


class RowFilter:
    """A filter made ready for one transaction. Used by one thread.

    `vectors` are the rows that have a vector of each name.
    """

    def __init__(
        self,
        filter_: Filter,
        reader: TableReader,
        vectors: Mapping[str, Bitmap] | None = None,
    ) -> None:
        self._filter = filter_
        self._reader = reader
        self._vectors = vectors or {}
        self._named: dict[HasId, Rows] = {}
        self._batch_masks: dict[RowCondition, list[bool]] = {}
        self._test = filter_test(filter_, self._row_test)

    def named(self) -> Rows | None:
        """The rows of the fewest points that ids narrow the filter to, ascending; None: any."""
        sets = [self._rows_of(c) for c in self._filter.must if isinstance(c, HasId)]
        return min(sets, key=len, default=None)

    def mask(self, rows: Rows) -> Mask:
        """Which of `rows`, live and in any order, pass."""
        passed: list[bool] = []
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            values = self._reader.values(batch)
            for condition, held in self._batch_masks.items():
                held[:] = self.row_mask(condition, batch, values).tolist()
            passed.extend(
                self._test(position, orjson.loads(payload_of(value)))
                for position, value in enumerate(values)
            )
        return np.array(passed, dtype=np.bool_)

    def row_mask(self, condition: RowCondition, rows: Rows, values: Sequence[bytes]) -> Mask:
        """Which of `rows`, whose table values are given, satisfy a condition on rows."""
        if isinstance(condition, HasId):
            return np.isin(rows, self._rows_of(condition))
        if isinstance(condition, HasVector):
            present = self._vectors.get(condition.name)
            return np.zeros(len(rows), dtype=np.bool_) if present is None else present.has(rows)
        parts = slice_of(list(map(key_of, values)), condition.total)
        found: Mask = parts == condition.index
        return found

    def _row_test(self, condition: RowCondition) -> Callable[[int], bool]:
        held = self._batch_masks.setdefault(condition, [])
        return lambda position: held[position]

    def _rows_of(self, condition: HasId) -> Rows:
        rows = self._named.get(condition)
        if rows is None:
            rows = np.sort(self._reader.find_rows(encode_ids(list(condition.ids))))
            self._named[condition] = rows
        return rows
