"""Columns of many paths, made in one pass over payloads.

A payload is gone through once, by a tree of the paths: what it costs depends on the keys that it
has, not on how many are asked for that it does not have.
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
"""About what a row and a column take."""

_MOST_LOOSE = 1 << 18
_BATCH = 1024
_LEAST_BATCH = 64


class TooLarge(Exception):
    """The columns would take more memory than they may."""


def build_columns(
    paths: Collection[Steps], snapshot: RowSnapshot, rows: Rows, most_bytes: float = inf
) -> dict[Steps, Column]:
    """Columns of just `rows`, live at a moment, in one pass over their payloads.

    Raises TooLarge where they come to more than `most_bytes`.
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
        columns[path] = builder.build(snapshot.operation, snapshot.next_row)
    return columns


def _pack(builders: Collection[ColumnBuilder], most_bytes: float) -> None:
    size = 0
    for builder in builders:
        builder.pack()
        size += builder.nbytes
    if size > most_bytes:
        raise TooLarge


class _Node:
    """Where paths part: what is to be done with a value that is reached by the steps so far."""

    __slots__ = ("_builder", "_each", "_keys", "_places")

    def __init__(self) -> None:
        self._builder: ColumnBuilder | None = None
        self._each: _Node | None = None
        self._keys: dict[str, _Node] = {}
        self._places: dict[int, _Node] = {}

    def builder_at(self, steps: Steps) -> ColumnBuilder:
        """The builder of the path that goes on from here by `steps`."""
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
        """Give the builders what their paths reach in a payload, as `values.reached` has it."""
        # Not by recursion: paths and payloads may be as deep as they like.
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
