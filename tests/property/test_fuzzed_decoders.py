"""The decoders of both wires with requests that are nearly right, and what fuzzing has found.

`tests.programs.fuzz_decoders` fuzzes them for long, guided by what code they have reached.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.fuzz.decoders import request_types, rest_decoders, rpc_decoders
from tests.fuzz.mutation import json_text, mutated_bytes, mutated_json, random_message
from tests.fuzz.seeds import decoder_of, rest_seeds
from vexfs_twisted.model.collection import CollectionConfig
from vexfs_twisted.model.collection_params import StrictModeConfig
from vexfs_twisted.rpc.codecs.configs import write_collection_config
from vexfs_twisted.rpc.generated import collections_pb2, flat_pb2, points_pb2

_EACH = 30


class FuzzedDecodersTests(SynchronousTestCase):
    """A few requests for each decoder, the same in each run unless it is a long one."""

    def test_rest(self) -> None:
        decoders, random = rest_decoders(), Random("rest")
        for method, path, body in rest_seeds("c"):
            decode = decoders[decoder_of(method, path)]
            decode(json.dumps(body).encode())
            for _ in range(examples(_EACH)):
                decode(json_text(mutated_json(body, random), random))

    def test_grpc(self) -> None:
        decoders, random = rpc_decoders(), Random("grpc")
        for name, kind in request_types().items():
            for _ in range(examples(_EACH)):
                data = random_message(kind(), random).SerializeToString()
                decoders[name](data)
                decoders[name](mutated_bytes(data, random))


class FoundTests(SynchronousTestCase):
    """Requests that decoders once took badly."""

    def test_a_number_that_follows_an_object(self) -> None:
        """A body in slices was accepted with a fraction, digits or an exponent behind it."""
        for rest in (b".5", b"1", b"e5", b" 1", b"}"):
            rest_decoders()["POST /collections/<collection>/points/count"](b"{}" + rest)

    def decode(self, name: str, message: Any) -> None:
        rpc_decoders()[name](message.SerializeToString())

    def test_rows_without_numbers(self) -> None:
        """A request of some bytes took the memory of as many rows as it claimed to have."""
        vector = points_pb2.Vector(vectors_count=2**32 - 1)
        vectors = points_pb2.Vectors(vector=vector)
        point = points_pb2.PointStruct(vectors=vectors)
        self.decode("/qdrant.Points/Upsert", points_pb2.UpsertPoints(points=[point]))
        recommend = points_pb2.RecommendPoints(collection_name="c", positive_vectors=[vector])
        self.decode("/qdrant.Points/Recommend", recommend)

    def test_a_batch_of_searches_under_its_other_name(self) -> None:
        """Every call of it was an internal error."""
        search = flat_pb2.SearchPointsRequest(collection_name="c", vector=[1.0], limit=1)
        batch = flat_pb2.SearchPointsBatchRequest(collection_name="c", search_points=[search])
        self.decode("/qdrant.Qdrant/SearchPointsBatch", batch)

    def test_numbers_of_a_configuration_that_a_message_cannot_hold(self) -> None:
        """Who made a collection over REST kept others from reading about it over gRPC."""
        limits = StrictModeConfig(max_query_limit=2**53, max_timeout=7)
        message = collections_pb2.CollectionConfig()
        write_collection_config(CollectionConfig(strict_mode_config=limits), message)
        self.assertEqual(message.strict_mode_config.max_query_limit, 2**32 - 1)
        self.assertEqual(message.strict_mode_config.max_timeout, 7)
