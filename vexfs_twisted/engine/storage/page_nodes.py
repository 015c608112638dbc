"""The nodes of pages of an LMDB file, of many pages at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

BRANCH = 0x01
LEAF = 0x02
OVERFLOW = 0x04
"""Kinds of pages."""

BIG = 0x01
SUB = 0x02
"""Flags of nodes: the value is on overflow pages; the value describes a tree."""

_HEAD = 16
_NODE = 8
_KEY_BYTES = 24
"""Bytes of keys that are compared at once: a multiple of eight."""

Pages = NDArray[np.uint8]
"""Pages, shape [n, page size]."""


@frozen
class PageNodes:
    """The nodes of the sound ones among pages, in order.

    Of each node: `pages`, the position of its page; `starts`, where it is in all bytes; sizes and
    flags. `problems` are positions of pages, and what is wrong with them.
    """

    bytes_: NDArray[np.uint8]
    page_size: int
    is_sound: NDArray[np.bool_]
    problems: Sequence[tuple[int, str]]
    pages: NDArray[np.int64]
    starts: NDArray[np.int64]
    flags: NDArray[np.int64]
    key_sizes: NDArray[np.int64]
    data_sizes: NDArray[np.int64]
    bounds: NDArray[np.int64]

    def of(self, page: int) -> slice:
        """The nodes of the page at a position."""
        return slice(int(self.bounds[page]), int(self.bounds[page + 1]))

    def key(self, index: int) -> bytes:
        """The key of a node."""
        start = int(self.starts[index]) + _NODE
        return self.bytes_[start : start + int(self.key_sizes[index])].tobytes()

    def outer_keys(self) -> Iterator[tuple[int, bytes, bytes, int]]:
        """Of each sound page: its position, its first and its last key, and how many it has."""
        pages = self.is_sound.nonzero()[0]
        first, last = self.bounds[pages], self.bounds[pages + 1] - 1
        starts = self.starts + _NODE
        stops = starts + self.key_sizes
        data = self.bytes_.data
        columns = pages, starts[first], stops[first], starts[last], stops[last], last - first + 1
        for page, begin, end, begin_last, end_last, count in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield page, bytes(data[begin:end]), bytes(data[begin_last:end_last]), count

    def out_of_order(self) -> NDArray[np.int64]:
        """The pages, by position, whose keys do not ascend. Keys are compared as bytes."""
        after = (self.pages[1:] == self.pages[:-1]).nonzero()[0] + 1
        sizes, words = self.key_sizes, self._words()
        # Of two keys with the same words the shorter one comes first.
        is_less = sizes[after - 1] < sizes[after]
        for word in reversed(words):
            before, own = word[after - 1], word[after]
            is_less = (before < own) | ((before == own) & is_less)
        longer = after[np.maximum(sizes[after], sizes[after - 1]) > _KEY_BYTES]
        wrong = [index for index in longer.tolist() if self.key(index) <= self.key(index - 1)]
        if not wrong and is_less.all():
            return np.empty(0, dtype=np.int64)
        wrong += np.setdiff1d(after[~is_less], longer).tolist()
        return np.unique(self.pages[np.array(wrong, dtype=np.int64)])

    def _words(self) -> NDArray[np.uint64]:
        """The first bytes of each key, filled up with zeros, as numbers, shape [words, n]."""
        data = np.concatenate([self.bytes_, np.zeros(_KEY_BYTES, dtype=np.uint8)])
        # What is at each place of the pages; only what is taken of it is copied.
        at_place = np.ndarray(len(self.bytes_), f"V{_KEY_BYTES}", data, strides=(1,))
        found = at_place[np.minimum(self.starts + _NODE, len(self.bytes_) - 1)]
        keys = found.view(np.uint8).reshape(len(found), _KEY_BYTES)
        keys *= np.arange(_KEY_BYTES) < self.key_sizes[:, np.newaxis]
        words: NDArray[np.uint64] = keys.view(">u8").astype(np.uint64).T
        return words

    def data(self, index: int) -> bytes:
        """The value of a node, which is in its page."""
        start = int(self.starts[index]) + _NODE + int(self.key_sizes[index])
        return self.bytes_[start : start + int(self.data_sizes[index])].tobytes()

    def references(self, own: slice) -> NDArray[np.int64]:
        """The pages that nodes of a branch refer to."""
        return self.data_sizes[own] | self.flags[own] << 32

    def overflow(self, indexes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first overflow pages of nodes with such; -1 for impossible numbers."""
        starts = self.starts[indexes] + _NODE + self.key_sizes[indexes]
        places = starts[:, np.newaxis] + np.arange(8)
        found = self.bytes_[places].view("<u8")[:, 0]
        return np.where(found < 1 << 48, found, np.uint64(1 << 63)).astype(np.int64).clip(-1)


def nodes_of(pages: Pages, numbers: NDArray[np.int64], kind: int) -> PageNodes:
    """The nodes of pages, which must have these `numbers` and be of this kind."""
    count, size = pages.shape
    halves = pages.view("<u2")
    lower, upper = halves[:, 6].astype(np.int64), halves[:, 7].astype(np.int64)
    is_own = (pages[:, :8].copy().view("<u8")[:, 0] == numbers.astype(np.uint64)) & (
        halves[:, 5] == kind
    )
    least = 2 if kind == BRANCH else 1
    is_sound = (
        is_own
        & (lower >= _HEAD + 2 * least)
        & (lower <= upper)
        & (upper <= size)
        & (lower % 2 == 0)
    )
    problems = [(int(place), "it is not the page that should be there") for place in _not(is_own)]
    problems += [(int(place), "its bounds are impossible") for place in _not(is_sound | ~is_own)]
    counts = np.where(is_sound, (lower - _HEAD) // 2, 0)
    own = np.arange(count).repeat(counts)
    within = np.arange(len(own)) - (counts.cumsum() - counts).repeat(counts)
    at = halves[own, _HEAD // 2 + within].astype(np.int64)
    # Nodes are aligned to two bytes. What cannot be one is read from the begin of its page.
    is_node = (at >= upper[own]) & (at + _NODE <= size) & (at % 2 == 0)
    place = np.where(is_node, at, 0) // 2
    low, high, flags, key_sizes = (halves[own, place + part].astype(np.int64) for part in range(4))
    data_sizes = low | high << 16
    if kind == BRANCH:
        ends = at + _NODE + key_sizes
    else:
        ends = at + _NODE + key_sizes + np.where(flags & BIG, 8, data_sizes)
        is_node &= (flags & ~(BIG | SUB)) == 0
        is_node &= key_sizes > 0
    is_node &= ends <= size
    # Nodes lie one after the other up to the end of their page.
    taken = np.bincount(own, weights=(ends - at + 1) // 2 * 2, minlength=count)
    is_bad = is_sound & (taken != size - upper)
    is_bad[own[~is_node]] = True
    bad = is_bad.nonzero()[0]
    problems += [(int(place), "one of its nodes has impossible bounds") for place in bad]
    is_sound[bad] = False
    kept = is_sound[own]
    counts = np.where(is_sound, counts, 0)
    return PageNodes(
        bytes_=pages.reshape(-1),
        page_size=size,
        is_sound=is_sound,
        problems=problems,
        pages=own[kept],
        starts=(own * size + at)[kept],
        flags=flags[kept],
        key_sizes=key_sizes[kept],
        data_sizes=data_sizes[kept],
        bounds=np.concatenate([[0], counts.cumsum()]),
    )


def _not(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return (~mask).nonzero()[0]
