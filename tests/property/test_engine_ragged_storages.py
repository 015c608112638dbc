"""The storages of sparse vectors and multivectors, against a dictionary of rows."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.storage.bitmap import Bitmap, BitmapBuilder
from vexfs_twisted.engine.storage.counters import Slot
from vexfs_twisted.engine.vector_index.space import MultiSpace, SparseSpace
from vexfs_twisted.engine.vector_storage.committed import CommittedVectors
from vexfs_twisted.engine.vector_storage.files import create_storage, open_storage
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseIndexParams,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors, Vectors

DIMENSION = 3
MULTI = MultiVectorConfig(MultiVectorComparator.MAX_SIM)

SETTINGS = settings(deadline=None, max_examples=50, stateful_step_count=20)

# Numbers that every datatype keeps.
lines = st.lists(st.integers(0, 255), min_size=DIMENSION, max_size=DIMENSION)
multivectors = st.lists(lines, min_size=1, max_size=4)
sparse_vectors = st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 255), max_size=4)
datatypes = st.sampled_from([None, Datatype.FLOAT32, Datatype.FLOAT16, Datatype.UINT8])


def sparse_column(vectors: list[dict[int, int]]) -> Vectors:
    """A column of vectors that are given by index."""
    return SparseVectors.of(
        [np.array(list(own), dtype=np.uint32) for own in vectors],
        [np.array(list(own.values()), dtype=np.float32) for own in vectors],
        str,
    )


def multi_column(vectors: list[list[list[int]]]) -> Vectors:
    """A column of vectors that are given by lines."""
    data = np.array([line for own in vectors for line in own], dtype=np.float32)
    lengths = np.array([len(own) for own in vectors], dtype=np.int64)
    return MultiVectors.from_arrays(lengths, data.reshape(-1, DIMENSION))


class StorageMachine(RuleBasedStateMachine):
    """Commits, failed commits, moves, deletions and restarts; rows are compared after each."""

    kind: Any
    column: Any
    vector: Any

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-ragged-"))
        self.rows: dict[int, Any] = {}
        self.in_space: dict[int, Any] = {}
        self.next_row = 0
        self.older: list[tuple[Any, dict[int, Any]]] = []

    def params(self, datatype: Datatype | None) -> Any:
        """The parameters of the vectors."""
        raise NotImplementedError

    @initialize(datatype=datatypes)
    def create(self, datatype: Datatype | None) -> None:
        self.configured = self.params(datatype)
        create_storage(self.path, self.configured, 1)
        self.storage, self.space = self.opened(Bitmap.empty(), None)

    def opened(self, present: Bitmap, before: Any) -> Any:
        slot = Slot(1) if before is None else before.recorded
        return open_storage(
            self.path, self.configured, CommittedVectors(slot, present, self.next_row)
        )

    def present(self) -> Bitmap:
        draft = BitmapBuilder(Bitmap.empty().with_room(self.next_row))
        draft.add(np.array(sorted(self.rows), dtype=np.int64))
        return draft.freeze(self.next_row)

    def published(self) -> None:
        self.storage.sync()
        self.older = [*self.older[-2:], (self.space, self.in_space)]
        self.in_space = dict(self.rows)
        self.space = self.storage.space(self.space, self.present(), self.next_row)

    def written(self, data: st.DataObject) -> dict[int, Any]:
        first = self.next_row
        some = st.lists(st.tuples(st.booleans(), self.vector), max_size=6)
        drawn = data.draw(some)
        added = {first + place: own for place, (has_one, own) in enumerate(drawn) if has_one}
        rows = np.array(list(added), dtype=np.int64)
        self.storage.append(rows, type(self).column(list(added.values())))
        return added or {first + len(drawn) - 1: None}

    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        self.storage.begin(self.space)
        for _ in range(data.draw(st.integers(1, 2))):
            added = self.written(data)
            self.next_row = max(self.next_row, max(added) + 1)
            self.rows |= {row: own for row, own in added.items() if own is not None}
        self.published()

    @rule(data=st.data(), is_full=st.booleans())
    def fail(self, data: st.DataObject, is_full: bool) -> None:
        self.storage.begin(self.space)
        self.written(data)
        if is_full:
            self.storage.drop_after(self.next_row)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """Some rows, with and without a vector, move, and some of those get a new vector."""
        self.storage.begin(self.space)
        old = data.draw(st.lists(st.integers(0, self.next_row - 1), min_size=1, unique=True))
        places = data.draw(st.lists(st.integers(0, len(old) - 1), max_size=4))
        given = [data.draw(self.vector) for _ in places]
        new = np.arange(self.next_row, self.next_row + len(old))
        contents = [self.rows.get(row) for row in old]
        for place, own in zip(places, given, strict=True):
            contents[place] = own
        has_vector = np.array([own is not None for own in contents])
        assigned = None
        if places:
            assigned = np.array(places, dtype=np.int64), type(self).column(given)
        self.storage.rewrite(np.array(old), new, has_vector, assigned)
        for row in old:
            self.rows.pop(row, None)
        self.next_row += len(old)
        for row, own in zip(new.tolist(), contents, strict=True):
            if own is not None:
                self.rows[row] = own
        self.published()

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        for row in data.draw(st.lists(st.sampled_from(sorted(self.rows)), unique=True)):
            del self.rows[row]
        self.storage.begin(self.space)
        self.published()

    @precondition(lambda self: self.next_row)
    @rule()
    def give_back(self) -> None:
        """Free the rows that neither the newest space nor an older one has."""
        self.older.clear()
        is_free = ~self.present().mask(self.next_row)
        self.storage.give_back(0, is_free)

    @rule()
    def let_go(self) -> None:
        self.storage.let_go()

    @rule()
    def reopen(self) -> None:
        self.storage.close()
        self.older.clear()
        self.storage, self.space = self.opened(self.present(), self.space)

    @invariant()
    def rows_are_kept(self) -> None:
        if not hasattr(self, "space"):
            return
        for space, wanted in [*self.older, (self.space, self.rows)]:
            rows = np.array(sorted(wanted, reverse=True), dtype=np.int64)
            column = type(self).column([wanted[row] for row in rows.tolist()])
            assert isinstance(space, self.kind)
            assert space.read(rows) == column, (space.read(rows), column)
            contents = sum(array.nbytes for array in column.arrays()[1:])
            assert space.sizes(np.arange(len(space.present.bits) * 8)).sum() == contents

    def teardown(self) -> None:
        if hasattr(self, "storage"):
            self.storage.close()
        shutil.rmtree(self.path)


class SparseMachine(StorageMachine):
    """With sparse vectors."""

    kind = SparseSpace
    column = sparse_column
    vector = sparse_vectors

    def params(self, datatype: Datatype | None) -> Any:
        return SparseVectorParams(index=SparseIndexParams(datatype=datatype))


class MultiMachine(StorageMachine):
    """With multivectors."""

    kind = MultiSpace
    column = multi_column
    vector = multivectors

    def params(self, datatype: Datatype | None) -> Any:
        return VectorParams(Distance.DOT, DIMENSION, datatype=datatype, multivector_config=MULTI)


class RaggedStorageTests(SynchronousTestCase):
    """Histories of one storage."""

    def test_sparse_vectors(self) -> None:
        run_state_machine_as_test(SparseMachine, settings=SETTINGS)

    def test_multivectors(self) -> None:
        run_state_machine_as_test(MultiMachine, settings=SETTINGS)
