"""What tests of the engine share: short ways to say collections, updates, filters and queries."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CollectionStatus, CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.commands import Command
from vexfs_twisted.model.errors import DataDamaged
from vexfs_twisted.model.filters import FieldCondition, Match, Range
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import ALL_PAYLOAD, Query, Record, ScoredPoint, Selection
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

Floats = NDArray[np.float32]

# What the engine tells of is looked for where it is expected, and nowhere else shown.
logging.getLogger("vexfs").addHandler(logging.NullHandler())

EVERYTHING = Selection(ALL_PAYLOAD, vectors=True)
"""Payload and vectors, all of them."""

UUID_1 = "00000000-0000-0000-0000-000000000001"
UUID_2 = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def unnamed(size: int = 4, distance: Distance = Distance.DOT) -> CreateCollection:
    """A collection of one unnamed vector."""
    return CreateCollection(vectors={UNNAMED: VectorParams(distance, size)})


def floats(*rows: Sequence[float]) -> Floats:
    """A matrix, shape [n, dim]."""
    return np.array(rows, dtype=np.float32)


def column(*rows: Sequence[float], positions: Sequence[int] | None = None) -> VectorColumn:
    """Vectors of the points at `positions`, of all points without them."""
    places = None if positions is None else np.array(positions, dtype=np.int64)
    return VectorColumn.of(floats(*rows), places)


def upsert(
    ids: Sequence[PointId],
    vectors: Floats | Mapping[str, VectorColumn] | None = None,
    payloads: Sequence[Mapping[str, Any]] | None = None,
) -> Upsert:
    """Points with vectors, an array being those of the unnamed vector, and payloads."""
    if vectors is None:
        columns: Mapping[str, VectorColumn] = {}
    elif isinstance(vectors, np.ndarray):
        columns = {UNNAMED: VectorColumn.of(np.ascontiguousarray(vectors, dtype=np.float32))}
    else:
        columns = vectors
    encoded = [orjson.dumps(payload) for payload in payloads or [{}] * len(ids)]
    return Upsert(ids, columns, encoded)


def field(path: str, predicate: Match | Range) -> FieldCondition:
    """A condition on a payload field."""
    return FieldCondition(PayloadPath.parse(path), predicate)


def to_vector(vector: Sequence[float] | Floats, **options: Any) -> Query:
    """A query for the points nearest to a vector."""
    return Query(VectorExample(np.array(vector, dtype=np.float32)), **options)


def write(collection: Collection, *commands: Command) -> list[int]:
    """Apply commands that must all succeed, in one group; their operation ids."""
    operations: list[int] = []
    for outcome in collection.apply(commands):
        if isinstance(outcome, Exception):
            raise outcome
        operations.append(outcome)
    return operations


def payload_of(record: Record | ScoredPoint) -> Any:
    """The payload of a record, decoded."""
    assert record.payload is not None
    return orjson.loads(record.payload)


class EngineTestCase(SynchronousTestCase):
    """A data folder of its own for each test, and an open catalog on it."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        self.catalog = Catalog(self.path)
        self.catalog.open()
        self.addCleanup(lambda: self.catalog.close())

    def reopen(self) -> Catalog:
        """Close the catalog and open the folder again."""
        self.catalog.close()
        self.catalog = Catalog(self.path)
        self.catalog.open()
        return self.catalog

    def quarantined(self, name: str, *texts: str) -> None:
        """Open the folder again: one collection is quarantined, with a line that has all texts."""
        self.reopen()
        held = self.catalog.find_quarantined(name)
        assert held is not None, f"{name} is not quarantined"
        self.assertEqual(held.info.status, CollectionStatus.RED)
        for text in texts:
            self.assertIn(text, str(held.info.optimizer_error))
            self.assertIn(text, str(self.assertRaises(DataDamaged, self.catalog.get, name)))
        self.catalog.close()

    def directory(self) -> Path:
        """The directory of the only collection."""
        (directory,) = (self.path / "collections").iterdir()
        return directory
