"""Compares a copy with its source: the counts, and a sample of the points."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence

from attrs import define, field

from ..rpc.generated import collections_pb2, points_pb2
from ..rpc.generated.qdrant_common_pb2 import PointId
from .comparison import Comparison, Likeness, Tolerances, compare
from .connection import COUNT, Connection
from .errors import TooLarge
from .plan import CollectionPlan
from .points import id_value, point_of
from .transfer import listed_ids, read_points

SAMPLE = 1000
"""How many points are compared unless the user says otherwise."""

_PAGE = 50
_SHOWN = 10


@define
class Verification:
    """What a comparison found. `more_allowed`: the target had points before."""

    source_count: int
    target_count: int
    more_allowed: bool = False
    compared: int = 0
    equal: int = 0
    different: int = 0
    rounding: float = 0.0
    shown: list[str] = field(factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing differs."""
        return self.counts_agree and not self.different

    @property
    def counts_agree(self) -> bool:
        """Whether the target has as many points as it must."""
        if self.more_allowed:
            return self.target_count >= self.source_count
        return self.target_count == self.source_count

    def lines(self) -> list[str]:
        """The findings as text."""
        counts = f"{self.source_count:,} points at the source, {self.target_count:,} at the target"
        rounded = self.compared - self.equal - self.different
        text = f"{counts}; {self.compared:,} compared, {self.equal:,} equal to the bit"
        if rounded:
            text += f", {rounded:,} but for rounding by {self.rounding:.1g} of a vector's length"
        if self.different:
            text += f", {self.different:,} different"
        return [text, *self.shown]


async def verify(
    source: Connection,
    target: Connection,
    plan: CollectionPlan,
    params: collections_pb2.CollectionParams,
    sample: int | None,
    more_allowed: bool,
) -> Verification:
    """Compare a copy with its source.

    `params` are those of the target; `sample` points are compared, all if None.
    """
    found = Verification(
        await _count(source, plan.source), await _count(target, plan.target), more_allowed
    )
    tolerances = Tolerances.of(params)
    async for ids in _chosen_ids(source, plan, found.source_count, sample):
        for begin in range(0, len(ids), _PAGE):
            await _compare(source, target, plan, ids[begin : begin + _PAGE], tolerances, found)
    return found


async def _count(server: Connection, collection: str) -> int:
    request = points_pb2.CountPoints(collection_name=collection, exact=True)
    return (await server.call(COUNT, request)).result.count


async def _chosen_ids(
    source: Connection, plan: CollectionPlan, count: int, sample: int | None
) -> AsyncIterator[list[PointId]]:
    """Ids of `sample` points, which are anywhere in the collection with equal chance."""
    if sample == 0:
        return
    places = None
    if sample is not None and sample < count:
        places = iter(sorted(random.sample(range(count), sample)))
    place = None if places is None else next(places)
    begin = 0
    async for ids, _ in listed_ids(source, plan.source, plan.scroll_limit):
        if places is None:
            yield list(ids)
            continue
        chosen = []
        while place is not None and place < begin + len(ids):
            chosen.append(ids[place - begin])
            place = next(places, None)
        begin += len(ids)
        yield chosen
        if place is None:
            return


async def _compare(
    source: Connection,
    target: Connection,
    plan: CollectionPlan,
    ids: Sequence[PointId],
    tolerances: Tolerances,
    found: Verification,
) -> None:
    try:
        wanted = await _points(source, plan.source, ids)
        copied = await _points(target, plan.target, ids)
    except TooLarge:
        if len(ids) == 1:
            raise
        middle = len(ids) // 2
        await _compare(source, target, plan, ids[:middle], tolerances, found)
        await _compare(source, target, plan, ids[middle:], tolerances, found)
        return
    for key, point in wanted.items():
        other = copied.get(key)
        compared = Comparison(Likeness.DIFFERENT, ["it is not at the target"])
        if other is not None:
            compared = compare(point, other, tolerances)
        found.compared += 1
        found.equal += compared.likeness is Likeness.EQUAL
        found.different += compared.likeness is Likeness.DIFFERENT
        found.rounding = max(found.rounding, compared.rounding)
        if compared.differences and len(found.shown) < _SHOWN:
            found.shown.append(f"point {key}: {', '.join(compared.differences)}")


async def _points(
    server: Connection, collection: str, ids: Sequence[PointId]
) -> dict[object, points_pb2.PointStruct]:
    answer, _ = await read_points(server, collection, ids)
    return {id_value(record.id): point_of(record) for record in answer.result}
