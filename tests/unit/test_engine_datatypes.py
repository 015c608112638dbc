"""Collections whose vectors are stored in fewer bytes than float32 takes."""

from __future__ import annotations

from itertools import product
from typing import ClassVar

import numpy as np

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    Floats,
    column,
    floats,
    to_vector,
    upsert,
    write,
)
from tests.suites.values import dense
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    OptimizersConfigDiff,
    VectorParams,
)
from vexfs_twisted.model.queries import Query, QueryBatch, ScoredPoint
from vexfs_twisted.model.query_forms import PointExample
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import UpdateVectors
from vexfs_twisted.model.vectors import UNNAMED

GIVEN = floats(
    [1.81, 256.19, 3.5, 4],
    [-3, 7.9, 0.2, 9],
    [0, 0, 0, 0],
    [10, 20, 30, 40.7],
    [0.1, 0.2, 0.3, 0.9],
)
QUERY = [10.9, 20.2, -1, 300]


def of_type(datatype: Datatype, distance: Distance, size: int = 4) -> CreateCollection:
    """A collection of one unnamed vector of a data type."""
    params = VectorParams(distance, size, datatype=datatype)
    optimizers = OptimizersConfigDiff(indexing_threshold=8)
    return CreateCollection(vectors={UNNAMED: params}, optimizers_config=optimizers)


def true_scores(distance: Distance, queries: Floats, rows: Floats) -> Floats:
    """The scores, shape [q, n]."""
    wide, other = queries.astype(np.float64), rows.astype(np.float64)
    if distance.larger_is_nearer:
        scores = wide @ other.T
    else:
        gaps = wide[:, np.newaxis] - other
        is_euclid = distance is Distance.EUCLID
        scores = np.sqrt(np.square(gaps).sum(2)) if is_euclid else np.abs(gaps).sum(2)
    return scores.astype(np.float32)


class StoredTypeTestCase(EngineTestCase):
    """Points 0, 1, … with given vectors."""

    def create(self, datatype: Datatype, distance: Distance, data: Floats = GIVEN) -> Collection:
        name = f"{datatype.value}-{distance.value}"
        collection = self.catalog.create(name, of_type(datatype, distance, data.shape[1]))
        write(collection, upsert(range(len(data)), data))
        return collection

    def ask(self, collection: Collection, *queries: Query) -> list[list[ScoredPoint]]:
        return [list(points) for points in collection.read(QueryBatch(queries))]

    def vectors(self, collection: Collection) -> dict[object, list[float]]:
        query = to_vector([1, 1, 1, 1], limit=100, selection=EVERYTHING)
        (points,) = self.ask(collection, query)
        return {p.id: dense(p.vectors[UNNAMED]).tolist() for p in points if p.vectors is not None}

    def scores(self, collection: Collection, vector: list[float]) -> dict[object, float]:
        (points,) = self.ask(collection, to_vector(vector, limit=100))
        return {point.id: point.score for point in points}


class Uint8Tests(StoredTypeTestCase):
    """Whole numbers from 0 to 255. The scores are those of Qdrant's own engine."""

    EXPECTED: ClassVar = {
        Distance.COSINE: [0.09389229863882065, 0.8343029618263245, 0.0, 0.7631670832633972, 0.0],
        Distance.DOT: [6130.0, 2435.0, 0.0, 10700.0, 0.0],
        Distance.EUCLID: [343.9709, 246.54614, 255.97852, 217.08293, 255.97852],
        Distance.MANHATTAN: [498.0, 269.0, 285.0, 245.0, 285.0],
    }

    def test_components_are_cut_off_and_bounded_for_every_distance(self) -> None:
        for distance in Distance:
            found = self.vectors(self.create(Datatype.UINT8, distance))
            self.assertEqual(found[0], [1, 255, 3, 4])
            self.assertEqual(found[1], [0, 7, 0, 9])
            self.assertEqual(found[3], [10, 20, 30, 40])
            self.assertEqual(found[4], [0, 0, 0, 0])

    def test_queries_are_cut_off_likewise(self) -> None:
        for distance, expected in self.EXPECTED.items():
            scores = self.scores(self.create(Datatype.UINT8, distance), QUERY)
            found = [scores[point_id] for point_id in range(len(GIVEN))]
            np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_a_row_takes_one_byte_a_component(self) -> None:
        self.create(Datatype.UINT8, Distance.DOT)
        (path,) = self.directory().glob("vectors-1.*")
        content = path.read_bytes()[4096:]
        self.assertEqual(list(content[:8]), [1, 255, 3, 4, 0, 7, 0, 9])


