"""Scores: thresholds, scores of unranked points, scores beyond float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import Point, dense, has_id, must, nearest, unnamed
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Datatype, Distance, VectorParams
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Query, QueryBatch, ScoredPoint
from vexfs_twisted.model.query_forms import PointExample
from vexfs_twisted.model.search_params import SearchParams

Rows = dict[int, list[float]]
"""The vectors of points by their ids."""

LARGEST = float(np.finfo(np.float32).max)

_RING = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [2.0, 0.0]]
_QUERY = [1.0, 0.0]
_SCORES = {
    Distance.COSINE: [1.0, 0.0, -1.0, 0.0, 1.0],
    Distance.DOT: [1.0, 0.0, -1.0, 0.0, 2.0],
    Distance.EUCLID: [0.0, float(np.sqrt(np.float32(2))), 2.0, float(np.sqrt(np.float32(2))), 1.0],
    Distance.MANHATTAN: [0.0, 2.0, 2.0, 2.0, 1.0],
}
"""The score of each point, by its number."""


class ThresholdsContract(ContractCase):
    """A point passes a threshold if its score is strictly better."""

    async def every_answer(self, query: Query) -> list[Sequence[ScoredPoint]]:
        """The result of the query alone, and in small and large batches."""
        answers = [await self.operations.read(NAME, query)]
        for count in (2, 20):
            answers += await self.operations.read(NAME, QueryBatch([query] * count))
        return answers

    async def passing(self, distance: Distance, threshold: float, **more: Any) -> None:
        """Assert that exactly the points whose scores are better than the threshold pass."""
        scores = _SCORES[distance]
        better = np.greater if distance.larger_is_nearer else np.less
        expected = {
            number for number, score in enumerate(scores) if better(score, np.float32(threshold))
        }
        for params in (SearchParams(), SearchParams(exact=True)):
            query = Query(nearest(_QUERY), score_threshold=threshold, params=params, **more)
            for answer in await self.every_answer(query):
                self.assertEqual(set(ids_of(answer)), expected, (distance, threshold))
                self.assertEqual(len(answer), len(expected))

    async def test_under_each_metric_at_and_beside_each_score(self) -> None:
        for distance in Distance:
            await self.create(unnamed(2, distance))
            await self.put(*(Point(number, row) for number, row in enumerate(_RING)))
            for score in sorted(set(_SCORES[distance])):
                single = np.float32(score)
                below, above = np.nextafter(single, [np.float32(-9), np.float32(9)])
                for threshold in (score, float(below), float(above)):
                    await self.passing(distance, threshold)
            await self.operations.delete_collection(NAME)

    async def test_it_is_rounded_as_scores_are(self) -> None:
        """0.1 is less than the float32 nearest to it, which a score of 0.1 is."""
        await self.create(unnamed(2, Distance.DOT))
        await self.put(Point(1, [0.1, 0]))
        for threshold, expected in ((0.1, []), (0.1 + 1e-12, []), (0.0999999, [1])):
            query = Query(nearest(_QUERY), score_threshold=threshold)
            for answer in await self.every_answer(query):
                self.assertEqual(ids_of(answer), expected, threshold)

    async def test_beyond_all_scores(self) -> None:
        for distance in Distance:
            await self.create(unnamed(2, distance))
            await self.put(*(Point(number, row) for number, row in enumerate(_RING)))
            # Some is no float32, and so is infinite once it is rounded.
            for threshold in (3.4e38, -3.4e38, 1e39, -1e39, 0.0, -0.0):
                await self.passing(distance, threshold)
            await self.operations.delete_collection(NAME)

    async def test_the_worst_of_a_page_is_at_the_threshold(self) -> None:
        """Points that do not pass do not make room for others behind them."""
        await self.create(unnamed(1, Distance.DOT))
        await self.put(*(Point(number, [number]) for number in range(20)))
        for limit, offset, expected in ((3, 0, [19, 18, 17]), (9, 7, [12, 11]), (2, 9, [])):
            query = Query(nearest([1]), score_threshold=10, limit=limit, offset=offset)
            for answer in await self.every_answer(query):
                self.assertEqual(ids_of(answer), expected)

    async def test_with_a_point_as_target_and_a_filter(self) -> None:
        await self.create(unnamed(2, Distance.COSINE))
        await self.put(*(Point(number, row) for number, row in enumerate(_RING)))
        for threshold, expected in ((1.0, []), (0.5, [4]), (0.0, [4]), (-0.5, [4, 1])):
            query = Query(
                PointExample(0),
                score_threshold=threshold,
                filter=must(has_id(0, 1, 2, 4)),
            )
            for answer in await self.every_answer(query):
                self.assertEqual(ids_of(answer), expected, threshold)


class UnrankedContract(ContractCase):
    """Points that are ordered only by id score one."""

    async def test_all_score_one(self) -> None:
        for distance in Distance:
            await self.create(unnamed(2, distance))
            await self.put(*(Point(number, row) for number, row in enumerate(_RING)), Point(9))
            for params in ({}, {"filter": must(has_id(1, 2, 9))}, {"offset": 2, "limit": 3}):
                hits = await self.query(form=None, **params)
                self.assert_scores(hits, [1.0] * len(hits))
                self.assertGreater(len(hits), 1)
            together = await self.operations.read(
                NAME, QueryBatch([Query(), Query(nearest(_QUERY))])
            )
            self.assert_scores(together[0], [1.0] * 6)
            await self.operations.delete_collection(NAME)


class OverflowContract(ContractCase):
    """Scores beyond float32 saturate at its largest value, ordered as in double precision."""

    async def scored(self, params: VectorParams, rows: Rows, query: list[float]) -> list[PointId]:
        """The ids of all `rows` in order; asserts that every kind of query returns the same.

        Every score is a number, and the order is that of scores in double precision.
        """
        await self.create(CreateCollection({"": params}))
        await self.put(*(Point(number, row) for number, row in rows.items()))
        request = Query(nearest(query))
        hits = await self.operations.read(NAME, request)
        self.assertEqual(len(hits), len(rows))
        for limit in (1, 2, len(rows)):
            few = Query(nearest(query), limit=limit)
            exact = Query(nearest(query), limit=limit, params=SearchParams(exact=True))
            batch = [Query(nearest(np.ones(params.size).tolist())), few, exact] * 5
            together = await self.operations.read(NAME, QueryBatch(batch))
            for answer in (together[1], together[2], together[-1]):
                self.assertEqual(list(answer), list(hits[:limit]))
        await self.operations.delete_collection(NAME)
        self.scores = np.array([hit.score for hit in hits], dtype=np.float32).tolist()
        self.assertTrue(np.isfinite(self.scores).all(), self.scores)
        return ids_of(hits)

    async def test_euclidean_distances(self) -> None:
        rows: Rows = {
            1: [3.3e38] * 4,
            2: [3e38] * 4,
            3: [0, 0, 0, 1e20],
            4: [2, 0, 0, 0],
            5: [-3.2e38] * 4,
            6: [2e38] * 4,
        }
        params = VectorParams(Distance.EUCLID, 4)
        self.assertEqual(await self.scored(params, rows, [1, 0, 0, 0]), [4, 3, 6, 2, 5, 1])
        self.assertEqual(self.scores, [1.0, float(np.float32(1e20)), *[LARGEST] * 4])
        self.assertEqual(await self.scored(params, rows, [3.2e38] * 4), [1, 2, 6, 3, 4, 5])
        self.assertEqual(self.scores[3:], [LARGEST] * 3)

    async def test_manhattan_distances(self) -> None:
        rows: Rows = {
            1: [3e38, 3e38],
            2: [1e38, 1e38],
            3: [-3e38, 1e38],
            4: [3, 4],
            5: [3e38, 2e38],
        }
        params = VectorParams(Distance.MANHATTAN, 2)
        self.assertEqual(await self.scored(params, rows, [1, 0]), [4, 2, 3, 5, 1])
        self.assertEqual(self.scores[:2], [6.0, float(np.float32(2e38))])
        self.assertEqual(self.scores[2:], [LARGEST] * 3)

    async def test_products_of_both_signs(self) -> None:
        rows: Rows = {
            1: [3e38, 3e38],
            2: [3e38, -3e38],
            3: [-3e38, -3e38],
            4: [2e38, 3e38],
            5: [1, 1],
            6: [-1, 0],
            7: [-3e38, -2e38],
            8: [-3e38, 3e38],
        }
        params = VectorParams(Distance.DOT, 2)
        self.assertEqual(await self.scored(params, rows, [2, 2]), [1, 4, 5, 2, 8, 6, 7, 3])
        expected = [LARGEST, LARGEST, 4.0, 0.0, 0.0, -2.0, -LARGEST, -LARGEST]
        self.assertEqual(self.scores, expected)
        # What comes to be infinite on the way, and is no more at the end.
        rows = {1: [3e38, -3e38], 2: [1, 1], 3: [1e38, -1e38]}
        self.assertEqual(await self.scored(params, rows, [2, 1]), [1, 3, 2])
        self.assertEqual(self.scores, np.array([3e38, 1e38, 3], dtype=np.float32).tolist())

    async def test_long_vectors_too(self) -> None:
        """Those of 16 components and more are scored by another kernel."""
        for size in (16, 33):
            ones = np.ones(size)
            signs = np.resize([1.0, -1.0], size - size % 2)
            rows: Rows = {
                1: (3e38 * ones).tolist(),
                2: (1e38 * ones).tolist(),
                3: ones.tolist(),
                4: (-2e38 * ones).tolist(),
                5: np.pad(2.9e38 * signs, (0, size % 2)).tolist(),
            }
            for distance, order in (
                (Distance.DOT, [1, 2, 3, 5, 4]),
                (Distance.EUCLID, [3, 2, 4, 5, 1]),
                (Distance.MANHATTAN, [3, 2, 4, 5, 1]),
            ):
                params = VectorParams(distance, size)
                query = (2 * ones).tolist()
                self.assertEqual(await self.scored(params, rows, query), order, distance)

    async def test_lengths_that_overflow_are_normalised(self) -> None:
        rows: Rows = {1: [3e38, 3e38], 2: [3e38, 0], 3: [-1e38, 1e38], 4: [1e-38, 2e-38]}
        params = VectorParams(Distance.COSINE, 2)
        self.assertEqual(await self.scored(params, rows, [3e38, 3e38]), [1, 4, 2, 3])
        np.testing.assert_allclose(self.scores, [1, 0.9486833, 0.70710678, 0], atol=1e-6)

    async def test_other_ways_to_store_vectors(self) -> None:
        """They hold less: what is larger is stored as the largest they hold."""
        rows: Rows = {1: [3e38, -3e38, 0, 0], 2: [1, 2, 3, 4], 3: [-3e38] * 4, 4: [3e38] * 4}
        for datatype in (Datatype.FLOAT16, Datatype.UINT8, Datatype.TURBO4):
            for distance in Distance:
                params = VectorParams(distance, 4, datatype=datatype)
                for query in ([3e38, 0.0, 0.0, 0.0], [1.0] * 4, [3e38] * 4):
                    ids = await self.scored(params, rows, query)
                    best = 4 if distance.larger_is_nearer or query[0] > 1 else 2
                    if query[0] == query[1] and datatype is not Datatype.UINT8:
                        self.assertEqual(ids[0], best, (datatype, distance, query))

    async def test_vectors_that_are_returned_are_numbers(self) -> None:
        rows: Rows = {1: [3e38, -3e38, 1, 0], 2: [-3e38, -3.4e38, 3.4e38, 2e38]}
        for datatype in Datatype:
            params = VectorParams(Distance.EUCLID, 4, datatype=datatype)
            await self.create(CreateCollection({"": params}))
            await self.put(*(Point(number, row) for number, row in rows.items()))
            for record in await self.retrieve(*rows):
                assert record.vectors is not None
                self.assertTrue(np.isfinite(dense(record.vectors[""])).all(), datatype)
            await self.operations.delete_collection(NAME)

    async def test_thresholds(self) -> None:
        await self.create(unnamed(2, Distance.EUCLID))
        await self.put(Point(1, [3e38, 3e38]), Point(2, [0, 3]), Point(3, [3e38, -3e38]))
        for threshold, expected in ((1e39, [2, 1, 3]), (LARGEST, [2]), (5.0, [2]), (3.0, [])):
            hits = await self.query(form=nearest([0, 0]), score_threshold=threshold)
            self.assertEqual(ids_of(hits), expected, threshold)
        await self.operations.delete_collection(NAME)
        await self.create(unnamed(2, Distance.DOT))
        await self.put(Point(1, [3e38, 3e38]), Point(2, [0, 3]), Point(3, [-3e38, -3e38]))
        for threshold, expected in (
            (-1e39, [1, 2, 3]),
            (-LARGEST, [1, 2]),
            (3.5, [1, 2]),
            (LARGEST, []),
        ):
            hits = await self.query(form=nearest([2, 2]), score_threshold=threshold)
            self.assertEqual(ids_of(hits), expected, threshold)

    async def test_a_point_as_target_and_a_filter(self) -> None:
        await self.create(unnamed(2, Distance.EUCLID))
        rows: Rows = {1: [3e38, 3e38], 2: [-3e38, 3e38], 3: [0, 0], 4: [-3e38, -3e38]}
        await self.put(*(Point(number, row) for number, row in rows.items()))
        hits = await self.query(form=PointExample(1), filter=must(has_id(1, 2, 4)))
        self.assertEqual(ids_of(hits), [2, 4])
        self.assert_scores(hits, [LARGEST, LARGEST])
        hits = await self.query(form=PointExample(3), offset=1)
        self.assertEqual(ids_of(hits), [2, 4])
