"""Queries: scores, order, limits, thresholds, and batches that equal their single queries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import gatherResults

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.operations_contract.updates import NAMED, UUID_A
from tests.suites.values import (
    EVERYTHING,
    WITH_PAYLOAD,
    Point,
    delete,
    equals,
    has_id,
    must,
    must_not,
    nearest,
    unnamed,
    upsert,
    within,
)
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.errors import BadInput, BadRequest, NotFound
from vexfs_twisted.model.queries import Query, QueryBatch, Selection
from vexfs_twisted.model.query_forms import PointExample
from vexfs_twisted.model.search_params import SearchParams

VECTORS = {
    1: [0.05, 0.61, 0.76, 0.74],
    2: [0.19, 0.81, 0.75, 0.11],
    3: [0.36, 0.55, 0.47, 0.94],
    4: [0.18, 0.01, 0.85, 0.80],
    5: [0.24, 0.18, 0.22, 0.44],
    6: [0.35, 0.08, 0.11, 0.44],
}
_HUGE = 2**64 - 1


class NearestContract(ContractCase):
    """The points nearest to a vector, under each of the four metrics."""

    async def fill(self, distance: Distance, rows: dict[int, list[float]]) -> None:
        """Create the collection and write one point a row."""
        size = len(next(iter(rows.values())))
        await self.create(unnamed(size, distance))
        await self.put(*(Point(i, row) for i, row in rows.items()))

    async def test_dot_products_to_the_last_digit(self) -> None:
        await self.fill(Distance.DOT, VECTORS)
        hits = await self.query(form=nearest(VECTORS[1]), filter=must(has_id(3)))
        self.assert_scores(hits, [1.4063001])
        hits = await self.query(form=nearest(VECTORS[3]), filter=must(has_id(5)))
        self.assert_scores(hits, [0.70239997])

    async def test_euclidean_distance_to_the_last_digit(self) -> None:
        await self.fill(Distance.EUCLID, {1: [1, 2, 3], 2: [2, 3, 4], 3: [4, 5, 4]})
        hits = await self.query(form=nearest([1, 2, 3]))
        self.assertEqual(ids_of(hits), [1, 2, 3])
        self.assert_scores(hits, [0.0, 1.7320508, 4.358899])

    async def test_manhattan_distance(self) -> None:
        await self.fill(Distance.MANHATTAN, {1: [0, 0], 2: [1, -2], 3: [-0.5, 0.25]})
        hits = await self.query(form=nearest([0, 0]))
        self.assertEqual(ids_of(hits), [1, 3, 2])
        self.assert_scores(hits, [0.0, 0.75, 3.0])

    async def test_cosine_similarity(self) -> None:
        await self.fill(Distance.COSINE, {1: [1, 0], 2: [3, 4], 3: [-2, 0], 4: [0, 0]})
        hits = await self.query(form=nearest([10, 0]))
        self.assertEqual(ids_of(hits), [1, 2, 4, 3])
        self.assert_scores(hits, [1.0, 0.6, 0.0, -1.0], exact=False)

    async def test_scores_agree_with_their_definition(self) -> None:
        generator = np.random.default_rng(11)
        data = generator.normal(size=(200, 12)).astype(np.float32)
        query = generator.normal(size=12).astype(np.float32)
        for distance in Distance:
            name = distance.value
            await self.create(unnamed(12, distance), name)
            points = upsert(*(Point(i, row.tolist()) for i, row in enumerate(data)))
            await self.operations.update(name, points, wait=True)
            request = Query(nearest(query.tolist()), limit=50)
            hits = await self.operations.read(name, request)
            scores = _scores(distance, data, query)
            order = np.argsort(-scores if distance.larger_is_nearer else scores, kind="stable")
            self.assertEqual(ids_of(hits), order[:50].tolist())
            self.assert_scores(hits, scores[order[:50]].tolist(), exact=False)

    async def test_points_without_the_vector_are_no_hits(self) -> None:
        await self.create(NAMED)
        await self.put(
            Point(1, {"image": [1, 0, 0]}),
            Point(2, {"text": [1, 0]}),
            Point(3, {}),
            Point(4, {"image": [2, 0, 0], "text": [0, 0]}),
        )
        hits = await self.query(form=nearest([1, 0, 0]), using="image")
        self.assertEqual(ids_of(hits), [4, 1])
        self.assert_scores(hits, [2.0, 1.0])
        hits = await self.query(form=nearest([1, 0]), using="text")
        self.assertEqual(ids_of(hits), [2, 4])
        self.assert_scores(hits, [0.0, 1.0])

    async def test_the_unnamed_vector_beside_a_named_one(self) -> None:
        vectors = {"": VectorParams(Distance.DOT, 2), "b": VectorParams(Distance.EUCLID, 2)}
        await self.create(CreateCollection(vectors))
        await self.put(Point(1, {"": [1, 0], "b": [5, 0]}), Point(2, {"": [2, 0], "b": [1, 0]}))
        self.assertEqual(ids_of(await self.query(form=nearest([1, 0]))), [2, 1])
        hits = await self.query(form=nearest([5, 0]), using="b")
        self.assertEqual(ids_of(hits), [1, 2])
        self.assert_scores(hits, [0.0, 4.0])

    async def test_a_replaced_vector_is_found_where_it_is_now(self) -> None:
        await self.fill(Distance.EUCLID, {1: [0, 0], 2: [10, 10]})
        await self.put(Point(1, [20, 20]))
        hits = await self.query(form=nearest([0, 0]))
        self.assertEqual(ids_of(hits), [2, 1])
        await self.put(Point(2))
        self.assertEqual(ids_of(await self.query(form=nearest([0, 0]))), [1])

    async def test_one_point_written_many_times_is_one_hit(self) -> None:
        await self.create()
        for number in range(5):
            await self.put(Point(1, [number, 0, 0, 0]))
        hits = await self.query(form=nearest([1, 0, 0, 0]))
        self.assertEqual(ids_of(hits), [1])
        self.assert_scores(hits, [4.0])


class QueriesContract(ContractCase):
    """The other parameters of a query: limit, offset, score threshold, filter, selection."""

    async def prepare(self) -> None:
        """Start with six points under the dot product."""
        await self.create()
        await self.put(*(Point(i, v, {"n": i}) for i, v in VECTORS.items()))

    def order(self, query: list[float]) -> list[int]:
        """All ids, nearest first."""
        scores = {i: float(np.dot(row, query)) for i, row in VECTORS.items()}
        return sorted(scores, key=lambda i: -scores[i])

    async def test_a_hit_has_id_score_and_version_and_no_more(self) -> None:
        hit = (await self.query(form=nearest(VECTORS[1])))[0]
        self.assertEqual((hit.payload, hit.vectors), (None, None))
        self.assertEqual(hit.version, 0)

    async def test_payload_and_vectors_on_request(self) -> None:
        for hit in await self.query(form=nearest(VECTORS[1]), selection=EVERYTHING):
            self.assert_payload(hit, {"n": hit.id})
            self.assert_vectors(hit, {"": VECTORS[int(hit.id)]})
        for hit in await self.query(form=nearest(VECTORS[1]), selection=WITH_PAYLOAD):
            self.assertIsNone(hit.vectors)

    async def test_versions_are_the_operation_that_wrote_the_point(self) -> None:
        await self.put(Point(2, VECTORS[2]), Point(5, VECTORS[5]))
        await self.put(Point(5, VECTORS[5]))
        hits = await self.query(form=nearest(VECTORS[1]))
        versions = {hit.id: hit.version for hit in hits}
        self.assertEqual(versions, {1: 0, 2: 1, 3: 0, 4: 0, 5: 2, 6: 0})
        hits = await self.query(form=None)
        self.assertEqual({hit.id: hit.version for hit in hits}, versions)

    async def test_by_default_ten_hits(self) -> None:
        await self.put(*(Point(100 + n, [0, 0, 0, n]) for n in range(20)))
        self.assertEqual(len(await self.query(form=nearest([0, 0, 0, 1]))), 10)
        self.assertEqual(len(await self.query(form=None)), 10)

    async def test_limit_and_offset_cut_a_window(self) -> None:
        order = self.order(VECTORS[1])
        for limit, offset in ((1, 0), (3, 0), (2, 2), (10, 4), (1, 5), (5, 6), (5, 1000)):
            hits = await self.query(form=nearest(VECTORS[1]), limit=limit, offset=offset)
            self.assertEqual(ids_of(hits), order[offset : offset + limit])
            hits = await self.query(form=None, limit=limit, offset=offset)
            self.assertEqual(ids_of(hits), [1, 2, 3, 4, 5, 6][offset : offset + limit])

    async def test_a_huge_limit(self) -> None:
        order = self.order(VECTORS[1])
        hits = await self.query(form=nearest(VECTORS[1]), limit=_HUGE)
        self.assertEqual(ids_of(hits), order)
        hits = await self.query(form=nearest(VECTORS[1]), limit=_HUGE, offset=4)
        self.assertEqual(ids_of(hits), order[4:])
        self.assertEqual(len(await self.query(form=None, limit=_HUGE)), 6)
        hits = await self.query(form=PointExample(1), limit=_HUGE)
        self.assertEqual(ids_of(hits), [i for i in order if i != 1])

    async def test_a_huge_offset(self) -> None:
        self.assertEqual(await self.query(form=nearest(VECTORS[1]), offset=_HUGE), [])
        self.assertEqual(await self.query(form=None, offset=_HUGE), [])

    async def test_without_a_target_points_come_in_the_order_of_ids(self) -> None:
        await self.put(Point(UUID_A), Point(0))
        hits = await self.query(form=None)
        self.assertEqual(ids_of(hits), [0, 1, 2, 3, 4, 5, 6, UUID_A])
        self.assert_scores(hits, [1.0] * 8)
        hits = await self.query(form=None, filter=must(within("n", gte=4)), offset=1)
        self.assertEqual(ids_of(hits), [5, 6])

    async def test_a_point_as_target_is_left_out(self) -> None:
        by_id = await self.query(form=PointExample(3), selection=EVERYTHING)
        by_vector = await self.query(
            form=nearest(VECTORS[3]), filter=must_not(has_id(3)), selection=EVERYTHING
        )
        self.assertEqual(ids_of(by_id), [i for i in self.order(VECTORS[3]) if i != 3])
        self.assertEqual([hit.score for hit in by_id], [hit.score for hit in by_vector])
        self.assertEqual(len(await self.query(form=PointExample(3), limit=5)), 5)

    async def test_a_target_with_a_filter(self) -> None:
        hits = await self.query(form=PointExample(3), filter=must(within("n", gt=2)))
        self.assertEqual(ids_of(hits), [i for i in self.order(VECTORS[3]) if i > 3])

    async def test_filters(self) -> None:
        order = self.order(VECTORS[2])
        hits = await self.query(form=nearest(VECTORS[2]), filter=must(has_id(6, 4, 1, 77)))
        self.assertEqual(ids_of(hits), [i for i in order if i in (1, 4, 6)])
        hits = await self.query(form=nearest(VECTORS[2]), filter=must(equals("n", 99)))
        self.assertEqual(hits, [])

    async def test_a_threshold_keeps_what_is_nearer(self) -> None:
        hits = await self.query(form=nearest(VECTORS[1]))
        below = float(np.nextafter(np.float32(1.4063001), np.float32(0)))
        kept = await self.query(form=nearest(VECTORS[1]), score_threshold=below)
        self.assert_scores([kept[-1]], [1.4063001])
        self.assertEqual(list(kept), list(hits[: len(kept)]))
        self.assertLess(len(kept), 6)
        fewer = await self.query(form=nearest(VECTORS[1]), score_threshold=1.4063001)
        self.assertEqual(list(fewer), list(kept[:-1]))

    async def test_a_threshold_of_zero_or_below_is_one(self) -> None:
        opposite = [-number for number in VECTORS[1]]
        self.assertEqual(await self.query(form=nearest(opposite), score_threshold=0.0), [])
        hits = await self.query(form=nearest(opposite), score_threshold=-1.4063001)
        self.assertNotIn(3, ids_of(hits))
        hits = await self.query(form=nearest(opposite), score_threshold=-1.41)
        self.assertIn(3, ids_of(hits))

    async def test_search_parameters_change_no_exact_answer(self) -> None:
        plain = await self.query(form=nearest(VECTORS[1]))
        for params in (
            SearchParams(exact=True),
            SearchParams(hnsw_ef=4),
            SearchParams(hnsw_ef=128, indexed_only=True),
        ):
            self.assertEqual(await self.query(form=nearest(VECTORS[1]), params=params), plain)

    async def test_a_batch_equals_its_queries(self) -> None:
        queries = [
            Query(nearest(VECTORS[1])),
            Query(nearest(VECTORS[2]), limit=2, offset=1, selection=WITH_PAYLOAD),
            Query(PointExample(4), filter=must(within("n", lte=5))),
            Query(nearest(VECTORS[1]), score_threshold=1.0),
            Query(None, limit=3),
            Query(nearest([0.1, 0.7, 0.3, 0.2]), limit=_HUGE),
            Query(nearest(VECTORS[1])),
            Query(nearest(VECTORS[5]), filter=must(has_id(77))),
        ]
        singles = [await self.operations.read(NAME, query) for query in queries]
        together = await self.operations.read(NAME, QueryBatch(queries))
        self.assertEqual([list(hits) for hits in together], [list(hits) for hits in singles])

    async def test_a_large_batch_equals_its_queries(self) -> None:
        generator = np.random.default_rng(5)
        data = generator.normal(size=(300, 4)).astype(np.float32)
        await self.put(*(Point(1000 + i, row.tolist()) for i, row in enumerate(data)))
        queries = [
            Query(nearest(row.tolist()), limit=int(generator.integers(1, 30)))
            for row in generator.normal(size=(40, 4))
        ]
        singles = await gatherResults([self.operations.read(NAME, query) for query in queries])
        together = await self.operations.read(NAME, QueryBatch(queries))
        self.assertEqual([list(hits) for hits in together], [list(hits) for hits in singles])

    async def test_an_empty_batch(self) -> None:
        self.assertEqual(await self.operations.read(NAME, QueryBatch([])), [])

    async def test_an_empty_collection(self) -> None:
        await self.update(delete(*VECTORS))
        self.assertEqual(await self.query(form=nearest(VECTORS[1])), [])
        self.assertEqual(await self.query(form=None), [])
        together = await self.operations.read(
            NAME, QueryBatch([Query(nearest(VECTORS[1])), Query()])
        )
        self.assertEqual([list(hits) for hits in together], [[], []])

    async def test_a_generous_timeout_changes_nothing(self) -> None:
        query = Query(nearest(VECTORS[1]))
        hits = await self.operations.read(NAME, query, timeout=30)
        self.assertEqual(hits, await self.operations.read(NAME, query))


class RefusedQueriesContract(ContractCase):
    """Queries that are refused."""

    async def prepare(self) -> None:
        """Start with a collection of two named vectors."""
        await self.create(NAMED)
        await self.put(Point(1, {"image": [1, 2, 3]}), Point(2, {"text": [1, 2]}))

    async def refuse(self, kind: Any, message: str, **request: Any) -> None:
        """Assert that the query is refused, alone and in a batch."""
        query = Query(**request)
        await self.refused(kind, self.operations.read(NAME, query), message)
        good = Query(nearest([1, 2]), using="text")
        batch = self.operations.read(NAME, QueryBatch([good, query]))
        await self.refused(kind, batch, message)

    async def test_a_wrong_dimension(self) -> None:
        message = "Wrong input: Vector dimension error: expected dim: 3, got 4 for vector 'image'"
        await self.refuse(BadInput, message, form=nearest([1, 2, 3, 4]), using="image")

    async def test_an_unknown_vector(self) -> None:
        message = "Wrong input: Not existing vector name error: other"
        await self.refuse(BadInput, message, form=nearest([1, 2, 3]), using="other")
        await self.refuse(BadInput, message, form=PointExample(1), using="other")

    async def test_no_vector_named_where_all_have_names(self) -> None:
        message = "Wrong input: Not existing vector name error: "
        await self.refuse(BadInput, message, form=nearest([1, 2, 3]))

    async def test_a_missing_point_as_target(self) -> None:
        message = "Not found: No point with id 3 found"
        await self.refuse(NotFound, message, form=PointExample(3), using="image")
        message = f"Not found: No point with id {UUID_A} found"
        await self.refuse(NotFound, message, form=PointExample(UUID_A), using="image")

    async def test_a_target_without_the_vector(self) -> None:
        message = 'Not found: Vector with name "text" for point not found'
        await self.refuse(NotFound, message, form=PointExample(1), using="text")

    async def test_a_threshold_without_a_target(self) -> None:
        message = (
            "Bad request: A query is needed to use the score_threshold. "
            "Can't have score_threshold without defining a query."
        )
        await self.refuse(BadRequest, message, score_threshold=0.5)

    async def test_numbers_that_are_not_finite(self) -> None:
        message = "Wrong input: Vector contains NaN or infinite values"
        await self.refuse(BadInput, message, form=nearest([1, float("nan")]), using="text")

    async def test_the_collection_is_usable_after(self) -> None:
        for _ in range(5):
            call = self.operations.read(NAME, Query(nearest([1]), using="image"))
            await self.refused(BadInput, call)
        hits = await self.query(
            form=nearest([1, 2]), using="text", selection=Selection(vectors=True)
        )
        self.assertEqual(ids_of(hits), [2])


def _scores(
    distance: Distance, data: NDArray[np.float32], query: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The scores of the rows of `data`, shape [n, dim], by the textbook formula in float64."""
    rows, target = data.astype(np.float64), query.astype(np.float64)
    scores: NDArray[np.float64]
    match distance:
        case Distance.EUCLID:
            scores = np.sqrt(np.square(rows - target).sum(axis=1))
        case Distance.MANHATTAN:
            scores = np.abs(rows - target).sum(axis=1)
        case Distance.DOT:
            scores = rows @ target
        case Distance.COSINE:
            scores = rows @ target / (np.linalg.norm(rows, axis=1) * np.linalg.norm(target))
    return scores
