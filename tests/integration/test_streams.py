"""The streams of the flat service, over a real daemon and its own stub."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT, DaemonProcess, run_command, shared_daemon
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

NAME = "streamed"
SIZE = 4
BATCH = 50


def requests(
    first: int, count: int, size: int = SIZE, text: str = ""
) -> Iterator[pb.UpsertPointsRequest]:
    """Requests of `BATCH` points each, `count` points in all."""
    for start in range(first, first + count, BATCH):
        request = pb.UpsertPointsRequest(collection_name=NAME)
        for number in range(start, min(start + BATCH, first + count)):
            point = request.points.add()
            point.id.num = number
            point.payload["number"].integer_value = number
            point.payload["text"].string_value = text
            point.vectors.vector.dense.data.extend(np.random.default_rng(number).random(size))
        yield request


def scroll_request(**fields: Any) -> pb.ScrollRequest:
    return pb.ScrollRequest(collection_name=NAME, **fields)


class StreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = self.start_daemon()
        self.connect()
        params = pb.VectorParams(size=SIZE, distance=pb.Distance.DOT)
        self.stub.CreateCollection(pb.CreateCollectionRequest(collection_name=NAME, vectors=params))
        self.addCleanup(self.end)

    def start_daemon(self) -> DaemonProcess:
        """The daemon, which other tests use as well."""
        return shared_daemon("streams")

    def end(self) -> None:
        """Leave the daemon without a collection."""
        self.stub.DeleteCollection(pb.DeleteCollectionRequest(collection_name=NAME))

    def connect(self) -> None:
        channel = grpc.insecure_channel(self.daemon.grpc_address)
        self.addCleanup(channel.close)
        self.stub = QdrantStub(channel)

    def count(self) -> int:
        response = self.stub.CountPoints(pb.CountPointsRequest(collection_name=NAME, exact=True))
        count: int = response.result.count
        return count

    def scrolled(self, **fields: Any) -> list[int]:
        responses = self.stub.StreamScroll(scroll_request(**fields))
        return [point.id.num for response in responses for point in response.result]

    def refusal(self, call: Any) -> grpc.RpcError:
        with self.assertRaises(grpc.RpcError) as caught:
            list(call)
        return caught.exception


class OwnDaemonCase(StreamCase):
    """With a daemon for each test."""

    options: tuple[str, ...] = ()

    def start_daemon(self) -> DaemonProcess:
        daemon = DaemonProcess(None, *self.options)
        self.addCleanup(daemon.close)
        return daemon.start()

    def end(self) -> None:
        """Nothing is left of the daemon."""


class StreamTests(StreamCase):
    def test_the_example(self) -> None:
        command = [sys.executable, str(ROOT / "examples" / "grpc_client.py")]
        done = run_command([*command, self.daemon.grpc_address, "2000"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        expected = [
            "Inserted 2000 points",
            "2000 points acknowledged, the last batch 19",
            "2000 nearest points in 20 batches",
            "2000 points, 1000 of them even",
        ]
        self.assertEqual(done.stdout.splitlines(), expected)

    def test_an_error_tells_how_far_the_stream_came(self) -> None:
        def broken() -> Iterator[pb.UpsertPointsRequest]:
            yield from requests(0, 200)
            yield from requests(200, 50, size=SIZE + 1)
            yield from requests(250, 50)

        for method in (self.stub.StreamUpsertPoints, self.stub.StreamUpsert):
            with self.assertRaises(grpc.RpcError) as caught:
                call = method(broken())
                if method is self.stub.StreamUpsert:
                    self.assertEqual([ack.batch for ack in call], [0, 1, 2, 3])
            error: Any = caught.exception
            self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("expected dim: 4, got 5", error.details())
            self.assertIn("(200 points of the stream are on disk)", error.details())
            self.assertIn(("points-written", "200"), list(error.trailing_metadata()))
        self.assertEqual(self.count(), 200)

    def test_a_scroll_sees_one_moment(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 2000))
        call = self.stub.StreamScroll(scroll_request())
        found = [point.id.num for point in next(call).result]
        self.stub.StreamUpsertPoints(requests(1500, 1000))
        doomed = pb.PointsSelector()
        doomed.points.ids.extend(pb.PointId(num=number) for number in range(1000, 1600))
        self.stub.DeletePoints(pb.DeletePointsRequest(collection_name=NAME, points=doomed))
        for response in call:
            for point in response.result:
                self.assertEqual(point.payload["number"].integer_value, point.id.num)
                found.append(point.id.num)
        self.assertEqual(found, list(range(2000)))
        self.assertEqual(self.scrolled(), [*range(1000), *range(1600, 2500)])

    def test_a_scroll_with_filter_limit_and_offset(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 500))
        wanted = pb.Filter(
            must=[
                pb.Condition(field=pb.FieldCondition(key="number", range=pb.Range(gte=100, lt=400)))
            ]
        )
        self.assertEqual(self.scrolled(filter=wanted), list(range(100, 400)))
        self.assertEqual(self.scrolled(filter=wanted, limit=7), list(range(100, 107)))
        offset = pb.PointId(num=390)
        self.assertEqual(self.scrolled(filter=wanted, offset=offset), list(range(390, 400)))

    def test_a_search_is_the_same_as_in_one_piece(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 1000))
        request = pb.SearchPointsRequest(
            collection_name=NAME, vector=[0.1, 0.2, 0.3, 0.4], limit=730, offset=11
        )
        whole = [(p.id.num, p.score) for p in self.stub.SearchPoints(request).result]
        batches = [response.result for response in self.stub.StreamSearchPoints(request)]
        streamed = [(point.id.num, point.score) for batch in batches for point in batch]
        self.assertEqual(streamed, whole)
        self.assertEqual(len(batches), 8)

    def test_points_come_in_the_order_of_their_ids(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 300))
        wanted = [7, 299, 5000, *range(250, 20, -1)]
        ids = [pb.PointId(num=number) for number in wanted]
        call = self.stub.StreamGetPoints(pb.GetPointsRequest(collection_name=NAME, ids=ids))
        got = [point.id.num for response in call for point in response.result]
        self.assertEqual(got, [number for number in wanted if number < 300])

    def test_vectors_go_out_once(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 300))
        search = pb.SearchPointsRequest(collection_name=NAME, vector=[1, 0, 0, 0], limit=300)
        get = pb.GetPointsRequest(collection_name=NAME, ids=[pb.PointId(num=7)])
        scroll = scroll_request()
        for request, method in (
            (search, self.stub.StreamSearchPoints),
            (get, self.stub.StreamGetPoints),
            (scroll, self.stub.StreamScroll),
        ):
            request.with_vectors.enable = True
            points = [point for response in method(request) for point in response.result]
            self.assertTrue(points)
            for point in points:
                (field,) = (field.name for field, _ in point.vectors.vector.ListFields())
                self.assertEqual(field, "dense")
                self.assertEqual(len(point.vectors.vector.dense.data), SIZE)

    def test_errors_before_the_first_batch(self) -> None:
        missing = pb.ScrollRequest(collection_name="missing")
        self.assertEqual(
            self.refusal(self.stub.StreamScroll(missing)).code(), grpc.StatusCode.NOT_FOUND
        )
        wrong = pb.SearchPointsRequest(collection_name=NAME, vector=[1.0], limit=3)
        error = self.refusal(self.stub.StreamSearchPoints(wrong))
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_deleting_the_collection_ends_a_scroll(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 10000, text=4000 * "x"))
        call = self.stub.StreamScroll(scroll_request())
        next(call)
        doomed = pb.DeleteCollectionRequest(collection_name=NAME)
        self.assertTrue(self.stub.DeleteCollection(doomed).result)
        self.assertEqual(self.refusal(call).code(), grpc.StatusCode.NOT_FOUND)


class EndedDaemonTests(OwnDaemonCase):
    def test_an_answered_stream_survives_a_kill(self) -> None:
        response = self.stub.StreamUpsertPoints(requests(0, 3020))
        self.assertEqual(response.result.operation_id, 3020)
        self.assertEqual(response.result.status, pb.UpdateStatus.Completed)
        self.restart_after_kill()
        self.assertEqual(self.scrolled(), list(range(3020)))

    def test_each_acknowledged_message_survives_a_kill(self) -> None:
        acknowledged = 0
        for number, ack in enumerate(self.stub.StreamUpsert(requests(0, 5000))):
            self.assertEqual((ack.batch, ack.points), (number, BATCH))
            acknowledged += ack.points
            if number == 30:
                break
        self.restart_after_kill()
        self.assertGreaterEqual(self.count(), acknowledged)
        self.assertEqual(self.scrolled()[:acknowledged], list(range(acknowledged)))

    def test_a_stop_ends_streams_that_nobody_reads(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 10000, text=4000 * "x"))
        call = self.stub.StreamScroll(scroll_request())
        next(call)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(self.refusal(call).code(), grpc.StatusCode.UNAVAILABLE)

    def restart_after_kill(self) -> None:
        self.daemon.kill()
        self.daemon.start()
        self.connect()


class FewStreamsTests(OwnDaemonCase):
    options = ("--max-streams=2",)

    def test_no_more_than_may_be_open(self) -> None:
        self.stub.StreamUpsertPoints(requests(0, 20000))
        open_ones = [self.stub.StreamScroll(scroll_request()) for _ in range(2)]
        for call in open_ones:
            next(call)
        error = self.refusal(self.stub.StreamScroll(scroll_request()))
        self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(self.count(), 20000)
        for call in open_ones:
            self.assertGreater(len(list(call)), 100)
        self.assertEqual(len(self.scrolled()), 20000)
