"""Kill the engine at any moment: what was acknowledged is there after, and nothing by halves."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
import orjson
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import EVERYTHING, Floats, payload_of, to_vector, unnamed, write
from tests.server_process import clean_environment
from tests.small_chunks import patch_small_chunks
from tests.support import ROOT
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_index.linked import rows_linked
from vexfs_twisted.engine.vector_index.quantization import code_kind_of
from vexfs_twisted.engine.vector_index.space import MultiSpace
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    SparseVectorParams,
    TurboQuantization,
    VectorParams,
)
from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, MatchValue
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Facet, Query, QueryBatch, Scroll
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.ragged import take
from vexfs_twisted.model.search_params import Quantization, SearchParams
from vexfs_twisted.model.updates import DeletePoints, SetPayload, Update, UpdateVectors, Upsert
from vexfs_twisted.model.vector_kinds import (
    MultiVector,
    MultiVectors,
    SparseVectors,
    vector_content,
)
from vexfs_twisted.model.vectors import VectorColumn

KILLS = 12
SIZE = 24
IDS = 500
MARK = PayloadPath.parse("mark")

WRITER = textwrap.dedent(
    """
    import os
    import sys
    import traceback
    from threading import Thread
    from time import sleep

    from tests.engine_support import unnamed, write
    from tests.integration.test_engine_kill import changes_of, next_codes
    from tests.small_chunks import eager_moves, small_chunks
    from vexfs_twisted.engine.catalog import Catalog

    for patched in small_chunks():
        setattr(*patched)
    if sys.argv[3] == "moving":
        for patched in eager_moves():
            setattr(*patched)
    catalog = Catalog(sys.argv[1])
    catalog.open()
    collection = catalog.get("kept")

    def tell(*words):
        print(*words, flush=True)

    def keep_up():
        try:
            while True:
                collection.checkpoint()
                collection.optimize()
                sleep(0.002)
        except Exception:
            traceback.print_exc()
            os._exit(1)

    Thread(target=keep_up, daemon=True).start()

    for number in range(int(sys.argv[2]), 10**9):
        tell("begin", number)
        write(collection, *changes_of(number))
        tell("done", number)
        if number % 5 == 0:
            write(collection, next_codes(number))
        if number % 8 == 0:
            name = f"made-{number}"
            catalog.create(name, unnamed())
            tell("made", name)
            write(catalog.get(name), changes_of(number)[-1])
            tell("deleting", name)
            catalog.delete(name)
            tell("deleted", name)
    """
)

Points = dict[PointId, tuple[int, int | None, dict[str, object]]]
"""What a point should hold: the rounds that wrote and marked it, and its vectors by name."""

CODES = (
    QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
    QuantizationConfig(binary=BinaryQuantization()),
    QuantizationConfig(turbo=TurboQuantization()),
)
MAX_SIM = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
MULTI = ("m", "l")
"""The names of the multivectors: one has graphs over encodings, the other over lines."""

REQUEST = CreateCollection(
    {
        "": VectorParams(Distance.EUCLID, SIZE),
        "m": VectorParams(Distance.DOT, 3, multivector_config=MAX_SIM),
        "l": VectorParams(Distance.EUCLID, 3, multivector_config=MAX_SIM),
    },
    sparse_vectors={"s": SparseVectorParams()},
    optimizers_config=OptimizersConfigDiff(indexing_threshold=1, vacuum_min_vector_number=100),
    quantization_config=CODES[0],
)
"""The collection that is killed."""

SEARCHES = {
    "exact": SearchParams(exact=True),
    "rescored": SearchParams(quantization=Quantization(oversampling=float(IDS))),
    "by codes": SearchParams(quantization=Quantization(rescore=False)),
}
"""Searches by vectors, by codes and then vectors of all that they rank, and by codes alone."""


def changes_of(number: int) -> list[Update]:
    """What round `number` does: it writes points, changes, marks and deletes a few of all."""
    generator = np.random.default_rng(number)
    chosen = generator.permutation(IDS)
    written, marked, deleted = chosen[: generator.integers(1, 80)], chosen[60:120], chosen[-5:]
    vectors = generator.random((len(written), SIZE), dtype=np.float32)
    payloads = [orjson.dumps({"round": number, "text": "x" * int(n)}) for n in written]
    columns = {"": VectorColumn.of(vectors), **ragged_columns(generator, len(written))}
    upsert = Upsert(written.tolist(), columns, payloads)
    # Their rows are the last ones of a round: in every other round the last has no multivector.
    moving = written[: 8 + number % 2]
    moved = {"": VectorColumn.of(generator.random((len(moving), SIZE), dtype=np.float32))}
    if number % 2:
        moved |= ragged_columns(generator, len(moving))
    marks = Filter(must=(HasId(frozenset(marked.tolist())),))
    return [
        upsert,
        UpdateVectors(moving.tolist(), moved),
        SetPayload(orjson.dumps({"mark": number}), filter=marks),
        DeletePoints(deleted.tolist()),
    ]


def next_codes(number: int) -> UpdateCollection:
    """The change of codes after some rounds, so that those of all graphs are made again."""
    return UpdateCollection(quantization_config=CODES[number // 5 % len(CODES)])


def ragged_columns(generator: np.random.Generator, points: int) -> dict[str, VectorColumn]:
    """Sparse vectors, and twice multivectors, of every other point, of several lengths."""
    places = np.arange(0, points, 2)
    lengths = generator.integers(1, 6, len(places))
    lines = generator.random((int(lengths.sum()), 3), dtype=np.float32)
    indices = np.concatenate([np.arange(length, dtype=np.uint32) * 7 for length in lengths])
    sparse = SparseVectors.from_arrays(lengths, indices, lines[:, 0].copy())
    multi = VectorColumn(MultiVectors.from_arrays(lengths, lines), places)
    return {
        "m": multi,
        "l": multi,
        "s": VectorColumn(sparse, places),
    }


def vectors_of(columns: Mapping[str, VectorColumn], points: int) -> list[dict[str, object]]:
    """The vectors of each point by name."""
    found: list[dict[str, object]] = [{} for _ in range(points)]
    for name, column in columns.items():
        for place, vector in zip(column.places.tolist(), column.vectors, strict=True):
            found[place][name] = vector_content(vector)
    return found


def after(points: Points, number: int) -> Points:
    """The points after round `number`."""
    upsert, move, mark, delete = changes_of(number)
    assert isinstance(upsert, Upsert)
    assert isinstance(move, UpdateVectors)
    assert isinstance(mark, SetPayload)
    assert isinstance(delete, DeletePoints)
    changed = dict(points)
    for point_id, own in zip(upsert.ids, vectors_of(upsert.vectors, len(upsert.ids)), strict=True):
        changed[point_id] = (number, None, own)
    for point_id, own in zip(move.ids, vectors_of(move.vectors, len(move.ids)), strict=True):
        changed[point_id] = (number, None, {**changed[point_id][2], **own})
    for point_id in marked_by(mark) & changed.keys():
        written, _, kept = changed[point_id]
        changed[point_id] = (written, number, kept)
    for point_id in delete.ids or ():
        changed.pop(point_id, None)
    return changed


def marked_by(mark: SetPayload) -> frozenset[PointId]:
    """The points that the filter of a round names."""
    assert mark.filter is not None
    (condition,) = mark.filter.must
    assert isinstance(condition, HasId)
    return condition.ids


def stored_points(collection: Collection) -> Points:
    """The points that a collection holds."""
    page = collection.read(Scroll(limit=2**64 - 1, selection=EVERYTHING))
    points: Points = {}
    for record in page.records:
        payload = payload_of(record)
        assert payload["text"] == "x" * int(record.id)
        assert record.vectors is not None
        points[record.id] = (
            payload["round"],
            payload.get("mark"),
            {name: vector_content(vector) for name, vector in record.vectors.items()},
        )
    return points


class KillTests(SynchronousTestCase):
    """One folder, killed again and again."""

    def setUp(self) -> None:
        patch_small_chunks(self.patch)
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, self.home)
        self.bases: set[int] = set()
        self.points: Points = {}
        self.next_round = 0
        self.next_operation = 0
        self.graphs_found = 0
        self.codes_found: set[tuple[str, str]] = set()

    def test_acknowledged_writes_outlive_every_kill(self) -> None:
        catalog = Catalog(self.home / "data")
        catalog.open()
        collection = catalog.create("kept", REQUEST)
        write(collection, CreateFieldIndex(MARK, FieldSchema(FieldType.INTEGER)))
        catalog.close()
        chance = random.Random(7)
        for kill in range(KILLS):
            rounds, delay = chance.randint(1, 20), chance.uniform(0, 0.006)
            self.check(self.run_and_kill(rounds, delay, "moving" if kill % 2 else "staying"))
        self.assertGreater(self.next_round, KILLS)
        # Each round has four updates; the others are moves of points.
        self.assertGreater(self.next_operation, 4 * self.next_round + KILLS)
        self.assertGreater(len(self.bases), 1)
        self.assertGreater(self.graphs_found, 0)
        self.assertEqual({name for name, _ in self.codes_found}, set(MULTI))
        self.assertGreater(len({kind for _, kind in self.codes_found}), 1)

    def run_and_kill(self, rounds: int, delay: float, mode: str) -> list[list[str]]:
        """Let the writer go on for some rounds and a moment more; what it told until then."""
        arguments = [str(self.home / "data"), str(self.next_round), mode]
        command = [sys.executable, "-c", WRITER, *arguments]
        with subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = read_until(process.stdout, f"begin {self.next_round + rounds}")
            time.sleep(delay)
            process.kill()
            told += process.stdout.read().splitlines(keepends=True)
        # Unbuffered output comes in pieces: what the kill cut off was not told.
        return [line.split() for line in told if line.endswith("\n")]

    def check(self, told: list[list[str]]) -> None:
        """Compare what is on disk with what the writer was told."""
        begun = max(int(number) for word, number in told if word == "begin")
        done = max((int(number) for word, number in told if word == "done"), default=None)
        expected = self.points
        for number in range(self.next_round, self.next_round if done is None else done + 1):
            expected = after(expected, number)
        catalog = Catalog(self.home / "data")
        catalog.open()
        try:
            self.bases.add(catalog.get("kept").state.base)
            found = stored_points(catalog.get("kept"))
            if found != expected:
                # The last round may have been committed and its answer lost.
                self.assertNotEqual(begun, done)
                expected = after(expected, begun)
                done = begun
            self.assertEqual(found, expected)
            self.check_collections(catalog, told)
            self.check_answers(catalog.get("kept"), expected)
            catalog.get("kept").optimize()
            self.check_answers(catalog.get("kept"), expected)
            self.check_codes(catalog.get("kept"))
            self.check_searches_by_codes(catalog.get("kept"))
            self.check_segments(catalog.get("kept"))
            self.check_marks(catalog.get("kept"), expected)
            self.next_operation = catalog.get("kept")._store.state.next_operation
        finally:
            catalog.close()
        self.points = expected
        self.next_round = self.next_round if done is None else done + 1

    def check_collections(self, catalog: Catalog, told: list[list[str]]) -> None:
        """A collection that was made exists until its deletion begins, and not after it."""
        names = set(catalog.names())
        directories = list((self.home / "data" / "collections").iterdir())
        self.assertEqual(len(directories), len(names))
        events = {name: word for word, name in told if word in ("made", "deleting", "deleted")}
        for name, last in events.items():
            if last == "made":
                self.assertIn(name, names)
            elif last == "deleted":
                self.assertNotIn(name, names)
        for name in names - {"kept"}:
            catalog.delete(name)

    def check_segments(self, collection: Collection) -> None:
        """Nothing is left of graphs and codes that were not finished."""
        store = collection._store
        files = {path.name for kind in ("graph-*", "codes-*") for path in store.path.glob(kind)}
        spaces = store.state.linkable.values()
        segments = [segment for space in spaces for segment in space.segments]
        self.graphs_found += len(segments)
        self.assertEqual(files, {name for segment in segments for name in segment.files})

    def check_answers(self, collection: Collection, points: Points) -> None:
        """Queries are answered as by a collection that has just been filled with the points."""
        dense = b"".join(own[""][1] for *_, own in points.values())  # type: ignore[index]
        vectors = np.frombuffer(dense, dtype=np.float32)
        fresh = Catalog(self.home / "fresh")
        fresh.open()
        try:
            other = fresh.create("fresh", unnamed(SIZE, Distance.EUCLID))
            column = VectorColumn.of(vectors.reshape(-1, SIZE))
            write(other, Upsert(list(points), {"": column}, [b"{}"] * len(points)))
            targets: Floats = np.random.default_rng(1).random((20, SIZE), dtype=np.float32)
            exact = SearchParams(exact=True)
            queries = [to_vector(target, limit=30, params=exact) for target in targets]
            self.assertEqual(scores(collection, queries), scores(other, queries))
        finally:
            fresh.delete("fresh")
            fresh.close()

    def check_codes(self, collection: Collection) -> None:
        """Graphs of multivectors link all live rows, and codes are those of their vectors."""
        state, graphs = collection._store.state, collection.indexes.graphs
        for name in MULTI:
            space = state.spaces[name]
            assert isinstance(space, MultiSpace)
            kind = code_kind_of(space.params, state.config.quantization_config)
            for segment in space.segments:
                opened = graphs[segment.key]
                live = space.present.rows_between(segment.start, segment.stop)
                is_linked = rows_linked(space, segment, opened.graph)
                self.assertTrue(is_linked[live - segment.start].all())
                codes = opened.line_codes
                assert codes is not None
                assert kind is not None
                self.assertEqual((codes.facts.kind, codes.facts), (kind.name, segment.codes))
                codes.verify()
                _, lines = take(space.offsets, live)
                vectors = kind.bounded(space.floats(lines))
                made = codes.storage.sa_encode(np.ascontiguousarray(vectors))
                kept = codes.rows[lines - codes.facts.start]
                self.assertEqual(kept.tobytes(), made.tobytes())
                self.codes_found.add((name, kind.name))

    def check_searches_by_codes(self, collection: Collection) -> None:
        """Where vectors are compared of all that codes rank, the answers are those without."""
        lines: Floats = np.random.default_rng(2).random((20, 3, 3), dtype=np.float32)
        asked = [VectorExample(MultiVector(own)) for own in lines]
        for name in MULTI:
            found = {
                kind: scores(
                    collection, [Query(own, name, limit=10, params=params) for own in asked]
                )
                for kind, params in SEARCHES.items()
            }
            self.assertEqual(found["rescored"], found["exact"])
            if collection._store.state.spaces[name].segments:
                self.assertNotEqual(found["by codes"], found["exact"])

    def check_marks(self, collection: Collection, points: Points) -> None:
        """The index of marks, kept up while points were written, knows them all."""
        marks = [mark for _, mark, _ in points.values() if mark is not None]
        found = {hit.value: hit.count for hit in collection.read(Facet(MARK, limit=IDS))}
        self.assertEqual(found, Counter(marks))
        for mark in set(marks):
            wanted = Filter(must=(FieldCondition(MARK, MatchValue(mark)),))
            self.assertEqual(collection.read(Count(wanted)), found[mark])


def scores(collection: Collection, queries: list[Query]) -> list[list[tuple[PointId, float]]]:
    """The ids and scores that answer each query."""
    answers = collection.read(QueryBatch(queries))
    return [[(point.id, point.score) for point in answer] for answer in answers]


def read_until(stream: IO[str], wanted: str) -> list[str]:
    """The lines of a stream up to the one wanted, with their ends."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line == f"{wanted}\n":
            return lines
    raise AssertionError(f"the writer ended early: {lines[-3:]}")
