"""The official client against our daemon and against its own local mode, on the same data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

COLORS = ["red", "green", "blue", "gr\u00fcn"]
SIZE = 12
TEXT_SIZE = 7

Generator = np.random.Generator
Condition = Any


def random_vector(generator: Generator, size: int) -> list[float]:
    """Numbers that float32 holds exactly, so that no conversion can blur them."""
    vector: NDArray[np.float32] = generator.normal(size=size).astype(np.float32)
    return vector.tolist()


def point_id(number: int) -> int | str:
    """Integers, and a UUID for every third point."""
    return str(UUID(int=number * 7919, version=4)) if number % 3 == 0 else number


def random_payload(generator: Generator, number: int) -> dict[str, Any]:
    """A payload in which any key may be missing."""
    whole = {
        "color": str(generator.choice(COLORS)),
        "tags": [str(tag) for tag in generator.choice(COLORS, size=generator.integers(0, 3))],
        "count": int(generator.integers(0, 10)),
        "price": float(np.round(generator.normal() * 100, 2)),
        "is_new": bool(generator.integers(0, 2)),
        "number": number,
        "maker": {"city": str(generator.choice(COLORS)), "years": [number, number + 1]},
        "parts": [{"weight": int(weight)} for weight in generator.integers(0, 9, size=2)],
    }
    return {key: value for key, value in whole.items() if generator.random() < 0.8}


def random_points(generator: Generator, count: int) -> list[models.PointStruct]:
    """Points of a collection with one unnamed vector."""
    return [
        models.PointStruct(
            id=point_id(number),
            vector=random_vector(generator, SIZE),
            payload=random_payload(generator, number),
        )
        for number in range(count)
    ]


def random_named_points(generator: Generator, count: int) -> list[models.PointStruct]:
    """Points with two vectors, of which either may be missing."""
    points = random_points(generator, count)
    for number, point in enumerate(points):
        text = random_vector(generator, TEXT_SIZE)
        vectors: dict[str, Any] = {"image": point.vector, "text": text}
        missing = {0: "image", 1: "text"}.get(number % 5)
        point.vector = {name: v for name, v in vectors.items() if name != missing}
    return points


def random_filter(generator: Generator, depth: int = 2) -> models.Filter:
    """A filter of the kinds that are supported, nested now and then."""

    def conditions(most: int) -> list[Condition] | None:
        found = [random_condition(generator, depth) for _ in range(generator.integers(0, most + 1))]
        return found or None

    return models.Filter(must=conditions(2), should=conditions(2), must_not=conditions(1))


def random_condition(generator: Generator, depth: int) -> Condition:
    """One condition."""
    if depth and generator.random() < 0.2:
        return random_filter(generator, depth - 1)
    return _MAKERS[generator.integers(len(_MAKERS))](generator)


def _color(generator: Generator) -> Condition:
    key = str(generator.choice(["color", "tags", "maker.city", "tags[]"]))
    match = models.MatchValue(value=str(generator.choice(COLORS)))
    return models.FieldCondition(key=key, match=match)


def _count(generator: Generator) -> Condition:
    match = models.MatchValue(value=int(generator.integers(0, 10)))
    return models.FieldCondition(key="count", match=match)


def _is_new(generator: Generator) -> Condition:
    match = models.MatchValue(value=bool(generator.integers(0, 2)))
    return models.FieldCondition(key="is_new", match=match)


def _any(generator: Generator) -> Condition:
    values = [int(value) for value in generator.integers(0, 9, size=3)]
    return models.FieldCondition(key="parts[].weight", match=models.MatchAny(any=values))


def _except(generator: Generator) -> Condition:
    values = {"except": [str(value) for value in generator.choice(COLORS, size=2)]}
    return models.FieldCondition(key="color", match=models.MatchExcept(**values))


def _range(generator: Generator) -> Condition:
    low = float(np.round(generator.normal() * 100, 2))
    bounds = models.Range(gte=low, lt=low + 80)
    key = str(generator.choice(["price", "number", "maker.years", "maker.years[0]"]))
    return models.FieldCondition(key=key, range=bounds)


def _has_id(generator: Generator) -> Condition:
    ids: list[Any] = [point_id(int(number)) for number in generator.integers(0, 400, size=60)]
    return models.HasIdCondition(has_id=ids)


_MAKERS = (_color, _color, _count, _is_new, _any, _except, _range, _has_id)


def all_pages(client: Any, collection: str, **request: Any) -> Iterator[models.Record]:
    """Every point of a collection, by scrolling."""
    offset = None
    while True:
        records, offset = client.scroll(collection, offset=offset, **request)
        yield from records
        if offset is None:
            return


def assert_same_points(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """The same points in the same order: ids, payloads, and vectors as near as float32 is."""
    assert [point.id for point in ours] == [point.id for point in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        # Over gRPC the client cannot tell a payload that is empty from none.
        assert (mine.payload or {}) == (other.payload or {}), (mine, other)
        assert_same_vectors(mine.vector, other.vector)


def assert_same_vectors(mine: Any, other: Any) -> None:
    """One vector, several by name, or none."""
    if isinstance(other, dict):
        assert isinstance(mine, dict)
        assert mine.keys() == other.keys()
        for name in other:
            assert_same_vectors(mine[name], other[name])
    elif other is None:
        assert mine is None
    else:
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def assert_same_hits(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """The same answer to a query; points whose scores are equal but for rounding may swap."""
    mine = np.array([hit.score for hit in ours])
    other = np.array([hit.score for hit in theirs])
    np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    by_id = {hit.id: hit for hit in theirs}
    for place, hit in enumerate(ours):
        if hit.id != theirs[place].id:
            np.testing.assert_allclose(hit.score, theirs[place].score, rtol=1e-5, atol=1e-6)
        elif hit.id in by_id:
            assert_same_points([hit], [by_id[hit.id]])
