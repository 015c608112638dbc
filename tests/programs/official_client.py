"""Uses a server over TLS by the official client: PORT GRPC_PORT AUTHORITY [CERTIFICATE KEY].

A client certificate is for REST alone: the official client has no way to give one to grpc.
"""

from __future__ import annotations

import ssl
import sys

from qdrant_client import QdrantClient, models


def use(client: QdrantClient, number: int) -> None:
    """Write points and find them."""
    name = f"notes-{number}"
    client.create_collection(
        name, models.VectorParams(size=4, distance=models.Distance.DOT), timeout=30
    )
    points = [
        models.PointStruct(id=i, vector=[float(i), 1.0, 0.0, 0.0], payload={"n": i})
        for i in range(2000)
    ]
    client.upsert(name, points)
    (best,) = client.query_points(name, [1.0, 0, 0, 0], limit=1, with_payload=True).points
    assert (best.id, best.payload) == (1999, {"n": 1999}), best
    found, _ = client.scroll(name, limit=2000, with_vectors=True)
    assert len(found) == 2000, len(found)


def main() -> None:
    """Use the server over both wires."""
    port, grpc_port, authority, *client = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    if client:
        context.load_cert_chain(*client)
    for number in range(1 if client else 2):
        use(
            QdrantClient(
                url=f"https://localhost:{port}",
                grpc_port=int(grpc_port),
                prefer_grpc=number == 1,
                verify=context,
            ),
            number,
        )


main()
