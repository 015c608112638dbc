"""Bodies decoded while they arrive: what becomes of one does not depend on how it is cut."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.rest.bodies import json_slices
from vexfs_twisted.rest.bodies.content import parse
from vexfs_twisted.rest.bodies.json_decoder import JsonDecoder
from vexfs_twisted.rest.bodies.shapes import PLAIN, RAW, Shape
from vexfs_twisted.rest.codecs.reads import read_count
from vexfs_twisted.rest.codecs.searches import read_query_batch, read_search_batch
from vexfs_twisted.rest.codecs.shapes import (
    PAYLOAD_UPDATE,
    QUERY_BATCH,
    SEARCH_BATCH,
    UPDATE_BATCH,
    UPDATE_VECTORS,
    UPSERT,
)
from vexfs_twisted.rest.codecs.updates import read_delete, read_set_payload, read_update_batch
from vexfs_twisted.rest.codecs.upserts import read_update_vectors, read_upsert

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
documents = st.fixed_dictionaries(
    {"text": words, "model": st.sampled_from(["bm25", "bm25", "bm25", "other", ""])},
    optional={"options": st.sampled_from([None, {}, {"k": 2}, {"k": "x"}, {"b": 2}, 1])},
)
sparse = st.sampled_from([
    {"indices": [3, 1], "values": [1, 2.5]},
    {"indices": [], "values": []},
    {"indices": [1, 1], "values": [1, 2]},
    {"indices": [-1], "values": [1]},
])  # fmt: skip
named = st.fixed_dictionaries(
    {}, optional={"": rows, "x": rows, "y": rows, "text": documents | documents | sparse}
)
vectors = rows | named
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


Read = Callable[[Any], Any]


def outcome(text: bytes, read: Read = read_upsert) -> Any:
    """What is made of a body that is decoded as a whole."""
    try:
        return read(parse(text))
    except DomainError as error:
        return error.code, error.message


def streamed(
    data: bytes,
    sizes: list[int],
    encoding: bytes | None = None,
    shape: Shape = UPSERT,
    read: Read = read_upsert,
) -> Any:
    """What is made of a body that comes in pieces of these sizes, over and over."""
    decoder = JsonDecoder(encoding, LIMIT, shape)
    start = number = 0
    while start < len(data):
        size = sizes[number % len(sizes)]
        decoder.feed([data[start : start + size]])
        start, number = start + size, number + 1
    try:
        return decoder.finish([], read)
    except DomainError as error:
        return error.code, error.message


class SlicedCase(SynchronousTestCase):
    def setUp(self) -> None:
        # So that slices end inside of arrays of numbers, and dense ones are halved.
        self.patch(json_slices, "PENDING_BYTES", 4)
        self.patch(json_slices, "DENSE_BRACKETS", 6)
        self.patch(json_slices, "KEPT_BYTES", 12)


_INVALID, _NO_INDEX = (
    '{"indices": [1, 1], "values": [1, 2]}',
    '{"indices": [-1], "values": [1]}',
)
_DOCUMENT = '{"text": "a", "model": "other"}'


def _points(*texts: str) -> bytes:
    """Points with a vector of one name."""
    points = ",".join(f'{{"id": 1, "vector": {{"text": {text}}}}}' for text in texts)
    return f'{{"points": [{points}]}}'.encode()


def _columns(*texts: str) -> bytes:
    """The same as columns."""
    ids = list(range(len(texts)))
    return f'{{"batch": {{"ids": {ids}, "vectors": {{"text": [{",".join(texts)}]}}}}}}'.encode()


class SlicedUpserts(SlicedCase):
    def test_malformed_vectors_come_before_invalid_ones(self) -> None:
        for write in (_points, _columns):
            for texts_ in ((_INVALID, _NO_INDEX), (_DOCUMENT, _NO_INDEX), (_DOCUMENT, _INVALID)):
                for sizes in ([5], [40], [1000]):
                    text = write(*texts_, *texts_[::-1])
                    self.assertEqual(streamed(text, sizes), outcome(text), (text, sizes))
            self.assertEqual(outcome(write(_INVALID, _NO_INDEX))[0], "format")

    @settings(max_examples=150)
    @given(texts(), cuts)
    def test_json_comes_to_the_same(self, text: bytes, sizes: list[int]) -> None:
        self.assertEqual(streamed(text, sizes), outcome(text))

    @settings(max_examples=150)
    @given(damaged(), cuts)
    def test_damaged_json_comes_to_the_same(self, text: bytes, sizes: list[int]) -> None:
        expected = outcome(text)
        got = streamed(text, sizes)
        is_cut = any(isinstance(one, tuple) and UTF8_TEXT in one[1] for one in (expected, got))
        if text.lstrip()[:1] == b"[" or is_cut:
            # An array is refused for what it is. And text that is not UTF-8 is looked for before
            # anything is parsed, in a whole body, and in a slice, whose ends may lie within a
            # character where the damage hides that it is in a string.
            self.assertEqual(got[0], "format")
            self.assertEqual(outcome(text)[0], "format")
        else:
            self.assertEqual(got, expected)

    @settings(max_examples=20)
    @given(texts(), cuts, st.integers(0, 3))
    def test_packed_json_comes_to_the_same(self, text: bytes, sizes: list[int], cut: int) -> None:
        packed = gzip.compress(text)
        packed = packed[: len(packed) - cut]
        whole = streamed(packed, [len(packed)], b"gzip")
        self.assertEqual(whole, outcome(text) if cut == 0 else whole)
        self.assertEqual(streamed(packed, sizes, b"gzip"), whole)
        self.assertEqual(cut > 0, whole[0] == "bad_request" if isinstance(whole, tuple) else False)


payloads = st.dictionaries(words, values, max_size=3)
numbers = st.lists(st.floats(-1, 1) | st.integers(-9, 9), min_size=1, max_size=9)
ids = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)
upserts = st.fixed_dictionaries({"points": st.lists(sound_points, max_size=4)})
moved = st.fixed_dictionaries({"id": st.integers(0, 99), "vector": rows | st.just([])})
columns = st.integers(1, 5).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "ids": st.lists(st.integers(0, 99), min_size=n, max_size=n),
            "vectors": st.lists(rows, min_size=n, max_size=n + 1)
            | st.dictionaries(words, st.lists(rows, min_size=n, max_size=n), max_size=2),
        },
        optional={"payloads": st.lists(st.none() | payloads | words, min_size=n, max_size=n)},
    )
)
filters = st.fixed_dictionaries({"must": st.just([{"has_id": [1, 2, 3]}])})
set_payloads = st.fixed_dictionaries({"payload": payloads, "points": ids})
operations = st.one_of(
    upserts.map(lambda part: {"upsert": part}),
    columns.map(lambda part: {"upsert": {"batch": part}}),
    set_payloads.map(lambda part: {"set_payload": part}),
    ids.map(lambda part: {"delete": {"points": part}}),
    st.lists(moved, max_size=3).map(lambda part: {"update_vectors": {"points": part}}),
    values,
)
query = st.fixed_dictionaries({"limit": st.integers(0, 9)}, optional={"filter": filters})
KINDS: list[tuple[Shape, Read, st.SearchStrategy[Any]]] = [
    (UPSERT, read_upsert, columns.map(lambda part: {"batch": part})),
    (
        UPDATE_VECTORS,
        read_update_vectors,
        st.fixed_dictionaries({"points": st.lists(moved, max_size=5)}),
    ),
    (PAYLOAD_UPDATE, read_set_payload, set_payloads),
    (
        UPDATE_BATCH,
        read_update_batch,
        st.fixed_dictionaries({"operations": st.lists(operations, max_size=4)}),
    ),
    (
        QUERY_BATCH,
        read_query_batch,
        st.fixed_dictionaries({"searches": st.lists(query | values, max_size=5)}),
    ),
    (
        SEARCH_BATCH,
        read_search_batch,
        st.fixed_dictionaries(
            {"searches": st.lists(st.fixed_dictionaries({"vector": numbers, "limit": st.just(1)}))}
        ),
    ),
    (PLAIN, read_delete, st.fixed_dictionaries({"points": ids | values})),
    (PLAIN, read_count, st.fixed_dictionaries({"filter": filters | values})),
]


class SlicedBodies(SlicedCase):
    """The other bodies whose arrays may be long: sound ones, and some that are refused."""

    @settings(max_examples=200)
    @given(st.data(), st.sampled_from(KINDS), st.sampled_from([None, 1]), cuts)
    def test_json_comes_to_the_same(
        self,
        data: st.DataObject,
        kind: tuple[Shape, Read, st.SearchStrategy[Any]],
        indent: int | None,
        sizes: list[int],
    ) -> None:
        shape, read, strategy = kind
        text = json.dumps(data.draw(strategy), indent=indent).encode()
        self.assertEqual(streamed(text, sizes, None, shape, read), outcome(text, read))

    @settings(max_examples=150)
    @given(st.dictionaries(words, values, max_size=4), st.sampled_from([None, 1]), cuts)
    def test_values_that_are_kept_as_text(
        self, value: Any, indent: int | None, sizes: list[int]
    ) -> None:
        text = json.dumps(value, indent=indent).encode()
        got = streamed(text, sizes, None, RAW, orjson.dumps)
        self.assertEqual(json.loads(got), value)
