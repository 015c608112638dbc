"""Sparse vectors and multivectors in messages, in the current form and the older one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.suites.values import plain_vector
from vexfs_twisted.model.errors import BadInput, InferenceError, MalformedMessage, ValidationError
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors, vector_content
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.rpc.codecs.upserts import parse_upsert
from vexfs_twisted.rpc.codecs.vectors import read_columns, read_vector_message
from vexfs_twisted.rpc.generated import points_pb2 as pb


def dense(*numbers: float) -> pb.Vector:
    return pb.Vector(dense=pb.DenseVector(data=numbers))


def sparse(numbers: Mapping[int, float]) -> pb.Vector:
    return pb.Vector(sparse=pb.SparseVector(indices=numbers, values=numbers.values()))


def old_sparse(numbers: Mapping[int, float]) -> pb.Vector:
    return pb.Vector(data=numbers.values(), indices=pb.SparseIndices(data=numbers))


def multi(*rows: Sequence[float]) -> pb.Vector:
    lines = [pb.DenseVector(data=row) for row in rows]
    return pb.Vector(multi_dense=pb.MultiDenseVector(vectors=lines))


def old_multi(count: int, *numbers: float) -> pb.Vector:
    return pb.Vector(data=numbers, vectors_count=count)


def columns_of(*points: Mapping[str, pb.Vector]) -> dict[str, VectorColumn]:
    """The columns of points with these vectors, read as an upsert and as an update of vectors."""
    named = [pb.Vectors(vectors=pb.NamedVectors(vectors=own)) for own in points]
    sent = pb.UpsertPoints(points=[pb.PointStruct(vectors=own) for own in named])
    columns = read_columns(parse_upsert(sent.SerializeToString()).message.points)
    again = read_columns([pb.PointVectors(vectors=own) for own in named])
    assert columns == again, (columns, again)
    return columns


def shown(column: VectorColumn) -> list[Any]:
    return list(map(plain_vector, column.vectors))


class KindsTests(SynchronousTestCase):
    def test_sparse_vectors(self) -> None:
        numbers = {9: 0.5, 2: 1.0, 4_294_967_295: -3.0}
        ordered = {"indices": [2, 9, 4_294_967_295], "values": [1.0, 0.5, -3.0]}
        nothing: dict[str, list[float]] = {"indices": [], "values": []}
        columns = columns_of(
            {"s": sparse(numbers)}, {}, {"s": old_sparse(numbers)}, {"s": sparse({})}
        )
        self.assertIsInstance(columns["s"].vectors, SparseVectors)
        self.assertEqual(shown(columns["s"]), [ordered, ordered, nothing])
        self.assertEqual(columns["s"].places.tolist(), [0, 2, 3])

    def test_multivectors(self) -> None:
        rows = [[1.0, 2.0], [3.0, 4.0]]
        columns = columns_of(
            {"m": multi(*rows)}, {"m": old_multi(2, 1, 2, 3, 4)}, {"m": dense(5, 6)}
        )
        self.assertIsInstance(columns["m"].vectors, MultiVectors)
        self.assertEqual(shown(columns["m"]), [rows, rows, [[5.0, 6.0]]])
        self.assertIsNone(columns["m"].positions)

    def test_an_unnamed_one_of_each_kind(self) -> None:
        for vector in (sparse({1: 2}), multi([1, 2], [3, 4]), old_sparse({1: 2})):
            point = pb.PointStruct(vectors=pb.Vectors(vector=vector))
            sent = pb.UpsertPoints(points=[point]).SerializeToString()
            columns = read_columns(parse_upsert(sent).message.points)
            (found,) = columns[""].vectors
            self.assertEqual(vector_content(found), vector_content(read_vector_message(vector)))

    def test_rows_of_several_lengths(self) -> None:
        columns = columns_of({"m": multi([1, 2])}, {"m": multi([1, 2, 3])}, {"m": dense(1)})
        self.assertEqual(columns["m"].dimensions, (2, 3, 1))

    def test_what_is_refused(self) -> None:
        ragged = "all vectors must have the same dimension, found vector with dimension 1"
        lengths = "Validation error: must be the same length as indices"
        for vector, problem in (
            (multi([1, 2], [3]), f"points[1].vectors.?.data: {ragged}"),
            (multi([]), "points[1].vectors.?.data: all vectors must be non-empty"),
            (multi(), "points[1].vectors.?.vector: dense vector must not be empty"),
            (dense(), "points[1].vectors.?.vector: dense vector must not be empty"),
            (
                pb.Vector(sparse=pb.SparseVector(indices=[1, 1], values=[1, 2])),
                "points[1].vectors.?.indices: Validation error: must be unique [{}]",
            ),
            (
                pb.Vector(sparse=pb.SparseVector(indices=[1], values=[1, 2])),
                f"points[1].vectors.?.values: {lengths} [{{}}]",
            ),
        ):
            error = self.assertRaises(ValidationError, columns_of, {}, {"x": vector})
            self.assertEqual(error.message, f"[{problem}]")
        for count, numbers in ((2, (1, 2, 3)), (0, (1,)), (0, ())):
            vector = old_multi(count, *numbers)
            error = self.assertRaises(MalformedMessage, columns_of, {"m": vector})
            self.assertIn("is not divisible by vectors count", error.message)
        for other in (dense(1), multi([1])):
            error = self.assertRaises(BadInput, columns_of, {"x": sparse({1: 1})}, {"x": other})
            self.assertIn("Conversion between sparse and regular vectors failed", error.message)
        document = pb.Vector(document=pb.Document(text="x", model="m"))
        self.assertRaises(InferenceError, columns_of, {"x": sparse({1: 1})}, {"x": document})

    def test_the_messages_of_queries(self) -> None:
        for vector in (dense(1, 2), sparse({4: 2, 1: 3}), multi([1, 2], [3, 4])):
            part = getattr(vector, vector.WhichOneof("vector") or "")
            found, wanted = read_vector_message(part), read_vector_message(vector)
            self.assertEqual(vector_content(found), vector_content(wanted))
        self.assertEqual(np.asarray(read_vector_message(pb.DenseVector())).shape, (0,))
        repeated = pb.SparseVector(indices=[1, 1], values=[1, 2])
        error = self.assertRaises(ValidationError, read_vector_message, repeated, "query")
        self.assertIn("[query.indices: ", error.message)
