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
from itertools import pairwise
from pathlib import Path

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
class _Counts:
    branches: int = 0
    leaves: int = 0
    overflows: int = 0
    entries: int = 0


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
    for _, nodes in walk(file, free, every=True):
        _take_free(file, nodes)
    named: list[Tree] = []
    for page, nodes in walk(file, main, every=True):
        named += _trees(file, page, nodes)
    for tree in named:
        for _ in walk(file, tree, every=every):
            pass
    _check_uses(file)


def walk(file: PageFile, tree: Tree, *, every: bool) -> Iterator[tuple[Numbers, PageNodes]]:
    """The sound leaves of a tree with their nodes, some at a time. Tells what is wrong."""
    counts = _Counts()
    if tree.root == NOTHING:
        if (tree.depth, tree.branches, tree.leaves, tree.overflows, tree.entries) != (0,) * 5:
            file.tell(0, f"the empty tree {_shown(tree)} has pages or entries")
        return
    level = _Level(np.array([tree.root], dtype=np.int64), [None], [None])
    if not _is_in_file(file, level.pages).all():
        file.tell(0, f"the root of the tree {_shown(tree)} is page {tree.root}, beyond the end")
        return
    for _ in range(tree.depth - 1):
        counts.branches += len(level.pages)
        file.used.append(level.pages)
        level = _children(file, tree, level)
    counts.leaves = len(level.pages)
    file.used.append(level.pages)
    if every:
        yield from _leaves(file, tree, level, counts)
        _compare(file, tree, counts)
    elif (counts.branches, counts.leaves) != (tree.branches, tree.leaves):
        _tell_counts(file, tree, counts)


def _children(file: PageFile, tree: Tree, level: _Level) -> _Level:
    """The level below a level of branches."""
    pages: list[Numbers] = []
    below = _Level(np.empty(0, dtype=np.int64), [], [])
    for start in range(0, len(level.pages), _SLICE):
        numbers = level.pages[start : start + _SLICE]
        nodes = nodes_of(file.read(numbers), numbers, BRANCH)
        for place, text in nodes.problems:
            file.tell(int(numbers[place]), text)
        for place in np.flatnonzero(nodes.is_sound).tolist():
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
    file: PageFile, tree: Tree, level: _Level, counts: _Counts
) -> Iterator[tuple[Numbers, PageNodes]]:
    order = np.argsort(level.pages, kind="stable")
    for start in range(0, len(order), _SLICE):
        places = order[start : start + _SLICE]
        numbers = level.pages[places]
        nodes = nodes_of(file.read(numbers), numbers, LEAF)
        for place, text in nodes.problems:
            file.tell(int(numbers[place]), f"tree {_shown(tree)}: {text}")
        for place in np.flatnonzero(nodes.is_sound).tolist():
            own, at = nodes.of(place), int(places[place])
            bounds = [nodes.key(own.start), nodes.key(own.stop - 1)]
            is_in = _in_order(tree, [level.first[at], bounds[0]], may_equal=True)
            if not is_in or not _in_order(tree, [*bounds, level.end[at]], may_equal=_is_one(own)):
                file.tell(int(numbers[place]), f"tree {_shown(tree)}: its keys belong elsewhere")
        if tree.name != FREE:
            for place in nodes.out_of_order().tolist():
                file.tell(int(numbers[place]), f"tree {_shown(tree)}: its keys are out of order")
        counts.entries += len(nodes.starts)
        _check_overflow(file, tree, nodes, numbers, counts)
        yield numbers, nodes


def _is_one(own: slice) -> bool:
    """Whether a page has one node only."""
    return bool(own.stop - own.start == 1)


