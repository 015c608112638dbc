"""The forms in which vectors are stored, and the way there and back.

A stored row is a fixed number of items of one numpy type. Reading gives float32 rows that depend on
nothing but the stored row, so whoever computes with them comes to the same result. All is
little-endian.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Datatype
from .norms import squared_norms

Matrix = NDArray[np.float32]
Stored = NDArray[Any]
"""Rows as they are stored, shape [n, width], of the type of their form."""

_LARGEST_HALF = 65504.0
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


class Encoding(Protocol):
    """One way to store vectors. `number` says it in the head of a file, `suffix` in its name."""

    number: int
    suffix: str
    item: np.dtype[Any]

    def width(self, dimension: int) -> int:
        """How many items a row of `dimension` takes."""
        ...

    def stored(self, data: Matrix) -> Stored:
        """The finite rows of `data`, shape [n, dim], as they are stored."""
        ...

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """What stored rows hold, shape [n, dim], C-contiguous."""
        ...


class Float32:
    """Every component as it is given."""

    number = 1
    suffix = "f32"
    item = np.dtype("<f4")

    def width(self, dimension: int) -> int:
        """One item a component."""
        return dimension

    def stored(self, data: Matrix) -> Stored:
        """The rows themselves."""
        return data.astype(self.item, copy=False)

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The rows themselves, which may be a view."""
        return rows.astype(np.float32, copy=False)


class Float16:
    """Components rounded to half precision; those that are too large are the largest there is."""

    number = 2
    suffix = "f16"
    item = np.dtype("<f2")

    def width(self, dimension: int) -> int:
        """One item a component."""
        return dimension

    def stored(self, data: Matrix) -> Stored:
        """The nearest halves."""
        return np.clip(data, -_LARGEST_HALF, _LARGEST_HALF).astype(self.item)

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The same numbers, exactly.

        numpy converts them one by one. Moved to where a float32 has its exponent and fraction, the
        bits of a half, subnormal or not, are its value short of a power of two.
        """
        bits = rows.view("<i2").astype(np.int32)
        bits <<= 13
        bits &= np.int32(-0x70002000)
        floats: Matrix = bits.view(np.float32)
        floats *= np.float32(2.0**112)
        return floats


class Uint8:
    """Components as whole numbers from 0 to 255, cut off towards zero."""

    number = 3
    suffix = "u8"
    item = np.dtype("u1")

    def width(self, dimension: int) -> int:
        """One item a component."""
        return dimension

    def stored(self, data: Matrix) -> Stored:
        """The whole parts, within bounds."""
        return np.clip(data, 0, 255).astype(self.item)

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The same numbers, exactly."""
        return rows.astype(np.float32)


class Turbo4:
    """Components in 4 bits: sixteen levels from the least to the greatest of the row.

    A row is the lowest level and the step, two float32, then two components a byte, the first in
    the lower half. The levels are scaled so that the row keeps its length.
    """

    number = 4
    suffix = "t4"
    item = np.dtype("u1")

    _HEAD = 8
    _LEVELS = 15

    def width(self, dimension: int) -> int:
        """A head of eight bytes and half a byte a component."""
        return self._HEAD + (dimension + 1) // 2

    def stored(self, data: Matrix) -> Stored:
        """The nearest levels."""
        # Levels are computed in float32, so neither they nor their distance may come near its end.
        data = np.clip(data, -_LARGEST_FLOAT / 4, _LARGEST_FLOAT / 4)
        wide = data.astype(np.float64)
        low = wide.min(axis=1, keepdims=True)
        step = (wide.max(axis=1, keepdims=True) - low) / self._LEVELS
        codes = np.rint(np.divide(wide - low, step, out=np.zeros_like(wide), where=step > 0))
        levels = low + codes * step
        squares = np.einsum("ij,ij->i", levels, levels)
        ratio = np.divide(
            squared_norms(data), squares, out=np.ones_like(squares), where=squares > 0
        )
        head = np.hstack([low, step]) * np.sqrt(ratio)[:, np.newaxis]
        rows = np.zeros((len(data), self.width(data.shape[1])), dtype=self.item)
        bounded = np.clip(head, -_LARGEST_FLOAT / 4, _LARGEST_FLOAT / 4).astype("<f4")
        rows[:, : self._HEAD] = bounded.view(np.uint8)
        packed = rows[:, self._HEAD :]
        small = codes.astype(np.uint8)
        packed |= small[:, 0::2]
        packed[:, : data.shape[1] // 2] |= small[:, 1::2] << 4
        return rows

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The levels."""
        head = np.ascontiguousarray(rows[:, : self._HEAD]).view("<f4")
        pairs = rows[:, self._HEAD :].astype("<u2")
        pairs |= pairs << 4
        pairs &= 0x0F0F
        floats: Matrix = pairs.view(np.uint8)[:, :dimension].astype(np.float32)
        floats *= head[:, 1:]
        floats += head[:, :1]
        return floats


_FORMS: dict[Datatype, Encoding] = {
    Datatype.FLOAT32: Float32(),
    Datatype.FLOAT16: Float16(),
    Datatype.UINT8: Uint8(),
    Datatype.TURBO4: Turbo4(),
}


def encoding_of(datatype: Datatype | None) -> Encoding:
    """The form of a data type; that of float32 where none is configured."""
    return _FORMS[datatype or Datatype.FLOAT32]
