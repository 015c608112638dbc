"""What becomes of damage to every file of a store: a table of outcomes.

    python benchmarks/damage.py --places 500 --seed 1

Each file of a collection, and of the catalog, is cut off, zeroed, deleted, and has single bits
flipped, those of the tables in pages of every kind. Each time another process opens the store and
asks for everything: all points with payloads and vectors, counts, exact and approximate searches,
before and after a scrub and what the optimizer then makes again. An outcome is one of

    same      all answers are those of the sound store
    told      an answer is an error that names the damage, or the collection's status is red
    refused   the store does not open, with an explanation (the catalog only)
    error     an error that does not name the damage
    WRONG     an answer differs, and nothing tells why
    SIGNAL    the process was ended by a signal, by an exception, or after a minute
    OTHERS    another collection does not answer as before

The store is small: two collections of some 1,000 points with vectors of all kinds, graphs,
quantized vectors, postings and a payload index. `--only` lets several processes share the files.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.errors import EngineStartError
from vexfs_twisted.engine.native_library import load_faiss
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CollectionStatus,
    CreateAlias,
    CreateCollection,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.errors import DataDamaged
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import ALL_PAYLOAD, Count, Query, Scroll, Selection
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.search_params import Quantization, SearchParams
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors, SparseVector, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

COUNT = 1200
SIZE = 16
TERMS = 8
PATIENCE_S = 60
PAGE = 4096
EVERYTHING = Selection(ALL_PAYLOAD, vectors=True)
OUTCOMES = ("same", "told", "refused", "error", "WRONG", "SIGNAL", "OTHERS")

Damage = Callable[[Path, random.Random], bool]


def points(seed: int) -> Upsert:
    """Points with vectors of all kinds, and payloads of which some take overflow pages."""
    chosen = np.random.default_rng(seed)
    lines = np.arange(COUNT + 1) * 2
    terms = chosen.permuted(np.tile(np.arange(500, dtype=np.uint32), (COUNT, 1)), axis=1)[:, :TERMS]
    vectors = {
        "d": VectorColumn.of(chosen.random((COUNT, SIZE), dtype=np.float32)),
        "m": VectorColumn(MultiVectors(lines, chosen.random((2 * COUNT, 4), dtype=np.float32))),
        "s": VectorColumn(
            SparseVectors(
                np.arange(COUNT + 1) * TERMS,
                np.sort(terms, axis=1).ravel(),
                chosen.random(TERMS * COUNT, dtype=np.float32),
            )
        ),
    }
    payloads = [
        json.dumps({"n": n % 50, "text": "x" * (9000 if n % 100 == 0 else n % 90)}).encode()
        for n in range(COUNT)
    ]
    return Upsert(list(range(COUNT)), vectors, payloads)


def build(path: Path) -> None:
    """A store that has been written, deleted from, indexed and closed."""
    request = CreateCollection(
        vectors={
            "d": VectorParams(Distance.DOT, SIZE),
            "m": VectorParams(
                Distance.COSINE,
                4,
                multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors={"s": SparseVectorParams()},
        optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
        quantization_config=QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
    )
    catalog = Catalog(path)
    catalog.open()
    for seed, name in enumerate(("a", "b")):
        collection = catalog.create(name, request)
        schema = CreateFieldIndex(PayloadPath.parse("n"), FieldSchema(FieldType.INTEGER))
        for command in (points(seed), schema, DeletePoints(ids=list(range(0, COUNT, 7)))):
            for outcome in collection.apply([command]):
                if isinstance(outcome, Exception):
                    raise outcome
        optimize(collection)
    catalog.update_aliases([CreateAlias("a", "alias")])
    catalog.close()


def optimize(collection: Collection) -> None:
    """Make what is derived from the points, as far as it is wanted."""
    while collection.is_optimizer_due():
        collection.optimize()


def answers(collection: Collection) -> Iterator[str]:
    """Everything a client may ask, each as a text; errors that tell of damage raise."""
    chosen = np.random.default_rng(9)
    yield repr(collection.read(Count()))
    for number in (3, 4):
        match = FieldCondition(PayloadPath.parse("n"), MatchValue(number))
        yield repr(collection.read(Count(Filter(must=(match,)))))
    page = collection.read(Scroll(limit=COUNT, selection=EVERYTHING))
    yield repr([(own.id, own.payload, _plain(own.vectors)) for own in page.records])
    for _ in range(3):
        for using, vector in (
            ("d", chosen.random(SIZE, dtype=np.float32)),
            ("m", MultiVector(chosen.random((2, 4), dtype=np.float32))),
            (
                "s",
                SparseVector(np.arange(250, dtype=np.uint32), chosen.random(250, dtype=np.float32)),
            ),
        ):
            for is_exact in (True, False):
                yield repr(found_by(collection, using, vector, is_exact))


def found_by(collection: Collection, using: str, vector: Any, is_exact: bool) -> list[Any]:
    """The ids and payloads that a search finds, with the scores of an exact one.

    One that is not exact looks at everything, so that only damage makes another answer.
    """
    everything = Quantization(rescore=True, oversampling=COUNT / 10)
    query = Query(
        VectorExample(vector),
        using=using,
        limit=10,
        params=SearchParams(exact=is_exact, hnsw_ef=COUNT, quantization=everything),
        selection=Selection(ALL_PAYLOAD),
    )
    (found,) = collection.query_each([query])
    if isinstance(found, Exception):
        raise found
    return [(own.id, own.score if is_exact else None, own.payload) for own in found]


def _plain(vectors: Any) -> Any:
    """Vectors to the last bit, as `repr` of an array does not print them."""
    return {name: _bytes_of(vector) for name, vector in sorted((vectors or {}).items())}


def _bytes_of(vector: Any) -> Any:
    if isinstance(vector, SparseVector):
        return vector.indices.tobytes(), vector.values.tobytes()
    return (vector.rows if isinstance(vector, MultiVector) else vector).tobytes()


def asked(collection: Collection) -> tuple[list[str | None], bool]:
    """The answers, None for those that are errors of damage, and whether damage is told of."""
    found: list[str | None] = []
    try:
        found.extend(answers(collection))
    except DataDamaged:
        return found, True
    info = collection.read(CollectionInfoRequest())
    return found, info.status is CollectionStatus.RED


def examine(path: Path, wanted: dict[str, list[str]]) -> tuple[str, str]:
    """The outcomes before and after a scrub."""
    catalog = Catalog(path)
    try:
        catalog.open()
    except EngineStartError:
        return "refused", "refused"
    opened = outcome_of(catalog, "a", wanted)
    if (collection := catalog.find("a")) is not None:
        collection.scrub()
    if (collection := catalog.find("a")) is not None:
        optimize(collection)
    scrubbed = outcome_of(catalog, "a", wanted)
    if outcome_of(catalog, "b", wanted) != "same":
        scrubbed = "OTHERS"
    catalog.close()
    return opened, scrubbed


def outcome_of(catalog: Catalog, name: str, wanted: dict[str, list[str]]) -> str:
    """The outcome for the collection `name` as it is now."""
    collection = catalog.find(name)
    if collection is None:
        return "told" if catalog.find_quarantined(name) is not None else "WRONG"
    try:
        found, is_told = asked(collection)
    except Exception as error:
        print(f"another error: {type(error).__name__} {error}", file=sys.stderr)
        return "error"
    return "told" if is_told else "same" if found == wanted[name] else "WRONG"


def prepare(path: Path) -> tuple[str, dict[str, list[str]]]:
    """Build a store; the folder of the collection that will be hurt, and all that is answered."""
    build(path)
    catalog = Catalog(path)
    catalog.open()
    wanted = {}
    for name in ("a", "b"):
        wanted[name] = list(answers(catalog.get(name)))
        # Postings are made when they are first asked for, and kept by the optimizer.
        optimize(catalog.get(name))
    directory = catalog.get("a").path
    catalog.close()
    return str(directory), wanted


def in_a_process(function: Callable[[], Any]) -> Any:
    """What a function returns in a process of its own; None if that failed, or took too long.

    The caller must have no threads: those of OpenMP would be waited for in the new process.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE_S)
        status = 1
        try:
            with os.fdopen(write, "w") as stream:
                json.dump(function(), stream)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as stream:
        told = stream.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        print(f"signal {signal.Signals(os.WTERMSIG(status)).name}", file=sys.stderr)
        return None
    return json.loads(told) if status == 0 else None


