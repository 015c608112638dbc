"""Slices of ids, against SipHash as its paper defines it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import UUID_1, UUID_2, EngineTestCase, unnamed, upsert, write
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.filtering.slices import slice_of
from vexfs_twisted.engine.storage.keys import encode_ids
from vexfs_twisted.model.filters import Filter, Slice
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Scroll

WORD = 2**64 - 1

integer_ids = st.integers(0, WORD)
uuids = st.uuids().map(str)


def reference(key: bytes, message: bytes) -> int:
    """SipHash-2-4 of a message, one byte string at a time, by section 2 of the paper."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [k ^ c for k, c in zip((k0, k1) * 2, _CONSTANTS, strict=True)]
    padding = bytes(7 - len(message) % 8)
    padded = message + padding + bytes([len(message) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        for _ in range(2):
            _sip_round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        _sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


_CONSTANTS = tuple(
    int.from_bytes(text, "big") for text in (b"somepseu", b"dorandom", b"lygenera", b"tedbytes")
)


def _sip_round(v: list[int]) -> None:
    for one, other, turn in ((0, 1, 13), (2, 3, 16)):
        v[one] = (v[one] + v[other]) & WORD
        v[other] = _turned(v[other], turn) ^ v[one]
    v[0] = _turned(v[0], 32)
    for one, other, turn in ((2, 1, 17), (0, 3, 21)):
        v[one] = (v[one] + v[other]) & WORD
        v[other] = _turned(v[other], turn) ^ v[one]
    v[2] = _turned(v[2], 32)


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> 64 - bits) & WORD


def expected(ids: Sequence[PointId], total: int) -> list[int]:
    """The slice of each id by the reference, with the key zero."""
    messages = [
        point_id.to_bytes(8, "little") if isinstance(point_id, int) else UUID(point_id).bytes
        for point_id in ids
    ]
    return [reference(bytes(16), message) % total for message in messages]


class SliceTests(SynchronousTestCase):
    """Ids by themselves."""

    def test_the_reference_gives_the_published_vectors(self) -> None:
        key = bytes(range(16))
        # Appendix A of the paper, and the first and ninth vectors of its reference implementation.
        self.assertEqual(reference(key, bytes(range(15))), 0xA129CA6149BE45E5)
        self.assertEqual(reference(key, b""), 0x726FDB47DD0E0E31)
        self.assertEqual(reference(key, bytes(range(8))), 0x93F5F5799A932462)

    def slices(self, ids: Sequence[PointId], total: int) -> list[int]:
        found: list[int] = slice_of(encode_ids(ids), total).tolist()
        return found

    @settings(max_examples=100)
    @given(st.lists(integer_ids | uuids, max_size=20), st.integers(1, 2**32 - 1))
    def test_ids_of_both_kinds(self, ids: list[PointId], total: int) -> None:
        self.assertEqual(self.slices(ids, total), expected(ids, total))

    def test_extreme_ids(self) -> None:
        ids: list[PointId] = [0, 1, 2**63, WORD, UUID_1, UUID_2]
        ids += [str(UUID(int=0)), str(UUID(int=2**128 - 1))]
        for total in (1, 2, 3, 1000, 2**32 - 1):
            self.assertEqual(self.slices(ids, total), expected(ids, total))

    def test_slices_are_about_equal(self) -> None:
        counts = [0] * 10
        for part in self.slices(range(10_000), 10):
            counts[part] += 1
        self.assertTrue(all(850 < count < 1150 for count in counts), counts)


class PartitionTests(EngineTestCase):
    """Slices of a collection: every point is in one of them."""

    def test_slices_are_disjoint_and_complete(self) -> None:
        collection = self.catalog.create("a", unnamed())
        ids: list[PointId] = [*range(60), *(str(UUID(int=n << 90 | n)) for n in range(40))]
        write(collection, upsert(ids))
        for few_rows in (1000, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            for total in (1, 3, 7):
                parts: list[list[PointId]] = []
                for part in range(total):
                    request = Scroll(limit=1000, filter=Filter(must=(Slice(total, part),)))
                    parts.append([record.id for record in collection.read(request).records])
                slices = expected(ids, total)
                for part, found in enumerate(parts):
                    wanted = [i for i, slice_ in zip(ids, slices, strict=True) if slice_ == part]
                    self.assertEqual(found, wanted)
                self.assertEqual(sum(map(len, parts)), len(ids))
