"""gRPC streams: an upsert of many points, a large search, and a scroll of a collection.

    python examples/grpc_client.py [ADDRESS] [POINTS]

Any gRPC client may do the same: the services are in proto/. This one uses the messages and the stub
that come with the server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import grpc
import numpy as np

from vexfs_twisted.proto import qdrant_pb2, qdrant_pb2_grpc

COLLECTION = "example-streamed"
DIMENSION = 64
BATCH = 100


async def create(stub: qdrant_pb2_grpc.QdrantStub) -> None:
    """Create the collection; exits if it exists already."""
    params = qdrant_pb2.VectorParams()
    params.size = DIMENSION
    params.distance = qdrant_pb2.Distance.COSINE
    request = qdrant_pb2.CreateCollectionRequest(collection_name=COLLECTION)
    request.vectors.CopyFrom(params)
    try:
        response = await stub.CreateCollection(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        sys.exit(f"the server has a collection {COLLECTION} already, which is left as it is")
    assert response.result


async def batches(count: int) -> AsyncIterator[qdrant_pb2.UpsertPointsRequest]:
    """Yield requests of `BATCH` points, `count` points in total, generated one at a time."""
    random = np.random.default_rng(0)
    for start in range(0, count, BATCH):
        request = qdrant_pb2.UpsertPointsRequest(collection_name=COLLECTION)
        for number in range(start, min(start + BATCH, count)):
            point = request.points.add()
            point.id.num = number
            point.payload["even"].bool_value = number % 2 == 0
            point.vectors.vector.dense.data.extend(random.standard_normal(DIMENSION))
        yield request


async def insert(stub: qdrant_pb2_grpc.QdrantStub, count: int) -> None:
    """Send the points in one stream; the response comes when all are durable."""
    response = await stub.StreamUpsertPoints(batches(count))
    print(f"Inserted {response.result.operation_id} points")


async def insert_watched(stub: qdrant_pb2_grpc.QdrantStub, count: int) -> None:
    """Send the points again, with a response to each batch once it is durable."""
    points = 0
    async for ack in stub.StreamUpsert(batches(count)):
        points += ack.points
    print(f"{points} points acknowledged, the last batch {ack.batch}")


async def search(stub: qdrant_pb2_grpc.QdrantStub, limit: int) -> None:
    """Read the nearest `limit` points, a batch at a time."""
    request = qdrant_pb2.SearchPointsRequest(
        collection_name=COLLECTION,
        vector=np.random.default_rng(1).standard_normal(DIMENSION),
        limit=limit,
    )
    request.with_payload.enable = True
    found = responses = 0
    async for response in stub.StreamSearchPoints(request):
        found += len(response.result)
        responses += 1
    print(f"{found} nearest points in {responses} batches")


async def scroll(stub: qdrant_pb2_grpc.QdrantStub) -> None:
    """Read the whole collection from one snapshot."""
    request = qdrant_pb2.ScrollRequest(collection_name=COLLECTION)
    even = total = 0
    async for response in stub.StreamScroll(request):
        total += len(response.result)
        even += sum(point.payload["even"].bool_value for point in response.result)
    print(f"{total} points, {even} of them even")


async def main(address: str, count: int) -> None:
    """Run every stream once."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = qdrant_pb2_grpc.QdrantStub(channel)
        await create(stub)
        try:
            await insert(stub, count)
            await insert_watched(stub, count)
            await search(stub, limit=count)
            await scroll(stub)
        finally:
            request = qdrant_pb2.DeleteCollectionRequest(collection_name=COLLECTION)
            await stub.DeleteCollection(request)


if __name__ == "__main__":
    own_address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:6334"
    own_count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    asyncio.run(main(own_address, own_count))