def flipped(places: Callable[[bytes], list[int]] | None = None) -> Damage:
    """Flips one bit, at one of the pages that `places` names if it is given.

    Files are longer than what is in them: without pages, it is a bit before the zeros at the end.
    """

    def damage(file: Path, chosen: random.Random) -> bool:
        data = file.read_bytes()
        pages = None if places is None else places(data)
        if not data or pages == []:
            return False
        if pages is None:
            place = chosen.randrange(len(data.rstrip(b"\0")) or len(data))
        else:
            place = chosen.choice(pages) * PAGE + chosen.randrange(PAGE)
        with file.open("r+b") as stream:
            stream.seek(place)
            stream.write(bytes([data[place] ^ 1 << chosen.randrange(8)]))
        return True

    return damage


def pages_of(kind: int) -> Callable[[bytes], list[int]]:
    """The pages of an LMDB file with these flags."""

    def found(data: bytes) -> list[int]:
        return [
            at // PAGE
            for at in range(0, len(data), PAGE)
            if int.from_bytes(data[at + 10 : at + 12], "little") == kind
        ]

    return found


def cut_off(file: Path, chosen: random.Random) -> bool:
    """Cuts a file off anywhere."""
    size = file.stat().st_size
    os.truncate(file, chosen.randrange(size) if size else 0)
    return bool(size)