class Float16Tests(StoredTypeTestCase):
    """Half precision. The scores are those of Qdrant's own engine."""

    EXPECTED: ClassVar = {
        Distance.COSINE: [0.08291319757699966, 0.760959804, 0.0, 0.7632125616, 0.9371047616],
        Distance.DOT: [6393.27246, 2826.67773, 0.0, 12689.2969, 274.799866],
        Distance.EUCLID: [378.73074, 291.59393, 300.87863, 261.16052, 299.96547],
        Distance.MANHATTAN: [545.63574, 318.4031, 332.10156, 291.41406, 331.2018],
    }

    def test_components_are_rounded(self) -> None:
        found = self.vectors(self.create(Datatype.FLOAT16, Distance.DOT))
        self.assertEqual(found[0], [1.8095703125, 256.25, 3.5, 4.0])
        self.assertEqual(found[3], [10, 20, 30, 40.6875])

    def test_cosine_is_normalised_before_it_is_rounded(self) -> None:
        found = self.vectors(self.create(Datatype.FLOAT16, Distance.COSINE))
        self.assertEqual(
            found[1], [-0.242919921875, 0.6396484375, 0.016204833984375, 0.72900390625]
        )
        self.assertEqual(found[2], [0, 0, 0, 0])

    def test_queries_are_rounded_likewise(self) -> None:
        for distance, expected in self.EXPECTED.items():
            scores = self.scores(self.create(Datatype.FLOAT16, distance), QUERY)
            found = [scores[point_id] for point_id in range(len(GIVEN))]
            np.testing.assert_allclose(found, expected, rtol=1e-6)


class Turbo4Tests(StoredTypeTestCase):
    """Four bits a component."""

    def test_what_comes_back_is_near_to_what_was_given(self) -> None:
        data = np.random.default_rng(1).standard_normal((50, 96), dtype=np.float32)
        for distance in Distance:
            collection = self.create(Datatype.TURBO4, distance, data)
            queries = [Query(PointExample(n), limit=50, selection=EVERYTHING) for n in range(50)]
            for point in self.ask(collection, *queries)[0]:
                assert isinstance(point.id, int)
                assert point.vectors is not None
                given, kept = data[point.id], dense(point.vectors[UNNAMED])
                lengths = np.linalg.norm(given) * np.linalg.norm(kept)
                self.assertGreater(float(given @ kept) / lengths, 0.98)
                expected = 1.0 if distance is Distance.COSINE else np.linalg.norm(given)
                self.assertAlmostEqual(float(np.linalg.norm(kept) / expected), 1.0, places=4)

    def test_a_row_takes_half_a_byte_a_component_and_eight(self) -> None:
        data = np.random.default_rng(1).standard_normal((3000, 1000), dtype=np.float32)
        self.create(Datatype.TURBO4, Distance.DOT, data)
        (path,) = self.directory().glob("vectors-1.*")
        self.assertLess(path.stat().st_blocks * 512, 3000 * 508 + 300_000)


