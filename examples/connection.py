"""Shared by the examples: connects the official client to a server over REST and gRPC."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qdrant_client import QdrantClient
from qdrant_client.models import SparseVectorParams, VectorParams


def add_arguments(parser: argparse.ArgumentParser, collection: str) -> None:
    """Add the options for the address of the server and the name of the collection."""
    parser.add_argument("--url", default="http://127.0.0.1:6333", help="where REST listens")
    parser.add_argument("--grpc-port", type=int, default=6334, help="where gRPC listens")
    parser.add_argument(
        "--collection",
        default=collection,
        help="a name that no collection has; it is deleted at the end (default: %(default)s)",
    )
    parser.add_argument(
        "--spawn", action="store_true", help="start a server of its own in a temporary folder"
    )


@contextmanager
def clients(arguments: argparse.Namespace) -> Iterator[dict[str, QdrantClient]]:
    """Clients by protocol: of the server at `--url`, or of one started for `--spawn`."""
    if arguments.spawn:
        with spawned() as (url, grpc_port), connected(url, grpc_port) as made:
            yield made
    else:
        with connected(arguments.url, arguments.grpc_port) as made:
            yield made


@contextmanager
def own_collection(
    client: QdrantClient,
    name: str,
    params: VectorParams | Mapping[str, VectorParams],
    sparse: Mapping[str, SparseVectorParams] | None = None,
) -> Iterator[str]:
    """Create a collection and delete it afterwards; exits if the name is taken."""
    if client.collection_exists(name):
        sys.exit(
            f"the server has a collection {name} already, which is left as it is; give another "
            "name with --collection, or use a server of your own with --spawn"
        )
    client.create_collection(name, vectors_config=params, sparse_vectors_config=sparse)
    try:
        yield name
    finally:
        client.delete_collection(name)


@contextmanager
def connected(url: str, grpc_port: int) -> Iterator[dict[str, QdrantClient]]:
    """Clients of a running server, by protocol."""
    # Texts are sent as they are, for the server to make vectors of.
    shared: dict[str, Any] = {"timeout": 120, "cloud_inference": True}
    made = {
        "REST": QdrantClient(url, **shared),
        "gRPC": QdrantClient(url, grpc_port=grpc_port, prefer_grpc=True, **shared),
    }
    try:
        yield made
    finally:
        for client in made.values():
            client.close()


@contextmanager
def spawned() -> Iterator[tuple[str, int]]:
    """Start a server on free ports; yields its REST URL and its gRPC port."""
    with tempfile.TemporaryDirectory() as folder:
        # The log goes to a file: a pipe that nobody reads would fill up and stop the server.
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "vexfs_twisted", f"--storage-path={folder}/data"]
        command += ["--http-port=0", "--grpc-port=0", "--log-format=json"]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output) as server:
            try:
                yield read_addresses(server, log)
            finally:
                server.terminate()


def read_addresses(server: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    """Wait until the server logs that it listens; returns its addresses."""
    while server.poll() is None:
        for line in log.read_text().splitlines(keepends=True):
            event = json.loads(line) if line.endswith("\n") else {}
            if event.get("event") == "listening":
                return event["rest"], urlsplit(f"//{event['grpc']}").port or 0
        time.sleep(0.05)
    sys.exit(f"the server ended before it was ready:\n{log.read_text()}")
