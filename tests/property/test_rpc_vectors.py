from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.rpc.codecs.vectors import read_columns, read_vector, write_vectors
from vexfs_twisted.rpc.generated import points_pb2 as pb

FORMS = ("dense", "data", "both")

floats = st.floats(width=32, allow_nan=False)


@st.composite
def vectors(draw: st.DrawFn, dimensions: tuple[int, ...]) -> tuple[str, list[float]]:
    size = draw(st.sampled_from(dimensions))
    return draw(st.sampled_from(FORMS)), draw(st.lists(floats, min_size=size, max_size=size))


@st.composite
def batches(draw: st.DrawFn) -> list[dict[str, tuple[str, list[float]]]]:
    """Points as name -> vector; often of one length and form, as real requests are."""
    dimensions = draw(st.sampled_from([(3,), (40,), (0,), (1, 2, 3)]))
    point = st.dictionaries(st.sampled_from(["", "a", "b"]), vectors(dimensions), max_size=3)
    return draw(st.lists(point, max_size=6))


def vector_message(form: str, values: list[float]) -> pb.Vector:
    dense = pb.DenseVector(data=values)
    if form == "dense":
        return pb.Vector(dense=dense)
    if form == "data":
        return pb.Vector(data=values)
    # A client that fills both: the current form counts.
    return pb.Vector(data=[9.0, *values], dense=dense)


def point_message(point: dict[str, tuple[str, list[float]]]) -> pb.PointStruct:
    messages = {name: vector_message(*vector) for name, vector in point.items()}
    if not messages:
        return pb.PointStruct()
    if messages.keys() == {""}:
        return pb.PointStruct(vectors=pb.Vectors(vector=messages[""]))
    return pb.PointStruct(vectors=pb.Vectors(vectors=pb.NamedVectors(vectors=messages)))


class ColumnTests(SynchronousTestCase):
    @given(batches())
    def test_columns_hold_what_was_sent(
        self, points: list[dict[str, tuple[str, list[float]]]]
    ) -> None:
        sent = pb.UpsertPoints(points=map(point_message, points)).SerializeToString()
        columns = read_columns(pb.UpsertPoints.FromString(sent).points)
        self.assertEqual(columns.keys(), {name for point in points for name in point})
        for name, column in columns.items():
            expected = {
                number: np.array(point[name][1], np.float32)
                for number, point in enumerate(points)
                if name in point
            }
            self.check(column, expected, len(points))

    def check(self, column: VectorColumn, expected: dict[int, np.ndarray], points: int) -> None:
        dimensions = {len(vector) for vector in expected.values()}
        self.assertEqual(set(column.dimensions), dimensions)
        if len(dimensions) > 1:
            return
        self.assertEqual(column.data.dtype, np.float32)
        self.assertTrue(column.data.flags.c_contiguous)
        np.testing.assert_array_equal(column.data, np.stack(list(expected.values())))
        if column.positions is None:
            self.assertEqual(len(expected), points)
        else:
            self.assertEqual(column.positions.tolist(), list(expected))


class OutputTests(SynchronousTestCase):
    @given(
        st.dictionaries(st.sampled_from(["", "a", "b"]), st.lists(floats, max_size=300), max_size=3)
    )
    def test_clients_of_both_generations_read_the_same(
        self, vectors: dict[str, list[float]]
    ) -> None:
        message = pb.VectorsOutput()
        write_vectors({n: np.array(v, np.float32) for n, v in vectors.items()}, message)
        received = pb.VectorsOutput.FromString(message.SerializeToString())
        if vectors.keys() == {""}:
            self.assertEqual(received.WhichOneof("vectors_options"), "vector")
            outputs = {"": received.vector}
        else:
            self.assertEqual(received.WhichOneof("vectors_options"), "vectors")
            outputs = dict(received.vectors.vectors)
        self.assertEqual(outputs.keys(), vectors.keys())
        for name, output in outputs.items():
            self.assertEqual(output.WhichOneof("vector"), "dense")
            self.assertEqual(list(output.dense.data), vectors[name])
            self.assertEqual(list(output.data), vectors[name])

    @given(st.lists(floats, max_size=20))
    def test_one_vector(self, values: list[float]) -> None:
        for form in FORMS:
            self.assertEqual(read_vector(vector_message(form, values)).tolist(), values)
