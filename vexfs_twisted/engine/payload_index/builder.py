"""Builds the columns of many paths in one pass over payloads.

Each payload is traversed once, along a trie of the paths: the cost depends on the keys that the
payload has, not on the number of paths that it lacks.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from typing import Any

import orjson

from ...model.payload_path import Index, Key, Step
from ..read_bounds import checkpoint, expect
from ..storage.bitmap import Rows
from ..storage.row_values import payload_of
from .column import Column, ColumnBuilder
from .row_snapshot import RowSnapshot

Steps = tuple[Step, ...]

_ROW_S = 4e-6
_COLUMN_S = 2e-5
"""Estimated seconds for a row and for a column."""

_MOST_LOOSE = 1 << 18
_BATCH = 1024
_LEAST_BATCH = 64


class TooLarge(Exception):
    """The columns would exceed their memory limit."""


def build_columns(
    paths: Collection[Steps], snapshot: RowSnapshot, rows: Rows, most_bytes: float = inf
) -> dict[Steps, Column]:
    """Build columns of exactly `rows`, live in `snapshot`, in one pass over their payloads.

    Raises TooLarge if they take more than `most_bytes`.
    """
    if not paths:
        return {}
    expect(len(rows) * _ROW_S + len(paths) * _COLUMN_S)
    root = _Node()
    builders = {path: root.builder_at(path) for path in paths}
    step = max(_LEAST_BATCH, min(_BATCH, _MOST_LOOSE // len(paths)))
    for start in range(0, len(rows), step):
        batch = rows[start : start + step]
        for row, value in zip(batch.tolist(), snapshot.tables.values(batch), strict=True):
            checkpoint()
            root.gather(row, orjson.loads(payload_of(value)))
        if sum(builder.loose for builder in builders.values()) > _MOST_LOOSE:
            _pack(builders.values(), most_bytes)
    _pack(builders.values(), most_bytes)
    columns: dict[Steps, Column] = {}
    for path, builder in builders.items():
        checkpoint()
        columns[path] = builder.build(snapshot.operation, snapshot.next_row, snapshot.base)
    return columns


def _pack(builders: Collection[ColumnBuilder], most_bytes: float) -> None:
    size = 0
    for builder in builders:
        builder.pack()
        size += builder.nbytes
    if size > most_bytes:
        raise TooLarge


class _Node:
    """A node of the trie of paths: handles the values that the steps so far reach."""

    __slots__ = ("_builder", "_each", "_keys", "_places")

    def __init__(self) -> None:
        self._builder: ColumnBuilder | None = None
        self._each: _Node | None = None
        self._keys: dict[str, _Node] = {}
        self._places: dict[int, _Node] = {}

    def builder_at(self, steps: Steps) -> ColumnBuilder:
        """The builder of the path that continues from this node by `steps`; made if missing."""
        node = self
        for step in steps:
            node = node._beyond(step)
        if node._builder is None:
            node._builder = ColumnBuilder()
        return node._builder

    def _beyond(self, step: Step) -> _Node:
        if isinstance(step, Key):
            return self._keys.setdefault(step.name, _Node())
        if isinstance(step, Index):
            return self._places.setdefault(step.position, _Node())
        self._each = self._each or _Node()
        return self._each

    def gather(self, row: int, payload: Any) -> None:
        """Pass the builders the values that their paths reach in a payload; see `paths.reached`."""
        # Not recursive: the depth of paths and payloads is not limited.
        left: list[tuple[_Node, Any]] = [(self, payload)]
        while left:
            node, value = left.pop()
            if node._builder is not None:
                node._builder.reach(row, value)
            if isinstance(value, dict):
                left += node._members(value)
            elif isinstance(value, list):
                if node._places:
                    count, places = len(value), node._places.items()
                    left += [(inner, value[place]) for place, inner in places if place < count]
                if node._each is not None:
                    left += [(node._each, element) for element in value]

    def _members(self, value: dict[str, Any]) -> list[tuple[_Node, Any]]:
        keys = self._keys
        if len(keys) <= len(value):
            return [(inner, value[name]) for name, inner in keys.items() if name in value]
        return [(keys[name], member) for name, member in value.items() if name in keys]
