"""Keys and values of the tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import UUID_1, UUID_2
from vexfs_twisted.engine.storage.keys import (
    decode_id,
    decode_rows,
    encode_id,
    encode_ids,
    encode_rows,
)
from vexfs_twisted.engine.storage.record_checksums import are_rows_sealed
from vexfs_twisted.engine.storage.row_values import encode_values, heads_of, key_of, payload_of
from vexfs_twisted.model.ids import MAX_INTEGER_ID, PointId


class IdKeyTests(SynchronousTestCase):
    """Ids as keys."""

    IDS: tuple[PointId, ...] = (0, 1, 255, 256, 2**63, MAX_INTEGER_ID, UUID_1, UUID_2)

    def test_every_id_comes_back(self) -> None:
        for point_id in self.IDS:
            self.assertEqual(decode_id(encode_id(point_id)), point_id)

    def test_keys_sort_integers_before_uuids_and_each_in_order(self) -> None:
        keys = [encode_id(point_id) for point_id in self.IDS]
        self.assertEqual(sorted(keys), keys)

    def test_many_ids_have_the_keys_that_each_has(self) -> None:
        integers = [5, 0, MAX_INTEGER_ID]
        sequences: list[Sequence[PointId]] = [[], integers, [UUID_1], [1, UUID_1, 2], [UUID_1, 3]]
        for ids in [*sequences, range(3)]:
            self.assertEqual(encode_ids(ids), [encode_id(point_id) for point_id in ids])


class RowKeyTests(SynchronousTestCase):
    """Row numbers as keys."""

    def test_rows_come_back_and_sort(self) -> None:
        rows = np.array([0, 1, 255, 256, 2**40])
        keys = encode_rows(rows)
        self.assertEqual(sorted(keys), keys)
        self.assertEqual(decode_rows(keys).tolist(), rows.tolist())
        self.assertEqual([row.to_bytes(8, "big") for row in rows.tolist()], keys)


class RowValueTests(SynchronousTestCase):
    """What a row holds."""

    def test_version_id_and_payload_come_back(self) -> None:
        lists: list[list[PointId]] = [[7, UUID_1], [*range(40)], [*range(40), UUID_2]]
        for ids in lists:
            keys = encode_ids(ids)
            payloads = [b'{"n":%d}' % number for number in range(len(ids))]
            rows = np.arange(len(keys))
            values = list(encode_values(rows, [2**40] * len(keys), keys, payloads))
            self.assertTrue(are_rows_sealed(rows, values))
            self.assertEqual(heads_of(values), ([2**40] * len(ids), ids))
            self.assertEqual([key_of(value) for value in values], keys)
            self.assertEqual([payload_of(value) for value in values], payloads)