class StoredTypeTests(StoredTypeTestCase):
    """What holds for all of them."""

    def test_scores_are_those_of_the_vectors_that_come_back(self) -> None:
        generator = np.random.default_rng(5)
        data = generator.uniform(0, 200, (3000, 40)).astype(np.float32)
        asked = generator.integers(0, 200, (30, 40)).astype(np.float32)
        for datatype, distance in product(
            Datatype, (Distance.DOT, Distance.EUCLID, Distance.MANHATTAN)
        ):
            collection = self.create(datatype, distance, data)
            queries = [to_vector(q, limit=20, selection=EVERYTHING) for q in asked]
            together = self.ask(collection, *queries)
            for query, vector, points in zip(queries, asked, together, strict=True):
                rows = np.array([p.vectors[UNNAMED] for p in points if p.vectors is not None])
                scores = [point.score for point in points]
                truth = true_scores(distance, vector[np.newaxis], rows)[0]
                np.testing.assert_allclose(scores, truth, rtol=1e-5)
                (alone,) = self.ask(collection, query)
                self.assertEqual(
                    [(p.id, p.score) for p in alone], [(p.id, p.score) for p in points]
                )

    def test_a_point_is_nearest_to_itself(self) -> None:
        data = np.random.default_rng(6).uniform(1, 200, (500, 24)).astype(np.float32)
        for datatype in Datatype:
            collection = self.create(datatype, Distance.COSINE, data)
            stored = {
                p.id: p.vectors[UNNAMED]
                for p in self.ask(collection, to_vector(data[0], limit=500, selection=EVERYTHING))[
                    0
                ]
                if p.vectors
            }
            for place in (0, 77, 499):
                (points,) = self.ask(collection, to_vector(dense(stored[place]), limit=1))
                self.assertEqual(points[0].id, place)
                self.assertAlmostEqual(points[0].score, 1.0, places=3)

    def test_vectors_that_are_kept_do_not_drift(self) -> None:
        for datatype in Datatype:
            params = VectorParams(Distance.COSINE, 4, datatype=datatype)
            other = VectorParams(Distance.DOT, 2, datatype=datatype)
            name = datatype.value
            request = CreateCollection(vectors={"a": params, "b": other})
            collection = self.catalog.create(name, request)
            columns = {"a": column([1, 2, 3, 4.5], [5, 6, 7, 9]), "b": column([1, 2], [3, 4])}
            write(collection, upsert([1, 2], columns))
            query = to_vector([1, 1, 1, 1], using="a", limit=2, selection=EVERYTHING)
            before = self.ask(collection, query)[0]
            for _ in range(3):
                write(collection, UpdateVectors([1, 2], {"b": column([9, 9], [8, 8])}))
            after = self.ask(collection, query)[0]
            for old, new in zip(before, after, strict=True):
                assert old.vectors is not None
                assert new.vectors is not None
                self.assertEqual(
                    dense(old.vectors["a"]).tobytes(), dense(new.vectors["a"]).tobytes()
                )
                self.assertEqual(old.score, new.score)

    def test_all_is_there_after_opening_again(self) -> None:
        before = {}
        for datatype in Datatype:
            collection = self.create(datatype, Distance.EUCLID)
            before[datatype] = (self.vectors(collection), self.scores(collection, QUERY))
        catalog = self.reopen()
        for datatype in Datatype:
            collection = catalog.get(f"{datatype.value}-{Distance.EUCLID.value}")
            found = (self.vectors(collection), self.scores(collection, QUERY))
            self.assertEqual(found, before[datatype])

    def test_graphs_find_what_a_scan_finds_and_score_it_alike(self) -> None:
        source = np.random.default_rng(7)
        centres = source.uniform(60, 180, (50, 32))
        data = (centres[source.integers(50, size=8000)] + source.normal(0, 15, (8000, 32))).astype(
            np.float32
        )
        asked = (centres[:20] + source.normal(0, 15, (20, 32))).astype(np.float32)
        for datatype, distance in product(Datatype, (Distance.COSINE, Distance.EUCLID)):
            collection = self.create(datatype, distance, data)
            collection.optimize()
            self.assertEqual(collection.read(CollectionInfoRequest()).indexed_vectors_count, 8000)
            shares = []
            for vector in asked:
                exact = to_vector(vector, limit=10, params=SearchParams(exact=True))
                quick = to_vector(vector, limit=10, params=SearchParams(hnsw_ef=64))
                true, found = self.ask(collection, exact)[0], self.ask(collection, quick)[0]
                scores = {point.id: point.score for point in true}
                same = [point for point in found if point.id in scores]
                self.assertEqual([p.score for p in same], [scores[p.id] for p in same])
                shares.append(len(same) / 10)
            self.assertGreater(np.mean(shares), 0.9, (datatype, distance))
            self.catalog.delete(collection.name)

    def test_a_file_of_another_type_is_refused_by_name(self) -> None:
        name = self.create(Datatype.UINT8, Distance.DOT).name
        path = self.directory() / "vectors-1.u8"
        self.catalog.close()
        with path.open("r+b") as file:
            file.seek(16)
            file.write(b"\x63")
        self.quarantined(name, "vectors-1.u8", "data type 99")
