"""Rows ranked by their similarity to several examples: recommend, discover, context, feedback."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...model.collection_params import Distance, SparseVectorParams
from ...model.query_forms import (
    Context,
    ContextPair,
    Discover,
    QueryForm,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
)
from ...model.vector_kinds import Vector
from ..read_bounds import expect, in_slices
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import Hits, best_of, merged_hits, no_hits
from ..vector_index.kernels import Scores
from ..vector_index.space import AnySpace
from .nearest import similarities
from .scoring.discover import context_scores, discover_scores
from .scoring.feedback import feedback_scores
from .scoring.recommend import best_score, sum_scores
from .scoring.similarity import scaled_sigmoid, similarity

_BLOCK = 1 << 18
"""The most scores, of rows times examples, that are held at a time."""

_SCORE_S = 2e-8

_FACTOR = 2
_LEAST_REACH = 16
_GROWTH = 4
_LARGEST_SHARE = 8
"""At first twice the limit and some are searched for each example, then four times as many each
time, up to one in this many candidates."""


Nearest = Callable[[Sequence[Vector], int], list[Hits]]
"""Searches for the nearest candidates of each vector, as many as a limit, maybe by graphs."""


def ranked_by_examples(
    space: AnySpace,
    candidates: CandidateSet,
    form: QueryForm,
    vectors: Sequence[Vector],
    limit: int,
    nearest: Nearest | None = None,
) -> Hits:
    """The best `limit` candidates by the score of a form with several examples, largest first.

    `vectors` are the examples, in the order of `examples_of`, of the kind of the space. With
    `nearest`, recommendations compare the nearest points of examples only, if they can tell by
    these which are the best; else all candidates are compared, exactly.
    """
    if nearest is not None and isinstance(form, Recommend) and form.positive:
        found = _recommended(space, candidates.count, form, vectors, limit, nearest)
        if found is not None:
            return found
    rows = candidates.rows()
    expect(len(rows) * max(len(vectors), 1) * _SCORE_S)
    found = no_hits()
    for some in in_slices(rows, max(_BLOCK // max(len(vectors), 1), 1)):
        scores = form_scores(form, similarities(space, vectors, some))
        best = best_of(Distance.DOT, some, scores, min(limit, len(some)))
        found = merged_hits(Distance.DOT, found, best, limit)
    return found


def _recommended(
    space: AnySpace,
    count: int,
    form: Recommend,
    vectors: Sequence[Vector],
    limit: int,
    nearest: Nearest,
) -> Hits | None:
    """The best of the points nearest to positive examples; None if there may be better ones.

    By the best score, a point that is not among the `reach` nearest of any positive example is less
    similar to all of them than the last of those, so its score is below that similarity's.
    """
    params = space.params
    if isinstance(params, SparseVectorParams):
        return None
    if form.strategy is not RecommendStrategy.BEST_SCORE:
        return None
    reach = _FACTOR * limit + _LEAST_REACH
    while reach * _LARGEST_SHARE < count:
        lists = nearest(vectors[: len(form.positive)], reach)
        rows = np.unique(np.concatenate([own.rows for own in lists]))
        last = np.array([own.scores[-1] for own in lists], dtype=np.float32)
        bound = scaled_sigmoid(similarity(params.distance, last).max())
        scores = form_scores(form, similarities(space, vectors, rows))
        if np.count_nonzero(scores >= bound) >= limit:
            return best_of(Distance.DOT, rows, scores, limit)
        reach *= _GROWTH
    return None


def form_scores(form: QueryForm, similar: Scores) -> Scores:
    """The scores of rows, shape [n], by their similarities to the examples of a form, [e, n].

    The examples are in the order of `examples_of`.
    """
    if isinstance(form, Recommend):
        count = len(form.positive)
        combine = best_score if form.strategy is RecommendStrategy.BEST_SCORE else sum_scores
        return combine(similar[:count], similar[count:])
    if isinstance(form, Discover):
        return discover_scores(similar[0], *_pairs(form.context, similar[1:]))
    if isinstance(form, Context):
        return context_scores(*_pairs(form.pairs, similar))
    assert isinstance(form, RelevanceFeedback)
    relevance = np.array([item.score for item in form.feedback], dtype=np.float32)
    return feedback_scores(form.strategy, similar[0], similar[1:], relevance)


def _pairs(pairs: Sequence[ContextPair], similar: Scores) -> tuple[Scores, Scores]:
    """The similarities to the positive and to the negative examples, shape [pairs, n] each."""
    assert len(similar) == 2 * len(pairs)
    return similar[0::2], similar[1::2]
