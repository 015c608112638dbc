"""The payload changelog in the table `touches`, used to update files derived from payloads.

After every commit the table has exactly the changes of its state. The key is the operation, eight
big-endian bytes; the value is the rows: the first row, eight bytes; the size of a gap in bytes, one
byte; the gaps between consecutive rows, integers of that size. Values are little-endian. Rows in
memory are counted from `base`, the number of row 0 in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

import numpy as np

from .bitmap import Rows
from .payload_changelog import PayloadChange, PayloadChangelog
from .record_checksums import sealed, unsealed
from .tables import Tables, Transaction

_TABLE = "touches"
_KEY = Struct(">Q")
_HEAD = Struct("<QB")


def read_payload_changes(
    transaction: Transaction,
    tables: Tables,
    begin: int,
    decode: Callable[[bytes], Rows],
    base: int,
) -> PayloadChangelog:
    """Read the log, which is complete from operation `begin` on. `decode` is `decoded_rows`."""
    with transaction.cursor(tables.payload_changes) as cursor:
        changes = [
            PayloadChange(_KEY.unpack(key)[0], decode(unsealed(_TABLE, key, value)))
            for key, value in cursor
        ]
    found = PayloadChangelog(begin, tuple(changes))
    return found.counted_from(base) if base else found


def write_payload_changes(
    transaction: Transaction,
    tables: Tables,
    before: PayloadChangelog,
    after: PayloadChangelog,
    base: int,
) -> None:
    """Replace the log `before`, which is in the table, by `after`; writes the difference only."""
    if after is before:
        return
    known = {change.operation: change for change in before.changes}
    for change in after.changes:
        if known.pop(change.operation, None) is not change:
            key = _KEY.pack(change.operation)
            value = sealed(key, _encoded(change.rows + base))
            transaction.put(key, value, db=tables.payload_changes)
    for operation in known:
        transaction.delete(_KEY.pack(operation), db=tables.payload_changes)


def _encoded(rows: Rows) -> bytes:
    gaps = np.diff(rows)
    kind = np.min_scalar_type(gaps.max(initial=0)).newbyteorder("<")
    return _HEAD.pack(rows[0], kind.itemsize) + gaps.astype(kind).tobytes()


def decoded_rows(value: bytes) -> Rows:
    """The rows in a value of the table."""
    first, size = _HEAD.unpack_from(value)
    gaps = np.frombuffer(value, f"<u{size}", offset=_HEAD.size)
    return np.cumsum(np.concatenate(([first], gaps)), dtype=np.int64)
