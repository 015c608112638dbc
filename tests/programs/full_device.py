"""Does everything that reads and writes in a folder on a small device, before and after it is full.

`python -m tests.programs.full_device FOLDER`. A map without room ends the process by SIGBUS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.engine_support import (
    EVERYTHING,
    Floats,
    field,
    floats,
    to_vector,
    unnamed,
    upsert,
    write,
)
from tests.small_device import fill, make_room
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateAlias, CreateCollection
from vexfs_twisted.model.collection_params import Distance, OptimizersConfigDiff, VectorParams
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, QueryBatch, Scroll
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 64
HELD = 400
"""More held reads than the first pages of LMDB's table of readers have room for."""

TWO = CreateCollection(
    vectors={"a": VectorParams(Distance.DOT, SIZE), "b": VectorParams(Distance.EUCLID, SIZE)},
    optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
)
generator = np.random.default_rng(1)


def vectors(count: int) -> Floats:
    """Random vectors."""
    found: Floats = generator.random((count, SIZE), dtype=np.float32)
    return found


def main(root: Path) -> None:
    """All of it. Raises whatever is not as it should be."""
    catalog = opened(root)
    collection = catalog.create("two", TWO)
    (root / "spare").write_bytes(bytes(1 << 20))
    prepare(collection)
    count = 1700 + filled(collection)
    fill(root)
    for _ in range(2):
        use(collection, count)
        refuse(catalog, collection)
        hold(collection)
        optimize(collection)
        use(collection, count)
        catalog.update_aliases([CreateAlias("two", "other")])
        catalog.close()
        catalog = opened(root)
        collection = catalog.get("two")
    (root / "spare").unlink()
    write(collection, upsert([10**6], {"a": VectorColumn.of(vectors(1))}))
    use(collection, count + 1)
    write(collection, DeletePoints([10**6]))
    fill(root)
    assert catalog.delete("two")
    make_room(root)
    write(catalog.create("new", unnamed()), upsert([1], floats([1, 2, 3, 4])))
    catalog.close()
    catalog = opened(root)
    assert catalog.names() == ["new"]
    catalog.close()


def opened(root: Path) -> Catalog:
    """The catalog in a folder of the device."""
    catalog = Catalog(root / "data")
    catalog.open()
    return catalog


def prepare(collection: Collection) -> None:
    """Points of which few have the vector b, and of which many are deleted in one stretch.

    So there are whole pages in both files that no vector lies on, and some are given back.
    """
    write(collection, CreateFieldIndex(PayloadPath.parse("n"), FieldSchema(FieldType.INTEGER)))
    for start in range(0, 3000, 500):
        own = VectorColumn.of(vectors(1), np.array([499], dtype=np.int64))
        columns = {"a": VectorColumn.of(vectors(500)), "b": own}
        payloads = [{"n": number % 7} for number in range(500)]
        write(collection, upsert(range(start, start + 500), columns, payloads))
    collection.optimize()
    write(collection, DeletePoints(list(range(100, 1400))))
    collection.optimize()


def filled(collection: Collection) -> int:
    """Upsert points until there is no room; how many went in."""
    for start in range(3000, 10**6, 100):
        columns = {"a": VectorColumn.of(vectors(100))}
        (outcome,) = collection.apply([upsert(range(start, start + 100), columns)])
        if isinstance(outcome, StorageFull):
            return start - 3000
        assert isinstance(outcome, int), outcome
    raise AssertionError("the device never became full")


def use(collection: Collection, count: int) -> None:
    """Read by all ways."""
    some = Filter(must=(field("n", MatchValue(3)),))
    for exact in (True, False):
        params = SearchParams(exact=exact)
        for name, least in (("a", 20), ("b", 3)):
            for queries in (1, 20):
                for chosen in (None, some):
                    asked = [
                        to_vector(own, using=name, limit=20, params=params, filter=chosen)
                        for own in vectors(queries)
                    ]
                    for answer in collection.read(QueryBatch(asked)):
                        assert len(answer) >= (least if chosen is None else 0), (name, len(answer))
    page = collection.read(Scroll(limit=10**6, selection=EVERYTHING))
    assert len(page.records) == count == collection.read(Count())


def refuse(catalog: Catalog, collection: Collection) -> None:
    """Write by all ways."""
    for number in range(3):
        refused(lambda: catalog.create(f"more-{number}", TWO))  # noqa: B023  (called at once)
    many = upsert(range(10**6, 10**6 + 200), {"a": VectorColumn.of(vectors(200))})
    refused(lambda: write(collection, many))
    assert catalog.names() == ["two"]


def refused(call: Callable[[], object]) -> None:
    """Raise unless the call finds no room."""
    try:
        call()
    except StorageFull:
        return
    raise AssertionError("there was room")


def hold(collection: Collection) -> None:
    """Hold many reads at once, and read from each."""
    held = [collection.open_cursor(Scroll(limit=5)) for _ in range(HELD)]
    for cursor in held:
        assert cursor.next(10, 1 << 20) is not None
        cursor.close()


def optimize(collection: Collection) -> None:
    """Do what is due, as far as there is room for it."""
    for work in (collection.optimize, collection.checkpoint):
        try:
            work()
        except (OSError, StorageFull):
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]))
