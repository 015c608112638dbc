"""Sets of rows compute as sets of numbers do, in whatever form they are."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.payload_index.postings import (
    AtLeastOf,
    Complement,
    Intersection,
    ListedRows,
    Postings,
    Union,
    ValueSpan,
)
from vexfs_twisted.engine.payload_index.sorted_values import SortedValues
from vexfs_twisted.engine.storage import row_sets
from vexfs_twisted.engine.storage.bitmap import Bitmap
from vexfs_twisted.engine.storage.row_sets import RowSet
from vexfs_twisted.model.filters import Range

sizes = st.sampled_from([1, 7, 300, 1500])
"""Of few rows, and of so many that some of them are kept as numbers and sought among them."""


def numbers_in(rows: RowSet) -> set[int]:
    """The rows of a set, told in every way that there is."""
    told = rows.numbers().tolist()
    everything = np.arange(rows.size)
    assert told == sorted(set(told))
    assert len(rows) == len(told)
    assert np.flatnonzero(rows.mask()).tolist() == told
    assert everything[rows.has(everything)].tolist() == told
    return set(told)


@st.composite
def any_row_sets(draw: st.DrawFn, size: int) -> tuple[RowSet, set[int]]:
    """A set of rows in one of its forms, and the numbers in it."""
    rows = draw(st.sets(st.integers(0, size - 1), max_size=draw(st.sampled_from([1, 4, 40]))))
    if draw(st.booleans()):
        rows = set(range(size)) - rows
    mask = np.zeros(size, dtype=np.bool_)
    mask[sorted(rows)] = True
    form = draw(st.sampled_from(["numbers", "mask", "bitmap", "pieces"]))
    if form == "mask":
        return RowSet.of_mask(mask), rows
    if form == "bitmap":
        bits = np.packbits(mask, bitorder="little")
        return RowSet.of_bitmap(Bitmap.of_bits(bits).with_room(size), size), rows
    numbers = np.array(sorted(rows), dtype=np.uint32)
    if form == "numbers":
        return RowSet.of_numbers(numbers, size), rows
    return RowSet.gathered([numbers[::-2], numbers, numbers[:2]], size), rows


class RowSetTests(SynchronousTestCase):
    @given(st.data(), sizes)
    def test_a_set_tells_its_rows(self, data: st.DataObject, size: int) -> None:
        rows, expected = data.draw(any_row_sets(size))
        probed = data.draw(st.lists(st.integers(0, size - 1), max_size=5))
        is_in = rows.has(np.array(probed, dtype=np.int64)).tolist()
        self.assertEqual(is_in, [number in expected for number in probed])
        chosen = rows.where(rows.numbers() % 2 == 1)
        self.assertEqual(numbers_in(chosen), {number for number in expected if number % 2})
        self.assertEqual(numbers_in(rows), expected)

    @given(st.data(), sizes, st.integers(0, 1500), st.integers(0, 50))
    def test_the_first_rows(self, data: st.DataObject, size: int, start: int, limit: int) -> None:
        self.patch(row_sets, "FIRST_LOOK", 2)
        rows, expected = data.draw(any_row_sets(size))
        first = sorted(number for number in expected if number >= start)[:limit]
        self.assertEqual(rows.first(start, limit).tolist(), first)
        self.assertEqual(numbers_in(rows), expected)

    @given(st.data(), sizes)
    def test_sets_compute_as_sets(self, data: st.DataObject, size: int) -> None:
        a, numbers_a = data.draw(any_row_sets(size))
        b, numbers_b = data.draw(any_row_sets(size))
        self.assertEqual(numbers_in(a & b), numbers_a & numbers_b)
        self.assertEqual(numbers_in(a | b), numbers_a | numbers_b)
        self.assertEqual(numbers_in(a - b), numbers_a - numbers_b)
        self.assertEqual((numbers_in(a), numbers_in(b)), (numbers_a, numbers_b))

    def test_sets_of_no_rows(self) -> None:
        none = RowSet.of_bitmap(Bitmap.empty(), 0)
        for other in (RowSet.gathered([], 0), RowSet.of_mask(np.zeros(0, dtype=np.bool_))):
            for result in (none & other, none | other, none - other, other - none):
                self.assertEqual(numbers_in(result), set())


class FoundTests(SynchronousTestCase):
    @given(st.data(), sizes)
    def test_conditions_find_what_sets_do(self, data: st.DataObject, size: int) -> None:
        within, numbers = data.draw(any_row_sets(size))
        drawn = data.draw(st.lists(any_row_sets(size), min_size=1, max_size=4))
        sets = [rows for _, rows in drawn]
        each: list[Postings] = [
            ListedRows([rows.numbers()], is_ordered=data.draw(st.booleans())) for rows, _ in drawn
        ]
        self.assertEqual(numbers_in(Intersection(each).of(within)), numbers.intersection(*sets))
        self.assertEqual(
            numbers_in(Union(each).of(within)),
            {row for row in numbers if any(row in rows for rows in sets)},
        )
        self.assertEqual(numbers_in(Complement(each[0], size).of(within)), numbers - sets[0])
        least = data.draw(st.integers(1, 5))
        often = {row for row in numbers if sum(row in rows for rows in sets) >= least}
        self.assertEqual(numbers_in(AtLeastOf(each, least).of(within)), often)

    @given(st.data(), sizes, st.integers(1, 3))
    def test_a_stretch_of_values(self, data: st.DataObject, size: int, values: int) -> None:
        rows = data.draw(st.sets(st.integers(0, size - 1)))
        pairs = [(data.draw(st.integers(0, 9)), row) for row in sorted(rows) for _ in range(values)]
        held = SortedValues.of([v for v, _ in pairs], [row for _, row in pairs], np.int64)
        low, high = data.draw(st.integers(-1, 10)), data.draw(st.integers(-1, 10))
        within, numbers = data.draw(any_row_sets(size))
        found = ValueSpan(held, held.span(Range(gte=low, lt=high))).of(within)
        expected = {row for value, row in pairs if low <= value < high}
        self.assertEqual(numbers_in(found), numbers & expected)

    @given(st.data(), sizes, st.lists(st.integers(-2, 40), unique=True, max_size=40))
    def test_the_rows_of_many_values(
        self, data: st.DataObject, size: int, wanted: list[int]
    ) -> None:
        rows = data.draw(st.lists(st.integers(0, size - 1), max_size=100))
        pairs = {(data.draw(st.integers(0, 40)), row) for row in rows}
        held = SortedValues.of([v for v, _ in pairs], [row for _, row in pairs], np.int64)
        found = [row for piece in held.among(wanted) for row in piece.tolist()]
        expected = [row for value in wanted for own, row in sorted(pairs) if own == value]
        self.assertEqual(found, expected)
