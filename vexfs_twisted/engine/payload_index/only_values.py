"""The values of rows that have exactly one at a path, looked up in its column by row.

For a path that reaches at most one value of a payload, a column tells all about a row whose count
of values is 0 or 1: the row of count 0 has no value, null or an empty array, and that of count 1
has the one value, by itself or in an array. Other rows, and those that the column is not up to date
for, are unknown: their payloads are to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.datetimes import parse_datetime
from ...model.groups import GroupId
from ...model.payload_path import EachElement
from ..read_bounds import checkpoint
from ..storage.bitmap import Rows
from ..storage.row_sets import Mask
from .builder import Steps
from .cache import ColumnCache
from .column import Column, ColumnPart
from .row_snapshot import RowSnapshot
from .sorted_values import SortedValues

_MICROSECONDS = 1e6
_NUMBERS = (ColumnPart.INTEGERS, ColumnPart.LARGE, ColumnPart.FLOATS)
_IDS = (ColumnPart.INTEGERS, ColumnPart.LARGE)


class ValueKind(Enum):
    """The type that a value should have, as errors name it."""

    NUMBER = "number"
    DATETIME = "datetime"
    PLACE = "geo point"

    @property
    def dtype(self) -> type[np.float64 | np.complex128]:
        """The dtype of values: datetimes are seconds since 1970, places longitude + latitude*i."""
        return np.complex128 if self is ValueKind.PLACE else np.float64


class OnlyValues(NamedTuple):
    """The values of points at a path, shape [n], of the dtype of their kind.

    They are defined where the mask `is_known` is set. The points of the mask `is_absent` have no
    value. Those in neither have other values, or it is not known which.
    """

    values: NDArray[Any]
    is_known: Mask
    is_absent: Mask

    @classmethod
    def unknown(cls, kind: ValueKind, count: int) -> OnlyValues:
        """Values of `count` points, none of them known."""
        nothing = np.zeros(count, dtype=np.bool_)
        return cls(np.zeros(count, dtype=kind.dtype), nothing, nothing.copy())


def only_values(
    columns: ColumnCache, path: Steps, kind: ValueKind, rows: Rows, snapshot: RowSnapshot
) -> OnlyValues:
    """The values of live `rows` as far as a cached column has them; reads no payloads."""
    found = OnlyValues.unknown(kind, len(rows))
    counted = _counted(columns, path, rows, snapshot)
    if counted is None:
        return found
    column, is_one, is_none = counted
    found.is_absent[:] = is_none
    if kind is ValueKind.DATETIME:
        is_held, codes = _looked_up(column.parts[ColumnPart.STRINGS], rows, is_one)
        seconds, is_datetime = _seconds(column.terms, codes)
        places = is_held[is_datetime]
        found.values[places] = seconds[is_datetime]
        found.is_known[places] = True
        return found
    for part in (ColumnPart.PLACES,) if kind is ValueKind.PLACE else _NUMBERS:
        places, values = _looked_up(column.parts[part], rows, is_one)
        found.values[places] = values
        found.is_known[places] = True
    return found


def only_group_ids(
    columns: ColumnCache, path: Steps, rows: Rows, snapshot: RowSnapshot
) -> list[Sequence[GroupId] | None]:
    """The strings and integers of live `rows` at a path; None for a row that is unknown."""
    found: list[Sequence[GroupId] | None] = [None] * len(rows)
    counted = _counted(columns, path, rows, snapshot)
    if counted is None:
        return found
    column, is_one, is_none = counted
    for place in np.flatnonzero(is_none).tolist():
        found[place] = ()
    places, codes = _looked_up(column.parts[ColumnPart.STRINGS], rows, is_one)
    for place, code in zip(places.tolist(), codes.tolist(), strict=True):
        found[place] = (column.terms[code],)
    for part in _IDS:
        places, numbers = _looked_up(column.parts[part], rows, is_one)
        for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
            found[place] = (number,)
    return found


def _counted(
    columns: ColumnCache, path: Steps, rows: Rows, snapshot: RowSnapshot
) -> tuple[Column, Mask, Mask] | None:
    """The column, and which of `rows` have one value and none according to it."""
    if any(isinstance(step, EachElement) for step in path):
        return None
    cached = columns.cached(path, snapshot)
    if cached is None:
        return None
    column, changed = cached
    is_current = rows < column.next_row
    if len(changed):
        is_current &= ~np.isin(rows, changed)
    places, counts = _looked_up(column.parts[ColumnPart.COUNTS], rows, is_current)
    count_of = np.zeros(len(rows), dtype=np.int32)
    count_of[places] = counts
    return column, count_of == 1, is_current & (count_of == 0)


def _looked_up(held: SortedValues, rows: Rows, among: Mask) -> tuple[Rows, NDArray[Any]]:
    """The positions in `rows` of those of the mask `among` that have a value, and their values."""
    last = held.last_places
    places = np.flatnonzero(among & (rows < len(last)))
    own = last[rows[places]]
    is_held = own < len(held.rows)
    return places[is_held], held.values[own[is_held]]


def _seconds(terms: Sequence[str], codes: NDArray[Any]) -> tuple[NDArray[np.float64], Mask]:
    """The datetimes of terms, in seconds since 1970 UTC, and which of the terms are datetimes."""
    distinct, place_of = np.unique(codes, return_inverse=True)
    moments = []
    for code in distinct.tolist():
        checkpoint()
        moments.append(parse_datetime(terms[code]))
    is_datetime = np.array([moment is not None for moment in moments], dtype=np.bool_)
    seconds = np.array([moment or 0 for moment in moments], dtype=np.float64) / _MICROSECONDS
    return seconds[place_of], is_datetime[place_of]
