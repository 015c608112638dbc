from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.suites.values import dense, dense_rows
from vexfs_twisted.model.errors import ValidationError
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.rpc.codecs.upserts import parse_upsert
from vexfs_twisted.rpc.codecs.vectors import (
    read_columns,
    read_vector_message,
    write_vectors,
)
from vexfs_twisted.rpc.generated import points_pb2 as pb

FORMS = ("dense", "data", "both", "single", "pieces")

floats = st.floats(width=32, allow_nan=False)


@st.composite
def vectors(draw: st.DrawFn, dimensions: tuple[int, ...]) -> tuple[str, list[float]]:
    size = draw(st.sampled_from(dimensions))
    return draw(st.sampled_from(FORMS)), draw(st.lists(floats, min_size=size, max_size=size))


@st.composite
def batches(draw: st.DrawFn) -> list[dict[str, tuple[str, list[float]]]]:
    """Points as name -> vector; often of one length and form, as real requests are."""
    dimensions = draw(st.sampled_from([(3,), (40,), (0,), (0, 1), (1, 2, 3)]))
    point = st.dictionaries(st.sampled_from(["", "a", "b"]), vectors(dimensions), max_size=3)
    return draw(st.lists(point, max_size=6))


def delimited(number: int, body: bytes) -> bytes:
    """A length-delimited field, encoded by hand: as no library would send some of these."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def varint(number: int) -> bytes:
    head = b""
    while number > 0x7F:
        head += bytes([number & 0x7F | 0x80])
        number >>= 7
    return head + bytes([number])


def sent_vector(form: str, values: list[float]) -> bytes:
    """A serialized Vector. `single` floats are not packed, `pieces` are packed twice."""
    packed = np.array(values, "<f4").tobytes()
    if form == "data":
        return delimited(1, packed)
    if form == "both":
        # The current form counts.
        return delimited(1, b"\0\0\0\0" + packed) + delimited(101, delimited(1, packed))
    if form == "single":
        floats = (packed[start : start + 4] for start in range(0, len(packed), 4))
        return delimited(101, b"".join(b"\x0d" + number for number in floats))
    if form == "pieces":
        return delimited(101, delimited(1, packed[:4]) + delimited(1, packed[4:]))
    return delimited(101, delimited(1, packed))


def sent_point(point: dict[str, tuple[str, list[float]]]) -> bytes:
    """A serialized PointStruct as a field of UpsertPoints."""
    vectors = {name: sent_vector(*vector) for name, vector in point.items()}
    if not vectors:
        return delimited(3, delimited(4, delimited(2, b"")))
    if vectors.keys() == {""}:
        return delimited(3, delimited(4, delimited(1, vectors[""])))
    entries = (
        delimited(1, delimited(1, name.encode()) + delimited(2, vector))
        for name, vector in vectors.items()
    )
    return delimited(3, delimited(4, delimited(2, b"".join(entries))))


class ColumnTests(SynchronousTestCase):
    @given(batches())
    def test_columns_hold_what_was_sent(
        self, points: list[dict[str, tuple[str, list[float]]]]
    ) -> None:
        sent = b"".join(map(sent_point, points))
        empty = [
            (number, name)
            for number, point in enumerate(points)
            for name, (_, vector) in sorted(point.items())
            if not vector
        ]
        if empty:
            number, name = empty[0]
            error = self.assertRaises(
                ValidationError, read_columns, parse_upsert(sent).message.points
            )
            path = f"points[{number}].vectors{'.?' if name else ''}.vector"
            self.assertEqual(error.message, f"[{path}: dense vector must not be empty]")
            return
        columns = read_columns(parse_upsert(sent).message.points)
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
        self.assertEqual(dense_rows(column).dtype, np.float32)
        self.assertTrue(dense_rows(column).flags.c_contiguous)
        np.testing.assert_array_equal(dense_rows(column), np.stack(list(expected.values())))
        if column.positions is None:
            self.assertEqual(len(expected), points)
        else:
            self.assertEqual(column.positions.tolist(), list(expected))


class OutputTests(SynchronousTestCase):
    @given(
        st.dictionaries(st.sampled_from(["", "a", "b"]), st.lists(floats, max_size=300), max_size=3)
    )
    def test_the_numbers_go_out_once(self, vectors: dict[str, list[float]]) -> None:
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
            self.assertEqual([field.name for field, _ in output.ListFields()], ["dense"])
            self.assertLessEqual(output.ByteSize(), 4 * len(vectors[name]) + 12)

    @given(
        st.lists(st.lists(floats, min_size=3, max_size=3), min_size=1, max_size=3),
        st.dictionaries(st.integers(0, 2**32 - 1), floats, max_size=5),
    )
    def test_multivectors_and_sparse_vectors(
        self, rows: list[list[float]], items: dict[int, float]
    ) -> None:
        indices, values = np.array(list(items), np.uint32), np.array([*items.values()], np.float32)
        sparse = SparseVector.of(indices, values, "vector")
        message = pb.VectorsOutput()
        write_vectors({"m": MultiVector(np.array(rows, np.float32)), "s": sparse}, message)
        received = pb.VectorsOutput.FromString(message.SerializeToString()).vectors.vectors
        self.assertEqual([list(row.data) for row in received["m"].multi_dense.vectors], rows)
        self.assertEqual(received["s"].WhichOneof("vector"), "sparse")
        found = zip(received["s"].sparse.indices, received["s"].sparse.values, strict=True)
        self.assertEqual(list(found), sorted(items.items()))

    @given(st.lists(floats, max_size=20))
    def test_one_vector(self, values: list[float]) -> None:
        for form in FORMS:
            message = pb.Vector.FromString(sent_vector(form, values))
            self.assertEqual(dense(read_vector_message(message)).tolist(), values)
