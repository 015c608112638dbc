"""Collections of every kind on one server, and the commands that copy them to another."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models
from twisted.trial.unittest import SynchronousTestCase

from tests.server_process import clean_environment
from tests.support import SCRIPTS, shared_daemon
from vexfs_twisted.migration_command import run_export, run_import

Vectors = dict[str, models.VectorParams]


def every_kind() -> tuple[Vectors, dict[str, models.SparseVectorParams]]:
    """Declarations of vectors of every kind, data type, metric and quantization."""
    distance, params = models.Distance, models.VectorParams
    scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
    hnsw = models.HnswConfigDiff(m=8, ef_construct=50, on_disk=True)
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    binary = models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=False))
    types = models.Datatype
    dense = {
        "": params(size=5, distance=distance.EUCLID),
        "cosine": params(size=8, distance=distance.COSINE, hnsw_config=hnsw, on_disk=True),
        "scalar": params(
            size=8,
            distance=distance.DOT,
            quantization_config=models.ScalarQuantization(scalar=scalar),
        ),
        "binary": params(size=8, distance=distance.MANHATTAN, quantization_config=binary),
        "half": params(size=8, distance=distance.COSINE, datatype=types.FLOAT16),
        "bytes": params(size=8, distance=distance.DOT, datatype=types.UINT8),
        "turbo": params(size=32, distance=distance.COSINE, datatype=types.TURBO4),
        "lines": params(size=4, distance=distance.COSINE, multivector_config=multi),
        "half lines": params(
            size=4, distance=distance.EUCLID, multivector_config=multi, datatype=types.FLOAT16
        ),
    }
    index = models.SparseIndexParams(on_disk=True, datatype=types.FLOAT16)
    sparse = {
        "words": models.SparseVectorParams(index=index, modifier=models.Modifier.IDF),
        "weights": models.SparseVectorParams(),
    }
    return dense, sparse


def point_of_every_kind(number: int) -> models.PointStruct:
    """A point that lacks one of its vectors, which one depends on its number."""
    generator = np.random.default_rng(number)

    def floats(size: int) -> list[float]:
        values: list[float] = generator.normal(size=size).astype(np.float32).tolist()
        return values

    dense, sparse = every_kind()
    vectors: dict[str, Any] = {}
    for name, params in dense.items():
        if params.multivector_config is not None:
            vectors[name] = [floats(params.size) for _ in range(1 + number % 3)]
        elif params.datatype is models.Datatype.UINT8:
            vectors[name] = generator.integers(0, 256, params.size).tolist()
        else:
            vectors[name] = floats(params.size)
    for name in sparse:
        vectors[name] = models.SparseVector(indices=[9 + number, number], values=floats(2))
    del vectors[sorted(vectors)[number % len(vectors)]]
    return models.PointStruct(id=point_id(number), vector=vectors, payload=payload(number))


def point_id(number: int) -> int | str:
    """Numbers, the largest there is among them, and UUIDs."""
    if number % 3 == 0:
        return str(UUID(int=number * 7919 << 64, version=4))
    return 2**64 - 1 if number == 1 else number


def payload(number: int) -> dict[str, Any]:
    """Values of every kind, and none for every seventh point."""
    if number % 7 == 0:
        return {}
    nested = {"": [], "gr\u00fcn": {"deep": [None, True, {"x": -1.5e300}]}}
    values = {"number": number, "large": 2**63 - 1, "whole": 2.0, "none": None}
    return {**values, "word": f"w{number % 5}", "text": "Some words of it", "nested": nested}


class MigrationTestCase(SynchronousTestCase):
    """Two daemons: `near` of this machine's default, and `far`; clients of both."""

    def setUp(self) -> None:
        self.near, self.far = shared_daemon("migration near"), shared_daemon("migration far")
        self.near_client = self.client(self.near.rest_url)
        self.far_client = self.client(self.far.rest_url)
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def client(self, url: str) -> QdrantClient:
        """A client whose server has no collections when the test ends."""
        client = QdrantClient(url=url, timeout=60, check_compatibility=False)
        self.addCleanup(client.close)
        self.addCleanup(
            lambda: [
                client.delete_collection(collection.name)
                for collection in client.get_collections().collections
            ]
        )
        return client

    @property
    def state(self) -> Path:
        """The state file that the commands are given."""
        return self.folder / "state"

    def fill(self, name: str, count: int, size: int = 8) -> None:
        """A collection of plain vectors at the far server."""
        params = models.VectorParams(size=size, distance=models.Distance.DOT)
        self.far_client.create_collection(name, vectors_config=params)
        vectors = np.random.default_rng(count).normal(size=(count, size)).astype(np.float32)
        batch = models.Batch(
            ids=list(range(count)),
            vectors=vectors.tolist(),
            payloads=[{"number": number} for number in range(count)],
        )
        self.far_client.upsert(name, batch)

    def arguments(
        self, *options: str, source: str | None = None, to: str | None = None
    ) -> list[str]:
        """The arguments of an import between the daemons, or other servers."""
        to, source = to or self.near.grpc_address, source or self.far.grpc_address
        return [f"--to={to}", f"--state={self.state}", "--patience=20", *options, source]

    def run_import(
        self, *options: str, source: str | None = None, to: str | None = None
    ) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of an import."""
        return self._command(run_import, self.arguments(*options, source=source, to=to))

    def run_export(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of an export."""
        return self._command(run_export, [f"--state={self.state}", *arguments])

    def _command(self, command: Any, arguments: Sequence[str]) -> tuple[int, str, str]:
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            status = command(arguments)
        return int(status), output.getvalue(), errors.getvalue()

    def begin_import(self, *options: str, to: str) -> subprocess.Popen[bytes]:
        """An import as a process of its own."""
        command = [str(SCRIPTS / "vexfs-qdrant"), "import", *self.arguments(*options, to=to)]
        log = (self.folder / "log").open("ab")
        self.addCleanup(log.close)
        return subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=log)
