"""What one writer of a torture run should find stored, and how each command changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import numpy as np
from attrs import evolve, field, frozen

SIZE = 16
OWN_SIZE = 4
IDS = 400
"""How many points a writer has at most."""

_PRIME = 65521

PointId = int | str
Vectors = Mapping[str, int]
"""The number of each vector by its name: `content` says what it holds."""


@frozen
class Point:
    """A stored point: the numbers of its vectors, and its payload."""

    vectors: Vectors
    payload: Mapping[str, int]


Points = Mapping[PointId, Point]


@frozen
class OwnCollection:
    """The collection of a writer: the m of its graphs, and its points with their vectors."""

    m: int
    points: Mapping[int, int] = field(factory=dict)


@frozen
class Contents:
    """All that one writer has stored. Writers share one collection, but neither ids nor names.

    `alias` is its name and its target.
    """

    points: Points = field(factory=dict)
    own: OwnCollection | None = None
    alias: tuple[str, str] | None = None
    has_index: bool = False
    has_vector_name: bool = False


@frozen
class Command:
    """A command: its kind, and what it needs, as JSON values."""

    kind: str
    data: dict[str, Any]


def point_id(writer: int, place: int) -> PointId:
    """The id of a point: every other one is a UUID."""
    number = writer * IDS + place
    return number if number % 2 else str(UUID(int=number + (1 << 100)))


def vector_name(writer: int) -> str:
    """The vector name that a writer creates and drops."""
    return f"x{writer}"


def index_name(writer: int) -> str:
    """The payload field that a writer indexes now and then."""
    return f"k{writer}"


def own_name(writer: int) -> str:
    """The collection that a writer creates and deletes."""
    return f"own{writer}"


def components(number: int, size: int = SIZE) -> list[float]:
    """The components of a vector by its number; no two numbers have the same, as good as."""
    high, low = divmod(number, _PRIME)
    places = np.arange(1, size + 1, dtype=np.int64)
    mixed = (low * (2 * places + 1) + high * places * (places + 2)) % _PRIME
    found: list[float] = (mixed / _PRIME).astype(np.float32).tolist()
    return found


def content(name: str, number: int) -> Any:
    """The vector of a name by its number: a list, lists, or the indices and values of a sparse."""
    if name == "m":
        own = components(number, 4 * (1 + number % 3))
        return [own[start : start + 4] for start in range(0, len(own), 4)]
    if name == "s":
        count = 1 + number % 5
        return {"indices": [7 * n + number % 3 for n in range(count)], "values": values_of(number)}
    return components(number)


def values_of(number: int) -> list[float]:
    """The values of a sparse vector, none of them 0."""
    own = np.array(components(number, 1 + number % 5), dtype=np.float32)
    found: list[float] = (own + np.float32(1)).tolist()
    return found


def after(contents: Contents, command: Command) -> Contents:
    """What is stored once a command is done."""
    return _EFFECTS[command.kind](contents, command.data)


def chosen(points: Points, data: Mapping[str, Any]) -> list[PointId]:
    """The points that a command means: by their ids, or by its filter on owner and group."""
    if "ids" in data:
        return [own for own in data["ids"] if own in points]
    wanted = {"owner": data["owner"], "group": data["group"]}
    return [
        own
        for own, point in points.items()
        if all(point.payload.get(key) == value for key, value in wanted.items())
    ]


def _changed(points: Points, data: Mapping[str, Any], change: Callable[[Point], Point]) -> Points:
    return {**points, **{own: change(points[own]) for own in chosen(points, data)}}


def _upsert(points: Points, data: Mapping[str, Any]) -> Points:
    return {**points, **{own: Point(vectors, load) for own, vectors, load in data["points"]}}


def _delete(points: Points, data: Mapping[str, Any]) -> Points:
    gone = set(chosen(points, data))
    return {own: point for own, point in points.items() if own not in gone}


def _set_payload(points: Points, data: Mapping[str, Any]) -> Points:
    more = data["payload"]
    return _changed(points, data, lambda point: evolve(point, payload={**point.payload, **more}))


def _overwrite_payload(points: Points, data: Mapping[str, Any]) -> Points:
    return _changed(points, data, lambda point: evolve(point, payload=data["payload"]))


def _delete_payload(points: Points, data: Mapping[str, Any]) -> Points:
    keys = data["keys"]

    def without(point: Point) -> Point:
        left = {key: value for key, value in point.payload.items() if key not in keys}
        return evolve(point, payload=left)

    return _changed(points, data, without)


def _clear_payload(points: Points, data: Mapping[str, Any]) -> Points:
    return _changed(points, data, lambda point: evolve(point, payload={}))


def _update_vectors(points: Points, data: Mapping[str, Any]) -> Points:
    moved = {
        own: evolve(points[own], vectors={**points[own].vectors, **vectors})
        for own, vectors in data["points"]
    }
    return {**points, **moved}


def _delete_vectors(points: Points, data: Mapping[str, Any]) -> Points:
    return _changed(points, data, lambda point: _without_vectors(point, data["names"]))


def _without_vectors(point: Point, names: list[str]) -> Point:
    left = {name: number for name, number in point.vectors.items() if name not in names}
    return evolve(point, vectors=left)


UPDATES: dict[str, Callable[[Points, Mapping[str, Any]], Points]] = {
    "upsert": _upsert,
    "bulk upsert": _upsert,
    "delete": _delete,
    "set_payload": _set_payload,
    "overwrite_payload": _overwrite_payload,
    "delete_payload": _delete_payload,
    "clear_payload": _clear_payload,
    "update_vectors": _update_vectors,
    "delete_vectors": _delete_vectors,
}
"""The commands that may be part of a batch of updates."""


def _batch(points: Points, data: Mapping[str, Any]) -> Points:
    for kind, own in data["updates"]:
        points = UPDATES[kind](points, own)
    return points


def _of_points(update: Callable[[Points, Mapping[str, Any]], Points]) -> _Effect:
    return lambda contents, data: evolve(contents, points=update(contents.points, data))


def _drop_vector_name(contents: Contents, data: Mapping[str, Any]) -> Contents:
    points = {
        own: _without_vectors(point, [data["name"]]) for own, point in contents.points.items()
    }
    return evolve(contents, has_vector_name=False, points=points)


def _own_upsert(contents: Contents, data: Mapping[str, Any]) -> Contents:
    assert contents.own is not None
    points = {**contents.own.points, **dict(data["points"])}
    return evolve(contents, own=evolve(contents.own, points=points))


def _own_update(contents: Contents, data: Mapping[str, Any]) -> Contents:
    assert contents.own is not None
    return evolve(contents, own=evolve(contents.own, m=data["m"]))


def _own_delete(contents: Contents, data: Mapping[str, Any]) -> Contents:
    is_target = contents.alias is not None and contents.alias[1] == data["name"]
    return evolve(contents, own=None, alias=None if is_target else contents.alias)


def _alias(contents: Contents, data: Mapping[str, Any]) -> Contents:
    return evolve(contents, alias=data["alias"] and tuple(data["alias"]))


_Effect = Callable[[Contents, Mapping[str, Any]], Contents]

_EFFECTS: dict[str, _Effect] = {
    **{kind: _of_points(update) for kind, update in UPDATES.items()},
    "batch": _of_points(_batch),
    "create_index": lambda contents, _: evolve(contents, has_index=True),
    "delete_index": lambda contents, _: evolve(contents, has_index=False),
    "create_vector_name": lambda contents, _: evolve(contents, has_vector_name=True),
    "drop_vector_name": _drop_vector_name,
    "create_collection": lambda contents, data: evolve(contents, own=OwnCollection(data["m"])),
    "upsert into own collection": _own_upsert,
    "update_collection": _own_update,
    "delete_collection": _own_delete,
    "change_aliases": _alias,
}
KINDS = frozenset(_EFFECTS)
"""All kinds of commands."""