def _check_overflow(
    file: PageFile, tree: Tree, nodes: PageNodes, numbers: Numbers, counts: _Counts
) -> None:
    """Check the overflow pages that nodes refer to."""
    big = np.flatnonzero(nodes.flags & BIG)
    if not len(big):
        return
    references = nodes.overflow(big)
    wanted = (nodes.data_sizes[big] + 16 + file.page_size - 1) // file.page_size
    is_in = _is_in_file(file, references) & _is_in_file(file, references + wanted - 1)
    for place in np.flatnonzero(~is_in).tolist():
        page = int(numbers[nodes.pages[big[place]]])
        file.tell(
            page, f"tree {_shown(tree)}: a value is beyond the end", _place(nodes, big[place])
        )
    for page, count in zip(references[is_in].tolist(), wanted[is_in].tolist(), strict=True):
        head = os.pread(file.descriptor, 16, page * file.page_size)
        number, _, flags, low, high = HEAD.unpack(head)
        held = low | high << 16
        # A long value that was replaced by a shorter one may keep all of its pages.
        is_sound = (number, flags) == (page, OVERFLOW) and held >= count
        if not is_sound or page + held - 1 > file.last:
            file.tell(page, f"tree {_shown(tree)}: it is no first page of a long value")
            continue
        counts.overflows += held
        file.used.append(np.arange(page, page + held))


def _place(nodes: PageNodes, index: int) -> int:
    return int(nodes.starts[index]) % nodes.page_size


def _compare(file: PageFile, tree: Tree, counts: _Counts) -> None:
    found = (counts.branches, counts.leaves, counts.overflows, counts.entries)
    if found != (tree.branches, tree.leaves, tree.overflows, tree.entries):
        _tell_counts(file, tree, counts)


def _tell_counts(file: PageFile, tree: Tree, counts: _Counts) -> None:
    if not file.findings:
        file.tell(
            max(tree.root, 0),
            f"the tree {_shown(tree)} should have {tree.branches} branch, {tree.leaves} leaf and "
            f"{tree.overflows} overflow pages with {tree.entries} entries, but has "
            f"{counts.branches}, {counts.leaves}, {counts.overflows} with {counts.entries}",
        )


def _trees(file: PageFile, pages: Numbers, nodes: PageNodes) -> Iterator[Tree]:
    """The trees that the main tree lists."""
    for index in range(len(nodes.starts)):
        page = int(pages[nodes.pages[index]])
        if nodes.flags[index] != SUB or nodes.data_sizes[index] != TREE_RECORD.size:
            file.tell(page, "the list of trees has something else in it", _place(nodes, index))
            continue
        data = nodes.data(index)
        if data[:6] != bytes(6):
            file.tell(page, "a tree has impossible flags", _place(nodes, index))
        yield Tree.of(nodes.key(index), data)


def trees_in(file: PageFile) -> list[Tree]:
    """The trees that the main tree lists, after `read_meta`."""
    found: list[Tree] = []
    for pages, nodes in walk(file, file.trees[1], every=True):
        found += _trees(file, pages, nodes)
    return found


def _take_free(file: PageFile, nodes: PageNodes) -> None:
    """Take what the leaves of the free list say is free: a count and as many numbers of pages."""
    for index in range(len(nodes.starts)):
        if nodes.flags[index] & BIG:
            page = int(nodes.overflow(np.array([index]))[0])
            size = int(nodes.data_sizes[index])
            if page < 0 or (page + 1) * file.page_size + size > (file.last + 2) * file.page_size:
                continue
            data = os.pread(file.descriptor, size, page * file.page_size + 16)
        else:
            data = nodes.data(index)
        values = np.frombuffer(data[: len(data) // 8 * 8], dtype="<u8").astype(np.int64)
        if not len(values) or values[0] != len(values) - 1:
            file.tell(0, "the list of free pages has an impossible length")
            continue
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
    twice = np.flatnonzero(counts > 1)
    if len(twice):
        file.tell(int(twice[0]), "the page is in use twice, or free and in use")


def _is_in_file(file: PageFile, pages: Numbers) -> NDArray[np.bool_]:
    return (pages >= METAS) & (pages < file.end)


def _in_order(tree: Tree, keys: Sequence[bytes | None], *, may_equal: bool = False) -> bool:
    known = [key for key in keys if key is not None]
    if tree.name == FREE:
        numbers = [int.from_bytes(key, "little") for key in known]
        return all(a < b or (may_equal and a == b) for a, b in pairwise(numbers))
    return all(a < b or (may_equal and a == b) for a, b in pairwise(known))


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
