"""Upserts whose vectors are taken from the request at once are read as they are one by one."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import orjson
from attrs import evolve
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.property.test_rpc_vectors import FORMS, delimited, sent_vector, varint
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.rpc.codecs import upserts as upserts_module
from vexfs_twisted.rpc.codecs.updates import read_upsert
from vexfs_twisted.rpc.codecs.upserts import parse_upsert
from vexfs_twisted.rpc.codecs.varints import encode_varint, read_varint
from vexfs_twisted.rpc.generated import points_pb2 as pb

floats = st.floats(width=32, allow_nan=False)

UNKNOWN = [b"\x98\x06\x07", delimited(99, b"later"), b"\xa5\x06abcd", b"\xa1\x06abcdefgh"]
"""Fields of a later release, of every type on the wire."""

MALFORMED = [b"\x1b", b"\x0a\x05", b"\x22\x7f", b"\x80"]
"""Pieces that end in the middle of a field, or of a group."""


@st.composite
def payload_fields(draw: st.DrawFn) -> list[bytes]:
    """The entries of a payload."""
    payload = draw(st.dictionaries(st.text(max_size=3), st.integers(-5, 2**40), max_size=2))
    values = {key: varint(3 << 3) + varint(number % 2**64) for key, number in payload.items()}
    return [
        delimited(3, delimited(1, key.encode()) + delimited(2, value))
        for key, value in values.items()
    ]


@st.composite
def points(draw: st.DrawFn, name: str, form: str, size: int) -> bytes:
    """A serialized point: mostly as clients send it, with its vector last."""
    numbers = draw(st.lists(floats, min_size=size, max_size=size))
    vector = sent_vector(form, numbers)
    entry = delimited(1, delimited(1, name.encode()) + delimited(2, vector))
    vectors = delimited(4, delimited(2, entry) if name else delimited(1, vector))
    number = draw(st.integers(0, 2**64 - 1))
    before = [delimited(1, varint(1 << 3) + varint(number)), *draw(payload_fields())]
    odd = draw(st.sampled_from([*[""] * 12, "unknown", "malformed", "after", "twice", "first"]))
    if odd == "unknown":
        before.append(draw(st.sampled_from(UNKNOWN)))
    elif odd == "malformed":
        before.append(draw(st.sampled_from(MALFORMED)))
    elif odd == "twice":
        before.append(delimited(4, delimited(1, sent_vector("dense", [1.0] * size))))
    elif odd == "after":
        vectors += draw(st.sampled_from([*UNKNOWN, vectors]))
    elif odd == "first":
        before, vectors = [vectors, *before], b""
    return b"".join(before) + vectors


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A serialized upsert, whose points are mostly encoded alike."""
    name, form, size = (
        draw(st.sampled_from(["", "", "a"])),
        draw(st.sampled_from([*["dense"] * 6, *FORMS])),
        draw(st.sampled_from([1, 3, 40])),
    )
    count = draw(st.integers(0, 5))
    found = [draw(points(name, form, size)) for _ in range(count)]
    if draw(st.booleans()) and draw(st.booleans()):
        found.append(
            draw(points(draw(st.sampled_from(["", "a"])), draw(st.sampled_from(FORMS)), 3))
        )
    fields = [delimited(1, b"somewhere"), b"\x10\x01", *(delimited(3, point) for point in found)]
    odd = draw(st.sampled_from(["", "", "", "late", "unknown", "malformed", "cut"]))
    if odd == "late":
        fields.append(delimited(1, b"elsewhere") + b"\x38\x05")
    elif odd == "unknown":
        fields.insert(draw(st.integers(0, len(fields))), draw(st.sampled_from(UNKNOWN)))
    elif odd == "malformed":
        fields.append(draw(st.sampled_from(MALFORMED)))
    data = b"".join(fields)
    return data[: draw(st.integers(0, len(data)))] if odd == "cut" else data


class WithoutVectorsTests(SynchronousTestCase):
    """The same requests, parsed both ways."""

    def read(self, data: bytes, large: float) -> Any:
        """What is read of a request, or the kind of its error."""
        self.patch(upserts_module, "_LARGE", large)
        self.patch(upserts_module, "_SHORT", 1)
        try:
            parsed = parse_upsert(data)
            update = read_upsert(parsed.message, parsed.columns)
        except DecodeError:
            return "malformed"
        except DomainError as error:
            return str(error)
        message = parsed.message
        # A map has no order: reserialized, its entries may come in another.
        payloads = list(map(orjson.loads, update.payloads))
        update = evolve(update, payloads=())
        return update, payloads, message.collection_name, message.wait, message.timeout

    @settings(max_examples=600, deadline=None)
    @given(requests())
    def test_both_ways_read_the_same(self, data: bytes) -> None:
        self.assertEqual(self.read(data, 0), self.read(data, inf))

    def test_requests_of_clients_are_read_at_once(self) -> None:
        """Whatever their ids, payloads and the name of their vector."""
        self.patch(upserts_module, "_LARGE", 0)
        for name in ("", "image"):
            for size in (16, 40, 5000):
                data = np.arange(3 * size, dtype=np.float32).reshape(3, size)
                request = pb.UpsertPoints(collection_name="c", wait=True)
                for number, row in enumerate(data):
                    vector = pb.Vector(dense=pb.DenseVector(data=row))
                    vectors = pb.Vectors(vector=vector)
                    if name:
                        vectors = pb.Vectors(vectors=pb.NamedVectors(vectors={name: vector}))
                    point = request.points.add(vectors=vectors)
                    point.id.num = number
                    point.payload["n"].integer_value = number
                parsed = parse_upsert(request.SerializeToString())
                assert parsed.columns is not None
                self.assertEqual(list(parsed.columns), [name])
                np.testing.assert_array_equal(parsed.columns[name].vectors.arrays()[0], data)
                self.assertEqual([point.id.num for point in parsed.message.points], [0, 1, 2])

    def test_a_number_that_does_not_end(self) -> None:
        """It is not read any further than a number may be long."""
        for data in (b"\x38" + b"\xff" * 2**24, b"\x1a" + b"\xff" * 2**24, b"\xff" * 2**24):
            self.assertRaises(DecodeError, parse_upsert, data)


class VarintTests(SynchronousTestCase):
    """Numbers as protobuf encodes them."""

    @given(st.integers(0, 2**64 - 1), st.binary(max_size=3), st.binary(max_size=3))
    def test_numbers(self, number: int, before: bytes, after: bytes) -> None:
        encoded = encode_varint(number)
        self.assertEqual(pb.UpsertPoints(timeout=number).SerializeToString(), b"\x38" + encoded)
        found = read_varint(before + encoded + after, len(before))
        self.assertEqual(found, (number, len(before) + len(encoded)))

    def test_what_does_not_end(self) -> None:
        for data in (b"", b"\x80", b"\xff" * 9, b"\xff" * 10 + b"\1"):
            self.assertRaises(IndexError, read_varint, data, 0)
