"""Checks the pages of an LMDB file without LMDB, which trusts them and may crash over damaged ones.

Environments with sorted duplicates are not understood. What is checked: the two meta pages, the
size, and of each tree, from its root on, kinds and numbers of pages, bounds and sizes of nodes,
order of keys, references, and the counts of pages and entries; that no free page is in use and none
is referred to twice.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define
from numpy.typing import NDArray

from ...model.damage import Damage
from .page_file import (
    FREE,
    HEAD,
    METAS,
    NOTHING,
    TREE_RECORD,
    TREES,
    BrokenPages,
    Numbers,
    PageFile,
    Tree,
    read_meta,
)
from .page_nodes import BIG, BRANCH, LEAF, OVERFLOW, SUB, PageNodes, nodes_of

_SLICE = 1024
"""So many pages are checked at a time."""


@define
class _Level:
    """The pages of one level of a tree: the key each begins at, and that before which it ends."""

    pages: Numbers
    first: list[bytes | None]
    end: list[bytes | None]


@define
class _Walked:
    """A tree whose leaves are known, and what was counted of it."""

    tree: Tree
    bottom: _Level
    branches: int
    overflows: int = 0
    entries: int = 0

    @property
    def leaves(self) -> int:
        """How many leaves it has."""
        return len(self.bottom.pages)


def check_pages(path: Path, *, every: bool, wanted: int | None = None) -> list[Damage]:
    """What is wrong with the LMDB file `path`.

    Without `every`, of its leaves only the few are read that list its trees and its free pages.
    `wanted` is the number of a transaction whose snapshot is to be checked, which the caller keeps;
    the newest one by default. Nothing is found if its meta page was overwritten. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        file = PageFile(descriptor, path.name)
        try:
            _check(file, every=every, wanted=wanted)
        except BrokenPages as error:
            file.findings.append(Damage(path.name, error.offset, str(error)))
        return file.findings
    finally:
        os.close(descriptor)


def _check(file: PageFile, *, every: bool, wanted: int | None) -> None:
    read_meta(file, wanted)
    if wanted is not None and file.number != wanted:
        return
    free, main = file.trees
    named: list[Tree] = []
    for pages, nodes, trees in walk(file, free, main, every=True):
        for index, place in enumerate(nodes.pages.tolist()):
            if trees[place] is free:
                _take_free(file, nodes, index)
            else:
                named += _trees(file, int(pages[place]), nodes, index)
    for _ in walk(file, *named, every=every):
        pass
    _check_uses(file)


def walk(
    file: PageFile, *trees: Tree, every: bool
) -> Iterator[tuple[Numbers, PageNodes, Sequence[Tree]]]:
    """The leaves of trees, some at a time: numbers, nodes of sound ones, and the tree of each page.

    Tells what is wrong. Leaves of several trees are checked together: of a small file, that takes
    the time of one tree.
    """
    walked = [found for tree in trees if (found := _descended(file, tree)) is not None]
    if every:
        yield from _leaves(file, walked)
    for own in walked:
        _compare(file, own, every=every)


def _descended(file: PageFile, tree: Tree) -> _Walked | None:
    """A tree down to its leaves; None for an empty one, and where there is no way on."""
    if tree.root == NOTHING:
        if (tree.depth, tree.branches, tree.leaves, tree.overflows, tree.entries) != (0,) * 5:
            file.tell(0, f"the empty tree {_shown(tree)} has pages or entries")
        return None
    level = _Level(np.array([tree.root], dtype=np.int64), [None], [None])
    if not _is_in_file(file, level.pages).all():
        file.tell(0, f"the root of the tree {_shown(tree)} is page {tree.root}, beyond the end")
        return None
    branches = 0
    for _ in range(tree.depth - 1):
        branches += len(level.pages)
        file.used.append(level.pages)
        level = _children(file, tree, level)
    file.used.append(level.pages)
    return _Walked(tree, level, branches)


def _children(file: PageFile, tree: Tree, level: _Level) -> _Level:
    """The level below a level of branches."""
    pages: list[Numbers] = []
    below = _Level(np.empty(0, dtype=np.int64), [], [])
    for start in range(0, len(level.pages), _SLICE):
        numbers = level.pages[start : start + _SLICE]
        nodes = nodes_of(file.read(numbers), numbers, BRANCH)
        for place, text in nodes.problems:
            file.tell(int(numbers[place]), text)
        for place in nodes.is_sound.nonzero()[0].tolist():
            at = start + place
            own = nodes.of(place)
            references = nodes.references(own)
            if not _is_in_file(file, references).all():
                file.tell(int(numbers[place]), f"tree {_shown(tree)}: it refers beyond the end")
                continue
            # The first node of a branch has no key: it takes all that is less than the second.
            keys = [nodes.key(index) for index in range(own.start + 1, own.stop)]
            first, end = level.first[at], level.end[at]
            if not _in_order(tree, [first, *keys, end]):
                file.tell(int(numbers[place]), f"tree {_shown(tree)}: its keys are out of order")
            pages.append(references)
            below.first += [first, *keys]
            below.end += [*keys, end]
    below.pages = np.concatenate(pages) if pages else below.pages
    return below


