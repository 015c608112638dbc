"""The encodings of stored vectors.

A stored row is a fixed number of items of one numpy dtype, little-endian. Decoding to float32 is
deterministic and depends on the stored row only, so all computations agree.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from attrs import define
from numpy.typing import NDArray

from ...model.collection_params import Datatype
from .norms import squared_norms

Matrix = NDArray[np.float32]
Stored = NDArray[Any]
"""Stored rows, shape [n, width], of the dtype of their encoding."""

_LARGEST_HALF = 65504.0
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


class RowFormat(Protocol):
    """The format of the rows of a file. `number` is in its header, `suffix` in its name."""

    number: int
    suffix: str
    item: np.dtype[Any]

    def width(self, dimension: int) -> int:
        """The number of items of a row with `dimension` components."""
        ...


class Encoding(RowFormat, Protocol):
    """The encoding of vectors in rows."""

    def stored(self, data: Matrix) -> Stored:
        """Encode finite rows, shape [n, dim]."""
        ...

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """Decode rows, shape [n, dim], C-contiguous."""
        ...


class Float32:
    """Components as given."""

    number = 1
    suffix = "f32"
    item = np.dtype("<f4")

    def width(self, dimension: int) -> int:
        """One item per component."""
        return dimension

    def stored(self, data: Matrix) -> Stored:
        """The rows themselves."""
        return data.astype(self.item, copy=False)

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The rows themselves, possibly as a view."""
        return rows.astype(np.float32, copy=False)


class Float16:
    """Components rounded to half precision; overflow saturates."""

    number = 2
    suffix = "f16"
    item = np.dtype("<f2")

    def width(self, dimension: int) -> int:
        """One item per component."""
        return dimension

    def stored(self, data: Matrix) -> Stored:
        """Round to the nearest half."""
        return np.clip(data, -_LARGEST_HALF, _LARGEST_HALF).astype(self.item)

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The same numbers, exactly.

        Faster than numpy's conversion: the bits of a half, normal or subnormal, shifted to the
        exponent and fraction of a float32, are its value times a constant power of two.
        """
        bits = rows.view("<i2").astype(np.int32)
        bits <<= 13
        bits &= np.int32(-0x70002000)
        floats: Matrix = bits.view(np.float32)
        floats *= np.float32(2.0**112)
        return floats


class Uint8:
    """Components as integers from 0 to 255, truncated toward zero and clamped."""

    number = 3
    suffix = "u8"
    item = np.dtype("u1")

    def width(self, dimension: int) -> int:
        """One item a component."""
        return dimension

    def stored(self, data: Matrix) -> Stored:
        """Truncate and clamp."""
        return np.clip(data, 0, 255).astype(self.item)

    def floats(self, rows: Stored, dimension: int) -> Matrix:
        """The same numbers, exactly."""
        return rows.astype(np.float32)


class Turbo4:
    """Components in 4 bits: sixteen levels from the minimum to the maximum of the row.

    A row has the lowest level and the step, two float32, then two components per byte, the first in
    the lower half. The levels are scaled so that the norm of the row is kept.
    """

    number = 4
    suffix = "t4"
    item = np.dtype("u1")

    _HEAD = 8
    _LEVELS = 15

    def width(self, dimension: int) -> int:
        """Eight bytes of header and half a byte per component."""
        return self._HEAD + (dimension + 1) // 2

    def stored(self, data: Matrix) -> Stored:
        """Round to the nearest level."""
        # Levels are computed in float32; neither they nor their differences may overflow.
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
        """The values of the levels."""
        head = np.ascontiguousarray(rows[:, : self._HEAD]).view("<f4")
        pairs = rows[:, self._HEAD :].astype("<u2")
        pairs |= pairs << 4
        pairs &= 0x0F0F
        floats: Matrix = pairs.view(np.uint8)[:, :dimension].astype(np.float32)
        floats *= head[:, 1:]
        floats += head[:, :1]
        return floats


@define
class Integers:
    """Rows of integers, which are no vectors."""

    number: int
    suffix: str
    item: np.dtype[Any]

    def width(self, dimension: int) -> int:
        """One item per component."""
        return dimension


OFFSETS = Integers(5, "offsets", np.dtype("<i8"))
INDICES = Integers(6, "indices", np.dtype("<u4"))

_FORMS: dict[Datatype, Encoding] = {
    Datatype.FLOAT32: Float32(),
    Datatype.FLOAT16: Float16(),
    Datatype.UINT8: Uint8(),
    Datatype.TURBO4: Turbo4(),
}


def encoding_of(datatype: Datatype | None) -> Encoding:
    """The encoding of a datatype; float32 if none is configured."""
    return _FORMS[datatype or Datatype.FLOAT32]
