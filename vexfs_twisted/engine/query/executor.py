"""The executor of queries: leaf reads of a whole batch together, then merges and scoring above.

It knows points by their keys only, and nothing of where leaf reads run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from ...model.errors import DomainError
from ...model.formula import Formula
from ...model.queries import Query
from ...model.query_forms import Dbsf, Mmr, Rrf, VectorExample
from ...model.vector_kinds import SparseVector
from ..read_bounds import STOPS, UNBOUNDED, ReadBoundsOfEach
from .examples import is_weighted, stored_examples, weighted, with_vectors
from .plan import Keys, Leaf, LeafSource, Ranked, Stage, planned
from .reranking import diversified, scored_by_formula
from .scoring.fusion import dbsf, rrf

_ERRORS = (DomainError, *STOPS)

NONE_REFUSED: Mapping[int, Exception] = {}


def rank_each(
    source: LeafSource,
    queries: Sequence[Query],
    bounds: ReadBoundsOfEach = UNBOUNDED,
    refused: Mapping[int, Exception] = NONE_REFUSED,
) -> list[Ranked | Exception]:
    """The points that answer each query, in order, or the error of its client or what stopped it.

    Leaf reads of all queries run together, then the stages above them, level by level. `refused`
    has the errors of queries that are not to be executed, by position.
    """
    if not refused and all(map(_is_plain, queries)):
        # Stages would take longer than the searches of small collections.
        leaves = [_plain_leaf(position, query) for position, query in enumerate(queries)]
        refused = _weigh(source, leaves, bounds)
        if not refused:
            results = source.read(leaves, bounds)
            return [_window(query, own) for query, own in zip(queries, results, strict=True)]
    execution = _Execution(source, queries, bounds, refused)
    execution.run()
    return [execution.answer(root) for root in execution.roots]


class _Execution:
    """The execution of one batch. An error ends the query that it belongs to, not the others."""

    def __init__(
        self,
        source: LeafSource,
        queries: Sequence[Query],
        bounds: ReadBoundsOfEach,
        refused: Mapping[int, Exception],
    ) -> None:
        self._source = source
        self._queries = queries
        self._bounds = bounds
        self._errors = dict(refused)
        self.roots = [planned(position, query) for position, query in enumerate(queries)]

    def run(self) -> None:
        """Execute all stages, from the leaf reads up."""
        stored = stored_examples(self._source, self._stages())

        def resolve(stage: Stage) -> None:
            stage.form = with_vectors(self._source, stage, stored)

        self._each(self._stages(), resolve)
        levels: defaultdict[int, list[Stage]] = defaultdict(list)
        for stage in self._stages():
            levels[stage.height].append(stage)
        for height in sorted(levels):
            self._execute([stage for stage in levels[height] if stage.query not in self._errors])

    def answer(self, root: Stage) -> Ranked | Exception:
        """The points of a query, or its error."""
        error = self._errors.get(root.query)
        if error is not None:
            return error
        return _window(self._queries[root.query], root.ranked)

    def _stages(self) -> Iterator[Stage]:
        return chain.from_iterable(root.all() for root in self.roots)

    def _each(self, stages: Iterable[Stage], work: Callable[[Stage], None]) -> None:
        """Do work for each stage of a query without an error, within the bounds of the query."""
        for stage in stages:
            if stage.query not in self._errors:
                try:
                    with self._bounds.of([stage.query]):
                        work(stage)
                except _ERRORS as error:
                    self._fail(stage, error)

    def _fail(self, stage: Stage, error: Exception) -> None:
        # The traceback would refer to frames that refer to the error (a cycle), and to the
        # snapshot, whose transaction has one of a limited number of reader slots.
        self._errors[stage.query] = error.with_traceback(None)

    def _execute(self, stages: Sequence[Stage]) -> None:
        """Execute stages of one height: first what is merged here, then the reads together."""
        merging = [stage for stage in stages if isinstance(stage.form, Rrf | Dbsf | Formula)]
        self._each(merging, self._merge)
        reading = [
            stage
            for stage in stages
            if not isinstance(stage.form, Rrf | Dbsf | Formula) and stage.query not in self._errors
        ]
        leaves = [stage.leaf(_candidates(stage) if stage.below else None) for stage in reading]
        results = self._source.read(leaves, self._bounds)
        for stage, result in zip(reading, results, strict=True):
            if isinstance(result, Exception):
                self._fail(stage, result)
            else:
                stage.ranked = result
        self._each([stage for stage in reading if isinstance(stage.form, Mmr)], self._diversify)

    def _merge(self, stage: Stage) -> None:
        """Merge or score the points of the stages below."""
        form, lists = stage.form, [below.ranked for below in stage.below]
        if isinstance(form, Rrf):
            keys, scores = rrf([own.keys for own in lists], form.k, form.weights)
        elif isinstance(form, Dbsf):
            keys, scores = dbsf([(own.keys, own.scores) for own in lists])
        else:
            assert isinstance(form, Formula)
            keys = _candidates(stage)
            keys, scores = scored_by_formula(self._source, form, keys, lists)
        threshold = stage.level.score_threshold
        if threshold is not None:
            with np.errstate(over="ignore"):
                is_good = scores >= np.float32(threshold)
            keys, scores = keys[is_good], scores[is_good]
        stage.ranked = Ranked(keys[: stage.limit], scores[: stage.limit])

    def _diversify(self, stage: Stage) -> None:
        assert isinstance(stage.form, Mmr)
        stage.ranked = diversified(
            self._source, stage.level.using, stage.form, stage.ranked, stage.limit
        )


def _candidates(stage: Stage) -> Keys:
    """The points of the stages below, each once, in the order of their first occurrence."""
    keys = np.concatenate([below.ranked.keys for below in stage.below])
    distinct, first = np.unique(keys, return_index=True)
    order: Keys = distinct[np.argsort(first)]
    return order


def _is_plain(query: Query) -> bool:
    """Whether a query is a leaf read as it is: a search for a dense or a sparse vector."""
    form = query.form
    is_single = type(form) is VectorExample and isinstance(form.vector, np.ndarray | SparseVector)
    return is_single and not query.prefetch and query.params.idf is None


def _plain_leaf(position: int, query: Query) -> Leaf:
    return Leaf(
        position,
        query.form,
        query.using,
        query.filter,
        query.params,
        query.score_threshold,
        query.offset + query.limit,
    )


def _weigh(
    source: LeafSource, leaves: list[Leaf], bounds: ReadBoundsOfEach
) -> dict[int, Exception]:
    """Weigh the sparse vectors of plain leaf reads by idf; returns errors by their positions."""
    sparse: defaultdict[str, dict[int, SparseVector]] = defaultdict(dict)
    for place, leaf in enumerate(leaves):
        if isinstance(leaf.form, VectorExample) and isinstance(leaf.form.vector, SparseVector):
            sparse[leaf.using][place] = leaf.form.vector
    errors: dict[int, Exception] = {}
    for using, vectors in sparse.items():
        try:
            if is_weighted(source.params_of(using)):
                with bounds.of(list(vectors)):
                    forms = weighted(source, using, list(vectors.values()))
                for place, form in zip(vectors, forms, strict=True):
                    leaves[place] = leaves[place]._replace(form=form)
        except _ERRORS as error:
            errors.update(dict.fromkeys(vectors, error.with_traceback(None)))
    return errors


def _window(query: Query, result: Ranked | Exception) -> Ranked | Exception:
    """The points of a query within its offset and limit."""
    if isinstance(result, Exception) or (not query.offset and len(result.keys) <= query.limit):
        return result
    return result.where(slice(query.offset, query.offset + query.limit))
