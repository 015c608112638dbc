"""Reads what a server has stored, and checks that all ways to read it agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models

from .contents import (
    IDS,
    OWN_SIZE,
    Contents,
    components,
    content,
    index_name,
    own_name,
    point_id,
    vector_name,
)
from .drawing import GROUPS, MAIN
from .sending import match

MARKS = range(5)
_EVERYTHING = 100_000
_SEARCHES = 40

Records = Mapping[int | str, tuple[dict[str, Any], Mapping[str, Any]]]
"""Points by their ids: the content of each vector by its name, and the payload."""


class Wrong(AssertionError):
    """Something stored is not as it must be."""


class Stored:
    """Everything that a server has stored, read over the wire of `client`."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client
        self.info = client.get_collection(MAIN)
        self.records: Records = self._scrolled(MAIN)
        self.names = {own.name for own in client.get_collections().collections}
        self.aliases = {own.alias_name: own.collection_name for own in client.get_aliases().aliases}

    def difference(self, writer: int, contents: Contents) -> str | None:
        """What of a writer is not stored as it should be; None if all is."""
        ids = {point_id(writer, place) for place in range(IDS)}
        found = {own: record for own, record in self.records.items() if own in ids}
        expected = {
            own: (
                {name: content(name, number) for name, number in point.vectors.items()},
                point.payload,
            )
            for own, point in contents.points.items()
        }
        for own in found.keys() | expected.keys():
            if found.get(own) != expected.get(own):
                return f"point {own}: {found.get(own)} instead of {expected.get(own)}"
        alias = contents.alias
        aliases = {
            name: target for name, target in self.aliases.items() if name.endswith(str(writer))
        }
        if aliases != ({} if alias is None else {alias[0]: alias[1]}):
            return f"aliases {aliases} instead of {alias}"
        has_index = index_name(writer) in self.info.payload_schema
        if has_index != contents.has_index:
            return f"an index: {has_index}"
        vectors = self.info.config.params.vectors
        assert isinstance(vectors, dict)
        if (vector_name(writer) in vectors) != contents.has_vector_name:
            return f"vector names: {sorted(vectors)}"
        return self._own_difference(writer, contents)

    def _own_difference(self, writer: int, contents: Contents) -> str | None:
        name, own = own_name(writer), contents.own
        if (name in self.names) != (own is not None):
            return f"collections {sorted(self.names)}"
        if own is None:
            return None
        m = self._client.get_collection(name).config.hnsw_config.m
        if m != own.m:
            return f"{name} has m {m} instead of {own.m}"
        points: dict[int | str, Any] = {
            place: ({"": components(number, OWN_SIZE)}, {}) for place, number in own.points.items()
        }
        found = self._scrolled(name)
        return None if found == points else f"{name} has {found} instead of {points}"

    def check(self) -> None:
        """Raise Wrong unless counts, indexes and searches agree with the points."""
        for wanted, has in self._conditions():
            expected = {own for own, (_, payload) in self.records.items() if has(payload)}
            chosen = models.Filter(must=wanted)
            count = self._client.count(MAIN, count_filter=chosen, exact=True).count
            found = {own.id for own in self._page(MAIN, scroll_filter=chosen)}
            self._expect(count == len(expected), f"{count} of {len(expected)} by {wanted}")
            self._expect(found == expected, f"{found ^ expected} by {wanted}")
        self._check_facets()
        self._check_dense()
        self._check_sparse()

    def _conditions(self) -> list[tuple[list[Any], Any]]:
        """Filters, and what they mean: all, each group, each mark, a range, each live index."""
        made: list[tuple[list[Any], Any]] = [([], lambda _: True)]
        names = [(f"k{number}", range(5)) for number in range(8)]
        for name, values in (("group", range(GROUPS)), ("mark", MARKS), *names):
            if name not in self.info.payload_schema:
                continue
            for value in values:
                made.append(([match(name, value)], lambda p, n=name, v=value: p.get(n) == v))
        between = models.FieldCondition(key="mark", range=models.Range(gte=1, lt=4))
        made.append(([between], lambda payload: 1 <= payload.get("mark", 0) < 4))
        return made

    def _check_facets(self) -> None:
        for name in ("group", "mark"):
            hits = self._client.facet(MAIN, name, limit=100, exact=True).hits
            found = {hit.value: hit.count for hit in hits}
            payloads = [payload for _, payload in self.records.values()]
            expected = Counter(own[name] for own in payloads if name in own)
            self._expect(found == expected, f"facet {name}: {found} instead of {expected}")

    def _check_dense(self) -> None:
        """Points find themselves by exact search, of every dense vector that they have."""
        exact = models.SearchParams(exact=True)
        asked = [
            (own, name, vectors[name])
            for own, (vectors, _) in self.records.items()
            for name in vectors
            if name not in ("m", "s")
        ]
        asked = asked[:: len(asked) // (4 * _SEARCHES) + 1]
        requests = [
            models.QueryRequest(query=vector, using=name, limit=3, params=exact)
            for _, name, vector in asked
        ]
        answers = self._client.query_batch_points(MAIN, requests) if requests else []
        for (own, name, _), answer in zip(asked, answers, strict=True):
            found = [point.id for point in answer.points if point.score == 0]
            self._expect(own in found, f"{own} does not find itself by {name}: {answer}")

    def _check_sparse(self) -> None:
        """Points are found by their sparse vectors and multivectors exactly where they have one."""
        ids = list(self.records)
        ids = ids[:: len(ids) // _SEARCHES + 1]
        for name in ("s", "m"):
            asked = content(name, 4)
            query: Any = models.SparseVector(indices=[0, 1, 2], values=[1.0, 1.0, 1.0])
            requests = [
                models.QueryRequest(
                    query=query if name == "s" else asked,
                    using=name,
                    limit=1,
                    filter=models.Filter(must=[models.HasIdCondition(has_id=[own])]),
                )
                for own in ids
            ]
            answers = self._client.query_batch_points(MAIN, requests) if requests else []
            for own, answer in zip(ids, answers, strict=True):
                # The first index of each sparse vector is 0, 1 or 2.
                is_there = name in self.records[own][0]
                self._expect(bool(answer.points) == is_there, f"{own} by {name}: {answer}")

    def _scrolled(self, name: str) -> Records:
        records = {}
        for record in self._page(name, with_vectors=True):
            vectors: Any = record.vector
            if not isinstance(vectors, dict):
                vectors = {"": vectors}
            records[record.id] = (
                {key: _plain(vector) for key, vector in vectors.items()},
                record.payload or {},
            )
        count = self._client.count(name, exact=True).count
        self._expect(count == len(records), f"{name}: {count} counted, {len(records)} scrolled")
        return records

    def _page(self, name: str, **options: Any) -> list[Any]:
        found, _ = self._client.scroll(name, limit=_EVERYTHING, **options)
        self._expect(len({own.id for own in found}) == len(found), f"{name}: a point twice")
        return list(found)

    def _expect(self, condition: bool, what: str) -> None:
        if not condition:
            raise Wrong(what)


def _plain(vector: Any) -> Any:
    """A vector as `content` has it: REST sends the shortest text of each 32-bit number."""
    if isinstance(vector, models.SparseVector):
        return {"indices": list(vector.indices), "values": _plain(vector.values)}
    return np.asarray(vector, dtype=np.float32).tolist()
