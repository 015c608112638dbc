"""The weights of postings: values of sparse vectors as the datatype of the index stores them.

float16 rounds to half precision, saturating. uint8 has 256 levels for each term of a range, from
its least value to its largest, as the posting lists of Qdrant do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Datatype
from ...vectors.encodings import Float16

_LEVELS = 255

Singles = NDArray[np.float32]
Codes = NDArray[Any]
"""Weights as stored."""

_HALF = Float16()

ITEMS: dict[Datatype, np.dtype[Any]] = {
    Datatype.FLOAT32: np.dtype("<f4"),
    Datatype.FLOAT16: _HALF.item,
    Datatype.UINT8: np.dtype("u1"),
}
"""How weights are stored, by the datatype of the index."""


def encoded(datatype: Datatype, values: Singles, least: Singles, largest: Singles) -> Codes:
    """Values as weights, shape [n]; `least` and `largest`, shape [n], are bounds of their terms.

    These matter for uint8 only. A value outside of them gets the nearest level.
    """
    if datatype is Datatype.FLOAT16:
        return _HALF.stored(values)
    if datatype is Datatype.UINT8:
        with np.errstate(divide="ignore", invalid="ignore"):
            places = (values / 2 - least / 2) / _half_steps(least, largest)
        # Where the bounds are the same, nothing is divided by nothing.
        places = np.nan_to_num(np.clip(places, 0, _LEVELS)).astype(np.float64)
        # As in Qdrant, halves are rounded up.
        return np.floor(places + 0.5).astype(np.uint8)
    return values


def decoded(datatype: Datatype, codes: Codes, least: Singles, largest: Singles) -> Singles:
    """The values, float32, that weights stand for; see `encoded`."""
    if datatype is Datatype.FLOAT16:
        return _HALF.floats(codes, 1)
    if datatype is Datatype.UINT8:
        values: Singles = codes.astype(np.float32)
        values *= _half_steps(least, largest)
        values += least / 2
        np.minimum(values, largest / 2, out=values)
        values *= 2
        # Half of the least numbers that there are may have been rounded up.
        np.minimum(values, largest, out=values)
        return values
    return codes.astype(np.float32, copy=False)


def _half_steps(least: Singles, largest: Singles) -> Singles:
    """Half of the differences between levels: all of a difference may be beyond the range."""
    steps: Singles = np.divide(largest / 2 - least / 2, _LEVELS, dtype=np.float32)
    return steps