def _leaves(
    file: PageFile, walked: Sequence[_Walked]
) -> Iterator[tuple[Numbers, PageNodes, Sequence[Tree]]]:
    pages = np.concatenate([np.empty(0, dtype=np.int64), *(own.bottom.pages for own in walked)])
    owners = np.repeat(np.arange(len(walked)), [own.leaves for own in walked])
    first = list(chain.from_iterable(own.bottom.first for own in walked))
    end = list(chain.from_iterable(own.bottom.end for own in walked))
    order = pages.argsort(kind="stable")
    for start in range(0, len(order), _SLICE):
        places = order[start : start + _SLICE]
        numbers = pages[places]
        of = [walked[owner] for owner in owners[places].tolist()]
        nodes = nodes_of(file.read(numbers), numbers, LEAF)
        for place, text in nodes.problems:
            _tell_of(file, of[place], int(numbers[place]), text)
        at = places.tolist()
        for place, low, high, count in nodes.outer_keys():
            own = of[place]
            own.entries += count
            if not _fits(own.tree, first[at[place]], low, high, end[at[place]], count):
                _tell_of(file, own, int(numbers[place]), "its keys belong elsewhere")
        for place in nodes.out_of_order().tolist():
            # Those of the free list are numbers, of which the bytes do not ascend.
            if of[place].tree.name != FREE:
                _tell_of(file, of[place], int(numbers[place]), "its keys are out of order")
        _check_overflow(file, of, nodes, numbers)
        yield numbers, nodes, [own.tree for own in of]


def _fits(
    tree: Tree, first: bytes | None, low: bytes, high: bytes, end: bytes | None, count: int
) -> bool:
    """Whether `count` keys from `low` to `high` are in order, and within the bounds of their page.

    These are the key it begins at, and that before which it ends; None where there is no bound.
    """
    first, low, high, end = _ordered(tree, (first, low, high, end))
    if first is not None and first > low:
        return False
    if count == 1:
        return end is None or high <= end
    return low < high and (end is None or high < end)


def _check_overflow(
    file: PageFile, of: Sequence[_Walked], nodes: PageNodes, numbers: Numbers
) -> None:
    """Check the overflow pages that nodes refer to. `of` are the trees of the pages."""
    big = (nodes.flags & BIG).nonzero()[0]
    if not len(big):
        return
    references = nodes.overflow(big)
    wanted = (nodes.data_sizes[big] + 16 + file.page_size - 1) // file.page_size
    is_in = _is_in_file(file, references) & _is_in_file(file, references + wanted - 1)
    at = nodes.pages[big]
    for place in (~is_in).nonzero()[0].tolist():
        page = int(at[place])
        text = "a value is beyond the end"
        _tell_of(file, of[page], int(numbers[page]), text, _place(nodes, big[place]))
    rows = zip(references[is_in].tolist(), wanted[is_in].tolist(), at[is_in].tolist(), strict=True)
    for page, count, place in rows:
        head = os.pread(file.descriptor, 16, page * file.page_size)
        number, _, flags, low, high = HEAD.unpack(head)
        held = low | high << 16
        # A long value that was replaced by a shorter one may keep all of its pages.
        is_sound = (number, flags) == (page, OVERFLOW) and held >= count
        if not is_sound or page + held - 1 > file.last:
            _tell_of(file, of[place], page, "it is no first page of a long value")
            continue
        of[place].overflows += held
        file.used.append(np.arange(page, page + held))


def _place(nodes: PageNodes, index: int) -> int:
    return int(nodes.starts[index]) % nodes.page_size


def _compare(file: PageFile, own: _Walked, *, every: bool) -> None:
    """Compare what was counted with what the tree says; without `every`, pages of nodes only."""
    tree = own.tree
    found = (own.branches, own.leaves, own.overflows, own.entries)
    said = (tree.branches, tree.leaves, tree.overflows, tree.entries)
    compared = slice(None) if every else slice(2)
    if found[compared] != said[compared] and not file.findings:
        file.tell(
            max(tree.root, 0),
            f"the tree {_shown(tree)} should have {tree.branches} branch, {tree.leaves} leaf and "
            f"{tree.overflows} overflow pages with {tree.entries} entries, but has "
            f"{own.branches}, {own.leaves}, {own.overflows} with {own.entries}",
        )


