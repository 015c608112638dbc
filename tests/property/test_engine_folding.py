"""A column that takes in what has changed is the one that would be built of everything."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.payload_index.column import Column, ColumnBuilder, ColumnPart
from vexfs_twisted.model.payload_index import TextOptions

OPTIONS = TextOptions()

words = st.sampled_from("abcdef").flatmap(lambda a: st.sampled_from([a, f"{a} x", f"x {a}"]))
values = st.one_of(
    words,
    st.lists(words, max_size=3),
    st.integers(-2, 2),
    st.sampled_from([0.5, -0.5, True, None, 2**63, {"lon": 1, "lat": 2}]),
)
stored = st.dictionaries(st.integers(0, 15), values)
"""Values by row."""


def built(values: dict[int, Any], operation: int) -> Column:
    """The column of just these rows."""
    builder = ColumnBuilder()
    for row, value in values.items():
        builder.reach(row, value)
    return builder.build(operation, 16, 0)


def shown(column: Column) -> dict[str, list[tuple[Any, int]]]:
    """The pairs of each part, and of the tokens, without the codes."""
    terms = column.terms
    assert list(terms) == sorted(set(terms)), "terms are distinct and ascending"
    pairs = {}
    for part, held in column.parts.items():
        assert held.values.dtype == np.dtype(part.value), part
        assert held.rows.dtype == np.dtype(np.uint32), part
        pairs[part.name] = list(zip(held.values.tolist(), held.rows.tolist(), strict=True))
    pairs["STRINGS"] = [(terms[code], row) for code, row in pairs[ColumnPart.STRINGS.name]]
    read = column.read_by(OPTIONS)
    names = {number: token for token, number in read.vocabulary.items()}
    numbers = zip(read.postings.values.tolist(), read.postings.rows.tolist(), strict=True)
    pairs["TOKENS"] = sorted((names[number], row) for number, row in numbers)
    return pairs


class FoldingTests(SynchronousTestCase):
    """Rows that are new, changed or gone, several times over."""

    @settings(max_examples=150)
    @given(
        first=stored,
        changes=st.lists(st.tuples(stored, st.frozensets(st.integers(0, 15))), max_size=4),
        is_read=st.booleans(),
    )
    def test_folded_is_built(
        self,
        first: dict[int, Any],
        changes: list[tuple[dict[int, Any], frozenset[int]]],
        is_read: bool,
    ) -> None:
        rows, column = dict(first), built(first, 0)
        if is_read:
            column.read_by(OPTIONS)
        for operation, (changed, gone) in enumerate(changes, 1):
            rows = {row: v for row, v in {**rows, **changed}.items() if row not in gone}
            fresh = {row: v for row, v in changed.items() if row not in gone}
            live = np.zeros(16, dtype=np.bool_)
            live[list(rows)] = True
            fresh_rows = np.array(sorted(fresh), dtype=np.int64)
            column = column.folded(live, built(fresh, operation), fresh_rows)
            self.assertEqual(shown(column), shown(built(rows, operation)))
