"""Sets of rows."""

from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.storage.bitmap import CHUNK_BYTES, CHUNK_ROWS, Bitmap, BitmapBuilder, Rows


def rows(*numbers: int) -> Rows:
    return np.array(numbers, dtype=np.int64)


def bitmap(*numbers: int, room: int = CHUNK_ROWS) -> Bitmap:
    draft = BitmapBuilder(Bitmap.empty())
    draft.add(rows(*numbers))
    return draft.freeze(room)


class BitmapTests(SynchronousTestCase):
    """The set as a value."""

    def test_it_holds_what_was_put_in(self) -> None:
        found = bitmap(0, 7, 8, 4095, 4096, 9000)
        self.assertEqual(found.rows().tolist(), [0, 7, 8, 4095, 4096, 9000])
        self.assertEqual(found.count, 6)
        self.assertEqual(found.has(rows(9000, 1, 8)).tolist(), [True, False, True])

    def test_bits_are_packed_least_significant_first(self) -> None:
        self.assertEqual(bitmap(0, 9).bits[:2].tolist(), [0b1, 0b10])

    def test_the_empty_set_has_no_rows(self) -> None:
        self.assertEqual(Bitmap.empty().rows().tolist(), [])
        self.assertEqual(Bitmap.empty().with_room(10).has(rows(3)).tolist(), [False])

    def test_the_count_of_bits_is_taken_exactly(self) -> None:
        bits = np.full(CHUNK_BYTES * 3, 0xFF, dtype=np.uint8)
        self.assertEqual(Bitmap.of_bits(bits).count, 3 * CHUNK_ROWS)

    def test_rows_are_found_in_sets_of_any_density(self) -> None:
        random = np.random.default_rng(1)
        room = 40 * CHUNK_ROWS
        for count in (0, 1, 500, 5_000, room // 2, room):
            chosen = np.sort(random.choice(room, count, replace=False))
            found = bitmap(*chosen.tolist(), room=room)
            self.assertEqual(found.rows().tolist(), chosen.tolist(), count)
            ranges = [(0, room), (64, room - 64), (CHUNK_ROWS, 2 * CHUNK_ROWS), (64, 64)]
            ranges += [(0, 1), (63, 65), (1, 63), (70, 71), (5, 5), (room - 1, room), (3, room - 7)]
            ranges += [(100, room + 100), (room, room + 64), (room + 64, room + 128)]
            ranges += np.sort(random.integers(0, room, (20, 2))).tolist()
            for start, stop in ranges:
                wanted = chosen[(chosen >= start) & (chosen < stop)]
                between = found.rows_between(start, stop)
                self.assertEqual(between.tolist(), wanted.tolist(), (count, start, stop))
                self.assertEqual(found.count_between(start, stop), len(wanted), (start, stop))
                for number in {1, 2, len(wanted) // 2, len(wanted), len(wanted) + 1} - {0}:
                    nth = wanted[number - 1] if number <= len(wanted) else stop
                    self.assertEqual(found.nth_between(start, stop, number), nth, (start, stop))


class BitmapDraftTests(SynchronousTestCase):
    """Changes to a set."""

    def test_the_set_it_began_with_stays_as_it_was(self) -> None:
        base = bitmap(1, 2, 3)
        draft = BitmapBuilder(base)
        draft.add(rows(4))
        draft.discard(rows(1))
        draft.add(rows(100_000))
        self.assertEqual(base.rows().tolist(), [1, 2, 3])
        changed = draft.freeze(0)
        self.assertEqual(changed.rows().tolist(), [2, 3, 4, 100_000])
        self.assertEqual(changed.count, 4)

    def test_rows_that_are_not_in_are_not_counted_out(self) -> None:
        draft = BitmapBuilder(bitmap(1))
        draft.discard(rows(2, 3, 100_000))
        draft.discard(rows())
        self.assertEqual(draft.freeze(0).count, 1)
        self.assertEqual(draft.touched_chunks(), [])

    def test_only_chunks_that_changed_are_touched(self) -> None:
        draft = BitmapBuilder(bitmap(1, 5000, 9000))
        draft.discard(rows(5000))
        draft.add(rows(3 * CHUNK_ROWS))
        chunks = dict(draft.touched_chunks())
        self.assertEqual(sorted(chunks), [1, 3])
        self.assertEqual(chunks[1], bytes(CHUNK_BYTES))
        self.assertEqual(chunks[3], b"\x01".ljust(CHUNK_BYTES, b"\x00"))

    def test_clearing_touches_every_chunk_that_was_used(self) -> None:
        draft = BitmapBuilder(bitmap(1, 9000))
        draft.clear()
        self.assertEqual([chunk for chunk, _ in draft.touched_chunks()], [0, 2])
        self.assertEqual(draft.freeze(0).rows().tolist(), [])

    def test_an_untouched_set_is_shared_and_not_copied(self) -> None:
        base = bitmap(1)
        self.assertIs(BitmapBuilder(base).freeze(CHUNK_ROWS).bits, base.bits)
