"""Draws the commands of a writer: the same ones for the same seed and the same outcomes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from .contents import (
    IDS,
    UPDATES,
    Command,
    Contents,
    PointId,
    Points,
    index_name,
    own_name,
    point_id,
    vector_name,
)

MAIN = "main"
GROUPS = 7
_BULK = 250
_OWN_POINTS = 20


class Drawing:
    """The commands of one writer."""

    def __init__(self, writer: int, seed: str) -> None:
        self._writer = writer
        self._random = Random(f"{seed} {writer}")
        self._vectors = 0
        self._others: dict[str, Callable[[Contents], Command | None]] = {
            "batch": self._batch,
            "index": self._index,
            "vector name": self._vector_name,
            "collection": self._collection,
            "own points": self._own_points,
            "alias": self._alias,
        }

    def next(self, contents: Contents) -> Command:
        """The next command on what is stored."""
        while True:
            kind = self._random.choice([*UPDATES, "upsert", *self._others])
            found = self._others[kind](contents) if kind in self._others else None
            if kind in UPDATES:
                data = self._update(kind, contents.points, contents)
                found = None if data is None else Command(kind, data)
            if found is not None:
                return found

    def is_over_rest(self) -> bool:
        """Which wire the next command takes."""
        return self._random.random() < 0.5

    def waits(self) -> bool:
        """Whether the next update asks to wait. It is on disk either way."""
        return self._random.random() < 0.7

    def _number(self) -> int:
        self._vectors += 1
        return self._vectors * 8 + self._writer

    def _new_vectors(self, contents: Contents) -> dict[str, int]:
        """The vectors of a point that is written: mostly all of them."""
        names = ["m", "s"] + [vector_name(self._writer)] * contents.has_vector_name
        some = [name for name in names if self._random.random() < 0.7]
        if not some or self._random.random() < 0.95:
            some.append("d")
        return {name: self._number() for name in some}

    def _payload(self) -> dict[str, int]:
        number = self._random.randrange(1000)
        own = {"owner": self._writer, "group": number % GROUPS, "n": number}
        return own | {index_name(self._writer): number % 5}

    def _places(self, most: int) -> list[PointId]:
        count = self._random.randint(1, most)
        return [point_id(self._writer, place) for place in self._random.sample(range(IDS), count)]

    def _some(self, points: Points, most: int) -> list[PointId] | None:
        """Some points that are there; None if there are none."""
        found = sorted(points, key=str)
        return self._random.sample(found, min(len(found), self._random.randint(1, most))) or None

    def _which(self, points: Points, most: int) -> dict[str, Any] | None:
        """What names points: ids or a filter."""
        if self._random.random() < 0.4:
            return {"owner": self._writer, "group": self._random.randrange(GROUPS)}
        ids = self._some(points, most)
        return None if ids is None else {"ids": ids}

    def _update(self, kind: str, points: Points, contents: Contents) -> dict[str, Any] | None:
        if kind in ("upsert", "bulk upsert"):
            ids = self._places(3 if kind == "upsert" else _BULK)
            return {"points": [[i, self._new_vectors(contents), self._payload()] for i in ids]}
        if kind == "update_vectors":
            ids = self._some(points, 20) or []
            return {"points": [[i, self._new_vectors(contents)] for i in ids]} if ids else None
        which = self._which(points, 20)
        if which is None:
            return None
        if kind == "set_payload":
            which["payload"] = {"mark": self._random.randrange(5)}
        elif kind == "overwrite_payload":
            which["payload"] = self._payload()
        elif kind == "delete_payload":
            which["keys"] = self._random.sample(["mark", "n", "group"], 2)
        elif kind == "delete_vectors":
            which["names"] = self._random.sample(["d", "m", "s"], 2)
        return which

    def _batch(self, contents: Contents) -> Command | None:
        points, updates = contents.points, []
        for _ in range(self._random.randint(2, 5)):
            kind = self._random.choice([kind for kind in UPDATES if kind != "bulk upsert"])
            data = self._update(kind, points, contents)
            if data is not None:
                updates.append([kind, data])
                points = UPDATES[kind](points, data)
        return Command("batch", {"updates": updates}) if updates else None

    def _index(self, contents: Contents) -> Command:
        kind = "delete_index" if contents.has_index else "create_index"
        return Command(kind, {"name": index_name(self._writer)})

    def _vector_name(self, contents: Contents) -> Command:
        kind = "drop_vector_name" if contents.has_vector_name else "create_vector_name"
        return Command(kind, {"name": vector_name(self._writer)})

    def _collection(self, contents: Contents) -> Command:
        name, m = own_name(self._writer), self._random.randint(4, 64)
        if contents.own is None:
            return Command("create_collection", {"name": name, "m": m})
        if self._random.random() < 0.5:
            return Command("update_collection", {"name": name, "m": m})
        return Command("delete_collection", {"name": name})

    def _own_points(self, contents: Contents) -> Command | None:
        if contents.own is None:
            return None
        ids = self._random.sample(range(_OWN_POINTS), self._random.randint(1, _OWN_POINTS))
        points = [[own, self._number()] for own in ids]
        return Command(
            "upsert into own collection", {"name": own_name(self._writer), "points": points}
        )

    def _alias(self, contents: Contents) -> Command:
        """Create, switch, rename or delete the alias: all of it at once."""
        names = [f"alias{self._writer}", f"other{self._writer}"]
        targets = [MAIN] if contents.own is None else [MAIN, own_name(self._writer)]
        alias = [self._random.choice(names), self._random.choice(targets)]
        is_gone = contents.alias is not None and self._random.random() < 0.3
        return Command(
            "change_aliases", {"before": contents.alias, "alias": None if is_gone else alias}
        )
