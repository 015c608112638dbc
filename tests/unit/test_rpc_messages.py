"""Compressed messages: told apart from plain ones, and never unpacked beyond their limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import BadRequest, MessageTooLarge
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.generated import points_pb2
from vexfs_twisted.rpc.messages import (
    collection_in,
    is_compressed_message,
    names_collection,
    unpack,
)
from vexfs_twisted.rpc.services import public_services

LIMIT = 1 << 20
MESSAGE = points_pb2.CountPoints(collection_name="c" * 200, exact=True).SerializeToString()


class Packed(SynchronousTestCase):
    def test_both_encodings(self) -> None:
        for packed in (gzip.compress(MESSAGE), zlib.compress(MESSAGE), zlib.compress(MESSAGE, 1)):
            self.assertTrue(is_compressed_message(packed))
            self.assertEqual(unpack(packed, LIMIT), MESSAGE)

    def test_plain_messages(self) -> None:
        for plain in (b"", b"x", MESSAGE, b"\x1f", b"\x0a\x01\x78\x9c"):
            self.assertFalse(is_compressed_message(plain), plain)

    def test_no_request_begins_like_a_packed_one(self) -> None:
        """A 15th field that is a number comes first only where no field before it is needed."""
        for name in public_services():
            for method in POOL.FindServiceByName(name).methods:
                fields = method.input_type.fields_by_number
                field = fields.get(15)
                if field is not None and field.type != field.TYPE_MESSAGE:
                    self.assertEqual(fields[1].name, "collection_name", method.full_name)

    def test_what_only_looks_packed_is_left_to_its_parser(self) -> None:
        data = b"\x78\x9c\xff\xff"
        self.assertTrue(is_compressed_message(data))
        self.assertEqual(unpack(data, LIMIT), data)

    def test_the_limit(self) -> None:
        self.assertEqual(len(unpack(gzip.compress(b"x" * LIMIT), LIMIT)), LIMIT)
        for packed in (gzip.compress(b"x" * (LIMIT + 1)), zlib.compress(b"x" * (LIMIT + 1))):
            error = self.assertRaises(MessageTooLarge, unpack, packed, LIMIT)
            self.assertIn(str(LIMIT), error.message)

    def test_a_bomb_is_never_unpacked_whole(self) -> None:
        bomb = gzip.compress(b"\0" * (256 * LIMIT), 1)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertRaises(MessageTooLarge, unpack, bomb, LIMIT)
        _, most = tracemalloc.get_traced_memory()
        self.assertLess(most, 4 * LIMIT)

    def test_damage(self) -> None:
        whole = gzip.compress(MESSAGE)
        for bad in (whole[:-1], whole + b"x", whole[:20] + b"\xff\xff" + whole[22:]):
            self.assertRaises(BadRequest, unpack, bad, LIMIT)


class Collections(SynchronousTestCase):
    def test_the_name_is_found_before_the_message_is_parsed(self) -> None:
        for name in ("", "a", "gr\u00fc\u00dfe", "c" * 127, "c" * 128, "\U0001f680" * 255):
            message = points_pb2.CountPoints(collection_name=name, exact=True)
            self.assertEqual(collection_in(message.SerializeToString()), name)

    def test_other_bytes_have_none(self) -> None:
        for data in (b"", b"\x0a", b"\x0a\x80", b"\x0a\xff\xff\xff", b"\x12\x01a"):
            self.assertEqual(collection_in(data), "", data)
        self.assertEqual(collection_in(b"\x0a\x05ab"), "ab")
        self.assertEqual(collection_in(b"\x0a\x01\xff"), "\ufffd")

    def test_every_request_of_a_collection_begins_with_its_name(self) -> None:
        for name in public_services():
            for method in POOL.FindServiceByName(name).methods:
                has_name = "collection_name" in method.input_type.fields_by_name
                self.assertEqual(names_collection(method), has_name, method.full_name)
