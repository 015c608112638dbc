"""The rows of a snapshot, which a lookup in columns must be valid for."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from ..storage.bitmap import Bitmap, Rows
from ..storage.payload_changelog import PayloadChangelog
from ..storage.row_sets import Mask
from ..storage.table_reader import TableReader

_NO_ROWS = np.zeros(0, dtype=np.int64)


@frozen
class RowSnapshot:
    """The rows as seen by a read, or by an uncommitted write batch; counted from `base`."""

    operation: int
    next_row: int
    live: Bitmap
    payload_changes: PayloadChangelog
    tables: TableReader = field(eq=False)
    is_uncommitted: bool = False
    base: int = 0

    def live_mask(self) -> Mask:
        """Which rows are live, shape [next_row]."""
        return self.live.mask(self.next_row)

    def changed_since(self, operation: int, next_row: int) -> Rows | None:
        """The live rows, ascending, changed by `operation` or later, or numbered from `next_row`.

        None if `operation` is before the begin of the payload changelog.
        """
        if operation == self.operation and not self.is_uncommitted:
            return _NO_ROWS
        touched = self.payload_changes.since(operation)
        if touched is None:
            return None
        rows = np.concatenate((touched[touched < next_row], np.arange(next_row, self.next_row)))
        return rows[self.live.has(rows)]