def zeroed(file: Path, chosen: random.Random) -> bool:
    """Overwrites a page, or more of a file, with zeros."""
    size = file.stat().st_size
    start = chosen.randrange(max(size, 1)) // PAGE * PAGE
    count = min(chosen.choice([PAGE, 16 * PAGE, size]), size - start)
    with file.open("r+b") as stream:
        stream.seek(start)
        stream.write(bytes(count))
    return True


def deleted(file: Path, _: random.Random) -> bool:
    """Removes a file."""
    file.unlink()
    return True


TABLE_PAGES = {"meta": 0x8, "branch": 0x1, "leaf": 0x2, "overflow": 0x4}


def kinds(file: Path) -> Iterator[tuple[str, Damage, float]]:
    """The kinds of damage to a file, with the part of all places that each gets."""
    if file.name == "data.mdb":
        for name, flags in TABLE_PAGES.items():
            yield f"bit of {name} page", flipped(pages_of(flags)), 1.0
    else:
        yield "bit", flipped(), 1.0
    yield "cut off", cut_off, 0.1
    yield "zeros", zeroed, 0.2
    yield "deleted", deleted, 0.0


def kind_of(file: Path) -> str:
    """What a file is called in the table."""
    name = file.name
    for prefix in ("graph", "codes", "column", "postings"):
        if name.startswith(prefix):
            return prefix
    return name


def run(places: int, seed: int, only: str | None) -> int:
    """Print the table; 1 if any outcome is bad."""
    home = Path(tempfile.mkdtemp(prefix="vexfs-damage-"))
    chosen = random.Random(seed)
    bad = 0
    try:
        sound, path = home / "sound", home / "store"
        directory, wanted = in_a_process(partial(prepare, sound))
        shutil.copytree(sound, path)
        files = [*sorted(Path(directory).iterdir()), *sorted((sound / "catalog").iterdir())]
        files = [own for own in files if own.name != "lock.mdb"]
        print(f"{'file':20} {'damage':22} {'when':6} " + " ".join(f"{o:>8}" for o in OUTCOMES))
        for file in files:
            if only is not None and only not in file.name:
                continue
            for name, damage, share in kinds(file):
                counts = Counter[str](), Counter[str]()
                for _ in range(max(1, round(places * share))):
                    shutil.rmtree(path)
                    shutil.copytree(sound, path)
                    if damage(path / file.relative_to(sound), chosen):
                        outcomes = in_a_process(partial(examine, path, wanted))
                        outcomes = outcomes or ("SIGNAL", "SIGNAL")
                        for count, outcome in zip(counts, outcomes, strict=True):
                            count[outcome] += 1
                for when, count in zip(("opened", "scrub"), counts, strict=True):
                    if count:
                        line = " ".join(f"{count[own] or '':>8}" for own in OUTCOMES)
                        print(f"{kind_of(file):20} {name:22} {when:6} {line}", flush=True)
                bad += sum(counts[1][own] for own in ("error", "WRONG", "SIGNAL", "OTHERS"))
                bad += counts[0]["SIGNAL"]
                bad += counts[0]["refused"] if file.parent != sound / "catalog" else 0
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{bad} bad outcomes")
    return int(bad > 0)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=50, help="flipped bits for each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="files with this in their names")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    # Once, and not in each of the processes.
    load_faiss()
    return run(options.places, options.seed, options.only)


if __name__ == "__main__":
    sys.exit(main())
