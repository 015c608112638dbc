"""Checksums of the vectors of rows, computed from the maps of their files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from ...model.damage import Damage
from ...model.ragged import Offsets
from ..errors import DamagedRows
from ..storage.bitmap import Rows
from ..storage.row_checksum_table import Sums
from ..vectors.encodings import INDICES, OFFSETS, RowFormat, encoding_of
from ..vectors.vector_file import HEADER_SIZE, vectors_file
from .space import AnySpace, MultiSpace, SparseSpace, VectorSpace

_NONE = 0
_IN_PLACE_OF_NONE = 1
_IMPOSSIBLE = 0


def checksums_of(space: AnySpace, rows: Rows) -> Sums:
    """The CRC-32 of the vector of each of `rows`, which must be present, shape [n].

    It is 0 only where the offsets of a row cannot be.
    """
    if not len(rows):
        return np.empty(0, dtype=np.uint32)
    if isinstance(space, VectorSpace):
        found = _of_matrix(space.matrix, rows)
    else:
        found = _of_elements(space.offsets, _arrays(space), rows)
    return np.array(found, dtype=np.uint32)


def damaged_rows(space: AnySpace, rows: Rows, known: Sums) -> Rows:
    """Those of `rows`, ascending and present, whose vector is not what was written.

    `known` are their checksums; one that is 0 is not known.
    """
    is_known = known != _NONE
    rows, known = rows[is_known], known[is_known]
    bad: Rows = rows[checksums_of(space, rows) != known]
    return bad


def check_rows(space: AnySpace, rows: Rows, known: Sums) -> None:
    """Raise DamagedRows if there are `damaged_rows` among `rows`; see there."""
    if (checksums_of(space, rows) == known).all():
        return
    for row in damaged_rows(space, rows, known)[:1].tolist():
        text = f"the vector of row {space.base + row} is not what was written"
        raise DamagedRows(damage_of_row(space, row, text))


def damage_of_row(space: AnySpace, row: int, text: str) -> Damage:
    """The damage of a row: where its vector begins, or its offset if there can be nothing there."""
    if isinstance(space, SparseSpace):
        form: RowFormat = INDICES
    else:
        form = encoding_of(space.params.datatype)
    if isinstance(space, VectorSpace):
        place = (space.skipped + row) * space.item_bytes
    else:
        elements, offsets = _arrays(space)[0], space.offsets[row : row + 2]
        if _are_possible(offsets[:1], offsets[1:], elements).all():
            place = int(offsets[0]) * elements[:1].nbytes
        else:
            is_first = not 0 <= offsets[0] <= len(elements)
            form = OFFSETS
            place = (space.skipped + row + (0 if is_first else 1)) * offsets.itemsize
    return Damage(vectors_file(space.slot, form), HEADER_SIZE + place, text)


def bytes_of(space: AnySpace, rows: Rows) -> int:
    """The bytes that the vectors of `rows` take; those of impossible offsets take none."""
    if isinstance(space, VectorSpace):
        return len(rows) * space.item_bytes
    starts, stops = space.offsets[rows], space.offsets[rows + 1]
    is_possible = _are_possible(starts, stops, _arrays(space)[0])
    return int((stops - starts)[is_possible].sum()) * space.item_bytes


def _are_possible(
    starts: Offsets, stops: Offsets, elements: NDArray[np.generic]
) -> NDArray[np.bool_]:
    """Which rows have offsets that lead to elements: damaged ones lead anywhere."""
    possible: NDArray[np.bool_] = (starts >= 0) & (starts <= stops) & (stops <= len(elements))
    return possible


def _of_matrix(matrix: NDArray[np.generic], rows: Rows) -> list[int]:
    is_range = int(rows[-1] - rows[0]) + 1 == len(rows)
    chosen = matrix[rows[0] : rows[-1] + 1] if is_range else matrix[rows]
    width = chosen.shape[1] * chosen.itemsize
    found = map(crc32, np.ascontiguousarray(chosen).view(f"V{width}").ravel().tolist())
    return [own or _IN_PLACE_OF_NONE for own in found]


def _of_elements(
    offsets: NDArray[np.int64], arrays: Sequence[NDArray[np.generic]], rows: Rows
) -> list[int]:
    starts, stops = offsets[rows], offsets[rows + 1]
    found = [_IMPOSSIBLE] * len(rows)
    places = np.flatnonzero(_are_possible(starts, stops, arrays[0]))
    if not len(places):
        return found
    low, high = int(starts[places].min()), int(stops[places].max())
    sums = [0] * len(places)
    for array in arrays:
        size = array[:1].nbytes
        data = np.ascontiguousarray(array[low:high]).ravel().view(np.uint8).data
        firsts = ((starts[places] - low) * size).tolist()
        ends = ((stops[places] - low) * size).tolist()
        pieces = [data[first:end] for first, end in zip(firsts, ends, strict=True)]
        sums = list(map(crc32, pieces, sums))
    for place, own in zip(places.tolist(), sums, strict=True):
        found[place] = own or _IN_PLACE_OF_NONE
    return found


def _arrays(space: MultiSpace | SparseSpace) -> Sequence[NDArray[np.generic]]:
    return [space.matrix] if isinstance(space, MultiSpace) else [space.indices, space.values]
