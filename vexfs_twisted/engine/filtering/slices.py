"""Slices of a collection: a partition of the points by the hash of their ids.

SipHash-2-4 with a zero key, after J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input
PRF" (2012), vectorized over arrays of ids.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..storage.keys import INTEGER_KEY_SIZE

Words = NDArray[np.uint64]

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_FINISH = 0xFF
_LENGTH_SHIFT = 56


def slice_of(keys: Sequence[bytes], total: int) -> NDArray[np.int64]:
    """The slice number, below `total`, of each of the id keys; shape [n]."""
    parts = np.empty(len(keys), dtype=np.int64)
    sizes = np.array([len(key) for key in keys], dtype=np.int64)
    for size in np.unique(sizes).tolist():
        places = np.flatnonzero(sizes == size)
        data = np.frombuffer(b"".join([keys[p][1:] for p in places.tolist()]), dtype=np.uint8)
        # Integers are hashed in little-endian order; their keys are big-endian.
        order = ">u8" if size == INTEGER_KEY_SIZE else "<u8"
        words = data.view(order).reshape(len(places), -1).astype(np.uint64)
        parts[places] = (siphash(words) % np.uint64(total)).astype(np.int64)
    return parts


def siphash(words: Words) -> Words:
    """The hash of each row of `words`, shape [n, words]: little-endian words of the messages."""
    state = [np.full(len(words), word, dtype=np.uint64) for word in _START]
    last = np.full(len(words), (words.shape[1] * 8) << _LENGTH_SHIFT, dtype=np.uint64)
    for word in (*words.T, last):
        state[3] ^= word
        _mix(state, rounds=2)
        state[0] ^= word
    state[2] ^= np.uint64(_FINISH)
    _mix(state, rounds=4)
    hashed: Words = state[0] ^ state[1] ^ state[2] ^ state[3]
    return hashed


def _mix(state: list[Words], rounds: int) -> None:
    a, b, c, d = state
    for _ in range(rounds):
        a = a + b
        c = c + d
        b = _turned(b, 13) ^ a
        d = _turned(d, 16) ^ c
        a = _turned(a, 32)
        a = a + d
        c = c + b
        d = _turned(d, 21) ^ a
        b = _turned(b, 17) ^ c
        c = _turned(c, 32)
    state[:] = a, b, c, d


def _turned(words: Words, bits: int) -> Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))
