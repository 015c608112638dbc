"""One collection: what may be asked of it, and of what it tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..model.collection import (
    CollectionConfig,
    CollectionInfo,
    UpdateCollection,
    changed_config,
)
from ..model.errors import BadRequest, DomainError, Unavailable, unknown_collection
from ..model.ids import PointId
from ..model.queries import Count, Page, Query, Record, ScoredPoint, Scroll, Selection
from ..model.updates import Update, Upsert, check_upsert
from .collection_store import CollectionStore, Outcome
from .query.nearest import answer
from .query.scrolling import Retrieve, count, retrieve_each, scroll
from .store.gate import GateClosed
from .store.view import Snapshot


class Collection:
    """An open collection. Reads run in any number of threads while one writes.

    A read sees one moment, from its start to its end. Every method but `config` and `info` blocks
    on the disk, and raises NotFound once the collection has been deleted and Unavailable once it
    has been closed.
    """

    def __init__(self, name: str, store: CollectionStore) -> None:
        self.name = name
        self._store = store
        self._is_removed = False

    @classmethod
    def open(cls, name: str, path: Path) -> Collection:
        """Open the collection in the directory `path`. Raises EngineStartError."""
        return cls(name, CollectionStore(path))

    @property
    def config(self) -> CollectionConfig:
        """The configuration now."""
        return self._store.view.config

    def info(self) -> CollectionInfo:
        """The description of the collection now. Answers at once."""
        view = self._store.view
        return CollectionInfo(
            config=view.config,
            points_count=view.live.count,
            indexed_vectors_count=0,
            segments_count=1,
        )

    def update_config(self, request: UpdateCollection) -> None:
        """Change the configuration durably. Raises ValidationError or BadInput."""
        with self._errors():
            self._store.change_config(lambda config: changed_config(config, request))

    def apply(self, updates: Sequence[Update]) -> list[Outcome]:
        """Carry out updates in order, in one durable commit.

        Answers for each its operation id or what kept it from taking effect: a DomainError that
        the client caused, or whatever broke. The others take effect all the same.
        """
        outcomes: list[Outcome] = [0] * len(updates)
        accepted: list[int] = []
        for position, update in enumerate(updates):
            try:
                self._check(update)
                accepted.append(position)
            except Exception as error:
                outcomes[position] = error
        if accepted:
            done = self._commit([updates[position] for position in accepted])
            for position, outcome in zip(accepted, done, strict=True):
                outcomes[position] = outcome
        return outcomes

    def retrieve(self, ids: Sequence[PointId], selection: Selection) -> list[Record]:
        """The points that exist among `ids`, in the order asked for, each once."""
        found = self.retrieve_each([(ids, selection)])[0]
        if isinstance(found, DomainError):
            raise found
        return found

    def retrieve_each(self, requests: Sequence[Retrieve]) -> list[list[Record] | DomainError]:
        """The answer to each request as of `retrieve`, or its own error, all on one moment."""
        with self._reading() as snapshot:
            return retrieve_each(snapshot, requests)

    def scroll(self, request: Scroll) -> Page:
        """A page of points in the order of their ids."""
        with self._reading() as snapshot:
            return scroll(snapshot, request)

    def count(self, request: Count) -> int:
        """The exact number of points that pass a filter."""
        with self._reading() as snapshot:
            return count(snapshot, request)

    def query_batch(self, queries: Sequence[Query]) -> list[Sequence[ScoredPoint]]:
        """The answers to `queries`, all on one moment. Raises the first error among them."""
        answers: list[Sequence[ScoredPoint]] = []
        for found in self.query_each(queries):
            if isinstance(found, DomainError):
                raise found
            answers.append(found)
        return answers

    def query_each(self, queries: Sequence[Query]) -> list[Sequence[ScoredPoint] | DomainError]:
        """The answer to each query or its own error, all on one moment.

        For queries of several clients that are put together: one bad query fails alone.
        """
        with self._reading() as snapshot:
            return list(answer(snapshot, queries))

    def close(self) -> None:
        """Close the files, after the reads and writes that are under way."""
        self._store.close()

    def remove(self) -> None:
        """Remove the files; reads that are under way finish."""
        self._is_removed = True
        self._store.remove()

    def _check(self, update: Update) -> None:
        params = self.config.params.vectors
        if isinstance(update, Upsert):
            check_upsert(update, params)
            for name in update.vectors:
                if params[name].multivector_config is not None:
                    raise BadRequest(f"Storing multivectors is not supported yet: {name}")
        elif update.ids is None and update.filter is None:
            raise BadRequest("No filter or points provided")

    def _commit(self, updates: Sequence[Update]) -> list[Outcome]:
        try:
            with self._errors():
                return self._store.commit(updates)
        except DomainError as error:
            return [error] * len(updates)

    @contextmanager
    def _reading(self) -> Iterator[Snapshot]:
        with self._errors(), self._store.read() as snapshot:
            yield snapshot

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except GateClosed:
            if self._is_removed:
                raise unknown_collection(self.name) from None
            raise Unavailable("the collection is closed") from None
