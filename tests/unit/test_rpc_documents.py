"""Documents in place of vectors over gRPC: stored as BM25 vectors, and refused."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.embedding.documents import Document, embed_documents, embed_query
from vexfs_twisted.model.errors import BadInput, InferenceError, MalformedMessage, ValidationError
from vexfs_twisted.model.vector_kinds import SparseVector, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.rpc.codecs.payloads import write_object
from vexfs_twisted.rpc.codecs.updates import read_update_vectors, read_upsert
from vexfs_twisted.rpc.codecs.upserts import parse_upsert
from vexfs_twisted.rpc.codecs.vectors import read_vector_message
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated.json_with_int_pb2 import Value

SPARSE = pb.Vector(sparse=pb.SparseVector(indices=[9, 3], values=[0.5, 2]))


def document(text: str, model: str = "qdrant/bm25", **options: Any) -> pb.Vector:
    message = pb.Document(text=text, model=model)
    write_object(options, message.options)
    return pb.Vector(document=message)


def upsert(*vectors: pb.Vector, name: str = "s") -> pb.UpsertPoints:
    named = [pb.NamedVectors(vectors={name: vector}) for vector in vectors]
    points = [pb.PointStruct(vectors=pb.Vectors(vectors=each)) for each in named]
    for number, point in enumerate(points):
        point.id.num = number
    return pb.UpsertPoints(collection_name="c", points=points)


def column(request: pb.UpsertPoints) -> VectorColumn:
    """The column that both schemas must find."""
    (found,) = read_upsert(parse_upsert(request.SerializeToString()).message).vectors.values()
    assert [found] == list(read_upsert(request).vectors.values())
    return found


class Documents(SynchronousTestCase):
    def test_documents_become_sparse_vectors(self) -> None:
        given = [
            Document("Hello world world", "qdrant/bm25", {"avg_len": 5}),
            Document("the", "bm25"),
            Document("brown foxes", "Qdrant/BM25", {"k": 2, "stopwords": {"custom": ["brown"]}}),
        ]
        messages = [document(each.text, each.model, **(each.options or {})) for each in given]
        self.assertEqual(column(upsert(*messages)).vectors, embed_documents(given))

    def test_documents_beside_other_sparse_vectors(self) -> None:
        found = column(upsert(SPARSE, document("a b"), SPARSE, document("hello"))).vectors
        assert isinstance(found, SparseVectors)
        wanted = embed_documents([Document("a b", "bm25"), Document("hello", "bm25")])
        self.assertEqual((found.vector(1), found.vector(3)), (wanted.vector(0), wanted.vector(1)))
        self.assertEqual(found.vector(0), found.vector(2))
        self.assertEqual(found.vector(0).indices.tolist(), [3, 9])

    def test_updates_of_vectors(self) -> None:
        request = pb.UpdatePointVectors(collection_name="c")
        point = request.points.add()
        point.id.num = 1
        point.vectors.vectors.vectors["s"].CopyFrom(document("hello"))
        (found,) = read_update_vectors(request).vectors.values()
        self.assertEqual(found.vectors, embed_documents([Document("hello", "bm25")]))

    def test_a_single_document_is_one_to_search_for(self) -> None:
        vector = read_vector_message(document("hello hello world"))
        self.assertIsInstance(vector, SparseVector)
        self.assertEqual(vector, embed_query(Document("hello world", "bm25")))

    def test_refusals(self) -> None:
        text = Value(string_value="u")
        dense = pb.Vector(dense=pb.DenseVector(data=[1.0]))
        for vectors, error, message in (
            ([document("a", "m")], InferenceError, "InferenceService is not initialized"),
            ([pb.Vector(image=pb.Image(image=text, model="bm25"))], InferenceError, "Inference"),
            (
                [pb.Vector(object=pb.InferenceObject(object=text, model="bm25"))],
                InferenceError,
                "InferenceService is not initialized",
            ),
            ([document("a", k="x")], BadInput, "Invalid BM25 config: k: invalid type"),
            ([document("a", k=-1)], BadInput, "Invalid BM25 config: BM25 k1 must be"),
            ([document("a", k=float("nan"))], MalformedMessage, "cannot convert nan"),
            ([document("a", "")], ValidationError, r"\[points\[0\].vectors.\?.model: must be 1"),
            ([document("a"), dense], BadInput, "Conversion between sparse and regular"),
        ):
            request = upsert(*vectors)
            with self.assertRaisesRegex(error, message):
                read_upsert(request)
            with self.assertRaisesRegex(error, message):
                read_upsert(parse_upsert(request.SerializeToString()).message)
