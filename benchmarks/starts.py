"""Starts of the server against the number of points and of collections, and memory after deletions.

    python -m benchmarks.starts FOLDER [POINTS...]

Makes stores in FOLDER, or takes those that are there: one collection of 128 dimensions with three
payload indexes and graphs for each number of POINTS, by default 10,000, 100,000 and 1,000,000, and
stores of 1, 200 and 2,000 collections of one point. Of each it prints the time from the start of
the process until /healthz answers, until the first search is answered, with a filter where there
are indexes, and until /readyz is 200; the processor time until then; the same after a kill, where
that differs; and the private memory, also after all collections were deleted. Stores of collections
are started under `ulimit -n 1024`.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np

from tests.engine_support import floats, unnamed, upsert, write
from tests.support import DaemonProcess
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import VectorColumn

from .engines import memory_of
from .processes import processor_seconds

DIM = 128
COUNTS = (10_000, 100_000, 1_000_000)
COLLECTIONS = (1, 200, 2000)
DESCRIPTORS = 1024
_BATCH = 10_000
_POLL_S = 0.02
_SECONDS = 120.0
_MEBIBYTE = 1 << 20
_FIELDS = {"group": FieldType.INTEGER, "tag": FieldType.KEYWORD, "price": FieldType.FLOAT}


def make_points(path: Path, count: int) -> None:
    """A store of one collection of `count` points with payload indexes and graphs."""
    catalog = Catalog(path)
    catalog.open()
    request = CreateCollection({"": VectorParams(Distance.COSINE, DIM)})
    collection = catalog.create("c0", request)
    for name, kind in _FIELDS.items():
        write(collection, CreateFieldIndex(PayloadPath.parse(name), FieldSchema(kind)))
    random = np.random.default_rng(0)
    centres = random.normal(size=(1000, DIM)).astype(np.float32)
    for start in range(0, count, _BATCH):
        ids = range(start, min(start + _BATCH, count))
        noise = random.normal(size=(len(ids), DIM)).astype(np.float32) * np.float32(0.5)
        vectors = centres[random.integers(len(centres), size=len(ids))] + noise
        payloads = [b'{"group":%d,"tag":"t%d","price":%d.5}' % (i % 997, i % 499, i) for i in ids]
        write(collection, Upsert(list(ids), {"": VectorColumn.of(vectors)}, payloads))
    collection.optimize()
    catalog.close()


def make_collections(path: Path, count: int) -> None:
    """A store of `count` collections of one point."""
    catalog = Catalog(path)
    catalog.open()
    for number in range(count):
        write(catalog.create(f"c{number}", unnamed()), upsert([1], floats([1, 2, 3, 4])))
    catalog.close()


def made(path: Path, make: Callable[[Path, int], None], count: int) -> Path:
    """A store, which is made if it is not there."""
    if not path.exists():
        draft = path.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        make(draft, count)
        draft.rename(path)
    return path


class Started:
    """A server that has been started on a store, and when it first answered."""

    def __init__(self, daemon: DaemonProcess, search: Any) -> None:
        self._daemon = daemon
        self._began = time.monotonic()
        self.pid = daemon._launch().pid
        self.healthy = self._until("/healthz")
        self.searched = self._until("/collections/c0/points/query", search)
        self.ready = self._until("/readyz")
        self.seconds = processor_seconds(self.pid)
        self.memory, _ = memory_of(self.pid)

    def __str__(self) -> str:
        return (
            f"{self.healthy:8.2f} {self.searched:8.2f} {self.ready:8.2f} {self.seconds:8.2f} "
            f"{self.memory / _MEBIBYTE:8.0f}"
        )

    def _until(self, path: str, body: Any = None) -> float:
        """The seconds from the start until a call succeeds."""
        while time.monotonic() - self._began < _SECONDS:
            try:
                ask(self._daemon, "GET" if body is None else "POST", path, body)
                return time.monotonic() - self._began
            except HTTPError as error:
                if error.code != 503:
                    raise
            except OSError:
                pass
            time.sleep(_POLL_S)
        raise AssertionError(f"no answer\n{self._daemon.log_text()}")


def ask(daemon: DaemonProcess, method: str, path: str, body: Any = None) -> None:
    """A call by REST."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(daemon.rest_url + path, data, {"content-type": "application/json"})
    request.method = method
    with urlopen(request, timeout=_SECONDS) as answer:
        answer.read()


def measure(name: str, path: Path, search: Any, collections: int) -> None:
    """Print what starts on a copy of a store take."""
    copy = path.with_suffix(".copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    with DaemonProcess(copy) as daemon:
        # It keeps its ports, so that answers can be waited for from the start of the process.
        daemon.stop()
        print(f"{name:<28}{Started(daemon, search)}", flush=True)
        daemon.kill()
        again = Started(daemon, search)
        print(f"{'  after a kill':<28}{again}", flush=True)
        for number in range(collections):
            ask(daemon, "DELETE", f"/collections/c{number}")
        left, _ = memory_of(again.pid)
        print(f"{'  all deleted':<28}{left / _MEBIBYTE:44.0f}", flush=True)
    shutil.rmtree(copy)


def main(folder: Path, counts: list[int]) -> None:
    """Make and start all stores."""
    folder.mkdir(exist_ok=True)
    print(f"{'':<28}{'healthz':>8} {'search':>8} {'readyz':>8} {'CPU s':>8} {'MiB':>8}")
    vector = np.random.default_rng(1).normal(size=DIM).tolist()
    below = {"must": [{"key": "group", "range": {"lt": 500}}]}
    for count in counts:
        store = made(folder / f"points-{count}", make_points, count)
        search = {"query": vector, "limit": 10, "filter": below}
        measure(f"{count:,} points", store, search, 1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), DESCRIPTORS))
    for count in COLLECTIONS:
        store = made(folder / f"collections-{count}", make_collections, count)
        measure(f"{count:,} collections", store, {"query": [1, 2, 3, 4], "limit": 1}, count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(own) for own in sys.argv[2:]] or list(COUNTS))
