"""Upserts that can be executed as one, and the one that has their effect."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from .updates import UpdateMode, Upsert
from .vector_kinds import concat
from .vectors import VectorColumn


def is_plain(update: Upsert) -> bool:
    """Whether it has points, is unconditional, and each point has a vector of every name."""
    if not update.ids or update.mode is not UpdateMode.UPSERT or update.update_filter is not None:
        return False
    # A loop: `all` takes several times as long for one column. Likewise below.
    for column in update.vectors.values():  # noqa: SIM110
        if not column.is_whole:
            return False
    return True


def joins(update: Upsert, other: Upsert) -> bool:
    """Whether two plain upserts have vectors of the same names, kinds and dimensions."""
    columns, others = update.vectors, other.vectors
    if columns.keys() != others.keys():
        return False
    for name, column in columns.items():  # noqa: SIM110
        if not column.joins(others[name]):
            return False
    return True


def joined(updates: Sequence[Upsert]) -> Upsert:
    """One upsert with the effect of plain ones that join, in order: the last of an id wins."""
    if len(updates) == 1:
        return updates[0]
    columns = {
        name: VectorColumn(concat([update.vectors[name].vectors for update in updates]))
        for name in updates[0].vectors
    }
    ids = list(chain.from_iterable(update.ids for update in updates))
    payloads = list(chain.from_iterable(update.payloads for update in updates))
    return Upsert(ids, columns, payloads)
