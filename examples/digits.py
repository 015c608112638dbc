"""Classification of handwritten digits by nearest neighbours, over REST and gRPC.

scikit-learn ships 1,797 scans of 8 x 8 pixels. 1,500 of them are stored with the digit that they
show as payload; each of the other 297 is taken for what most of its five nearest neighbours show.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from time import perf_counter

import numpy as np
from connection import add_arguments, clients, own_collection
from qdrant_client import QdrantClient
from qdrant_client.models import Batch, Distance, QueryRequest, ScoredPoint, VectorParams
from sklearn.datasets import load_digits

COLLECTION = "example-digits"
STORED = 1500
NEIGHBOURS = 5
WANTED_ACCURACY = 0.97


def main() -> int:
    """Run over both protocols; the exit status is 1 if the accuracy is too low."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, COLLECTION)
    arguments = parser.parse_args()
    digits = load_digits()
    # The scans are ordered by writer: shuffled, so that both parts have scans of all writers.
    order = np.random.default_rng(0).permutation(len(digits.data))
    images, labels = digits.data[order].astype(np.float32), digits.target[order]
    params = VectorParams(size=images.shape[1], distance=Distance.EUCLID)
    worst = 1.0
    with clients(arguments) as wires:
        for name, client in wires.items():
            with own_collection(client, arguments.collection, params) as collection:
                store_seconds = store(client, collection, images[:STORED], labels[:STORED])
                started = perf_counter()
                told = classify(client, collection, images[STORED:])
                seconds = perf_counter() - started
            accuracy = float(np.mean(np.array(told) == labels[STORED:]))
            worst = min(worst, accuracy)
            print(
                f"{name}: stored {STORED} in {store_seconds:.2f} s, classified {len(told)} in "
                f"{seconds:.2f} s ({len(told) / seconds:.0f}/s), accuracy {accuracy:.4f}"
            )
    return 0 if worst >= WANTED_ACCURACY else 1


def store(client: QdrantClient, collection: str, images: np.ndarray, labels: np.ndarray) -> float:
    """Fill the collection; returns the seconds that the upserts took."""
    payloads = [{"digit": int(label)} for label in labels]
    points = Batch(ids=list(range(len(images))), vectors=images.tolist(), payloads=payloads)
    started = perf_counter()
    client.upsert(collection, points, wait=True)
    return perf_counter() - started


def classify(client: QdrantClient, collection: str, images: np.ndarray) -> list[int]:
    """The predicted digit of each image, by one request for all."""
    requests = [
        QueryRequest(query=image.tolist(), limit=NEIGHBOURS, with_payload=True) for image in images
    ]
    answers = client.query_batch_points(collection, requests)
    return [vote(answer.points) for answer in answers]


def vote(neighbours: Sequence[ScoredPoint]) -> int:
    """The most frequent digit of the neighbours; of equally frequent ones the nearest."""
    shown = [int((point.payload or {})["digit"]) for point in neighbours]
    return Counter(shown).most_common(1)[0][0]


if __name__ == "__main__":
    sys.exit(main())
