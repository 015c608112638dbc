from __future__ import annotations

import math
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import MalformedMessage
from vexfs_twisted.rpc.codecs.payloads import read_payload, write_payload
from vexfs_twisted.rpc.generated.json_with_int_pb2 import Struct, Value

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(texts, values, max_size=6)


def typed(value: Any) -> Any:
    """`value` with its types beside it: 1, 1.0 and True are equal to Python."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return (type(value).__name__, value)


def over_the_wire(payload: bytes) -> Struct:
    sent = Struct()
    write_payload(payload, sent.fields)
    return Struct.FromString(sent.SerializeToString())


class RoundTripTests(SynchronousTestCase):
    @given(objects)
    def test_json_to_message_and_back(self, json_object: dict[str, Any]) -> None:
        received = over_the_wire(orjson.dumps(json_object))
        back = orjson.loads(read_payload(received.fields))
        self.assertEqual(typed(back), typed(json_object))

    @given(st.integers(2**63, 2**64 - 1))
    def test_unsigned_integers_past_int64_become_doubles(self, number: int) -> None:
        received = over_the_wire(orjson.dumps({"n": number}))
        self.assertEqual(received.fields["n"].WhichOneof("kind"), "double_value")
        self.assertEqual(received.fields["n"].double_value, float(number))


class PayloadTests(SynchronousTestCase):
    def test_empty_payload(self) -> None:
        self.assertEqual(read_payload(Struct().fields), b"{}")
        self.assertEqual(len(over_the_wire(b"{}").fields), 0)

    def test_value_of_no_kind_is_null(self) -> None:
        message = Struct(fields={"k": Value()})
        self.assertEqual(read_payload(message.fields), b'{"k":null}')

    def test_numbers_that_json_lacks(self) -> None:
        for number in (math.nan, math.inf, -math.inf):
            message = Struct(fields={"k": Value(double_value=number)})
            self.assertRaises(MalformedMessage, read_payload, message.fields)

    def test_empty_containers_stay_what_they_are(self) -> None:
        payload = b'{"list":[],"object":{},"nested":[{},[]]}'
        back = read_payload(over_the_wire(payload).fields)
        self.assertEqual(orjson.loads(back), orjson.loads(payload))
