"""A collection that another process writes: reads, and catching up with what it has built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from attrs import frozen

from .acceleration import Accelerators
from .checkpoints import Checkpoints
from .collection_reads import CollectionReads
from .damage_log import DamageLog
from .followed_store import FollowedStore
from .mvcc.state import CollectionState
from .optimizer.execution import opened_files
from .optimizer.journal import Journal
from .optimizer.settings import OptimizerSettings, lines_each, settings_of
from .storage.open_files import OpenFiles
from .vector_index.graph.errors import DamagedGraph
from .vector_index.linked import LinkedSpace
from .vector_index.segments import Segment


@frozen
class _Unopened:
    segment: Segment
    space: LinkedSpace
    settings: OptimizerSettings


class FollowedCollection(CollectionReads):
    """An open collection that another process writes. Thread-safe.

    The journal of the optimizer is with that process: this one is empty. A segment is scanned until
    `follow` has opened its graph. `state` and `config` are of the last commit, and read the tables
    if they are not known yet.
    """

    def __init__(self, name: str, path: Path, open_files: OpenFiles | None = None) -> None:
        """Open the collection in the directory `path`. Raises EngineStartError."""
        self._store = FollowedStore(path, open_files)
        damages = DamageLog(name, path, is_shared=True)
        super().__init__(name, self._store, Accelerators(), damages)
        self._journal = Journal()
        self._following = Lock()
        self._seen: dict[str, Segment] = {}
        self._unusable: set[str] = set()
        self._checkpoints = Checkpoints(path)
        try:
            self._checkpoints.load(self._store.state, self._store.indexes)
        except BaseException:
            self._store.close()
            raise

    @property
    def journal(self) -> Journal:
        """See CollectionReads."""
        return self._journal

    def follow(self) -> None:
        """Catch up with the other process, and open the graphs that it has built. Blocks.

        To be called now and then: a state that is kept keeps files on disk that have been removed.
        Raises the errors of reads.
        """
        with self._following, self._errors():
            state = self._store.state
            self._checkpoints.follow(state, self._store.indexes)
            for found in list(self._unopened(state)):
                self._open(found)
            segments = (space.segments for space in state.linkable.values())
            uuids = {segment.uuid for own in segments for segment in own}
            self._seen = {uuid: own for uuid, own in self._seen.items() if uuid in uuids}
            self._unusable &= uuids

    def close(self) -> None:
        """Close the files after the reads in progress."""
        self._store.close()

    def _unopened(self, state: CollectionState) -> Iterator[_Unopened]:
        """The segments whose files, as they are now, have not been opened."""
        cores, graphs = os.cpu_count() or 1, self._store.indexes.graphs
        for space in state.linkable.values():
            for segment in space.segments:
                # Where rows came to be counted from a later one while a graph was opened, it is not
                # among the graphs of the newest state.
                is_known = segment.key in graphs or segment.uuid in self._unusable
                if not is_known or self._seen.get(segment.uuid) != segment.contents:
                    settings = settings_of(state.config, space.params, cores, lines_each(space))
                    yield _Unopened(segment, space, settings)

    def _open(self, found: _Unopened) -> None:
        segment = found.segment
        try:
            _, opened = opened_files(segment, found.space, found.settings, self._store.path)
        except DamagedGraph:
            # It was removed since, or the other process is about to drop the segment.
            self._unusable.add(segment.uuid)
        else:
            self._unusable.discard(segment.uuid)
            self._store.add_graphs({segment.key: opened})
        self._seen[segment.uuid] = segment.contents

    @property
    def _is_removed(self) -> bool:
        # The directory is renamed before the collection is taken out of the catalog.
        return not self._store.path.exists()