def _tell_of(file: PageFile, own: _Walked, page: int, text: str, place: int = 0) -> None:
    """Add a finding about a page of a tree, `place` bytes from its begin."""
    file.tell(page, f"tree {_shown(own.tree)}: {text}", place)


def _trees(file: PageFile, page: int, nodes: PageNodes, index: int) -> list[Tree]:
    """The tree that a node of the main tree, on this page, lists; none if it is no such node."""
    if nodes.flags[index] != SUB or nodes.data_sizes[index] != TREE_RECORD.size:
        file.tell(page, "the list of trees has something else in it", _place(nodes, index))
        return []
    data = nodes.data(index)
    if data[:6] != bytes(6):
        file.tell(page, "a tree has impossible flags", _place(nodes, index))
    return [Tree.of(nodes.key(index), data)]


def trees_in(file: PageFile) -> list[Tree]:
    """The trees that the main tree lists, after `read_meta`."""
    found: list[Tree] = []
    for pages, nodes, _ in walk(file, file.trees[1], every=True):
        for index, place in enumerate(nodes.pages.tolist()):
            found += _trees(file, int(pages[place]), nodes, index)
    return found


def _take_free(file: PageFile, nodes: PageNodes, index: int) -> None:
    """Take what a node of the free list says is free: a count and as many numbers of pages."""
    if nodes.flags[index] & BIG:
        page = int(nodes.overflow(np.array([index]))[0])
        size = int(nodes.data_sizes[index])
        if page < 0 or (page + 1) * file.page_size + size > (file.last + 2) * file.page_size:
            return
        data = os.pread(file.descriptor, size, page * file.page_size + 16)
    else:
        data = nodes.data(index)
    values = np.frombuffer(data[: len(data) // 8 * 8], dtype="<u8").astype(np.int64)
    if not len(values) or values[0] != len(values) - 1:
        file.tell(0, "the list of free pages has an impossible length")
        return
    file.free.append(values[1:])


def _check_uses(file: PageFile) -> None:
    """Check that each page is used or free once at most, and those not in the file are free."""
    used = np.concatenate([np.arange(METAS), *file.used])
    free = np.concatenate([np.empty(0, dtype=np.int64), *file.free])
    if len(free) and not ((free >= METAS) & (free <= file.last)).all():
        file.tell(0, "the list of free pages names one beyond the end")
        return
    # LMDB would make its map, and we the file, as large as this number says.
    if file.last + 1 - file.end > np.count_nonzero(free >= file.end):
        file.tell(0, f"the last page should be {file.last}, but the file ends at {file.end}")
        return
    counts = np.bincount(np.concatenate([used, free]), minlength=1)
    twice = (counts > 1).nonzero()[0]
    if len(twice):
        file.tell(int(twice[0]), "the page is in use twice, or free and in use")


def _is_in_file(file: PageFile, pages: Numbers) -> NDArray[np.bool_]:
    return (pages >= METAS) & (pages < file.end)


def _in_order(tree: Tree, keys: Sequence[bytes | None]) -> bool:
    known = _ordered(tree, [key for key in keys if key is not None])
    return all(a < b for a, b in pairwise(known))


def _ordered(tree: Tree, keys: Sequence[bytes | None]) -> Sequence[Any]:
    """Keys as values in whose order they are: those of the free list are numbers."""
    if tree.name != FREE:
        return keys
    return [None if key is None else int.from_bytes(key, "little") for key in keys]


def _shown(tree: Tree) -> str:
    return {FREE: "of free pages", TREES: "of trees"}.get(tree.name) or repr(
        tree.name.decode(errors="replace")
    )


def locate_record(path: Path, table: str, key: bytes) -> int | None:
    """The byte of an LMDB file at which the record with this key begins; None if there is none.

    Of a table that is written meanwhile any state may be looked at.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        file = PageFile(descriptor, path.name)
        read_meta(file)
        for tree in trees_in(file):
            if tree.name == table.encode() and tree.root != NOTHING:
                return _located(file, tree, key)
    except (BrokenPages, OSError):
        pass
    finally:
        os.close(descriptor)
    return None


def _located(file: PageFile, tree: Tree, key: bytes) -> int | None:
    page = tree.root
    for depth in range(tree.depth, 0, -1):
        numbers = np.array([page], dtype=np.int64)
        if not _is_in_file(file, numbers).all():
            return None
        nodes = nodes_of(file.read(numbers), numbers, BRANCH if depth > 1 else LEAF)
        keys = [nodes.key(index) for index in range(len(nodes.starts))]
        if depth == 1:
            found = bisect_left(keys, key)
            is_there = found < len(keys) and keys[found] == key
            return page * file.page_size + int(nodes.starts[found]) if is_there else None
        if not keys:
            return None
        page = int(nodes.references(slice(0, len(keys)))[bisect_right(keys[1:], key)])
    return None
