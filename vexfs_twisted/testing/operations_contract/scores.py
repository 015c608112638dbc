"""Which scores a threshold lets pass, and what points score that nothing was asked of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...model.collection_params import Distance
from ...model.queries import NearestToPoint, Query, ScoredPoint, SearchParams
from ..values import Point, has_id, must, nearest, unnamed
from .case import NAME, ContractCase, ids_of

_RING = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [2.0, 0.0]]
_QUERY = [1.0, 0.0]
_SCORES = {
    Distance.COSINE: [1.0, 0.0, -1.0, 0.0, 1.0],
    Distance.DOT: [1.0, 0.0, -1.0, 0.0, 2.0],
    Distance.EUCLID: [0.0, float(np.sqrt(np.float32(2))), 2.0, float(np.sqrt(np.float32(2))), 1.0],
    Distance.MANHATTAN: [0.0, 2.0, 2.0, 2.0, 1.0],
}
"""What each of the points scores, by its number."""


class ThresholdsContract(ContractCase):
    """A point passes a threshold when its score is better, and not when it is as good."""

    async def every_answer(self, query: Query) -> list[Sequence[ScoredPoint]]:
        """The answer alone, and in batches small and large."""
        answers = [await self.operations.query(NAME, query)]
        for count in (2, 20):
            answers += await self.operations.query_batch(NAME, [query] * count)
        return answers

    async def passing(self, distance: Distance, threshold: float, **more: Any) -> None:
        """Those points pass whose scores are better than the threshold."""
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
                NearestToPoint(0),
                score_threshold=threshold,
                filter=must(has_id(0, 1, 2, 4)),
            )
            for answer in await self.every_answer(query):
                self.assertEqual(ids_of(answer), expected, threshold)


class UnrankedContract(ContractCase):
    """Points that are in no order but that of their ids score one."""

    async def test_all_score_one(self) -> None:
        for distance in Distance:
            await self.create(unnamed(2, distance))
            await self.put(*(Point(number, row) for number, row in enumerate(_RING)), Point(9))
            for params in ({}, {"filter": must(has_id(1, 2, 9))}, {"offset": 2, "limit": 3}):
                hits = await self.query(target=None, **params)
                self.assert_scores(hits, [1.0] * len(hits))
                self.assertGreater(len(hits), 1)
            together = await self.operations.query_batch(NAME, [Query(), Query(nearest(_QUERY))])
            self.assert_scores(together[0], [1.0] * 6)
            await self.operations.delete_collection(NAME)
