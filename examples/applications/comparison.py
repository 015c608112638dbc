"""Documents, their vectors without a model, and the clients that an application is run with."""

from __future__ import annotations

import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import numpy as np
from qdrant_client import QdrantClient

SIZE = 64

TEXTS = [
    "A heap is a tree whose parent is never larger than its children",
    "A queue gives back first what was put in first",
    "A stack gives back last what was put in first",
    "A hash table finds a key in constant time, most of the time",
    "A balanced tree finds a key in logarithmic time",
    "Lists keep their elements in the order they were put in",
    "A socket sends bytes to another machine",
    "The selector tells which sockets can be read without blocking",
    "An event loop runs callbacks when their sockets are ready",
    "A thread pool runs functions beside the event loop",
    "A semaphore lets a number of threads in at a time",
    "A lock lets one thread in at a time",
]
TOPICS = ["structures"] * 6 + ["network"] * 3 + ["threads"] * 3
QUESTIONS = [
    "which tree finds a key",
    "callbacks of sockets that are ready",
    "one thread at a time",
]


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return text.lower().replace(",", "").split()


def dense(text: str) -> list[float]:
    """A vector of length 1: the sum of one random vector for each word, seeded by the word."""
    rows = [
        np.random.default_rng(zlib.crc32(word.encode())).standard_normal(SIZE)
        for word in words(text)
    ]
    total = np.sum(rows, axis=0)
    return [float(value) for value in (total / np.linalg.norm(total)).astype(np.float32)]


def sparse(text: str) -> tuple[list[int], list[float]]:
    """Hashes of the words in ascending order, and how often each word is there.

    Every text has a factor of its own, so that two with the same word do not score alike: the order
    of equal scores is nobody's promise, and a fusion by ranks shows it.
    """
    counts = Counter(zlib.crc32(word.encode()) for word in words(text))
    factor = 1.0 + zlib.crc32(text.encode()) % 1000 / 10_000
    return sorted(counts), [factor * counts[index] for index in sorted(counts)]


def ranked(keys: Iterable[Any]) -> list[tuple[Any, float]]:
    """Hits without scores, whose order shall be compared."""
    return [(key, -float(rank)) for rank, key in enumerate(keys)]


@contextmanager
def opened(*arguments: Any, **named: Any) -> Iterator[QdrantClient]:
    """A client that is closed at the end."""
    client = QdrantClient(*arguments, **named)
    try:
        yield client
    finally:
        client.close()


def compare(application: Callable[[QdrantClient, str], dict[str, Any]]) -> None:
    """Run an application on every wire and on the local mode, and compare what it found.

    The application is called with a client and the name of a collection that is not there yet. Its
    answers are lists of pairs by name: what identifies a hit, and its score or None. The URL of
    the server and its gRPC port are the arguments of the program. Prints the answers as JSON;
    raises AssertionError when they differ.
    """
    url, grpc_port = sys.argv[1], int(sys.argv[2])
    with opened(":memory:") as local:
        expected = application(local, "application")
    for wire, options in {"REST": {}, "gRPC": {"prefer_grpc": True}}.items():
        name = f"application-{uuid4()}"
        with opened(url, grpc_port=grpc_port, **options) as client:
            try:
                found = application(client, name)
            finally:
                client.delete_collection(name)
        assert found.keys() == expected.keys(), (wire, found.keys(), expected.keys())
        for step, hits in expected.items():
            assert_same(found[step], hits, f"{wire}: {step}")
    print(json.dumps(expected))


def assert_same(found: list[Any], expected: list[Any], where: str) -> None:
    """Check that two answers have the same hits, in the same order but for ties."""
    said = f"{where}\nfound {found}\nexpected {expected}"
    assert expected, said
    assert len(found) == len(expected), said
    ours, theirs = ([score or 0.0 for _, score in hits] for hits in (found, expected))
    assert np.allclose(ours, theirs, atol=1e-5), said
    assert sorted(map(tie_order, found)) == sorted(map(tie_order, expected)), said


def tie_order(hit: tuple[Any, float | None]) -> tuple[float, str]:
    """What hits are sorted by so that the order of equal scores does not count."""
    key, score = hit
    return round(score or 0.0, 4), str(key)
