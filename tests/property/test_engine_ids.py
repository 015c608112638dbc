"""The order of keys is the order of ids."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.storage.keys import decode_id, encode_id, encode_ids
from vexfs_twisted.model.ids import MAX_INTEGER_ID, PointId, sort_key

point_ids = st.integers(0, MAX_INTEGER_ID) | st.uuids().map(str)


class IdKeyTests(SynchronousTestCase):
    """Keys of generated ids."""

    @given(st.lists(point_ids))
    def test_keys_sort_as_ids_do(self, ids: list[PointId]) -> None:
        by_key = sorted(ids, key=encode_id)
        self.assertEqual(by_key, sorted(ids, key=sort_key))

    @given(st.lists(point_ids))
    def test_ids_come_back(self, ids: list[PointId]) -> None:
        keys = encode_ids(ids)
        self.assertEqual(keys, [encode_id(point_id) for point_id in ids])
        self.assertEqual([decode_id(key) for key in keys], ids)
