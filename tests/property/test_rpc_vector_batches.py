"""Batches of searches that are decoded as one matrix are read as they are one by one."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.property.test_rpc_upserts import MALFORMED, UNKNOWN
from tests.property.test_rpc_vectors import delimited
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.queries import VectorQueries
from vexfs_twisted.rpc.codecs import vector_batches
from vexfs_twisted.rpc.codecs.queries import read_query
from vexfs_twisted.rpc.codecs.searches import read_search
from vexfs_twisted.rpc.codecs.vector_batches import parse_batch, read_batch_queries
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common

vectors = st.lists(
    st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1.0]),
    min_size=3,
    max_size=3,
)
KINDS = ("query", "search")


def query(kind: str, vector: list[float], **parts: Any) -> Message:
    """One search."""
    if kind == "search":
        return pb.SearchPoints(collection_name="c", vector=vector, **{"limit": 3, **parts})
    dense = pb.VectorInput(dense=pb.DenseVector(data=vector))
    return pb.QueryPoints(collection_name="c", query=pb.Query(nearest=dense), **parts)


def filter_of(text: str) -> common.Filter:
    """A filter with a string."""
    match = common.FieldCondition(key="k", match=common.Match(keyword=text))
    return common.Filter(must=[common.Condition(field=match)])


@st.composite
def parts_of(draw: st.DrawFn) -> dict[str, Any]:
    """What the searches of a batch have in common."""
    parts: dict[str, Any] = {}
    if draw(st.booleans()):
        parts["filter"] = filter_of(draw(st.text(max_size=4)))
    if draw(st.booleans()):
        parts["limit"] = draw(st.sampled_from([0, 1, 7, 2**64 - 1]))
    if draw(st.booleans()):
        parts["score_threshold"] = 0.5
    if draw(st.booleans()):
        parts["params"] = pb.SearchParams(hnsw_ef=draw(st.sampled_from([0, 30])))
    return parts


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """The kind and the bytes of a request, whose searches mostly differ in their vectors only."""
    kind, parts = draw(st.sampled_from(KINDS)), draw(parts_of())
    count = draw(st.integers(0, 5))
    found = [query(kind, draw(vectors), **parts).SerializeToString() for _ in range(count)]
    odd = draw(st.sampled_from([*[""] * 8, "other", "number", "bytes", "twice", "sparse", "short"]))
    place = draw(st.integers(0, max(count - 1, 0)))
    if found and odd == "other":
        found[place] = query(kind, draw(vectors), **{**parts, "limit": 4}).SerializeToString()
    elif found and odd == "number":
        wrong = [0.0, draw(st.sampled_from([nan, inf])), 1.0]
        found[place] = query(kind, wrong, **parts).SerializeToString()
    elif found and odd == "bytes":
        byte, at = draw(st.integers(0, 255)), draw(st.integers(0, len(found[place]) - 1))
        found[place] = found[place][:at] + bytes([byte]) + found[place][at + 1 :]
    elif odd == "twice":
        found = [own + own for own in found]
    elif odd == "short" and found:
        found[place] = query(kind, [1.0, 2.0], **parts).SerializeToString()
    fields = [delimited(1, b"somewhere"), *(delimited(2, own) for own in found)]
    late = draw(st.sampled_from(["", "", "", "late", "unknown", "malformed", "cut", "search"]))
    if late == "late":
        fields.append(delimited(1, b"elsewhere"))
    elif late == "unknown":
        fields.insert(draw(st.integers(0, len(fields))), draw(st.sampled_from(UNKNOWN)))
    elif late == "malformed":
        fields.append(draw(st.sampled_from(MALFORMED)))
    elif late == "search" and found:
        fields += [delimited(1, b"x"), delimited(2, found[0])]
    data = b"".join(fields)
    return kind, data[: draw(st.integers(0, len(data)))] if late == "cut" else data


class AlikeTests(SynchronousTestCase):
    """The same requests, read both ways."""

    def read(self, kind: str, data: bytes, large: float) -> Any:
        """What is read of a request, or its error; and whether it was read as a matrix."""
        self.patch(vector_batches, "_LARGE", large)
        self.patch(vector_batches, "_FEW", 1)
        message_type = pb.QueryBatchPoints if kind == "query" else pb.SearchBatchPoints
        try:
            parsed = parse_batch(message_type, data)
            queries = read_batch_queries(
                parsed,
                read_query if kind == "query" else read_search,
            )
        except DecodeError:
            return "malformed", False
        except DomainError as error:
            return str(error), False
        name = parsed.message.collection_name
        return (list(queries), name), isinstance(queries, VectorQueries)

    @settings(max_examples=800, deadline=None)
    @given(requests())
    def test_both_ways_read_the_same(self, request: tuple[str, bytes]) -> None:
        found, _ = self.read(*request, large=0)
        expected, _ = self.read(*request, large=inf)
        self.assertEqual(found, expected)

    def test_requests_of_clients_are_read_at_once(self) -> None:
        """With filters, and where the bytes of the vector occur elsewhere."""
        numbers = np.arange(1, 31, dtype=np.float32).reshape(10, 3)
        for kind in KINDS:
            for parts in ({}, {"filter": filter_of("x"), "limit": 2**64 - 1}):
                searches = [query(kind, row.tolist(), **parts) for row in numbers]
                data = b"".join(delimited(2, own.SerializeToString()) for own in searches)
                (queries, _), is_matrix = self.read(kind, delimited(1, b"c") + data, 0)
                self.assertTrue(is_matrix)
                np.testing.assert_array_equal(
                    np.stack([own.form.vector for own in queries]), numbers
                )

    def test_the_bytes_of_a_vector_in_a_filter(self) -> None:
        """A string before the vector has the same bytes, and is the same in all searches."""
        text = np.array([0.0, 2.0, 0.0], dtype="<f4").tobytes().decode()
        condition = filter_of(text)
        found = [query("search", [0.0, 2.0, 0.0], filter=condition) for _ in range(3)]
        odd = b"".join(
            delimited(2, delimited(3, condition.SerializeToString()) + own.SerializeToString())
            for own in found
        )
        for kind in KINDS:
            expected, _ = self.read(kind, odd, inf)
            self.assertEqual(self.read(kind, odd, 0)[0], expected)
