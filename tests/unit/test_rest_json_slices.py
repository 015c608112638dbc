"""Large bodies are parsed in slices, and refused for what would be much in memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.rest.bodies import json_slices
from vexfs_twisted.rest.bodies.content import parse
from vexfs_twisted.rest.bodies.json_decoder import STEP_BYTES, JsonDecoder
from vexfs_twisted.rest.bodies.shapes import MAX_HELD, PLAIN, SMALL, Shape
from vexfs_twisted.rest.codecs import queries, updates
from vexfs_twisted.rest.codecs.gathering import MAX_ELEMENTS
from vexfs_twisted.rest.codecs.ids import read_ids
from vexfs_twisted.rest.codecs.reads import read_count
from vexfs_twisted.rest.codecs.searches import read_query_batch
from vexfs_twisted.rest.codecs.shapes import PAYLOAD_UPDATE, QUERY_BATCH, UPDATE_BATCH, UPSERT
from vexfs_twisted.rest.codecs.updates import read_delete, read_set_payload, read_update_batch
from vexfs_twisted.rest.codecs.upserts import read_upsert

LIMIT = 1 << 30
Read = Callable[[Any], Any]


def many(head: bytes, element: bytes, count: int, tail: bytes) -> bytes:
    """A body with a long array in it."""
    return head + b",".join([element] * count) + tail


BOMB = 400_000
"""Elements of three bytes each, of which orjson would make a list or an object."""

BOMBS: tuple[tuple[str, bytes, Shape, Read], ...] = (
    ("array", many(b"[", b"[]", BOMB, b"]"), PLAIN, read_count),
    ("unknown", many(b'{"x":[', b"[]", BOMB, b"]}"), PLAIN, read_count),
    ("nested", many(b'{"x":[', b"[[[]]]", BOMB // 3, b"]}"), PLAIN, read_count),
    ("filter", many(b'{"filter":{"must":[', b"{}", BOMB, b"]}}"), PLAIN, read_count),
    ("config", many(b'{"metadata":{"a":[', b"{}", BOMB, b"]}}"), SMALL, read_count),
    ("points", many(b'{"points":[', b"[]", BOMB, b"]}"), UPSERT, read_upsert),
    ("rows", many(b'{"batch":{"ids":[1],"vectors":[', b"[]", BOMB, b"]}}"), UPSERT, read_upsert),
    (
        "payload",
        many(b'{"points":[{"id":1,"vector":[1],"payload":{"a":[', b"[]", BOMB, b"]}}]}"),
        UPSERT,
        read_upsert,
    ),
    (
        "set payload",
        many(b'{"points":[1],"payload":{"a":[', b"{}", BOMB, b"]}}"),
        PAYLOAD_UPDATE,
        read_set_payload,
    ),
    ("operations", many(b'{"operations":[', b"[]", BOMB, b"]}"), UPDATE_BATCH, read_update_batch),
    (
        "members",
        b'{"x":{' + b",".join(b'"%d":1' % number for number in range(BOMB)) + b"}}",
        PLAIN,
        read_count,
    ),
)

MOST = 48 * MAX_HELD * 3
"""The most bytes that may be held for one of them. As lists, or objects, each takes 64 and more."""


class Parser:
    """orjson, which notes how much it is given at once."""

    JSONDecodeError = orjson.JSONDecodeError

    def __init__(self) -> None:
        self.largest = 0
        self.most_brackets = 0

    def loads(self, text: bytes) -> Any:
        self.largest = max(self.largest, len(text))
        self.most_brackets = max(self.most_brackets, text.count(b"[") + text.count(b"{"))
        return orjson.loads(text)


class SlicedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.parser = Parser()
        self.patch(json_slices, "orjson", self.parser)

    def decode(self, body: bytes, shape: Shape, read: Read, encoding: bytes | None = None) -> Any:
        """What is made of a body, or the code of its error; and nothing large was parsed."""
        decoder = JsonDecoder(encoding, LIMIT, shape)
        for start in range(0, len(body), 65536):
            decoder.feed([body[start : start + 65536]])
        try:
            found = decoder.finish([], read)
        except DomainError as error:
            found = error.code
        self.assertLess(self.parser.largest, STEP_BYTES + json_slices.KEPT_BYTES + 2048)
        self.assertLess(self.parser.most_brackets, json_slices.DENSE_BRACKETS + 8)
        return found


class Bombs(SlicedCase):
    def check_bomb(self, sent: bytes, shape: Shape, read: Read, most: int, **options: Any) -> None:
        """Assert that a body is refused, for which at most so many bytes were held at once."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        found = self.decode(sent, shape, read, **options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertIn(found, ("format", "validation"), sent[:40])
        self.assertLess(peak, most, sent[:40])

    def test_what_would_be_much_in_memory_is_refused(self) -> None:
        for name, body, shape, read in BOMBS:
            self.check_bomb(body, shape, read, MOST)
            if name in ("array", "payload"):
                self.check_bomb(gzip.compress(body, 1), shape, read, MOST, encoding=b"gzip")

    def test_many_searches(self) -> None:
        # An eighth of everything: to trace the memory of 65,536 queries takes seconds.
        self.patch(queries, "MAX_ELEMENTS", MAX_ELEMENTS // 8)
        body = many(b'{"searches":[', b"{}", BOMB // 8, b"]}")
        self.check_bomb(body, QUERY_BATCH, read_query_batch, MOST // 8)

    def test_nesting(self) -> None:
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            for depth in (301, 5000, 200_000):
                body = b'{"x":' + opening * depth + b"1" + closing * depth + b"}"
                self.assertEqual(self.decode(body, PLAIN, read_count), "format")


class Mistakes(SlicedCase):
    """What is no JSON is told as if the body had been parsed at once."""

    def test_where_something_stands_that_must_not(self) -> None:
        self.patch(json_slices, "KEPT_BYTES", 0)
        self.patch(json_slices, "PENDING_BYTES", 0)
        for wrong in (
            *(b"{{", b"{[", b'{"a"{', b'{"a":1{', b'{"a":[1[', b'{"a":[]{', b'{"a":{},['),
            *(b'{"a":1,,', b'{"a":[1,\n,', b'{"a":[1,]', b'{"a":1,}', b'{"a":1,\n]', b"{,"),
        ):
            for start in (b"", b"\n  ", b'{"b":[1,2],"c":'):
                text = start + wrong + b"1" * 9
                for size in (1, 3, len(text)):
                    decoder = JsonDecoder(None, LIMIT, PLAIN)
                    for place in range(0, len(text), size):
                        decoder.feed([text[place : place + size]])
                    told = self.assertRaises(DomainError, decoder.finish, [], read_count)
                    expected = self.assertRaises(DomainError, parse, text)
                    self.assertEqual(told.message, expected.message, (text, size))


class LargeAndSound(SlicedCase):
    def test_a_million_ids(self) -> None:
        body = b'{"points":[' + b",".join(b"%d" % number for number in range(1_000_000)) + b"]}"
        deleted = self.decode(body, PLAIN, read_delete)
        self.assertEqual(deleted.ids, list(range(1_000_000)))

    def test_many_ids_of_which_one_is_wrong(self) -> None:
        for place in (0, 150_000, 299_999):
            values: list[Any] = list(range(300_000))
            values[place] = -1
            self.assertRaises(DomainError, read_ids, values)
            values[place] = "a"
            self.assertRaises(DomainError, read_ids, values)

    def test_ids_of_a_filter(self) -> None:
        ids = b",".join(b"%d" % number for number in range(300_000))
        body = b'{"filter":{"must":[{"has_id":[' + ids + b"]}]}}"
        count = self.decode(body, PLAIN, read_count)
        self.assertEqual(count.filter.must[0].ids, frozenset(range(300_000)))

    def test_payloads_with_large_arrays(self) -> None:
        payload = {
            "numbers": [number / 8 for number in range(200_000)],
            "objects": [{"n": number, "t": ["a", "b"]} for number in range(50_000)],
            "empty": [],
        }
        point = {"id": 1, "vector": [1.0], "payload": payload}
        text = json.dumps({"points": [point]}).encode()
        upsert = self.decode(text, UPSERT, read_upsert)
        self.assertEqual(json.loads(upsert.payloads[0]), payload)

    def test_a_long_text_is_read_when_it_is_complete(self) -> None:
        payload = {"text": 'x"[{,' * 200_000, "after": 1}
        point = {"id": 1, "vector": [1.0], "payload": payload}
        decoder = JsonDecoder(None, LIMIT, UPSERT)
        decoder.feed([json.dumps({"points": [point]}).encode()])
        upsert = decoder.finish([], read_upsert)
        self.assertEqual(json.loads(upsert.payloads[0]), payload)

    def test_more_points_than_may_be_held(self) -> None:
        count = MAX_HELD // 2
        body = many(b'{"points":[', b'{"id":1,"vector":[1,2],"payload":{"a":{}}}', count, b"]}")
        self.assertEqual(len(self.decode(body, UPSERT, read_upsert).ids), count)

    def test_as_many_operations_and_searches_as_may_be(self) -> None:
        most = 8192
        self.patch(updates, "MAX_ELEMENTS", most)
        self.patch(queries, "MAX_ELEMENTS", most)
        for head, element, shape, read in (
            (b'{"operations":[', b'{"delete":{"points":[1]}}', UPDATE_BATCH, read_update_batch),
            (b'{"searches":[', b'{"query":[1]}', QUERY_BATCH, read_query_batch),
        ):
            found = self.decode(many(head, element, most, b"]}"), shape, read)
            self.assertEqual(len(found), most)
            more = many(head, element, most + 1, b"]}")
            self.assertEqual(self.decode(more, shape, read), "format")
