"""Upserts decoded while they arrive: what becomes of a body does not depend on how it is cut."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.rest.bodies import Body
from vexfs_twisted.rest.codecs.upserts import read_upsert
from vexfs_twisted.rest.decoding import UpsertDecoder

LIMIT = 2**20
INTRUDERS = b',]}[{"\\ x\n1\xff'
UTF8_TEXT = "is not valid UTF-8"

# Letters that matter to whoever looks for the ends of strings and of arrays.
words = st.text('ab"\\[]{},:\n é\U0001f600points', max_size=8)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(st.floats(-1, 1), min_size=2, max_size=2)
vectors = rows | st.dictionaries(st.sampled_from(["", "x", "y"]), rows, max_size=3)
sound_points = st.fixed_dictionaries(
    {"id": st.integers(0, 99), "vector": vectors},
    optional={"payload": st.none() | st.dictionaries(words, values, max_size=3)},
)
wrong_points = values | st.fixed_dictionaries(
    {},
    optional={
        "id": values,
        "vector": values | st.lists(scalars, max_size=3) | st.dictionaries(words, values),
        "payload": values,
    },
)
points = st.lists(sound_points, max_size=6) | st.lists(sound_points | wrong_points, max_size=6)
conditions: dict[str, st.SearchStrategy[Any]] = {
    "update_mode": st.sampled_from([None, "insert_only", "delete"]),
    "update_filter": st.sampled_from([None, {"must": []}, {"bogus": 1}]),
    "shard_key": st.none() | words,
    "batch": st.none() | values,
}
bodies = st.tuples(
    st.dictionaries(words, values, max_size=2),
    st.fixed_dictionaries({"points": points | values}),
    st.fixed_dictionaries({}, optional=conditions),
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A body as JSON in one of many spellings."""
    parts = draw(st.permutations(draw(bodies)))
    how: dict[str, Any] = {
        "ensure_ascii": draw(st.booleans()),
        "indent": draw(st.sampled_from([None, 1])),
        "separators": draw(st.sampled_from([None, (",", ":")])),
    }
    members = [json.dumps(part, **how).strip()[1:-1] for part in parts]
    # Not one object: keys may come twice.
    return ("{" + ",".join(filter(str.strip, members)) + "}").encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A body with something wrong in it."""
    text = draw(texts())
    at = draw(st.integers(0, len(text) - 1))
    intruder = draw(st.sampled_from([b"", *(bytes([code]) for code in INTRUDERS)]))
    return text[:at] + intruder + text[at + draw(st.integers(0, 1)) :]


cuts = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def outcome(text: bytes) -> Upsert | tuple[str, str]:
    """What is made of a body that is decoded as a whole."""
    try:
        return Body(text, None, LIMIT).decode(read_upsert)
    except DomainError as error:
        return error.code, error.message


def streamed(data: bytes, sizes: list[int], encoding: bytes | None = None) -> Any:
    """What is made of a body that comes in pieces of these sizes, over and over."""
    decoder = UpsertDecoder(encoding, LIMIT)
    start = number = 0
    while start < len(data):
        size = sizes[number % len(sizes)]
        decoder.feed([data[start : start + size]])
        start, number = start + size, number + 1
    try:
        return decoder.finish([])
    except DomainError as error:
        return error.code, error.message


class StreamedUpserts(SynchronousTestCase):
    @settings(max_examples=80)
    @given(texts(), cuts)
    def test_json_comes_to_the_same(self, text: bytes, sizes: list[int]) -> None:
        self.assertEqual(streamed(text, sizes), outcome(text))

    @settings(max_examples=80)
    @given(damaged(), cuts)
    def test_damaged_json_comes_to_the_same(self, text: bytes, sizes: list[int]) -> None:
        expected = outcome(text)
        got = streamed(text, sizes)
        if isinstance(expected, tuple) and UTF8_TEXT in expected[1]:
            # The whole body is looked through for this first, and only then parsed.
            self.assertEqual(got[0], expected[0])
        else:
            self.assertEqual(got, expected)

    @settings(max_examples=20)
    @given(texts(), cuts, st.integers(0, 3))
    def test_packed_json_comes_to_the_same(self, text: bytes, sizes: list[int], cut: int) -> None:
        packed = gzip.compress(text)
        packed = packed[: len(packed) - cut]
        try:
            expected = Body(packed, b"gzip", LIMIT).decode(read_upsert)
        except DomainError as error:
            self.assertEqual(streamed(packed, sizes, b"gzip"), (error.code, error.message))
        else:
            self.assertEqual(streamed(packed, sizes, b"gzip"), expected)
