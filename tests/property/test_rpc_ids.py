from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import MalformedMessage
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.rpc.codecs.ids import read_id, read_ids, write_id
from vexfs_twisted.rpc.generated.qdrant_common_pb2 import PointId as Message

point_ids = st.integers(0, 2**64 - 1) | st.uuids().map(str)


class IdTests(SynchronousTestCase):
    @given(point_ids)
    def test_round_trip(self, point_id: PointId) -> None:
        message = Message()
        write_id(point_id, message)
        received = Message.FromString(message.SerializeToString())
        self.assertEqual(read_id(received), point_id)

    @given(st.lists(point_ids))
    def test_order_is_kept(self, ids: list[PointId]) -> None:
        messages = []
        for point_id in ids:
            messages.append(Message())
            write_id(point_id, messages[-1])
        self.assertEqual(read_ids(messages), ids)

    @given(st.uuids())
    def test_spellings_of_a_uuid(self, uuid: object) -> None:
        canonical = str(uuid)
        for text in (canonical.upper(), canonical.replace("-", ""), f"urn:uuid:{canonical}"):
            self.assertEqual(read_id(Message(uuid=text)), canonical)

    def test_refusals(self) -> None:
        for message in (Message(), Message(uuid=""), Message(uuid="12"), Message(uuid="x" * 36)):
            self.assertRaises(MalformedMessage, read_id, message)
