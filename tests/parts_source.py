"""Leaf reads over a collection whose points are in several others, as if it were one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexfs_twisted.engine.mvcc.state import Snapshot
from vexfs_twisted.engine.payload_index.only_values import OnlyValues, ValueKind
from vexfs_twisted.engine.query.leaves import SnapshotSource
from vexfs_twisted.engine.query.plan import Keys, Leaf, Mask, Ranked, TermStatistics, sound
from vexfs_twisted.engine.query.records import fetch_records
from vexfs_twisted.engine.read_bounds import ReadBoundsOfEach
from vexfs_twisted.model.collection_params import SparseVectorParams, VectorParams
from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.groups import GroupId
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Selection
from vexfs_twisted.model.query_forms import Direction, OrderBy, Sample, VectorExample
from vexfs_twisted.model.vector_kinds import Vector, Vectors, concat

_BITS = 40
"""A key is the number of a part and a row in it."""


class PartsSource:
    """See LeafSource. Leaf reads run on each part, and are merged."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._sources = [SnapshotSource(snapshot) for snapshot in snapshots]

    def params_of(self, using: str) -> VectorParams | SparseVectorParams:
        return self._sources[0].params_of(using)

    def examples(self, using: str, ids: Sequence[PointId]) -> list[Vector | Exception]:
        answers = [source.examples(using, ids) for source in self._sources]
        return [min(each, key=_completeness) for each in zip(*answers, strict=True)]

    def term_statistics(
        self, using: str, terms: NDArray[np.uint32], corpus: Filter | None
    ) -> TermStatistics:
        each = [source.term_statistics(using, terms, corpus) for source in self._sources]
        frequencies = np.stack([own.frequencies for own in each]).sum(axis=0)
        return TermStatistics(sum(own.points for own in each), frequencies)

    def read(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Ranked | Exception]:
        lists = []
        for part, source in enumerate(self._sources):
            own = [leaf._replace(candidates=_of_part(leaf.candidates, part)) for leaf in leaves]
            lists.append(source.read(own, bounds))
        return [
            self._merged(leaf, list(map(sound, each)))
            for leaf, each in zip(leaves, zip(*lists, strict=True), strict=True)
        ]

    def _merged(self, leaf: Leaf, each: Sequence[Ranked]) -> Ranked:
        keys = np.concatenate([own.keys + (part << _BITS) for part, own in enumerate(each)])
        scores = np.concatenate([own.scores for own in each])
        values: NDArray[Any] | None = None
        ids = self.ids(keys)
        order = np.argsort(ids)
        if isinstance(leaf.form, OrderBy):
            values = np.concatenate([own.order_values for own in each if len(own.keys)] or [ids])
            sign = 1 if leaf.form.direction is Direction.ASC else -1
            order = np.lexsort((ids, sign * values))
        elif isinstance(leaf.form, Sample):
            order = np.random.default_rng().permutation(len(keys))
        elif leaf.form is not None:
            params = self.params_of(leaf.using)
            ascends = (
                isinstance(leaf.form, VectorExample)
                and isinstance(params, VectorParams)
                and not params.distance.larger_is_nearer
            )
            order = np.lexsort((ids, scores if ascends else -scores))
        return Ranked(keys, scores, values).where(order[: leaf.limit])

    def vectors(self, using: str, keys: Keys) -> Vectors:
        parts = [source.vectors(using, rows) for source, rows in self._split(keys)]
        return concat(parts).take(np.argsort(self._places(keys)))

    def payloads(self, keys: Keys) -> Sequence[bytes]:
        found = [own for source, rows in self._split(keys) for own in source.payloads(rows)]
        return [found[place] for place in np.argsort(self._places(keys)).tolist()]

    def only_values(self, path: PayloadPath, kind: ValueKind, keys: Keys) -> OnlyValues:
        order = np.argsort(self._places(keys))
        each = [source.only_values(path, kind, rows) for source, rows in self._split(keys)]
        return OnlyValues(*(np.concatenate(arrays)[order] for arrays in zip(*each, strict=True)))

    def only_group_ids(self, path: PayloadPath, keys: Keys) -> list[Sequence[GroupId] | None]:
        found = [
            own for source, rows in self._split(keys) for own in source.only_group_ids(path, rows)
        ]
        return [found[place] for place in np.argsort(self._places(keys)).tolist()]

    def passing(self, filter_: Filter, keys: Keys) -> Mask:
        masks = [source.passing(filter_, rows) for source, rows in self._split(keys)]
        mask: Mask = np.concatenate(masks)[np.argsort(self._places(keys))]
        return mask

    def ids(self, keys: Keys) -> NDArray[np.int64]:
        """The ids of points, all integers."""
        records = [
            fetch_records(self._snapshots[key >> _BITS], _rows([key]), Selection())[0]
            for key in keys.tolist()
        ]
        return np.array([record.id for record in records], dtype=np.int64)

    def _split(self, keys: Keys) -> Iterator[tuple[SnapshotSource, Keys]]:
        for part, source in enumerate(self._sources):
            rows = _of_part(keys, part)
            assert rows is not None
            # Of no points the first part tells what kind of nothing they have.
            if len(rows) or (part == 0 and not len(keys)):
                yield source, rows

    @staticmethod
    def _places(keys: Keys) -> NDArray[np.int64]:
        """The positions of keys in the order of their parts."""
        return np.argsort(keys >> _BITS, kind="stable")


def _completeness(answer: Vector | Exception) -> int:
    """Orders the answers of parts: a vector, then a point without it, then no such point."""
    return isinstance(answer, Exception) + (type(answer) is NotFound)


def _of_part(keys: Keys | None, part: int) -> Keys | None:
    return None if keys is None else _rows(keys[keys >> _BITS == part])


def _rows(keys: Any) -> Keys:
    rows: Keys = np.asarray(keys, dtype=np.int64) & ((1 << _BITS) - 1)
    return rows
